//! A crowd: what one member says, all get, whoever said it too. Some members speak, each the next line when its last one has
//! come back to it; all listen.

use super::idle::ANSWER_LIMIT;
use super::ws::Incoming;
use super::{Load, spread_with, write_all};
use crate::Failure;
use crate::rows::Carrier;
use std::cell::RefCell;
use std::convert::Infallible;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};
use zilla_tests::websocket::{frame, handshake, opcode};

/// Members that speak; those with the first numbers.
const SPEAKERS: usize = 16;

/// Octets of a line: who says it, and more.
pub(crate) const LINE_OCTETS: usize = 64;

/// Loads a server from some threads for some time, once all members are there. The count is that of the lines that
/// members got; the times are those that lines took back to who said them.
pub(crate) fn run(
    port: u16,
    carrier: Carrier,
    members: usize,
    threads: usize,
    time: Duration,
) -> Result<Load, Failure> {
    let connect = |_| enter(port, carrier);
    let sockets: Vec<TcpStream> = (0..members).map(connect).collect::<io::Result<_>>()?;
    let (heard, seconds) = spread_with(members, threads, time, |index, until| {
        let socket = sockets.get(index).map(TcpStream::try_clone);
        async move {
            let socket = socket.ok_or(io::ErrorKind::NotConnected)??;
            attend(tokio::net::TcpStream::from_std(socket)?, carrier, index, until).await
        }
    })?;
    let count: u64 = heard.iter().map(|heard| heard.lines).sum();
    if heard.iter().any(|heard| heard.lines == 0) {
        return Err(
            format!("expected a line at each of {members} members, found a member without one").into()
        );
    }
    let mut times: Vec<u32> = heard.into_iter().flat_map(|heard| heard.times).collect();
    Ok(Load { count: count as f64, seconds, latency_us: Some(super::percentiles_us(&mut times)) })
}

/// A member's connection.
fn enter(port: u16, carrier: Carrier) -> io::Result<TcpStream> {
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(ANSWER_LIMIT))?;
    if carrier == Carrier::WebSocket {
        socket.write_all(handshake("/", "").as_bytes())?;
        let (mut head, mut octet) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            socket.read_exact(&mut octet)?;
            head.push(octet[0]);
        }
        if !head.starts_with(b"HTTP/1.1 101") {
            let found = String::from_utf8_lossy(&head);
            return Err(io::Error::other(format!("expected 101, found {found}")));
        }
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// What a member got.
#[derive(Default)]
struct Heard {
    lines: u64,
    /// Of its own lines, the times in ns that they took.
    times: Vec<u32>,
}

async fn attend(
    socket: tokio::net::TcpStream,
    carrier: Carrier,
    index: usize,
    until: Instant,
) -> io::Result<Heard> {
    let heard = RefCell::new(Heard::default());
    match tokio::time::timeout_at(until.into(), listen(&socket, carrier, index, &heard)).await {
        Ok(failed) => failed.map(|never| match never {}),
        Err(_) => Ok(heard.into_inner()),
    }
}

/// Listens, and speaks if it is a speaker. Ends with a failure or not at all.
async fn listen(
    socket: &tokio::net::TcpStream,
    carrier: Carrier,
    index: usize,
    heard: &RefCell<Heard>,
) -> io::Result<Infallible> {
    let own = line(index);
    let said = match carrier {
        Carrier::Tcp => own.to_vec(),
        Carrier::WebSocket => frame(0x80 | opcode::BINARY, own),
    };
    let is_speaker = index < SPEAKERS;
    let (mut incoming, mut found, mut begin) = (Incoming::new(socket), Vec::new(), Instant::now());
    if is_speaker {
        write_all(socket, &said).await?;
    }
    loop {
        found.clear();
        match carrier {
            Carrier::Tcp => incoming.take(LINE_OCTETS, &mut found).await?,
            Carrier::WebSocket => incoming.message_into(&mut found).await?,
        }
        heard.borrow_mut().lines += 1;
        if is_speaker && found == own {
            heard.borrow_mut().times.push(u32::try_from(begin.elapsed().as_nanos()).unwrap_or(u32::MAX));
            begin = Instant::now();
            write_all(socket, &said).await?;
        } else if !(0..SPEAKERS).any(|speaker| found.first() == Some(&name(speaker)))
            || found.len() != own.len()
        {
            let found = String::from_utf8_lossy(&found);
            return Err(io::Error::other(format!("expected the line of a speaker, found {found}")));
        }
    }
}

/// What a speaker says.
fn line(speaker: usize) -> [u8; LINE_OCTETS] {
    let mut line = [name(speaker); LINE_OCTETS];
    line[LINE_OCTETS - 1] = b'\n';
    line
}

/// The letter of a speaker.
fn name(speaker: usize) -> u8 {
    b'a' + (speaker % SPEAKERS) as u8
}
