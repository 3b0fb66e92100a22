//! Messages of WebSockets to and fro: the next is sent when the one before has come back, in however many frames.

use super::{Load, read, spread, write_all};
use crate::Failure;
use std::io::{self, ErrorKind};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use zilla_tests::websocket::{frame, handshake, opcode};

/// Octets read at once.
const ROOM_OCTETS: usize = 16 << 10;

/// Loads a server from some threads for some time.
pub(crate) fn run(
    port: u16,
    connections: usize,
    octets: usize,
    threads: usize,
    time: Duration,
) -> Result<Load, Failure> {
    spread(connections, threads, time, |_, until| ask(port, octets, until))
}

/// The times in ns that the messages of one connection took.
async fn ask(port: u16, octets: usize, until: Instant) -> io::Result<Vec<u32>> {
    let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    socket.set_nodelay(true)?;
    write_all(&socket, handshake("/", "").as_bytes()).await?;
    let mut incoming = Incoming::new(&socket);
    incoming.head().await?;
    let (message, mut times) = (frame(0x80 | opcode::BINARY, vec![b'x'; octets]), Vec::new());
    loop {
        let begin = Instant::now();
        if begin >= until {
            return Ok(times);
        }
        write_all(&socket, &message).await?;
        let found = incoming.message().await?;
        if found != octets {
            return Err(io::Error::other(format!("expected {octets} octets, found {found}")));
        }
        times.push(u32::try_from(begin.elapsed().as_nanos()).unwrap_or(u32::MAX));
    }
}

/// What comes: octets of `room` from `taken` to `filled`, and more.
pub(super) struct Incoming<'a> {
    socket: &'a TcpStream,
    room: Vec<u8>,
    taken: usize,
    filled: usize,
}

impl<'a> Incoming<'a> {
    pub(super) fn new(socket: &'a TcpStream) -> Self {
        Self { socket, room: vec![0; ROOM_OCTETS], taken: 0, filled: 0 }
    }

    /// Takes the answer to the handshake.
    async fn head(&mut self) -> io::Result<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.next().await?);
        }
        match head.starts_with(b"HTTP/1.1 101") {
            true => Ok(()),
            false => Err(io::Error::other(format!("expected 101, found {}", String::from_utf8_lossy(&head)))),
        }
    }

    /// Takes a message, and says how many octets it has.
    async fn message(&mut self) -> io::Result<usize> {
        self.message_to(None).await
    }

    /// Takes a message and appends it.
    pub(super) async fn message_into(&mut self, message: &mut Vec<u8>) -> io::Result<()> {
        self.message_to(Some(message)).await.map(drop)
    }

    async fn message_to(&mut self, mut message: Option<&mut Vec<u8>>) -> io::Result<usize> {
        let mut octets = 0;
        loop {
            let (first, length) = (self.next().await?, self.next().await?);
            let length_octets = match length {
                126 => 2,
                127 => 8,
                _ => 0,
            };
            let mut length = if length_octets == 0 { usize::from(length) } else { 0 };
            for _ in 0..length_octets {
                length = length << 8 | usize::from(self.next().await?);
            }
            match &mut message {
                Some(message) => self.take(length, message).await?,
                None => self.skip(length).await?,
            }
            octets += length;
            if first & 0x80 != 0 {
                return Ok(octets);
            }
        }
    }

    async fn next(&mut self) -> io::Result<u8> {
        if self.taken == self.filled {
            self.fill().await?;
        }
        let next = self.room.get(self.taken).copied().ok_or(ErrorKind::UnexpectedEof)?;
        self.taken += 1;
        Ok(next)
    }

    /// Takes octets and appends them.
    pub(super) async fn take(&mut self, mut octets: usize, taken: &mut Vec<u8>) -> io::Result<()> {
        while octets > 0 {
            if self.taken == self.filled {
                self.fill().await?;
            }
            let end = self.filled.min(self.taken + octets);
            let found = self.room.get(self.taken..end).unwrap_or_default();
            taken.extend_from_slice(found);
            octets -= found.len();
            self.taken = end;
        }
        Ok(())
    }

    async fn skip(&mut self, mut octets: usize) -> io::Result<()> {
        while octets > self.filled - self.taken {
            octets -= self.filled - self.taken;
            self.fill().await?;
        }
        self.taken += octets;
        Ok(())
    }

    /// Reads once. All that was there is taken.
    async fn fill(&mut self) -> io::Result<()> {
        self.taken = 0;
        self.filled = read(self.socket, &mut self.room).await?;
        if self.filled == 0 { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
}
