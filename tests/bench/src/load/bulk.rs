//! A stream of octets in both directions on each connection, as fast as they come back.

use super::Load;
use crate::Failure;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// Octets written and read at once.
const PIECE_OCTETS: usize = 64 << 10;

/// Loads a server for some time.
pub(crate) fn run(port: u16, connections: usize, time: Duration) -> Result<Load, Failure> {
    let begin = Instant::now();
    let until = begin + time;
    let mut running = Vec::new();
    for _ in 0..connections {
        let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        let sender = socket.try_clone()?;
        thread::spawn(move || send(sender, until));
        running.push(thread::spawn(move || receive(socket, until)));
    }
    let mut octets = 0;
    for thread in running {
        octets += thread.join().map_err(|_| "a thread of load panicked")??;
    }
    let count = octets as f64 / f64::from(1 << 20);
    Ok(Load { count, seconds: begin.elapsed().as_secs_f64(), latency_us: None })
}

/// Sends until the time is over or the receiver has closed the connection.
fn send(mut socket: TcpStream, until: Instant) {
    let piece = vec![b'x'; PIECE_OCTETS];
    while Instant::now() < until && socket.write_all(&piece).is_ok() {}
}

fn receive(mut socket: TcpStream, until: Instant) -> io::Result<u64> {
    let (mut piece, mut octets) = (vec![0; PIECE_OCTETS], 0);
    while Instant::now() < until {
        match socket.read(&mut piece)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            some => octets += some as u64,
        }
    }
    // The sender may be blocked: what it sends now fails.
    socket.shutdown(Shutdown::Both)?;
    Ok(octets)
}
