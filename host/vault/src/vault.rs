//! A vault that was read.

use crate::certificate::Certificate;
use crate::error::{Missing, VaultError, Warning};
use crate::load::{Loader, Sources};
use crate::options::Options;
use crate::private_key::{KeyAlgorithm, PrivateKey};
use crate::source::Source;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, UnixTime};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use x509_cert::name::Name;

/// Keys and certificates by alias, all of them checked.
#[derive(Debug)]
pub struct Vault {
    pub(crate) keys: BTreeMap<String, Key>,
    pub(crate) trust: BTreeMap<String, Vec<CertificateDer<'static>>>,
    pub(crate) signers: BTreeMap<String, Vec<Name>>,
    pub(crate) crls: Vec<CertificateRevocationListDer<'static>>,
    pub(crate) warnings: Vec<Warning>,
    pub(crate) files: Vec<PathBuf>,
    pub(crate) digest: [u8; 32],
}

/// An own key and what proves whose it is.
pub struct Key {
    pub(crate) alias: String,
    pub(crate) algorithm: KeyAlgorithm,
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKey,
    pub(crate) issuer: Name,
    pub(crate) not_after: UnixTime,
}

impl Vault {
    /// Reads the files that `options` name. `options` are to fit the schema of [`describe`](crate::describe).
    ///
    /// # Errors
    /// All that is wrong, in the order of the options `keys`, `trust`, `signers`, `revocation`.
    pub fn read(options: &Value, source: &mut Source<'_>) -> Result<Self, Vec<VaultError>> {
        let options = Options::read(options)?;
        let mut loader = Loader::new(source);
        let keys = options.keys.map(|keys| loader.keys(&keys)).unwrap_or_default();
        let trust = options.trust.map(|trust| loader.certificates(&trust)).unwrap_or_default();
        let signers = options.signers.map(|signers| loader.certificates(&signers)).unwrap_or_default();
        let crls = options.revocation.iter().filter_map(|file| loader.revocation(file)).flatten().collect();
        let Sources { files, digest, warnings } = loader.finish()?;
        let octets = |certificates: Vec<Certificate>| {
            certificates.into_iter().map(|certificate| certificate.der).collect()
        };
        let subjects = |certificates: Vec<Certificate>| {
            certificates.into_iter().map(|certificate| certificate.subject).collect()
        };
        Ok(Self {
            keys,
            trust: trust.into_iter().map(|(alias, found)| (alias, octets(found))).collect(),
            signers: signers.into_iter().map(|(alias, found)| (alias, subjects(found))).collect(),
            crls,
            warnings,
            files,
            digest,
        })
    }

    /// The key of an alias.
    ///
    /// # Errors
    /// There is none of that alias.
    pub fn key(&self, alias: &str) -> Result<&Key, Missing> {
        get(&self.keys, alias)
    }

    /// All keys, by alias.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.keys.values()
    }

    /// The certificates to trust of an alias: one, but for a PEM file with several.
    ///
    /// # Errors
    /// There is none of that alias.
    pub fn certificates(&self, alias: &str) -> Result<&[CertificateDer<'static>], Missing> {
        get(&self.trust, alias).map(Vec::as_slice)
    }

    /// All certificates to trust, by alias.
    pub fn trusted(&self) -> impl Iterator<Item = &CertificateDer<'static>> {
        self.trust.values().flatten()
    }

    /// The keys whose own certificate names a signer as its issuer. May be none.
    ///
    /// # Errors
    /// There is no signer of that alias.
    pub fn issued_by(&self, signer: &str) -> Result<Vec<&Key>, Missing> {
        let subjects = get(&self.signers, signer)?;
        Ok(self.keys.values().filter(|key| subjects.contains(&key.issuer)).collect())
    }

    /// Lists of revoked certificates. None: revocation is not to be checked.
    pub fn crls(&self) -> &[CertificateRevocationListDer<'static>] {
        &self.crls
    }

    /// What operators want to know.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The files that the vault was made of, each once. To watch the files of a vault that cannot be read, see
    /// [`files`](crate::files).
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(PathBuf::as_path)
    }

    /// SHA-256 of the paths and contents of [`files`](Self::files): it changes when one of them does.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }
}

/// Looks an alias up as aliases are kept: in lower case.
fn get<'a, T>(entries: &'a BTreeMap<String, T>, alias: &str) -> Result<&'a T, Missing> {
    let missing = || Missing { alias: alias.to_owned(), present: entries.keys().cloned().collect() };
    entries.get(&alias.to_lowercase()).ok_or_else(missing)
}

impl Key {
    /// The name in the vault, in lower case.
    pub fn alias(&self) -> &str {
        &self.alias
    }

    /// What it signs with.
    pub fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    /// The key's own certificate, then each issuer of the one before, as far as the file has them. At least one.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// The private key. Copies that the caller makes are the caller's to wipe.
    pub fn private_key(&self) -> &PrivateKeyDer<'static> {
        &self.key
    }

    /// When the first certificate of the chain expires.
    pub fn not_after(&self) -> UnixTime {
        self.not_after
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { alias, algorithm, chain, key: _, issuer: _, not_after: _ } = self;
        let certificates = chain.len();
        f.debug_struct("Key")
            .field("alias", alias)
            .field("algorithm", algorithm)
            .field("certificates", &certificates)
            .finish_non_exhaustive()
    }
}
