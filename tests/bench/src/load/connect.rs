//! Connections that are made, answered once and broken off: what a stream costs from its beginning to its end.

use super::Load;
use crate::Failure;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};
use zilla_tests::Client;

/// Loads a server for some time, one connection after the other on each of some threads.
pub(crate) fn run(port: u16, connections: usize, time: Duration) -> Result<Load, Failure> {
    let begin = Instant::now();
    let work = move || -> io::Result<u64> {
        let mut count = 0;
        while begin.elapsed() < time {
            let mut client = Client::try_connect(port)?;
            let mut word = *b"echo";
            client.write_all(&word)?;
            client.read_exact(&mut word)?;
            // RST: ports would run out in TIME_WAIT.
            client.reset();
            count += 1;
        }
        Ok(count)
    };
    // Somebody listens there, or each thread would wait for long.
    drop(TcpStream::connect((Ipv4Addr::LOCALHOST, port))?);
    let threads: Vec<_> = (0..connections).map(|_| std::thread::spawn(work)).collect();
    let mut count = 0;
    for thread in threads {
        count += thread.join().map_err(|_| "a thread of load panicked")??;
    }
    Ok(Load { count: count as f64, seconds: begin.elapsed().as_secs_f64(), latency_us: None })
}
