//! What a client offers, and whom it trusts.

use super::super::OptionsError;
use super::super::provider::provider;
use super::chosen::Chosen;
use super::negotiated::{attribute, attributes_of};
use super::options::Options;
use super::server_config::{named, usable, versions};
use super::session::Session;
use super::trust::{Trust, expected};
use crate::plugin::Digest;
use rustls::client::{ResolvesClientCert, Resumption, UnbufferedClientConnection};
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, Error, SignatureScheme};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use x509_cert::Certificate;
use x509_cert::der::{Decode, Encode};
use zilla_config::Binding;
use zilla_engine::CloseCode;
use zilla_vault::Vault;

/// Sessions that are kept to be resumed, where routes do not choose the certificate: up to 8 of a server.
const SESSIONS_MAX: usize = 4096;

/// Everything that a client's handshakes need, shared by all workers.
pub(super) struct ClientConfigs {
    options: Options,
    /// Of the vault's files.
    vault: Digest,
    config: Arc<ClientConfig>,
    /// What routes choose instead.
    chosen: Chosen,
}

/// Why no session begins.
pub(super) struct Refusal {
    /// What the application is told.
    pub(super) code: CloseCode,
    pub(super) reason: String,
}

impl fmt::Debug for ClientConfigs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { options, chosen, .. } = self;
        f.debug_struct("TlsClient").field("options", options).field("chosen", chosen).finish_non_exhaustive()
    }
}

impl ClientConfigs {
    /// What tells its keys and certificates from others.
    pub(super) fn keys(&self) -> Digest {
        self.vault
    }

    /// Reads a binding that fits the schemas.
    pub(super) fn read(binding: &Binding, vault: Option<&Vault>) -> Result<Self, Vec<OptionsError>> {
        let options = Options::read(&binding.options)?;
        let with_system = options.trustcacerts.unwrap_or(options.trust.is_empty());
        let trust = Trust::read(&options.trust, with_system, vault);
        let keys = match vault {
            Some(vault) => named(&options.keys, vault),
            None if options.keys.is_empty() => Ok(Vec::new()),
            None => Err(vec![expected("/options/keys", "a `vault`, which has the keys", "none".into())]),
        };
        let (trust, keys) = match (trust, keys) {
            (Ok(trust), Ok(keys)) => (trust, keys),
            (trust, keys) => {
                return Err([trust.err(), keys.err()].into_iter().flatten().flatten().collect());
            }
        };
        let chosen = Chosen::read(binding, &to_choose_from(&keys, binding, vault)?)?;
        let verifier = trust.server_verifier().map_err(|error| {
            vec![expected("/options/trust", "certificates that servers can be verified by", error)]
        })?;
        let internal =
            |error: Error| vec![expected("/options", "what TLS can be spoken with", error.to_string())];
        if let Some(name) = options.sni.first() {
            ServerName::try_from(name.as_str())
                .map_err(|_| vec![expected("/options/sni/0", "the name of a host", format!("`{name}`"))])?;
        }
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(versions(&options))
            .map_err(internal)?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = builder.with_client_cert_resolver(Arc::new(OwnKeys::new(keys)));
        config.resumption = Resumption::in_memory_sessions(SESSIONS_MAX);
        let digest = Digest::of(&vault.map(Vault::digest).unwrap_or_default());
        Ok(Self { options, vault: digest, config: Arc::new(config), chosen })
    }

    pub(super) fn handshake_timeout_ms(&self) -> u64 {
        self.options.handshake_timeout_ms
    }

    /// Begins a session for a stream of a route with these attributes, and says which name its server has to prove.
    /// The attributes that are for the session alone are taken out.
    pub(super) fn session(&self, route: usize, above: &mut Vec<u8>) -> Result<(Session, String), Refusal> {
        let config = match self.chosen.take(route, above) {
            None => Arc::clone(&self.config),
            Some(asked) => self
                .chosen
                .config(&asked, &self.config)
                .ok_or_else(|| Refusal { code: CloseCode::Forbidden, reason: asked.missing() })?,
        };
        self.session_of(config, above).map_err(|reason| Refusal { code: CloseCode::Refused, reason })
    }

    fn session_of(&self, config: Arc<ClientConfig>, above: &[u8]) -> Result<(Session, String), String> {
        let asked = self.options.sni.first().map(String::as_str);
        let asked =
            asked.or_else(|| attribute(above, "authority")).or_else(|| attribute(above, "destination"));
        let authority = asked.map(host).ok_or("neither `sni` nor an `authority` says who the server is")?;
        let name = ServerName::try_from(authority.to_owned());
        let name = name.map_err(|_| format!("`{authority}` is not the name of a host"))?;
        let protocols: Vec<Vec<u8>> = match self.options.alpn.is_empty() {
            true => attributes_of(above, "alpn").map(<[u8]>::to_vec).collect(),
            false => self.options.alpn.iter().map(|protocol| protocol.clone().into_bytes()).collect(),
        };
        let session = UnbufferedClientConnection::new_with_alpn(config, name, protocols);
        let session = session.map_err(|error| error.to_string())?;
        Ok((Session::client(session), authority.to_owned()))
    }
}

