//! The `tls` binding.
//!
//! Kind `server` decrypts what clients send, kind `client` encrypts what goes to servers, and kind `proxy` reads only
//! what a client says in clear before it encrypts, to find a route. Where the neighbour is `tcp`, server and client take its
//! sockets and go on without the stream between.

mod chosen;
mod client;
mod client_config;
mod handshakes;
mod hello;
mod keys;
mod negotiated;
mod options;
mod pem;
mod pipe;
mod proxy;
mod relay;
mod reports;
mod server;
mod server_config;
mod session;
mod stream;
#[cfg(test)]
mod tests;
mod trust;

use super::{Checked, OptionsError};
use crate::plugin::{Description, KindDescription, Placement, Routing};
use serde_json::Value;
use std::sync::Arc;
use zilla_config::{Binding, Kind};
use zilla_vault::Vault;

/// What the binding says of itself, as a plugin would.
pub(super) fn describe() -> Description {
    let kind = |kind: Kind, options: Value, when: Value, with: Option<Value>, routes| KindDescription {
        kind: kind.as_str().into(),
        options_schema: options.to_string(),
        when_schema: Some(when.to_string()),
        with_schema: with.map(|schema| schema.to_string()),
        routes,
        placement: Placement::EveryWorker,
    };
    Description {
        type_name: "tls".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        kinds: vec![
            kind(
                Kind::Server,
                options::server_schema(),
                options::server_when_schema(),
                None,
                Routing::Opened,
            ),
            kind(
                Kind::Client,
                options::client_schema(),
                options::when_schema(),
                Some(chosen::with_schema()),
                Routing::Accepted,
            ),
            kind(Kind::Proxy, options::proxy_schema(), options::when_schema(), None, Routing::Opened),
        ],
    }
}

/// Reads a binding that fits the schemas.
pub(super) fn read(binding: &Binding, vault: Option<&Arc<Vault>>) -> Result<Checked, Vec<OptionsError>> {
    match (binding.kind, vault) {
        (Kind::Client, vault) => client::read(binding, vault),
        (Kind::Proxy, None) => proxy::read(binding),
        (Kind::Proxy, Some(_)) => {
            let found = "one".to_owned();
            Err(vec![trust::expected("/vault", "no `vault`: a proxy passes on what others encrypt", found)])
        }
        _ => server::read(binding, vault),
    }
}
