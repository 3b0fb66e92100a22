//! What a server offers to whom: one configuration of rustls for each protocol that it may choose.

use super::super::OptionsError;
use super::super::provider::{provider, ticketer};
use super::hello::Hello;
use super::keys::{Keys, certified};
use super::negotiated::TrustedBy;
use super::options::{self, Mutual, Options};
use super::trust::{Trust, expected, found_instead};
use crate::plugin::Digest;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{ServerConfig, SupportedProtocolVersion};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use zilla_config::Binding;
use zilla_engine::Pattern;
use zilla_vault::{Key, Vault};

/// Sessions of TLS 1.2 that are kept by their id, for clients without tickets.
const SESSIONS_MAX: usize = 4096;

/// Everything that a server's handshakes need, shared by all workers: a ticket of one is good with each.
pub(super) struct ServerConfigs {
    options: Options,
    /// Of the vault's files.
    vault: Digest,
    /// Without an application protocol.
    plain: Arc<ServerConfig>,
    by_protocol: BTreeMap<Vec<u8>, Arc<ServerConfig>>,
    routes: Vec<Offer>,
    trusted_by: TrustedBy,
    /// Qualified name of the guard that is asked who a client is.
    guard: Option<String>,
}

/// A protocol that a route asks for, and of whom.
struct Offer {
    authority: Option<Pattern>,
    protocol: Vec<u8>,
}

impl fmt::Debug for ServerConfigs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsServer").field("options", &self.options).finish_non_exhaustive()
    }
}

impl ServerConfigs {
    /// What tells its keys and certificates from others.
    pub(super) fn keys(&self) -> Digest {
        self.vault
    }

    /// Reads a binding that fits the schemas.
    pub(super) fn read(binding: &Binding, vault: Option<&Vault>) -> Result<Self, Vec<OptionsError>> {
        let options = Options::read(&binding.options)?;
        let keys = keys(&options, vault);
        let with_system = options.trustcacerts == Some(true);
        let trust = Trust::read(&options.trust, with_system, vault);
        let (keys, trust) = match (keys, trust) {
            (Ok(keys), Ok(trust)) => (keys, trust),
            (keys, trust) => {
                return Err([keys.err(), trust.err()].into_iter().flatten().flatten().collect());
            }
        };
        let verifier = client_verifier(&options, &trust).map_err(|error| vec![error])?;
        let trusted_by = trusted_by(binding, vault)?;
        let internal = |error: rustls::Error| {
            vec![expected("/options", "what TLS can be spoken with", error.to_string())]
        };
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(versions(&options))
            .map_err(internal)?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(Arc::new(keys));
        config.ticketer = ticketer().map_err(internal)?;
        config.session_storage = rustls::server::ServerSessionMemoryCache::new(SESSIONS_MAX);
        let routes = offers(binding);
        let offered: BTreeSet<Vec<u8>> = options
            .alpn
            .iter()
            .map(|protocol| protocol.clone().into_bytes())
            .chain(routes.iter().map(|offer| offer.protocol.clone()))
            .collect();
        let with = |protocol: Vec<u8>| {
            let mut config = config.clone();
            config.alpn_protocols = vec![protocol.clone()];
            (protocol, Arc::new(config))
        };
        let by_protocol = offered.into_iter().map(with).collect();
        let guard = options.guard.as_ref().map(|guard| match guard.contains(':') {
            true => guard.clone(),
            false => format!("{}:{guard}", binding.namespace),
        });
        Ok(Self {
            guard,
            vault: Digest::of(&vault.map(Vault::digest).unwrap_or_default()),
            options,
            plain: Arc::new(config),
            by_protocol,
            routes,
            trusted_by,
        })
    }

    pub(super) fn handshake_timeout_ms(&self) -> u64 {
        self.options.handshake_timeout_ms
    }

    /// The guard that is asked who a client is, by its qualified name.
    pub(super) fn guard(&self) -> Option<&str> {
        self.guard.as_deref()
    }

    pub(super) fn trusted_by(&self) -> &TrustedBy {
        &self.trusted_by
    }

    /// What answers a hello.
    pub(super) fn choose(&self, hello: &Hello) -> Arc<ServerConfig> {
        let protocol = self.protocol(hello);
        let config = protocol.and_then(|protocol| self.by_protocol.get(protocol)).unwrap_or(&self.plain);
        Arc::clone(config)
    }

    /// The first protocol, in the client's order, that a route for its name asks for; else the first of the options;
    /// else none, which is answered by not answering.
    fn protocol<'h>(&self, hello: &'h Hello) -> Option<&'h Vec<u8>> {
        let name = hello.server_name.as_deref().unwrap_or_default();
        let is_routed = |protocol: &&Vec<u8>| {
            self.routes.iter().any(|offer| {
                let fits = |pattern: &Pattern| pattern.matches(name.as_bytes(), |_, _| {});
                offer.protocol == **protocol && offer.authority.as_ref().is_none_or(fits)
            })
        };
        let is_named = self.options.sni.is_empty() || self.options.sni.iter().any(|known| known == name);
        let is_offered = |protocol: &&Vec<u8>| {
            is_named && self.options.alpn.iter().any(|known| known.as_bytes() == protocol.as_slice())
        };
        let mut protocols = hello.protocols.iter();
        protocols.clone().find(is_routed).or_else(|| protocols.find(is_offered))
    }
}

