//! Keys and certificates of a run, and how clients trust them. Nothing of it outlives the run.

use crate::Failure;
use crate::rows::Session;
use crate::scratch::Scratch;
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, RsaKeySize};
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{ClientConfig, RootCertStore};
use std::path::PathBuf;
use std::sync::Arc;

/// The name that certificates are for, and that clients ask for.
pub(crate) const NAME: &str = "localhost";

/// Tickets that a client keeps; it needs that of the connection before.
const SESSIONS_KEPT_MAX: usize = 8;

/// A kind of key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyKind {
    /// ECDSA on P-256.
    P256,
    /// RSA with 2,048 bits.
    Rsa2048,
}

/// A key of each kind, as files in the scratch directory.
#[derive(Debug)]
pub(crate) struct Keys {
    p256: Identity,
    rsa2048: Identity,
}

/// A key with its certificate, which it has signed itself.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) key: PathBuf,
    pub(crate) certificate: PathBuf,
    /// Both in one file, as HAProxy has them.
    pub(crate) both: PathBuf,
    roots: Arc<RootCertStore>,
}

impl Keys {
    pub(crate) fn make(scratch: &Scratch) -> Result<Self, Failure> {
        let p256 = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let rsa2048 = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
        Ok(Self {
            p256: Identity::make("p256", &p256, scratch)?,
            rsa2048: Identity::make("rsa2048", &rsa2048, scratch)?,
        })
    }

    pub(crate) fn get(&self, kind: KeyKind) -> &Identity {
        match kind {
            KeyKind::P256 => &self.p256,
            KeyKind::Rsa2048 => &self.rsa2048,
        }
    }
}

impl Identity {
    fn make(name: &str, key: &KeyPair, scratch: &Scratch) -> Result<Self, Failure> {
        let certificate = CertificateParams::new([NAME.to_owned()])?.self_signed(key)?;
        let mut roots = RootCertStore::empty();
        roots.add(certificate.der().clone())?;
        let (key, certificate) = (key.serialize_pem(), certificate.pem());
        Ok(Self {
            key: scratch.write(&format!("{name}.key"), &key)?,
            certificate: scratch.write(&format!("{name}.crt"), &certificate)?,
            both: scratch.write(&format!("{name}.pem"), &format!("{certificate}{key}"))?,
            roots: Arc::new(roots),
        })
    }

    /// A client that lets no server choose what is measured: TLS 1.3, AES-128-GCM, X25519. One with
    /// [`Session::Resumed`] resumes what began with the same configuration.
    pub(crate) fn client(&self, session: Session) -> Result<Arc<ClientConfig>, Failure> {
        let provider = CryptoProvider {
            cipher_suites: vec![aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256],
            kx_groups: vec![aws_lc_rs::kx_group::X25519],
            ..aws_lc_rs::default_provider()
        };
        let config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(Arc::clone(&self.roots));
        let mut config = config.with_no_client_auth();
        config.resumption = match session {
            Session::Full => Resumption::disabled(),
            Session::Resumed => Resumption::in_memory_sessions(SESSIONS_KEPT_MAX),
        };
        Ok(Arc::new(config))
    }
}
