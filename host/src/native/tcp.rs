//! The `tcp` binding.
//!
//! Kind `server` listens, accepts, and turns connections into streams. It describes a stream by `source` and
//! `destination`, each an address and port, and by `authority`, the name in `options.host` if it is one. Its routes
//! test the address that was connected *to*.

mod listen;
mod options;
mod server;

use super::options::ports_schema;
use super::{Checked, NativeBinding, OptionsError, Role, Seat};
use crate::plugin::{Description, KindDescription, Routing};
use options::ServerOptions;
use serde_json::{Value, json};
use server::TcpServer;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use zilla_config::Binding;

pub(crate) use listen::{ListenError, Listening};
pub(crate) use server::Listener;

/// What the binding says of itself, as a plugin would.
pub(super) fn describe() -> Description {
    let options = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["port"],
        "properties": {
            "host": {
                "description": "address or name to listen on; default 0.0.0.0",
                "anyOf": [
                    {"type": "string", "minLength": 1, "title": "an address or a name"},
                    {"type": "array", "minItems": 1, "title": "a list of those", "items": {"type": "string", "minLength": 1}}
                ]
            },
            "port": ports_schema("port, range of ports, or list of those, to listen on"),
            "backlog": {"description": "connections that wait to be accepted", "type": "integer", "minimum": 1, "maximum": 65535}
        }
    });
    Description {
        type_name: "tcp".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        kinds: vec![KindDescription {
            kind: "server".into(),
            options_schema: options.to_string(),
            when_schema: Some(when_schema().to_string()),
            with_schema: None,
            routes: Routing::Opened,
        }],
    }
}

fn when_schema() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "authority": {"description": "name that was connected to; `*` stands for anything", "type": "string"},
            "cidr": {
                "description": "block of addresses, such as 127.0.0.0/8, that was connected to",
                "type": "string"
            },
            "port": ports_schema("port that was connected to")
        }
    })
}

/// Reads a binding that fits the schemas.
pub(super) fn read(binding: &Binding) -> Result<Checked, Vec<OptionsError>> {
    let options = ServerOptions::read(&binding.options);
    let conditions = super::options::conditions(binding, options::condition);
    match (options, conditions) {
        (Ok(options), Ok(conditions)) => Ok(Checked { role: Arc::new(Server(options)), conditions }),
        (options, conditions) => {
            Err([options.err(), conditions.err()].into_iter().flatten().flatten().collect())
        }
    }
}

/// Listens.
#[derive(Debug)]
struct Server(ServerOptions);

impl Role for Server {
    fn addresses(&self) -> Vec<SocketAddr> {
        self.0.addresses.iter().map(|address| address.socket).collect()
    }

    fn listen(&self, in_use: &BTreeSet<SocketAddr>) -> Result<Vec<Listening>, ListenError> {
        listen::listen(&self.0, in_use)
    }

    fn start(&self, seat: Seat, listeners: Vec<Listener>) -> Box<dyn NativeBinding> {
        let changed = |listener: Listener| {
            let known = self.0.addresses.iter().find(|address| address.socket == listener.address());
            let authority = known.and_then(|address| address.authority.clone());
            listener.changed(authority, self.0.backlog)
        };
        Box::new(TcpServer::new(seat, listeners.into_iter().map(changed).collect()))
    }
}