/// The versions that are spoken.
pub(super) fn versions(options: &Options) -> &'static [&'static SupportedProtocolVersion] {
    static TLS12: [&SupportedProtocolVersion; 1] = [&rustls::version::TLS12];
    static TLS13: [&SupportedProtocolVersion; 1] = [&rustls::version::TLS13];
    match options.version.as_deref() {
        Some("TLSv1.2") => &TLS12,
        Some("TLSv1.3") => &TLS13,
        _ => rustls::ALL_VERSIONS,
    }
}

/// The keys of a server: those that it names, or those that its signers have issued.
fn keys(options: &Options, vault: Option<&Vault>) -> Result<Keys, Vec<OptionsError>> {
    let one = |pointer: &str, expects: &str, found: &str| vec![expected(pointer, expects, found.into())];
    let Some(vault) = vault else {
        return Err(one("", "a `vault`, which has the keys of the server", "none"));
    };
    match (options.keys.is_empty(), options.signers.is_empty()) {
        (true, true) => Err(one("/options", "`keys`, or `signers`", "neither")),
        (false, false) => Err(one("/options/signers", "no `signers`: there are `keys`", "both")),
        (false, true) => named(&options.keys, vault).map(Keys::new),
        (true, false) => issued(&options.signers, vault).map(Keys::new),
    }
}

/// The keys of aliases.
pub(super) fn named(
    aliases: &[String],
    vault: &Vault,
) -> Result<Vec<Arc<rustls::sign::CertifiedKey>>, Vec<OptionsError>> {
    let found = |(index, alias): (usize, &String)| {
        let key = vault.key(alias).map_err(|missing| found_instead(&missing));
        let key = key.and_then(usable);
        key.map_err(|found| {
            expected(&format!("/options/keys/{index}"), "an alias of the vault's `keys`", found)
        })
    };
    all(aliases.iter().enumerate().map(found))
}

fn issued(
    aliases: &[String],
    vault: &Vault,
) -> Result<Vec<Arc<rustls::sign::CertifiedKey>>, Vec<OptionsError>> {
    let found = |(index, alias): (usize, &String)| {
        let keys = vault.issued_by(alias).map_err(|missing| found_instead(&missing));
        let keys = keys.and_then(|keys| match keys.is_empty() {
            true => Err(format!("`{alias}`, which has issued none of the vault's keys")),
            false => keys.into_iter().map(usable).collect::<Result<Vec<_>, _>>(),
        });
        keys.map_err(|found| {
            let pointer = format!("/options/signers/{index}");
            expected(&pointer, "an alias of the vault's `signers`, and keys that it issued", found)
        })
    };
    Ok(all(aliases.iter().enumerate().map(found))?.into_iter().flatten().collect())
}

/// A key as rustls signs with it, or why not.
pub(super) fn usable(key: &Key) -> Result<Arc<rustls::sign::CertifiedKey>, String> {
    certified(key, &provider()).map(Arc::new).map_err(|error| format!("`{}`: {error}", key.alias()))
}

/// All values, or all errors.
fn all<T>(found: impl Iterator<Item = Result<T, OptionsError>>) -> Result<Vec<T>, Vec<OptionsError>> {
    let (mut values, mut errors) = (Vec::new(), Vec::new());
    for result in found {
        match result {
            Ok(value) => values.push(value),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(values) } else { Err(errors) }
}

fn client_verifier(options: &Options, trust: &Trust) -> Result<Arc<dyn ClientCertVerifier>, OptionsError> {
    let default = if trust.is_empty() { Mutual::None } else { Mutual::Required };
    let mutual = options.mutual.unwrap_or(default);
    if mutual == Mutual::None {
        return Ok(WebPkiClientVerifier::no_client_auth());
    }
    if trust.is_empty() {
        let expects = "`trust` or `trustcacerts`, which clients are trusted by";
        return Err(expected("/options/mutual", expects, "neither".into()));
    }
    trust
        .client_verifier(mutual == Mutual::Required)
        .map_err(|error| expected("/options/trust", "certificates that clients can be verified by", error))
}

/// A verifier for each alias that a route asks for.
fn trusted_by(binding: &Binding, vault: Option<&Vault>) -> Result<TrustedBy, Vec<OptionsError>> {
    let mut verifiers = BTreeMap::new();
    let mut errors = Vec::new();
    for (route, when) in binding.routes.iter().enumerate() {
        for (item, condition) in when.when.iter().enumerate() {
            let aliases = condition.conditions["trust"].as_array().into_iter().flatten();
            for (index, alias) in aliases.filter_map(serde_json::Value::as_str).enumerate() {
                let trust = Trust::read(&[alias.to_owned()], false, vault);
                let verifier = trust.and_then(|trust| {
                    let verifier = trust.client_verifier(true);
                    verifier
                        .map_err(|error| vec![expected("", "certificates that can be verified by", error)])
                });
                match verifier {
                    Ok(verifier) => drop(verifiers.insert(alias.to_lowercase(), verifier)),
                    Err(more) => errors.extend(more.into_iter().map(|error| OptionsError {
                        pointer: format!("/routes/{route}/when/{item}/trust/{index}"),
                        ..error
                    })),
                }
            }
        }
    }
    if errors.is_empty() { Ok(verifiers.into_iter().collect()) } else { Err(errors) }
}

/// The protocols that routes ask for. What is wrong with an authority is found with the conditions.
fn offers(binding: &Binding) -> Vec<Offer> {
    let conditions = binding.routes.iter().flat_map(|route| &route.when).map(|when| &when.conditions);
    let offer = |when: &serde_json::Value| {
        let protocol = when["alpn"].as_str()?.as_bytes().to_vec();
        Some(Offer { authority: options::authority(when, "").ok()?, protocol })
    };
    conditions.filter_map(offer).collect()
}
