//! Small messages to and fro: the next is sent when the one before has come back.

use super::Load;
use crate::Failure;
use crate::stats::percentile;
use std::io;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Octets of a message.
pub(crate) const MESSAGE_OCTETS: usize = 64;

/// Loads a server from some threads for some time.
pub(crate) fn run(port: u16, connections: usize, threads: usize, time: Duration) -> Result<Load, Failure> {
    let begin = Instant::now();
    let work = |index: usize| {
        let of_thread = connections / threads + usize::from(index < connections % threads);
        move || ping_all(port, of_thread, begin + time)
    };
    let mut times = Vec::new();
    let running: Vec<_> = (0..threads).map(|index| std::thread::spawn(work(index))).collect();
    for thread in running {
        times.extend(thread.join().map_err(|_| "a thread of load panicked")??);
    }
    let seconds = begin.elapsed().as_secs_f64();
    times.sort_unstable();
    let at = |share| f64::from(percentile(&times, share)) / 1e3;
    Ok(Load { count: times.len() as f64, seconds, latency_us: Some((at(0.5), at(0.99))) })
}

/// One thread's connections. The times in ns that its messages took.
fn ping_all(port: u16, connections: usize, until: Instant) -> io::Result<Vec<u32>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for _ in 0..connections {
            tasks.spawn(ping(port, until));
        }
        let mut times = Vec::new();
        while let Some(task) = tasks.join_next().await {
            times.extend(task.map_err(io::Error::other)??);
        }
        Ok(times)
    })
}

async fn ping(port: u16, until: Instant) -> io::Result<Vec<u32>> {
    let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    socket.set_nodelay(true)?;
    let (message, mut answer) = ([b'x'; MESSAGE_OCTETS], [0; MESSAGE_OCTETS]);
    let mut times = Vec::new();
    loop {
        let begin = Instant::now();
        if begin >= until {
            return Ok(times);
        }
        super::write_all(&socket, &message).await?;
        let mut filled = 0;
        while filled < MESSAGE_OCTETS {
            match super::read(&socket, answer.get_mut(filled..).unwrap_or_default()).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                octets => filled += octets,
            }
        }
        times.push(u32::try_from(begin.elapsed().as_nanos()).unwrap_or(u32::MAX));
    }
}
