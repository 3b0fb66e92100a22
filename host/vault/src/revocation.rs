//! Lists of revoked certificates (RFC 5280, section 5).

use crate::error::Fault;
use crate::pem;
use der::Decode;
use rustls_pki_types::{CertificateRevocationListDer, UnixTime};
use std::time::Duration;
use x509_cert::crl::CertificateList;

/// The lists of a file in PEM or DER. They are to be current: what was revoked since is not known.
pub(crate) fn read(
    content: &[u8],
    now: UnixTime,
) -> Result<Vec<CertificateRevocationListDer<'static>>, Fault> {
    let expected = "lists of revoked certificates (X509 CRL) in PEM or DER";
    // DER begins with a SEQUENCE; so may text, with the digit 0.
    if content.first() == Some(&0x30) && std::str::from_utf8(content).is_err() {
        return Ok(vec![list(content, "", now)?]);
    }
    let sections = pem::sections(content)?;
    let lists: Vec<_> = sections.iter().filter(|section| section.label == "X509 CRL").collect();
    if lists.is_empty() {
        return Err(Fault::file(expected, pem::summary(&sections)));
    }
    lists.into_iter().map(|section| list(&section.der, &format!("line {}: ", section.line), now)).collect()
}

fn list(der: &[u8], place: &str, now: UnixTime) -> Result<CertificateRevocationListDer<'static>, Fault> {
    let read = CertificateList::<x509_cert::certificate::Rfc5280>::from_der(der).map_err(|error| {
        Fault::file("a list of revoked certificates that can be read", format!("{place}{error}"))
    })?;
    let read = read.tbs_cert_list;
    let now = Duration::from_secs(now.as_secs());
    if let Some(next) = read.next_update.filter(|next| next.to_unix_duration() < now) {
        let found = format!("{place}that of `{}`, overdue since {next}", read.issuer);
        return Err(Fault::file("a current list of revoked certificates", found));
    }
    if now < read.this_update.to_unix_duration() {
        let found = format!("{place}that of `{}`, issued at {}", read.issuer, read.this_update);
        return Err(Fault::file("a current list of revoked certificates", found));
    }
    Ok(CertificateRevocationListDer::from(der.to_vec()))
}
