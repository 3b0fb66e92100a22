//! What a handshake has led to, as attributes of a stream.

use super::session::Session;
use crate::plugin::Digest;
use rustls::ProtocolVersion;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use std::sync::Arc;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use zilla_engine::attributes;

/// Names of attributes that a session sets; those of the stream under it are not passed on.
const OWN: [&str; 8] =
    ["authority", "alpn", "version", "cipher", "mutual", "subject", "fingerprint", "trust"];

/// Verifiers by alias, for routes that tell clients apart by whom they are trusted by.
pub(super) type TrustedBy = Vec<(String, Arc<dyn ClientCertVerifier>)>;

/// Attributes of a stream.
#[derive(Default)]
pub(super) struct Negotiated(Vec<(String, String)>);

impl Negotiated {
    /// Those of the stream under a session, and those of the session.
    pub(super) fn new(below: &[u8], session: &Session, authority: Option<&str>) -> Self {
        let mut all = Self::default();
        for (name, value) in attributes::entries(below) {
            if let (Ok(name), Ok(value)) = (std::str::from_utf8(name), std::str::from_utf8(value))
                && !OWN.contains(&name)
            {
                all.push(name, value.to_owned());
            }
        }
        let state = session.state();
        if let Some(authority) = authority {
            all.push("authority", authority.to_owned());
        }
        if let Some(protocol) = state.alpn_protocol() {
            all.push("alpn", String::from_utf8_lossy(protocol).into_owned());
        }
        if let Some(version) = state.protocol_version().and_then(name_of) {
            all.push("version", version.to_owned());
        }
        if let Some(suite) = state.negotiated_cipher_suite() {
            // rustls tells those of TLS 1.3 apart, IANA does not.
            let name = suite.suite().as_str().unwrap_or_default().replace("TLS13_", "TLS_");
            all.push("cipher", name);
        }
        all
    }

    /// Says who the client of a server has proved to be.
    pub(super) fn add_client(&mut self, session: &Session, trusted_by: &TrustedBy) {
        let Some([own, issuers @ ..]) = session.state().peer_certificates() else {
            return self.push("mutual", "none".to_owned());
        };
        self.push("mutual", "required".to_owned());
        if let Some(subject) = subject(own) {
            self.push("subject", subject);
        }
        self.push("fingerprint", Digest::of(own).to_string());
        let now = UnixTime::now();
        for (alias, verifier) in trusted_by {
            if verifier.verify_client_cert(own, issuers, now).is_ok() {
                self.push("trust", alias.clone());
            }
        }
    }

    fn push(&mut self, name: &str, value: String) {
        self.0.push((name.to_owned(), value));
    }

    /// The first value of a name.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str())
    }

    /// All of them.
    pub(super) fn pairs(&self) -> Vec<(&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }
}

/// The values of an attribute in a block.
pub(super) fn attributes_of<'a>(block: &'a [u8], name: &str) -> impl Iterator<Item = &'a [u8]> {
    attributes::entries(block).filter(move |(known, _)| *known == name.as_bytes()).map(|(_, value)| value)
}

/// The first value of an attribute in a block, if it is text.
pub(super) fn attribute<'a>(block: &'a [u8], name: &str) -> Option<&'a str> {
    attributes_of(block, name).next().and_then(|value| std::str::from_utf8(value).ok())
}

fn name_of(version: ProtocolVersion) -> Option<&'static str> {
    match version {
        ProtocolVersion::TLSv1_2 => Some("TLSv1.2"),
        ProtocolVersion::TLSv1_3 => Some("TLSv1.3"),
        _ => None,
    }
}

/// Whose a certificate is, as RFC 4514 writes it.
fn subject(certificate: &CertificateDer<'_>) -> Option<String> {
    Some(Certificate::from_der(certificate).ok()?.tbs_certificate().subject().to_string())
}
