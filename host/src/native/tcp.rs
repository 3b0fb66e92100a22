//! The `tcp` binding.
//!
//! Kind `server` listens, accepts, and turns connections into streams. It describes a stream by `source` and
//! `destination`, each an address and port, and by `authority`, the name in `options.host` if it is one. Its routes
//! test the address that was connected *to*.
//!
//! Kind `client` turns streams into connections: to `options.host`, or to where the stream says. It answers a stream
//! once it is connected, with the same attributes: `source` is the address here, `destination` the one that was
//! reached. Its routes have no exits: they are a list of destinations that are allowed.

mod client;
mod destination;
mod listen;
mod options;
mod race;
mod schema;
mod server;
mod socket;

use super::{Checked, NativeBinding, OptionsError, Role, Seat};
use client::TcpClient;
use destination::ClientOptions;
use options::ServerOptions;
use server::TcpServer;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use zilla_config::{Binding, Kind};

pub(crate) use listen::{ListenError, Listening};
pub(super) use schema::describe;
pub(crate) use server::Listener;

/// Reads a binding that fits the schemas.
pub(super) fn read(binding: &Binding) -> Result<Checked, Vec<OptionsError>> {
    if binding.kind == Kind::Client {
        let (options, conditions) = ClientOptions::read(binding)?;
        return Ok(Checked::new(Arc::new(Client(Arc::new(options))), conditions));
    }
    let options = ServerOptions::read(&binding.options);
    let conditions = super::options::conditions(binding, options::condition);
    match (options, conditions) {
        (Ok(options), Ok(conditions)) => Ok(Checked::new(Arc::new(Server(Arc::new(options))), conditions)),
        (options, conditions) => {
            Err([options.err(), conditions.err()].into_iter().flatten().flatten().collect())
        }
    }
}

/// Whether a client would connect to the address at which the server of its streams listens: the server says
/// where a connection came in, and the client has nowhere else to go.
pub(super) fn leads_back(from: &Binding, to: &Binding) -> bool {
    from.kind == Kind::Server && to.kind == Kind::Client && to.options["host"].is_null()
}

/// Connects.
#[derive(Debug)]
struct Client(Arc<ClientOptions>);

impl Role for Client {
    fn start(&self, seat: Seat, _listeners: Vec<Listener>) -> Box<dyn NativeBinding> {
        Box::new(TcpClient::new(seat, Arc::clone(&self.0)))
    }
}

/// Listens.
#[derive(Debug)]
struct Server(Arc<ServerOptions>);

impl Role for Server {
    fn addresses(&self) -> Vec<SocketAddr> {
        self.0.addresses.iter().map(|address| address.socket).collect()
    }

    fn listen(&self, in_use: &BTreeSet<SocketAddr>) -> Result<Vec<Listening>, ListenError> {
        listen::listen(&self.0, in_use)
    }

    fn start(&self, seat: Seat, listeners: Vec<Listener>) -> Box<dyn NativeBinding> {
        let authority = |listener: &Listener| {
            let known = self.0.addresses.iter().find(|address| address.socket == listener.address());
            known.and_then(|address| address.authority.clone())
        };
        let configured = |listener: Listener| {
            let authority = authority(&listener);
            listener.configured(authority, &self.0.socket, self.0.backlog)
        };
        let listeners = listeners.into_iter().map(configured).collect();
        Box::new(TcpServer::new(seat, Arc::clone(&self.0), listeners))
    }
}