/// The keys that routes may choose from: those of the options, or without any all of the vault.
fn to_choose_from(
    named: &[Arc<CertifiedKey>],
    binding: &Binding,
    vault: Option<&Vault>,
) -> Result<Vec<Arc<CertifiedKey>>, Vec<OptionsError>> {
    let is_asked = binding.routes.iter().any(|route| !route.with["certificate"].is_null());
    match vault {
        Some(vault) if is_asked && named.is_empty() => {
            let keys: Result<Vec<_>, _> = vault.keys().map(usable).collect();
            keys.map_err(|found| vec![expected("/vault", "a vault with keys to sign with", found)])
        }
        _ => Ok(named.to_vec()),
    }
}

/// The host of an authority, which may have a port.
fn host(authority: &str) -> &str {
    if authority.parse::<IpAddr>().is_ok() {
        return authority;
    }
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|octet| octet.is_ascii_digit()) => host,
        _ => authority,
    };
    host.trim_start_matches('[').trim_end_matches(']')
}

/// Keys that a client proves with who it is.
pub(super) struct OwnKeys(Vec<OwnKey>);

struct OwnKey {
    key: Arc<CertifiedKey>,
    /// Who has issued its certificates, as servers name those that they trust.
    issuers: Vec<Vec<u8>>,
}

impl fmt::Debug for OwnKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OwnKeys").field(&self.0.len()).finish()
    }
}

impl OwnKeys {
    pub(super) fn new(keys: Vec<Arc<CertifiedKey>>) -> Self {
        let issuer = |certificate: &rustls::pki_types::CertificateDer<'_>| {
            Certificate::from_der(certificate).ok()?.tbs_certificate().issuer().to_der().ok()
        };
        let own =
            |key: Arc<CertifiedKey>| OwnKey { issuers: key.cert.iter().filter_map(issuer).collect(), key };
        Self(keys.into_iter().map(own).collect())
    }
}

impl ResolvesClientCert for OwnKeys {
    /// The first key that one of those has issued whom the server trusts; else the first. It has to sign in a way
    /// that the server verifies.
    fn resolve(&self, trusted: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let mut usable = self.0.iter().filter(|own| own.key.key.choose_scheme(schemes).is_some());
        let is_trusted =
            |own: &&OwnKey| own.issuers.iter().any(|issuer| trusted.contains(&issuer.as_slice()));
        let found = usable.clone().find(is_trusted).or_else(|| usable.next());
        found.map(|own| Arc::clone(&own.key))
    }

    fn has_certs(&self) -> bool {
        !self.0.is_empty()
    }
}

/// What the application is told when a session failed.
pub(super) fn code_of_failure(failure: Option<&Error>) -> CloseCode {
    match failure {
        // The socket failed, or whoever answers is not who was asked for.
        None | Some(Error::InvalidCertificate(_) | Error::NoCertificatesPresented) => CloseCode::Unreachable,
        Some(Error::AlertReceived(_)) => CloseCode::Refused,
        Some(_) => CloseCode::Violation,
    }
}

/// A close code by its number.
pub(super) fn code_of(value: u64) -> CloseCode {
    use CloseCode::{
        Cancelled, Crashed, Drained, Forbidden, Limit, NoRoute, Refused, Timeout, Unauthorized, Unreachable,
        Violation,
    };
    let codes = [
        NoRoute,
        Unauthorized,
        Forbidden,
        Violation,
        Limit,
        Timeout,
        Crashed,
        Drained,
        Refused,
        Unreachable,
        Cancelled,
    ];
    codes.into_iter().find(|code| code.value() == value).unwrap_or(CloseCode::Unspecified)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_may_have_a_port() {
        for (authority, expected) in [
            ("example.com", "example.com"),
            ("example.com:443", "example.com"),
            ("192.0.2.1:443", "192.0.2.1"),
            ("::1", "::1"),
            ("[::1]:443", "::1"),
            ("[::1]", "::1"),
        ] {
            assert_eq!(host(authority), expected);
        }
    }

    #[test]
    fn every_close_code_has_its_number() {
        for value in 0..=11 {
            assert_eq!(code_of(value).value(), value);
        }
        assert_eq!(code_of(99), CloseCode::Unspecified);
    }
}
