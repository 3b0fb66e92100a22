//! Sockets of a generation that ends, and what is behind one that does not read.

use super::echo;
use std::time::{Duration, Instant};
use zilla_tests::random::Random;
use zilla_tests::websocket::{WebSocket, frame, opcode};
use zilla_tests::{Host, Ports, config};

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

#[test]
fn messages_for_a_client_that_does_not_read_wait_at_their_sender() {
    /// What may be on its way: buffers of the kernel and the credit of each direction.
    const SLACK_KIB: u64 = 16 << 10;
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
