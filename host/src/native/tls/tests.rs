//! Sessions without a host. Certificates are made anew for each test.

mod hostile;

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A key with its certificates.
pub(super) struct Issued {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
}

impl Issued {
    /// Trusted by those only who know it.
    pub(super) fn self_signed(names: &[&str]) -> Self {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
        Self { chain: vec![certificate.der().clone()], key: key.serialize_der().try_into().unwrap() }
    }
}
