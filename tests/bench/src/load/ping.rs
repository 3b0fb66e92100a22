//! Small messages to and fro: the next is sent when the one before has come back.

use super::dial::Dial;
use super::{Load, spread};
use crate::Failure;
use std::io;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Loads a server from some threads for some time.
pub(crate) fn run(
    dial: &Dial,
    connections: usize,
    octets: usize,
    threads: usize,
    time: Duration,
) -> Result<Load, Failure> {
    spread(connections, threads, time, |_, until| ping(dial.clone(), octets, until))
}

/// The times in ns that the messages of one connection took.
async fn ping(dial: Dial, octets: usize, until: Instant) -> io::Result<Vec<u32>> {
    let mut connection = dial.connect().await?;
    let (message, mut answer) = (vec![b'x'; octets], vec![0; octets]);
    let mut times = Vec::new();
    loop {
        let begin = Instant::now();
        if begin >= until {
            return Ok(times);
        }
        connection.write_all(&message).await?;
        connection.flush().await?;
        connection.read_exact(&mut answer).await?;
        times.push(u32::try_from(begin.elapsed().as_nanos()).unwrap_or(u32::MAX));
    }
}
