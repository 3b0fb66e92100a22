//! A certificate authority for one test.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType, IsCa,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::Path;
use zilla_tests::Folder;

/// A CA, and a folder with what it has issued: `ca.pem`, and `NAME.key` and `NAME.crt` of each key.
pub(crate) struct Pki {
    folder: Folder,
    ca: CertifiedIssuer<'static, KeyPair>,
}

/// A key with its certificates.
pub(crate) struct Identity {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Another one of the same.
    pub(crate) fn copy(&self) -> Self {
        Self { chain: self.chain.clone(), key: self.key.clone_key() }
    }
}

impl Pki {
    pub(crate) fn new() -> Self {
        Self::named("Test CA")
    }

    pub(crate) fn named(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = Folder::new();
        folder.write("ca.pem", ca.pem());
        Self { folder, ca }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Its own certificate.
    pub(crate) fn root(&self) -> CertificateDer<'static> {
        self.ca.der().clone()
    }

    /// Trust in it alone.
    pub(crate) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.root()).unwrap();
        roots
    }

    /// Issues a certificate for names of hosts.
    pub(crate) fn issue(&self, name: &str, hosts: &[&str]) -> Identity {
        self.issue_with(name, hosts, |_| {})
    }

    /// Issues one that has expired.
    pub(crate) fn issue_expired(&self, name: &str) -> Identity {
        self.issue_with(name, &[], |params| {
            params.not_before = date_time_ymd(2000, 1, 1);
            params.not_after = date_time_ymd(2001, 1, 1);
        })
    }

    /// Issues one of which the number is known.
    pub(crate) fn issue_numbered(&self, name: &str, hosts: &[&str], number: u64) -> Identity {
        self.issue_with(name, hosts, |params| params.serial_number = Some(SerialNumber::from(number)))
    }

    fn issue_with(
        &self,
        name: &str,
        hosts: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Identity {
        let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(hosts).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.use_authority_key_identifier_extension = true;
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.ca).unwrap();
        self.folder.write(&format!("{name}.key"), key.serialize_pem());
        self.folder.write(&format!("{name}.crt"), certificate.pem());
        Identity { chain: vec![certificate.der().clone()], key: key.serialize_der().try_into().unwrap() }
    }

    /// Writes `ca.crl`, by which the certificates with these numbers are revoked.
    pub(crate) fn revoke(&self, numbers: &[u64]) {
        let revoked = |number: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*number),
            revocation_time: date_time_ymd(2024, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2024, 1, 1),
            next_update: date_time_ymd(2200, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: numbers.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        self.folder.write("ca.crl", list.signed_by(&self.ca).unwrap().pem().unwrap());
    }
}
