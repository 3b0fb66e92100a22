//! Listening sockets: one of each address for each worker, so that the kernel spreads connections.

use super::options::{Address, ServerOptions};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};

/// A socket that listens, not yet owned by a worker.
#[derive(Debug)]
pub(crate) struct Listening {
    pub(crate) socket: TcpListener,
    pub(crate) address: SocketAddr,
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
pub(super) fn listen(
    options: &ServerOptions,
    in_use: &BTreeSet<SocketAddr>,
) -> Result<Vec<Listening>, ListenError> {
    let listen = |address: &Address| {
        let socket =
            open(address.socket, options).map_err(|error| ListenError { address: address.socket, error })?;
        Ok(Listening { socket, address: address.socket })
    };
    options.addresses.iter().filter(|address| !in_use.contains(&address.socket)).map(listen).collect()
}

fn open(address: SocketAddr, options: &ServerOptions) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // `::` and `0.0.0.0` are two addresses in the file, so they are two here.
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    // Accepted sockets inherit them, which saves calls for each.
    options.socket.apply(&SockRef::from(&socket))?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(options.backlog).unwrap_or(i32::MAX))?;
    Ok(socket.into())
}

/// Has the kernel drop requests for new connections on a listener that is about to be closed. Whoever asks now
/// asks again after a second, and so reaches a listener that stays, of this process or of the one that takes over,
/// instead of a connection that is reset with its listener. Connections that are being made are made.
#[cfg(target_os = "linux")]
pub(super) fn refuse_silently(listener: &TcpListener) -> io::Result<()> {
    use socket2::SockFilter;
    const LOAD_OCTET: u16 = 0x30;
    const AND: u16 = 0x54;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    // RFC 9293, 3.1: the flags are the 14th octet of the header. A request has SYN (2) and not ACK (16).
    SockRef::from(listener).attach_filter(&[
        SockFilter::new(LOAD_OCTET, 0, 0, 13),
        SockFilter::new(AND, 0, 0, 0x12),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, 0x02),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ])
}

#[cfg(not(target_os = "linux"))]
pub(super) fn refuse_silently(_listener: &TcpListener) -> io::Result<()> {
    Ok(())
}
