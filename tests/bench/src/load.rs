//! What keeps a server busy: wrk and h2load for HTTP, and our own generators for what they cannot do.

pub(crate) mod beside;
pub(crate) mod bulk;
pub(crate) mod bulk_tls;
pub(crate) mod connect;
pub(crate) mod dial;
pub(crate) mod due;
pub(crate) mod fan;
pub(crate) mod h2load;
pub(crate) mod handshake;
pub(crate) mod idle;
pub(crate) mod paced;
pub(crate) mod ping;
pub(crate) mod wrk;
pub(crate) mod ws;

use crate::Failure;
use crate::stats::percentile;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

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

/// Runs one task for each connection on some threads, each told its number and when to end. What they have to show,
/// and the seconds that it took.
fn spread_with<T, F>(
    connections: usize,
    threads: usize,
    time: Duration,
    task: impl Fn(usize, Instant) -> F + Sync,
) -> Result<(Vec<T>, f64), Failure>
where
    T: Send + 'static,
    F: Future<Output = io::Result<T>> + 'static,
{
    let begin = Instant::now();
    let of_thread = |thread: usize| -> io::Result<Vec<T>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let tasks = tokio::task::LocalSet::new();
        let all = tasks.run_until(async {
            let mut running = JoinSet::new();
            for index in (thread..connections).step_by(threads) {
                running.spawn_local(task(index, begin + time));
            }
            let mut shown = Vec::new();
            while let Some(done) = running.join_next().await {
                shown.push(done.map_err(io::Error::other)??);
            }
            Ok(shown)
        });
        runtime.block_on(all)
    };
    let mut shown = Vec::new();
    std::thread::scope(|scope| {
        let of_thread = &of_thread;
        let running: Vec<_> = (0..threads).map(|thread| scope.spawn(move || of_thread(thread))).collect();
        for thread in running {
            shown.extend(thread.join().map_err(|_| "a thread of load panicked")??);
        }
        Ok::<_, Failure>(())
    })?;
    Ok((shown, begin.elapsed().as_secs_f64()))
}

/// The same for tasks that show the times in ns that their answers took.
fn spread<F>(
    connections: usize,
    threads: usize,
    time: Duration,
    task: impl Fn(usize, Instant) -> F + Sync,
) -> Result<Load, Failure>
where
    F: Future<Output = io::Result<Vec<u32>>> + 'static,
{
    let (times, seconds) = spread_with(connections, threads, time, task)?;
    let mut times = times.concat();
    Ok(Load { count: times.len() as f64, seconds, latency_us: Some(percentiles_us(&mut times)) })
}

/// Of times in ns: in µs, what half of them and 99 of 100 took.
fn percentiles_us(times: &mut [u32]) -> (f64, f64) {
    times.sort_unstable();
    let at = |share| f64::from(percentile(times, share)) / 1e3;
    (at(0.5), at(0.99))
}
