//! What keeps a server busy: wrk for HTTP, and our own generators for what wrk cannot do.

pub(crate) mod beside;
pub(crate) mod bulk;
pub(crate) mod connect;
pub(crate) mod idle;
pub(crate) mod paced;
pub(crate) mod ping;
pub(crate) mod wrk;

use std::io::{self, ErrorKind};
use tokio::net::TcpStream;

/// What came of loading a server for a while.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Load {
    /// Requests, messages or MiB that were answered.
    pub(crate) count: f64,
    /// In so many seconds.
    pub(crate) seconds: f64,
    /// Time in µs below which half of the answers came, and 99 of 100.
    pub(crate) latency_us: Option<(f64, f64)>,
}

/// Reads once, as soon as there is something; 0 is the end.
pub(crate) async fn read(socket: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        socket.readable().await?;
        match socket.try_read(buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            read => return read,
        }
    }
}

/// Writes all of it.
pub(crate) async fn write_all(socket: &TcpStream, mut octets: &[u8]) -> io::Result<()> {
    while !octets.is_empty() {
        match socket.try_write(octets) {
            Ok(written) => octets = octets.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::WouldBlock => socket.writable().await?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
