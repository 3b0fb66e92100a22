//! Bodies of any length, streamed: what is on its way is bounded by credit, never by length.

use super::Web;
use std::io::Write as _;
use zilla_tests::http::HttpClient;
use zilla_tests::random::Random;
use zilla_tests::{Client, Host};

/// Memory that the host may be found to have grown by while a body goes through.
const SLACK_KIB: u64 = 8 << 10;

/// How the length of a body is told.
#[derive(Clone, Copy, Debug)]
enum Framing {
    Length,
    Chunked,
}

/// Octets that repeat after a length that is a multiple of nothing else here.
struct Pattern(Vec<u8>);

impl Pattern {
    fn new() -> Self {
        Self(Random::new(9).octets((1 << 20) + 7))
    }

    /// As many octets from a place in the body as lie in one piece, at most `most`.
    fn piece(&self, at: u64, most: u64) -> &[u8] {
        let rest = &self.0[(at % self.0.len() as u64) as usize..];
        &rest[..rest.len().min(usize::try_from(most).unwrap_or(usize::MAX))]
    }

    /// Whether octets are those at a place of the body.
    fn is_at(&self, mut at: u64, mut octets: &[u8]) -> bool {
        while !octets.is_empty() {
            let piece = self.piece(at, octets.len() as u64);
            if &octets[..piece.len()] != piece {
                return false;
            }
            at += piece.len() as u64;
            octets = &octets[piece.len()..];
        }
        true
    }
}

/// Sends a request with a body of that many octets.
fn send(client: &mut Client, pattern: &Pattern, octets: u64, framing: Framing) {
    /// Length of a chunk, which is no divisor of anything.
    const CHUNK_OCTETS: u64 = 99_991;
    let mut client = std::io::BufWriter::with_capacity(256 << 10, client);
    let mut write = |octets: &[u8]| client.write_all(octets).expect("the host takes the body");
    match framing {
        Framing::Length => {
            write(format!("PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: {octets}\r\n\r\n").as_bytes());
        }
        Framing::Chunked => write(b"PUT / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"),
    }
    let mut at = 0;
    while at < octets {
        let piece = pattern.piece(at, (octets - at).min(CHUNK_OCTETS));
        match framing {
            Framing::Length => write(piece),
            Framing::Chunked => {
                write(format!("{:x}\r\n", piece.len()).as_bytes());
                write(piece);
                write(b"\r\n");
            }
        }
        at += piece.len() as u64;
    }
    if let Framing::Chunked = framing {
        write(b"0\r\n\r\n");
    }
    client.flush().expect("the host takes the body");
}

/// Sends a body and receives it at the same time. The answer is the most memory that the host had meanwhile.
#[track_caller]
fn stream(host: &Host, client: &mut HttpClient, pattern: &Pattern, octets: u64, framing: Framing) -> u64 {
    /// Octets between two looks at the memory.
    const LOOK_OCTETS: u64 = 4 << 20;
    let mut writer = client.client().share();
    std::thread::scope(|scope| {
        scope.spawn(move || send(&mut writer, pattern, octets, framing));
        let head = client.head();
        assert_eq!(head.status, 200);
        let mut most = 0;
        let mut at = 0;
        let mut look_at = LOOK_OCTETS;
        client.read_body(&head, |piece| {
            assert!(pattern.is_at(at, piece), "other octets came back at {at}");
            at += piece.len() as u64;
            if at >= look_at {
                look_at = at + LOOK_OCTETS;
                most = most.max(host.rss_kib());
            }
        });
        assert_eq!(at, octets);
        most
    })
}

#[test]
fn bodies_of_any_length_come_back_whole() {
    let web = Web::start();
    let pattern = Pattern::new();
    let mut client = web.connect();
    for framing in [Framing::Length, Framing::Chunked] {
        for octets in [0, 1, 2, 4_095, 65_535, 65_536, 65_537, 131_072, 1_000_000, 5_000_011] {
            stream(&web.host, &mut client, &pattern, octets, framing);
        }
    }
}

#[test]
fn a_quarter_of_a_gigabyte_passes_through_a_few_kilobytes() {
    const OCTETS: u64 = 256 << 20;
    let web = Web::start();
    let pattern = Pattern::new();
    for framing in [Framing::Length, Framing::Chunked] {
        let mut client = web.connect();
        stream(&web.host, &mut client, &pattern, 1 << 20, framing);
        let before = web.host.rss_kib();
        let most = stream(&web.host, &mut client, &pattern, OCTETS, framing);
        let grown = most.saturating_sub(before);
        assert!(grown < SLACK_KIB, "{framing:?}: the host grew by {grown} KiB");
    }
}

#[test]
fn a_slow_reader_gets_its_body_and_holds_up_nobody() {
    const OCTETS: u64 = 8 << 20;
    let web = Web::start();
    let pattern = Pattern::new();
    for framing in [Framing::Length, Framing::Chunked] {
        let mut slow = HttpClient::new(Client::connect_narrow(web.port.first()));
        let mut neighbour = web.connect();
        let mut writer = slow.client().share();
        let before = web.host.rss_kib();
        let mut at = 0;
        std::thread::scope(|scope| {
            scope.spawn(|| send(&mut writer, &pattern, OCTETS, framing));
            let head = slow.head();
            slow.read_body(&head, |piece| {
                assert!(pattern.is_at(at, piece), "{framing:?}: other octets came back at {at}");
                at += piece.len() as u64;
                // As slow as a neighbour that asks and waits for its answer.
                assert_eq!(neighbour.ask(super::post("meanwhile")).text(), "meanwhile");
            });
        });
        assert_eq!(at, OCTETS);
        let grown = web.host.rss_kib().saturating_sub(before);
        assert!(grown < SLACK_KIB, "{framing:?}: the host grew by {grown} KiB");
    }
}

#[test]
fn clients_that_never_read_their_responses_cost_no_memory() {
    let web = Web::start();
    web.expect_well();
    let before = web.host.rss_kib();
    let pattern = Pattern::new();
    let head = format!("PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n", 1_u64 << 30);
    let mut clients: Vec<Client> = (0..20).map(|_| Client::connect_narrow(web.port.first())).collect();
    std::thread::scope(|scope| {
        for client in &mut clients {
            let (head, pattern) = (&head, &pattern);
            scope.spawn(move || {
                client.set_write_patience(std::time::Duration::from_millis(500));
                client.send(head);
                while client.write_some(&pattern.0).is_ok() {}
            });
        }
    });
    let grown = web.host.rss_kib().saturating_sub(before);
    assert!(grown < 2 * SLACK_KIB, "20 clients that do not read cost {grown} KiB");
    web.expect_well();
}
