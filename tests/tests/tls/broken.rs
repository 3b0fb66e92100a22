//! Handshakes that come to nothing.

use crate::support::peer::Offer;
use crate::support::pki::Pki;
use crate::support::yaml::server;
use std::time::{Duration, Instant};
use zilla_tests::{Client, Host, PATIENCE, Ports, until};

const FAILED: &str = "a TLS handshake failed";

/// The records of an alert (RFC 8446, 6): fatal, and why.
fn fatal(description: u8) -> Vec<u8> {
    vec![21, 3, 3, 0, 2, 2, description]
}

/// The first flight of a client.
fn hello(offer: &Offer) -> (rustls::ClientConnection, Vec<u8>) {
    let (mut session, mut octets) = (offer.session(), Vec::new());
    session.write_tls(&mut octets).unwrap();
    (session, octets)
}

#[test]
fn plain_text_is_answered_with_an_alert() {
    let (pki, port) = (Pki::new(), Ports::one());
    pki.issue("a", &["a.test"]);
    let host = Host::start(&server(&pki, port.first(), &["a"], "{keys: [a]}"));
    let mut client = Client::connect(port.first());
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    const DECODE_ERROR: u8 = 50;
    assert_eq!(client.recv(7), fatal(DECODE_ERROR));
    client.end();
    client.expect_end();
    let line = host.log().wait_for_event("INFO", FAILED);
    assert!(line.field("peer").starts_with("127.0.0.1:"), "{line}");
    Offer::new(&pki, "a.test").connect(port.first()).echo(b"hello");
}

#[test]
fn oversized_records_are_refused() {
    let (pki, port) = (Pki::new(), Ports::one());
    pki.issue("a", &["a.test"]);
    let _host = Host::start(&server(&pki, port.first(), &["a"], "{keys: [a]}"));
    let mut client = Client::connect(port.first());
    client.send([22, 3, 1, 0xff, 0xff]);
    let alert = client.recv(7);
    assert_eq!(alert[..6], fatal(0)[..6], "{alert:?}");
    client.end();
    client.expect_end();
    // Within a session, too.
    let mut peer = Offer::new(&pki, "a.test").connect(port.first());
    peer.0.sock.send([23, 3, 3, 0xff, 0xff]);
    let mut received = [0; 1];
    let error = std::io::Read::read(&mut peer.0, &mut received).unwrap_err();
    assert!(error.to_string().contains("fatal alert"), "{error}");
}

#[test]
fn a_hello_over_the_limit_is_refused() {
    let (pki, port) = (Pki::new(), Ports::one());
    pki.issue("a", &["a.test"]);
    let host = Host::start(&server(&pki, port.first(), &["a"], "{keys: [a]}"));
    let mut client = Client::connect(port.first());
    // A message of 64 KiB in records of one octet, which never ends.
    client.send([22, 3, 1, 0, 4, 1, 0, 0xff, 0xff]);
    for _ in 0..20_000 {
        if !client.try_send([22, 3, 1, 0, 1, 0]) {
            break;
        }
    }
    host.log().wait_for_event("INFO", FAILED);
    client.end();
    let _ = client.recv_to_end();
    until("no connection", || host.connections() == 0);
}

#[test]
fn a_message_over_the_limit_is_refused() {
    let (pki, port) = (Pki::new(), Ports::one());
    pki.issue("a", &["a.test"]);
    let host = Host::start(&server(&pki, port.first(), &["a"], "{keys: [a]}"));
    let (_, octets) = hello(&Offer::of(&pki, "a.test", &[&rustls::version::TLS12]));
    let mut client = Client::connect(port.first());
    client.send(&octets);
    // A message that is as long as rustls takes them, and is not longer but for the heads of its records: those are
    // most of it, so that one read cannot bring both the limit and the end of the message.
    client.send([22, 3, 3, 0, 4, 16, 0, 0xff, 0xff]);
    while client.try_send([22, 3, 3, 0, 2, 0, 0].repeat(50)) {}
    let line = host.log().wait_for_event("INFO", FAILED);
    assert_eq!(line.field("reason"), "a message of more than 65536 octets");
}

#[test]
fn a_first_flight_cut_anywhere_leaves_nothing() {
    let (pki, port) = (Pki::new(), Ports::one());
    pki.issue("a", &["a.test"]);
    let host = Host::start(&server(&pki, port.first(), &["a"], "{keys: [a]}"));
    let (_, octets) = hello(&Offer::new(&pki, "a.test").offering(&["one", "two"]));
    for cut in 0..octets.len() {
        let mut client = Client::connect(port.first());
        client.send(&octets[..cut]);
        client.end();
        client.expect_end();
    }
    until("no connection", || host.connections() == 0);
    Offer::new(&pki, "a.test").connect(port.first()).echo(b"hello");
}

#[test]
fn a_second_flight_cut_anywhere_leaves_nothing() {
    let (pki, port) = (Pki::new(), Ports::one());
    pki.issue("a", &["a.test"]);
    let host = Host::start(&server(&pki, port.first(), &["a"], "{keys: [a]}"));
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let offer = Offer::of(&pki, "a.test", &[version]);
        let mut cut = 0;
        loop {
            let (mut session, octets) = hello(&offer);
            let mut client = Client::connect(port.first());
            client.send(&octets);
            let mut flight = Vec::new();
            while flight.is_empty() {
                session.read_tls(&mut client).unwrap();
                session.process_new_packets().unwrap();
                while session.wants_write() {
                    session.write_tls(&mut flight).unwrap();
                }
            }
            if cut == flight.len() {
                break;
            }
            client.send(&flight[..cut]);
            client.end();
            let _ = client.recv_to_end();
            cut += 1;
        }
    }
    until("no connection", || host.connections() == 0);
}

#[test]
fn damaged_flights_never_hurt_the_host() {
    let (pki, port) = (Pki::new(), Ports::one());
    pki.issue("a", &["a.test"]);
    let host = Host::start(&server(&pki, port.first(), &["a"], "{keys: [a]}"));
    let (_, octets) = hello(&Offer::new(&pki, "a.test").offering(&["one"]));
    for at in 0..octets.len() {
        let mut damaged = octets.clone();
        damaged[at] ^= 0x81;
        let mut client = Client::connect(port.first());
        client.send(&damaged);
        client.end();
        let _ = client.recv_to_end();
    }
    until("no connection", || host.connections() == 0);
    Offer::new(&pki, "a.test").connect(port.first()).echo(b"hello");
}

#[test]
fn a_handshake_that_takes_too_long_is_broken() {
    const TIMEOUT: Duration = Duration::from_millis(300);
    let (pki, port) = (Pki::new(), Ports::one());
    pki.issue("a", &["a.test"]);
    let options = format!("{{keys: [a], handshake-timeout: {}ms}}", TIMEOUT.as_millis());
    let host = Host::start(&server(&pki, port.first(), &["a"], &options));
    let (_, octets) = hello(&Offer::new(&pki, "a.test"));
    let start = Instant::now();
    let mut clients = [&octets[..0], &octets[..9], &octets].map(|sent| {
        let mut client = Client::connect(port.first());
        client.send(sent);
        client
    });
    // One that is done has no limit.
    let mut peer = Offer::new(&pki, "a.test").connect(port.first());
    for client in &mut clients {
        let _ = client.recv_to_end();
    }
    assert!((TIMEOUT..PATIENCE).contains(&start.elapsed()), "{:?}", start.elapsed());
    host.log()
        .wait_for("the limit", |line| line.message() == FAILED && line.field("reason") == "it took too long");
    peer.echo(b"hello");
}
