//! Small messages that are sent when they are due, whatever has come back. How long each takes is counted from then: a
//! server that does nothing for a while is late for all that came meanwhile, and not for one alone.

use crate::Failure;
use crate::stats::percentile;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::time::{Duration, Instant};

/// Octets of a message.
const MESSAGE_OCTETS: usize = 64;

/// Between two messages of a connection.
const PACE: Duration = Duration::from_millis(1);

/// Asks for some time. The longest time that a message took in ms, and in µs those that half of them and 99 of 100 took.
pub(crate) fn run(port: u16, connections: usize, time: Duration) -> Result<(f64, (f64, f64)), Failure> {
    let begin = Instant::now();
    let threads: Vec<_> =
        (0..connections).map(|_| std::thread::spawn(move || ask(port, begin, time))).collect();
    let mut times = Vec::new();
    for thread in threads {
        times.extend(thread.join().map_err(|_| "a thread of load panicked")??);
    }
    times.sort_unstable();
    let at = |share| f64::from(percentile(&times, share));
    Ok((at(1.0) / 1e3, (at(0.5), at(0.99))))
}

/// The times in µs that the messages of one connection took.
fn ask(port: u16, begin: Instant, time: Duration) -> io::Result<Vec<u32>> {
    let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    socket.set_nodelay(true)?;
    let mut sender = socket.try_clone()?;
    let send = move || -> io::Result<()> {
        let mut due = begin;
        while due < begin + time {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            sender.write_all(&[b'x'; MESSAGE_OCTETS])?;
            due += PACE;
        }
        sender.shutdown(Shutdown::Write)
    };
    let sending = std::thread::spawn(send);
    let mut times = Vec::new();
    let (mut socket, mut message) = (socket, [0; MESSAGE_OCTETS]);
    let mut due = begin;
    while due < begin + time {
        socket.read_exact(&mut message)?;
        times.push(u32::try_from(due.elapsed().as_micros()).unwrap_or(u32::MAX));
        due += PACE;
    }
    sending.join().map_err(|_| io::Error::other("a thread of load panicked"))??;
    Ok(times)
}
