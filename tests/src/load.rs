//! Clients that ask without a pause, check each answer, and count what goes wrong.

use crate::{Client, until};
use std::io::{self, Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Failures of one client whose reasons are kept.
const REASONS_MAX: usize = 5;

/// Clients at work, each on a thread.
pub struct Load {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<Tally>>,
}

#[derive(Default)]
struct Shared {
    is_over: AtomicBool,
    answers: AtomicU64,
}

/// What clients have seen.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Answers that were as they should be.
    pub answers: u64,
    /// Connections that were made.
    pub connections: u64,
    /// Requests without such an answer.
    pub failed: u64,
    /// The first reasons.
    pub reasons: Vec<String>,
    /// The longest time between two answers that one client got.
    pub longest_gap: Duration,
}

/// What one client does for one answer. It is told its number and how many answers it has had.
type Ask = fn(&mut Option<Client>, u16, u64) -> Result<(), String>;

impl Load {
    /// HTTP requests with bodies. Connections are kept as long as the host keeps them.
    pub fn of_requests(port: u16, clients: usize) -> Self {
        Self::start(port, clients, |kept, port, number| {
            let client = kept_or_new(kept, port)?;
            if request(client, number)? {
                *kept = None;
            }
            Ok(())
        })
    }

    /// HTTP requests, each on a connection of its own.
    pub fn of_first_requests(port: u16, clients: usize) -> Self {
        Self::start(port, clients, |_, port, number| {
            let mut client = connect(port)?;
            request(&mut client, number)?;
            // No TIME_WAIT: ports would run out.
            client.reset();
            Ok(())
        })
    }

    /// Words to an echo, each on a connection of its own.
    pub fn of_connections(port: u16, clients: usize) -> Self {
        Self::start(port, clients, |_, port, number| {
            let mut client = connect(port)?;
            echo(&mut client, number)?;
            client.reset();
            Ok(())
        })
    }

    /// Words to an echo, all on one connection.
    pub fn of_words(port: u16, clients: usize) -> Self {
        Self::start(port, clients, |kept, port, number| echo(kept_or_new(kept, port)?, number))
    }

    fn start(port: u16, clients: usize, ask: Ask) -> Self {
        let shared = Arc::new(Shared::default());
        let thread = |client| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || work(&shared, port, client as u64, ask))
        };
        let load = Self { threads: (0..clients).map(thread).collect(), shared };
        load.wait_for_answers(clients as u64);
        load
    }

    /// Waits for that many more answers: what was done before has met the load.
    ///
    /// # Panics
    /// If they do not come within [`crate::PATIENCE`].
    #[track_caller]
    pub fn wait_for_answers(&self, count: u64) {
        let enough = self.answers() + count;
        until("more answers", || self.answers() >= enough || self.is_broken());
    }

    /// How many answers there were so far.
    pub fn answers(&self) -> u64 {
        self.shared.answers.load(Ordering::Relaxed)
    }

    fn is_broken(&self) -> bool {
        self.threads.iter().any(JoinHandle::is_finished)
    }

    /// Ends it and sums up.
    pub fn end(mut self) -> Tally {
        self.shared.is_over.store(true, Ordering::Relaxed);
        let tallies = self.threads.drain(..).map(|thread| thread.join().expect("clients do not panic"));
        tallies.fold(Tally::default(), Tally::and)
    }

    /// Ends it and expects that nothing went wrong.
    #[track_caller]
    pub fn expect_unnoticed(self) -> Tally {
        let tally = self.end();
        assert_eq!((tally.failed, &tally.reasons), (0, &Vec::new()), "{tally:?}");
        assert!(tally.answers > 0, "nothing was asked");
        tally
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
    }
}

impl Tally {
    fn and(mut self, other: Self) -> Self {
        self.reasons.extend(other.reasons);
        Self {
            answers: self.answers + other.answers,
            connections: self.connections + other.connections,
            failed: self.failed + other.failed,
            reasons: self.reasons,
            longest_gap: self.longest_gap.max(other.longest_gap),
        }
    }
}

/// One client, until it is over or nothing works any more.
fn work(shared: &Shared, port: u16, client: u64, ask: Ask) -> Tally {
    const FAILURES_MAX: u64 = 1_000;
    let mut tally = Tally::default();
    let mut kept = None;
    let mut last = Instant::now();
    let mut number = client << 32;
    while !shared.is_over.load(Ordering::Relaxed) && tally.failed < FAILURES_MAX {
        number += 1;
        tally.connections += u64::from(kept.is_none());
        match ask(&mut kept, port, number) {
            Ok(()) => {
                tally.answers += 1;
                tally.longest_gap = tally.longest_gap.max(last.elapsed());
                last = Instant::now();
                shared.answers.fetch_add(1, Ordering::Relaxed);
            }
            Err(reason) => {
                kept = None;
                tally.failed += 1;
                if tally.reasons.len() < REASONS_MAX {
                    tally.reasons.push(reason);
                }
            }
        }
    }
    tally
}

fn connect(port: u16) -> Result<Client, String> {
    Client::try_connect(port).map_err(|error| format!("connecting: {error}"))
}

fn kept_or_new(kept: &mut Option<Client>, port: u16) -> Result<&mut Client, String> {
    match kept {
        Some(client) => Ok(client),
        None => Ok(kept.insert(connect(port)?)),
    }
}

fn echo(client: &mut Client, number: u64) -> Result<(), String> {
    let word = number.to_be_bytes();
    let mut octets = [0; 8];
    let echoed = client.write_all(&word).and_then(|()| client.read_exact(&mut octets));
    match echoed {
        Ok(()) if octets == word => Ok(()),
        Ok(()) => Err(format!("{word:?} came back as {octets:?}")),
        Err(error) => Err(format!("a word: {error}")),
    }
}

/// Sends a request and reads its response; the answer is whether it is the last one of its connection.
fn request(client: &mut Client, number: u64) -> Result<bool, String> {
    let body = format!("{number:020}").repeat(1 + (number % 8) as usize);
    let head = format!("POST /{number} HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n\r\n", body.len());
    client.write_all(format!("{head}{body}").as_bytes()).map_err(|error| format!("sending: {error}"))?;
    let (head, received) = response(client).map_err(|error| format!("a response: {error}"))?;
    let has = |line: &str| head.lines().any(|found| found.eq_ignore_ascii_case(line));
    match head.starts_with("HTTP/1.1 200 ") && received == body.as_bytes() {
        true => Ok(has("connection: close")),
        false => Err(format!("{head:?} with {:?} instead of {body:?}", received.escape_ascii().to_string())),
    }
}

/// Reads a response whose length is told. No more than that one can come.
fn response(client: &mut Client) -> io::Result<(String, Vec<u8>)> {
    let mut received = Vec::new();
    let mut piece = [0; 4096];
    let mut more = |received: &mut Vec<u8>| match client.read(&mut piece)? {
        0 => {
            let shown = received.escape_ascii().to_string();
            Err(io::Error::new(io::ErrorKind::UnexpectedEof, format!("the end, after {shown:?}")))
        }
        some => {
            received.extend_from_slice(&piece[..some]);
            Ok(())
        }
    };
    let end = loop {
        match received.windows(4).position(|four| four == b"\r\n\r\n") {
            Some(end) => break end + 4,
            None => more(&mut received)?,
        }
    };
    let body = received.split_off(end);
    let head = String::from_utf8_lossy(&received).into_owned();
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    let length: usize = length.ok_or_else(|| io::Error::other(format!("no length: {head:?}")))?;
    let mut body = body;
    while body.len() < length {
        more(&mut body)?;
    }
    Ok((head, body))
}
