//! The certificate of a client.

use crate::field::Field;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use x509_cert::Certificate;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::der::Decode;
use x509_cert::der::asn1::{Ia5StringRef, ObjectIdentifier};
use x509_cert::der::oid::db::rfc4519::{COMMON_NAME, ORGANIZATION_NAME, ORGANIZATIONAL_UNIT_NAME};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::{DirectoryString, GeneralName, GeneralNames};
use x509_cert::name::Name;
use zilla_sdk::Refused;

/// Whoever has proved to have this certificate.
pub(crate) struct Client {
    certificate: Certificate,
    /// Other names of the subject.
    names: GeneralNames,
    /// Of the certificate as it was shown.
    sha256: String,
}

impl Client {
    /// Reads a certificate in DER.
    pub(crate) fn read(der: &[u8]) -> Result<Self, Refused> {
        let certificate =
            Certificate::from_der(der).map_err(|error| format!("the certificate is malformed: {error}"))?;
        let names = certificate.tbs_certificate().get_extension::<SubjectAltName>();
        let names =
            names.map_err(|error| format!("the other names of the subject are malformed: {error}"))?;
        let names = names.map_or_else(Vec::new, |(_, SubjectAltName(names))| names);
        Ok(Self { certificate, names, sha256: hex(&Sha256::digest(der)) })
    }

    /// When it expires, in ms since 1970, if it is valid now.
    pub(crate) fn valid_until(&self, now_unix_ms: u64) -> Result<u64, Refused> {
        let validity = self.certificate.tbs_certificate().validity();
        let [not_before, not_after] = [validity.not_before, validity.not_after]
            .map(|time| time.to_unix_duration().as_secs().saturating_mul(1_000));
        if now_unix_ms < not_before {
            return Err("the certificate is not valid yet".into());
        }
        if now_unix_ms >= not_after {
            return Err("the certificate has expired".into());
        }
        Ok(not_after)
    }

    /// The first value of a field.
    pub(crate) fn first(&self, field: Field) -> Option<String> {
        self.values(field).into_iter().next()
    }

    /// All values of a field; what is no text is left out.
    pub(crate) fn values(&self, field: Field) -> Vec<String> {
        let content = self.certificate.tbs_certificate();
        match field {
            Field::SubjectDn => vec![content.subject().to_string()],
            Field::SubjectCn => parts(content.subject(), COMMON_NAME),
            Field::SubjectO => parts(content.subject(), ORGANIZATION_NAME),
            Field::SubjectOu => parts(content.subject(), ORGANIZATIONAL_UNIT_NAME),
            Field::IssuerDn => vec![content.issuer().to_string()],
            Field::IssuerCn => parts(content.issuer(), COMMON_NAME),
            Field::Serial => vec![serial(content.serial_number().as_bytes())],
            Field::SanDns => self.names(|name| match name {
                GeneralName::DnsName(name) => Some(name.to_string()),
                _ => None,
            }),
            Field::SanEmail => self.names(|name| match name {
                GeneralName::Rfc822Name(name) => Some(name.to_string()),
                _ => None,
            }),
            Field::SanUri => self.names(|name| match name {
                GeneralName::UniformResourceIdentifier(name) => Some(name.to_string()),
                _ => None,
            }),
            Field::Sha256 => vec![self.sha256.clone()],
        }
    }

    fn names(&self, of: impl Fn(&GeneralName) -> Option<String>) -> Vec<String> {
        self.names.iter().filter_map(of).collect()
    }
}

/// The parts of a name that are of one type, in the order of RFC 4514: the last of the certificate comes first.
fn parts(name: &Name, oid: ObjectIdentifier) -> Vec<String> {
    let sets: Vec<_> = name.iter_rdn().collect();
    let parts = sets.into_iter().rev().flat_map(|set| set.iter());
    parts.filter(|part| part.oid == oid).filter_map(text).collect()
}

/// A part of a name as text.
fn text(part: &AttributeTypeAndValue) -> Option<String> {
    match part.value.decode_as::<DirectoryString>() {
        Ok(text) => Some(text.value().into_owned()),
        Err(_) => part.value.decode_as::<Ia5StringRef<'_>>().ok().map(|text| text.to_string()),
    }
}

/// A number without the zeroes that its sign asks for.
fn serial(octets: &[u8]) -> String {
    let zeroes = octets.iter().take_while(|octet| **octet == 0).count();
    hex(&octets[zeroes.min(octets.len().saturating_sub(1))..])
}

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut hex, octet| {
        // Writing to text does not fail.
        let _ = write!(hex, "{octet:02x}");
        hex
    })
}
