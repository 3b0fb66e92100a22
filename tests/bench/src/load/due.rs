//! Requests of HTTP/1.1 that are sent when they are due, each as soon as the one before on its connection was answered. How
//! long one takes is counted from when it was due: a server that is late for one is late for those that waited behind it.
//!
//! Nothing here ever waits: a thread that sleeps is woken some 50 µs late, which is as long as what is measured.

use super::idle::HEAD_OCTETS_MAX;
use super::{Load, percentiles_us};
use crate::Failure;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

/// How long an answer may be late.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// Asks at so many requests per second for some time.
pub(crate) fn run(
    port: u16,
    connections: usize,
    rate: f64,
    threads: usize,
    time: Duration,
) -> Result<Load, Failure> {
    let pace = Duration::from_secs_f64(connections as f64 / rate);
    let begin = Instant::now();
    let of_thread = |thread: usize| -> io::Result<Vec<u32>> {
        // Spread over the pace, so that connections do not ask all at once.
        let first = |index: usize| begin + pace.mul_f64(index as f64 / connections as f64);
        let indices = (thread..connections).step_by(threads);
        let asking = indices.map(|index| Connection::open(port, first(index), pace));
        ask(asking.collect::<Result<_, _>>()?, begin + time)
    };
    let mut times = Vec::new();
    std::thread::scope(|scope| {
        let of_thread = &of_thread;
        let running: Vec<_> = (0..threads).map(|thread| scope.spawn(move || of_thread(thread))).collect();
        for thread in running {
            times.extend(thread.join().map_err(|_| "a thread of load panicked")??);
        }
        Ok::<_, Failure>(())
    })?;
    let seconds = begin.elapsed().as_secs_f64();
    Ok(Load { count: times.len() as f64, seconds, latency_us: Some(percentiles_us(&mut times)) })
}

/// The times in ns that the answers took which were due.
fn ask(mut connections: Vec<Connection>, until: Instant) -> io::Result<Vec<u32>> {
    let mut times = Vec::new();
    while !connections.is_empty() {
        for connection in &mut connections {
            times.extend(connection.step()?);
        }
        connections.retain(|connection| connection.is_asked || connection.due < until);
    }
    Ok(times)
}

/// A connection with a request at a time.
struct Connection {
    socket: TcpStream,
    request: Vec<u8>,
    /// When the request is due that is next, or is on its way.
    due: Instant,
    pace: Duration,
    is_asked: bool,
    answer: [u8; HEAD_OCTETS_MAX],
    filled: usize,
}

impl Connection {
    fn open(port: u16, due: Instant, pace: Duration) -> io::Result<Self> {
        let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        let request = format!("GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n").into_bytes();
        Ok(Self { socket, request, due, pace, is_asked: false, answer: [0; HEAD_OCTETS_MAX], filled: 0 })
    }

    /// Asks if it is time to, or looks for the answer: the time in ns that it took, once it is there.
    fn step(&mut self) -> io::Result<Option<u32>> {
        if !self.is_asked {
            if Instant::now() >= self.due {
                // There is room for a request whenever there is none on its way.
                self.socket.write_all(&self.request)?;
                self.is_asked = true;
            }
            return Ok(None);
        }
        match self.socket.read(self.answer.get_mut(self.filled..).unwrap_or_default()) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(octets) => self.filled += octets,
            Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
            Err(_) if self.due.elapsed() > ANSWER_LIMIT => return Err(ErrorKind::TimedOut.into()),
            Err(_) => return Ok(None),
        }
        let head = self.answer.get(..self.filled).unwrap_or_default();
        if !head.ends_with(b"\r\n\r\n") {
            return Ok(None);
        }
        if !head.starts_with(b"HTTP/1.1 200") {
            let found = String::from_utf8_lossy(head);
            return Err(io::Error::other(format!("expected 200, found {found}")));
        }
        let time = u32::try_from(self.due.elapsed().as_nanos()).unwrap_or(u32::MAX);
        self.due += self.pace;
        (self.is_asked, self.filled) = (false, 0);
        Ok(Some(time))
    }
}
