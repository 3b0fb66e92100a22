//! The arithmetic of TLS: one place that says whose.

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{PrivateKeyDer, SubjectPublicKeyInfoDer};
use rustls::server::ProducesTickets;
use std::sync::{Arc, LazyLock};

/// What signs, encrypts and verifies.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> =
        LazyLock::new(|| Arc::new(aws_lc_rs::default_provider()));
    Arc::clone(&PROVIDER)
}

/// The public half of a private key, or why nothing can be signed with it.
pub(crate) fn public_key(key: &PrivateKeyDer<'_>) -> Result<SubjectPublicKeyInfoDer<'static>, String> {
    let key = provider().key_provider.load_private_key(key.clone_key()).map_err(|error| error.to_string())?;
    key.public_key().map(|public| public.into_owned()).ok_or_else(|| "it has no public half".to_owned())
}

/// Makes session tickets, with a key that changes every six hours. Fails for want of randomness.
pub(super) fn ticketer() -> Result<Arc<dyn ProducesTickets>, rustls::Error> {
    aws_lc_rs::Ticketer::new()
}
