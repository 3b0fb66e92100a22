//! Free ports of the loopback, kept free until a test is over.

use crate::PATIENCE;
use crate::random::Random;
use socket2::{Domain, Protocol, Socket, Type};
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Ports with consecutive numbers. Each is bound by a socket that never listens and that lets the host bind it
/// once more (`SO_REUSEPORT`), so the system gives it to nobody else.
pub struct Ports {
    first: u16,
    count: u16,
    _held: Vec<Socket>,
}

/// One reservation at a time, so that two of them in this process do not share ports.
static RESERVING: Mutex<()> = Mutex::new(());

impl Ports {
    /// One port of 127.0.0.1.
    pub fn one() -> Self {
        Self::range(1)
    }

    /// Consecutive ports of 127.0.0.1.
    pub fn range(count: u16) -> Self {
        Self::range_of(&[Ipv4Addr::LOCALHOST.into()], count)
    }

    /// Consecutive ports that are free on each of these addresses.
    ///
    /// # Panics
    /// If there are none.
    pub fn range_of(addresses: &[IpAddr], count: u16) -> Self {
        let _reserving = RESERVING.lock().unwrap_or_else(PoisonError::into_inner);
        let start = Instant::now();
        loop {
            match Self::try_range(addresses, count) {
                Ok(ports) => return ports,
                Err(error) => assert!(start.elapsed() < PATIENCE, "no free ports: {error}"),
            }
        }
    }

    fn try_range(addresses: &[IpAddr], count: u16) -> io::Result<Self> {
        // The system gives one out; where there must be more, neighbours of it may be taken by clients.
        let mut held = Vec::new();
        let first = match (addresses, count) {
            (&[address], 1) => {
                let socket = bind(SocketAddr::new(address, 0), true)?;
                let bound = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
                held.push(socket);
                bound.port()
            }
            _ => guess(count),
        };
        if held.is_empty() {
            for address in addresses {
                for port in first..first + count {
                    let address = SocketAddr::new(*address, port);
                    // A port that may be shared is not yet one that is free.
                    drop(bind(address, false)?);
                    held.push(bind(address, true)?);
                }
            }
        }
        Ok(Self { first, count, _held: held })
    }

    /// The first port.
    pub fn first(&self) -> u16 {
        self.first
    }

    /// The last port.
    pub fn last(&self) -> u16 {
        self.first + self.count - 1
    }

    /// A port by its index.
    ///
    /// # Panics
    /// If there are fewer.
    pub fn at(&self, index: usize) -> u16 {
        assert!(index < usize::from(self.count), "{} ports are reserved", self.count);
        self.first + index as u16
    }
}

/// The first port.
impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.first.fmt(f)
    }
}

/// The first of ports below those that systems give to clients.
fn guess(count: u16) -> u16 {
    const FIRST: u16 = 10_000;
    const LAST: u16 = 20_000;
    static GUESSES: AtomicU64 = AtomicU64::new(0);
    let seed = u64::from(std::process::id()) << 32 | GUESSES.fetch_add(1, Ordering::Relaxed);
    FIRST + Random::new(seed).below(usize::from(LAST - FIRST - count)) as u16
}

fn bind(address: SocketAddr, is_shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(is_shared)?;
    socket.set_reuse_port(is_shared)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Whether this machine has an address of the loopback, such as `::1`.
pub fn has_address(address: IpAddr) -> bool {
    bind(SocketAddr::new(address, 0), false).is_ok()
}
