//! Sockets of a generation that ends, and what is behind one that does not read.

use super::echo;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use zilla_tests::random::Random;
use zilla_tests::websocket::{WebSocket, frame, opcode};
use zilla_tests::{Host, Ports, command, config, files};

/// Expects that sockets go on for most of a drain of two seconds, and are told 1001 before it is over.
#[track_caller]
fn expect_leaving(sockets: &mut [WebSocket], since: Instant) {
    for socket in &mut *sockets {
        socket.expect_echo(opcode::TEXT, "still here");
    }
    for socket in &mut *sockets {
        socket.expect_closed(1001);
    }
    let took = since.elapsed();
    assert!(took >= Duration::from_millis(1_700), "they were closed after {took:?}");
}

#[test]
fn past_most_of_a_drain_peers_are_told_that_the_gateway_goes_away() {
    let port = Ports::one();
    let mut host = Host::with(&["-w1", "--drain-ms=2000"]).start(&config::ws_echo(&port, ""));
    let mut sockets: Vec<WebSocket> = (0..20).map(|_| WebSocket::connect(port.first())).collect();
    let start = Instant::now();
    host.signal("TERM");
    host.log().wait_for_event("INFO", "draining");
    expect_leaving(&mut sockets, start);
    drop(sockets);
    assert_eq!(host.wait().code(), Some(0));
}

/// What may be on its way: buffers of the kernel and the credit of each direction.
const SLACK_KIB: u64 = 16 << 10;

#[test]
fn messages_for_a_client_that_does_not_read_wait_at_their_sender() {
    const MESSAGES: usize = 2_000;
    let (host, port) = echo("");
    let mut socket = WebSocket::connect(port);
    socket.expect_echo(opcode::BINARY, "warm");
    let before = host.rss_kib();
    let payload = Random::new(5).octets(64 << 10);
    let octets = frame(0x80 | opcode::BINARY, &payload);
    // All of it is 125 MiB. Nothing is read before the gateway takes no more.
    let mut writer = socket.client().share();
    writer.set_write_patience(Duration::from_secs(1));
    let mut sent = 0;
    while sent < MESSAGES * octets.len() {
        let at = sent % octets.len();
        match writer.write_some(&octets[at..]) {
            Ok(more) => sent += more,
            Err(_) => break,
        }
    }
    assert!(sent < MESSAGES * octets.len(), "a client that does not read was read to the end");
    let grown = host.rss_peak_kib().saturating_sub(before);
    assert!(grown < SLACK_KIB, "{grown} KiB wait in the host");
    // Now that it reads, it gets all of it.
    let whole = sent.div_ceil(octets.len());
    writer.set_write_patience(zilla_tests::PATIENCE);
    std::thread::scope(|scope| {
        scope.spawn(|| writer.send(&octets[octets.len() - (whole * octets.len() - sent)..]));
        for index in 0..whole {
            assert!(socket.recv().payload == payload, "message {index} has changed");
        }
    });
}

#[test]
fn messages_for_a_client_of_http_2_that_does_not_read_wait_at_their_sender() {
    let (host, port) = echo("");
    WebSocket::connect(port).expect_echo(opcode::BINARY, "warm");
    let before = host.rss_kib();
    let python = files::root().join("target/venv/bin/python");
    let install = "python3 -m venv target/venv && target/venv/bin/pip install h2";
    assert!(python.is_file(), "there is no {}; to install it: {install}", python.display());
    let script = files::root().join("tests/tests/end_to_end/ws/peers/h2_slow.py");
    let mut client = Command::new(python);
    client.arg(script).arg(port.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut client = command::spawn(&mut client);
    let mut said = BufReader::new(client.stdout.take().expect("stdout is a pipe")).lines();
    // Of 32 MiB, nothing is read before the gateway takes no more.
    assert_eq!(said.next().transpose().unwrap().as_deref(), Some("waiting"));
    let grown = host.rss_peak_kib().saturating_sub(before);
    assert!(grown < SLACK_KIB, "{grown} KiB wait in the host");
    client.stdin.take().expect("stdin is a pipe").write_all(b"\n").unwrap();
    // Now that it reads, it gets all of it.
    assert_eq!(said.next().transpose().unwrap().as_deref(), Some("well"));
    assert!(command::wait(&mut client).success());
}
