//! Whom a binding trusts: certificates of its vault, those of the system, lists of what was revoked.

use super::super::OptionsError;
use super::super::provider::provider;
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use std::sync::Arc;
use zilla_vault::{Missing, Vault};

/// Certificates that are trusted, as options name them.
pub(super) struct Trust {
    roots: RootCertStore,
    crls: Vec<CertificateRevocationListDer<'static>>,
}

impl Trust {
    /// The certificates of aliases, and those of the system if asked for.
    pub(super) fn read(
        aliases: &[String],
        with_system: bool,
        vault: Option<&Vault>,
    ) -> Result<Self, Vec<OptionsError>> {
        let (mut trust, mut errors) = (Self { roots: RootCertStore::empty(), crls: Vec::new() }, Vec::new());
        for (index, alias) in aliases.iter().enumerate() {
            let pointer = format!("/options/trust/{index}");
            match certificates(alias, vault) {
                Ok(certificates) => errors.extend(trust.add(certificates, &pointer)),
                Err(found) => errors.push(expected(&pointer, "an alias of the vault's `trust`", found)),
            }
        }
        if with_system {
            let found = rustls_native_certs::load_native_certs();
            // Systems have some that are not well-formed: those are not trusted.
            trust.roots.add_parsable_certificates(found.certs);
            if trust.roots.is_empty() {
                let reasons: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
                let found = if reasons.is_empty() { "none".to_owned() } else { reasons.join(", ") };
                errors.push(expected("/options/trustcacerts", "certificates of CAs in the system", found));
            }
        }
        trust.crls = vault.map(|vault| vault.crls().to_vec()).unwrap_or_default();
        if errors.is_empty() { Ok(trust) } else { Err(errors) }
    }

    fn add(&mut self, certificates: &[CertificateDer<'static>], pointer: &str) -> Option<OptionsError> {
        let refused = certificates.iter().find_map(|found| self.roots.add(found.clone()).err())?;
        Some(expected(pointer, "certificates that can be trusted", refused.to_string()))
    }

    /// Whether it says nothing about clients.
    pub(super) fn is_empty(&self) -> bool {
        self.roots.is_empty()
    }

    /// Verifies clients, and refuses those without a certificate if one is required.
    pub(super) fn client_verifier(&self, is_required: bool) -> Result<Arc<dyn ClientCertVerifier>, String> {
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(self.roots.clone()), provider())
            .with_crls(self.crls.clone());
        let builder = if is_required { builder } else { builder.allow_unauthenticated() };
        builder.build().map_err(|error| error.to_string())
    }

    /// Verifies servers, and that they are who was asked for.
    pub(super) fn server_verifier(&self) -> Result<Arc<dyn ServerCertVerifier>, String> {
        let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(self.roots.clone()), provider())
            .with_crls(self.crls.clone());
        let verifier = builder.build().map_err(|error| error.to_string())?;
        Ok(verifier)
    }
}

/// The certificates of an alias, or what is there instead.
fn certificates<'v>(alias: &str, vault: Option<&'v Vault>) -> Result<&'v [CertificateDer<'static>], String> {
    let vault = vault.ok_or_else(|| format!("`{alias}`, and no `vault`"))?;
    vault.certificates(alias).map_err(|missing| found_instead(&missing))
}

/// An alias that there is not, with the one that was probably meant.
pub(super) fn found_instead(missing: &Missing) -> String {
    let present: Vec<&str> = missing.present.iter().map(String::as_str).collect();
    match zilla_config::suggest(&missing.alias, &present, "alias") {
        Some(help) => format!("`{}`: {help}", missing.alias),
        None => format!("`{}`", missing.alias),
    }
}

/// An error at an option.
pub(super) fn expected(pointer: &str, expected: &str, found: String) -> OptionsError {
    OptionsError { pointer: pointer.into(), expected: expected.into(), found }
}
