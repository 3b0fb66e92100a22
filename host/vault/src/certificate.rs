//! Certificates (RFC 5280): whose, by whom, until when; and chains of them.

use const_oid::ObjectIdentifier;
use const_oid::db::rfc4519::COMMON_NAME;
use der::asn1::{PrintableStringRef, TeletexStringRef, Utf8StringRef};
use der::{Decode, Tag, Tagged};
use rustls_pki_types::{CertificateDer, UnixTime};
use std::time::Duration;
use x509_cert::Certificate as X509;
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, SubjectKeyIdentifier};
use x509_cert::name::Name;
use x509_cert::spki::SubjectPublicKeyInfoOwned;
use x509_cert::time::Validity;

/// A certificate, and what the vault needs to know of it.
#[derive(Clone)]
pub(crate) struct Certificate {
    pub(crate) der: CertificateDer<'static>,
    pub(crate) subject: Name,
    pub(crate) issuer: Name,
    pub(crate) public_key: SubjectPublicKeyInfoOwned,
    validity: Validity,
    key_id: Option<Vec<u8>>,
    authority_key_id: Option<Vec<u8>>,
}

impl Certificate {
    /// Reads DER; the error says what is wrong with it.
    pub(crate) fn read(der: &[u8]) -> Result<Self, String> {
        let read = X509::from_der(der).map_err(|error| error.to_string())?;
        let tbs = read.tbs_certificate();
        let key_id = tbs.get_extension::<SubjectKeyIdentifier>().map_err(|error| error.to_string())?;
        let authority = tbs.get_extension::<AuthorityKeyIdentifier>().map_err(|error| error.to_string())?;
        Ok(Self {
            der: CertificateDer::from(der.to_vec()),
            subject: tbs.subject().clone(),
            issuer: tbs.issuer().clone(),
            public_key: tbs.subject_public_key_info().clone(),
            validity: *tbs.validity(),
            key_id: key_id.map(|(_, id)| id.0.as_bytes().to_vec()),
            authority_key_id: authority
                .and_then(|(_, id)| id.key_identifier.map(|id| id.as_bytes().to_vec())),
        })
    }

    /// Why it is not valid at a time: RFC 5280, section 4.1.2.5.
    pub(crate) fn invalid_at(&self, now: UnixTime) -> Option<String> {
        let Validity { not_before, not_after, .. } = self.validity;
        let now = Duration::from_secs(now.as_secs());
        if now < not_before.to_unix_duration() {
            return Some(format!("`{}`, not valid before {not_before}", self.subject));
        }
        (now > not_after.to_unix_duration()).then(|| format!("`{}`, expired at {not_after}", self.subject))
    }

    pub(crate) fn not_after(&self) -> UnixTime {
        UnixTime::since_unix_epoch(self.validity.not_after.to_unix_duration())
    }

    /// The name that an operator knows it by: the common name, or else the whole subject.
    pub(crate) fn common_name(&self) -> String {
        let is_common_name = |oid: ObjectIdentifier| oid == COMMON_NAME;
        let value =
            self.subject.iter().find(|attribute| is_common_name(attribute.oid)).map(|found| &found.value);
        let text = value.and_then(|value| match value.tag() {
            Tag::Utf8String => value.decode_as::<Utf8StringRef<'_>>().ok().map(|text| text.to_string()),
            Tag::PrintableString => {
                value.decode_as::<PrintableStringRef<'_>>().ok().map(|text| text.to_string())
            }
            Tag::TeletexString => value.decode_as::<TeletexStringRef<'_>>().ok().map(|text| text.to_string()),
            _ => None,
        });
        text.unwrap_or_else(|| self.subject.to_string())
    }

    /// Whether `self` may have issued `other`: RFC 5280, sections 4.1.2.4 and 4.2.1.1. Signatures are for those who
    /// validate the chain.
    fn may_have_issued(&self, other: &Self) -> bool {
        let keys_fit = match (&self.key_id, &other.authority_key_id) {
            (Some(own), Some(named)) => own == named,
            _ => true,
        };
        self.subject == other.issuer && keys_fit
    }
}

/// The chain of a certificate, itself first, from certificates in any order. Of several that may have issued one, such
/// as a CA and its renewal, a valid one goes before the others.
pub(crate) fn chain(own: Certificate, pool: &[Certificate], now: UnixTime) -> Vec<Certificate> {
    let mut chain = vec![own];
    while let Some(last) = chain.last().filter(|last| last.subject != last.issuer) {
        let issuers = || {
            let is_new = |issuer: &&Certificate| chain.iter().all(|known| known.der != issuer.der);
            pool.iter().filter(|issuer| issuer.may_have_issued(last)).filter(is_new)
        };
        let valid = issuers().find(|issuer| issuer.invalid_at(now).is_none());
        let Some(issuer) = valid.or_else(|| issuers().next()) else { break };
        chain.push(issuer.clone());
    }
    chain
}
