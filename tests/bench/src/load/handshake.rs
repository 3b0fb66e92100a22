//! TLS connections that are made, answered once and ended in order: what a handshake costs.

use super::{Load, dial, spread};
use crate::Failure;
use crate::keys::Identity;
use crate::rows::Session;
use rustls::{ClientConfig, HandshakeKind};
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Octets of the message.
const MESSAGE_OCTETS: usize = 100;

/// Loads a server for some time, one connection after the other in each of some places.
pub(crate) fn run(
    port: u16,
    identity: &Identity,
    session: Session,
    connections: usize,
    threads: usize,
    time: Duration,
) -> Result<Load, Failure> {
    // Each place has a configuration of its own, and with it the ticket of its connection before.
    let configs: Vec<_> = (0..connections).map(|_| identity.client(session)).collect::<Result<_, _>>()?;
    spread(connections, threads, time, |index, until| {
        place(port, Arc::clone(&configs[index]), session, until)
    })
}

/// The times in ns to the answers.
async fn place(
    port: u16,
    config: Arc<ClientConfig>,
    session: Session,
    until: Instant,
) -> io::Result<Vec<u32>> {
    let mut times = Vec::new();
    let mut expected = HandshakeKind::Full;
    while Instant::now() < until {
        let begin = Instant::now();
        let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        socket.set_nodelay(true)?;
        let mut stream = dial::secure(&config, socket).await?;
        let found = stream.get_ref().1.handshake_kind();
        if found != Some(expected) {
            return Err(io::Error::other(format!("expected a handshake {expected:?}, found {found:?}")));
        }
        let mut message = [b'x'; MESSAGE_OCTETS];
        stream.write_all(&message).await?;
        stream.flush().await?;
        stream.read_exact(&mut message).await?;
        times.push(u32::try_from(begin.elapsed().as_nanos()).unwrap_or(u32::MAX));
        stream.shutdown().await?;
        // nginx ends without a close_notify.
        while !matches!(stream.read(&mut message).await, Ok(0) | Err(_)) {}
        if session == Session::Resumed {
            expected = HandshakeKind::Resumed;
        }
    }
    Ok(times)
}
