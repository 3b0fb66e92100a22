//! Small messages that are due one after the other. How long each takes is counted from when it was due: a server that
//! does nothing for a while is late for all that were due meanwhile, and not for one alone.

use crate::Failure;
use crate::stats::percentile;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

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
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    socket.set_nodelay(true)?;
    let mut times = Vec::new();
    let mut due = begin;
    while due < begin + time {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let mut word = [b'x'; 64];
        socket.write_all(&word)?;
        socket.read_exact(&mut word)?;
        times.push(u32::try_from(due.elapsed().as_micros()).unwrap_or(u32::MAX));
        due += PACE;
    }
    Ok(times)
}
