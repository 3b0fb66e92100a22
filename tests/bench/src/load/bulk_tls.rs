//! A stream of octets in both directions on each TLS connection, as fast as they come back.

use super::dial::Dial;
use super::{Load, spread_with};
use crate::Failure;
use std::io;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Octets written and read at once.
const PIECE_OCTETS: usize = 64 << 10;

/// Loads a server from some threads for some time.
pub(crate) fn run(dial: &Dial, connections: usize, threads: usize, time: Duration) -> Result<Load, Failure> {
    let (octets, seconds) = spread_with(connections, threads, time, |_, until| stream(dial.clone(), until))?;
    let count = octets.into_iter().sum::<u64>() as f64 / f64::from(1 << 20);
    Ok(Load { count, seconds, latency_us: None })
}

/// Octets that came back.
async fn stream(dial: Dial, until: Instant) -> io::Result<u64> {
    let (mut reader, mut writer) = tokio::io::split(dial.connect().await?);
    let send = async {
        let piece = vec![b'x'; PIECE_OCTETS];
        loop {
            writer.write_all(&piece).await?;
        }
    };
    let receive = async {
        let (mut piece, mut octets) = (vec![0; PIECE_OCTETS], 0);
        while Instant::now() < until {
            match reader.read(&mut piece).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                some => octets += some as u64,
            }
        }
        Ok(octets)
    };
    tokio::select! { octets = receive => octets, failed = send => failed }
}
