//! Listening sockets: one of each address for each worker, so that the kernel spreads connections.

use super::ServerOptions;
use socket2::{Domain, Protocol, Socket, Type};
use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};

/// A socket that listens, not yet owned by a worker.
#[derive(Debug)]
pub(crate) struct Listening {
    pub(crate) socket: TcpListener,
    pub(crate) address: SocketAddr,
    pub(crate) authority: Option<String>,
}

/// An address that cannot be listened on.
#[derive(Debug)]
pub(crate) struct ListenError {
    pub(crate) address: SocketAddr,
    pub(crate) error: io::Error,
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hint = match self.error.kind() {
            io::ErrorKind::AddrInUse => " (another process listens there)",
            io::ErrorKind::PermissionDenied => " (ports below 1024 need CAP_NET_BIND_SERVICE)",
            io::ErrorKind::AddrNotAvailable => " (no interface of this machine has that address)",
            _ => "",
        };
        write!(f, "cannot listen on {}: {}{hint}", self.address, self.error)
    }
}

impl std::error::Error for ListenError {}

/// Listens on every address of the options that is not in use already, once.
pub(crate) fn listen(
    options: &ServerOptions,
    in_use: &BTreeSet<SocketAddr>,
) -> Result<Vec<Listening>, ListenError> {
    let listen = |address: &super::Address| {
        let socket = open(address.socket, options.backlog)
            .map_err(|error| ListenError { address: address.socket, error })?;
        Ok(Listening { socket, address: address.socket, authority: address.authority.clone() })
    };
    options.addresses.iter().filter(|address| !in_use.contains(&address.socket)).map(listen).collect()
}

fn open(address: SocketAddr, backlog: u32) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // `::` and `0.0.0.0` are two addresses in the file, so they are two here.
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    // Accepted sockets inherit it, which saves a call for each.
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(socket.into())
}
