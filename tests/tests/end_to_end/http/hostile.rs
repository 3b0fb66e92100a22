//! Octets that are no HTTP, and clients that break off: nobody else notices.

use super::{Web, post};
use std::time::Instant;
use zilla_tests::http::HttpClient;
use zilla_tests::random::Random;
use zilla_tests::{Client, PATIENCE, until};

/// Sends octets and an end, and reads to the end: a refusal or nothing.
#[track_caller]
fn throw(web: &Web, octets: &[u8]) -> Vec<u8> {
    let mut client = Client::connect(web.port.first());
    // It may be refused and closed before everything is sent.
    client.try_send(octets);
    client.end();
    client.recv_to_end().0
}

#[track_caller]
fn expect_neighbour(neighbour: &mut HttpClient) {
    assert_eq!(neighbour.ask(post("all quiet?")).text(), "all quiet?");
}

#[test]
fn random_octets_harm_no_neighbour() {
    let web = Web::start();
    let mut neighbour = web.connect();
    expect_neighbour(&mut neighbour);
    let connections = web.host.connections();
    let mut random = Random::new(1);
    for _ in 0..300 {
        let count = 1 + random.below(3_000);
        let received = throw(&web, &random.octets(count));
        let text = String::from_utf8_lossy(&received);
        assert!(received.is_empty() || text.starts_with("HTTP/1.1 4"), "{text}");
        expect_neighbour(&mut neighbour);
    }
    until("the host closes them all", || web.host.connections() <= connections);
}

#[test]
fn damaged_requests_harm_no_neighbour() {
    let web = Web::start();
    let mut neighbour = web.connect();
    expect_neighbour(&mut neighbour);
    let connections = web.host.connections();
    let mut random = Random::new(2);
    let chunked = "POST /a?b=c HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\nx: y\r\n\r\n5\r\nhello\r\n0\r\nz: z\r\n\r\n";
    for round in 0..600 {
        let mut octets =
            if round % 2 == 0 { post("hello").repeat(3) } else { chunked.repeat(3) }.into_bytes();
        for _ in 0..1 + random.below(4) {
            let at = random.below(octets.len());
            match random.below(3) {
                0 => octets[at] = random.octets(1)[0],
                1 => drop(octets.remove(at)),
                _ => octets.insert(at, b"\r\n :;,0\0\xff"[random.below(9)]),
            }
        }
        let received = throw(&web, &octets);
        assert!(received.is_empty() || received.starts_with(b"HTTP/1.1 "), "{}", received.escape_ascii());
        expect_neighbour(&mut neighbour);
    }
    until("the host closes them all", || web.host.connections() <= connections);
}

#[test]
fn a_client_that_breaks_off_amid_a_body_harms_no_neighbour() {
    let web = Web::start();
    let mut neighbour = web.connect();
    expect_neighbour(&mut neighbour);
    let connections = web.host.connections();
    for _ in 0..200 {
        let mut client = Client::connect(web.port.first());
        client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n");
        client.send([b'x'; 5_000]);
        client.reset();
        expect_neighbour(&mut neighbour);
    }
    until("the host closes them all", || web.host.connections() <= connections);
}

#[test]
fn a_client_that_never_ends_its_head_is_refused_in_time() {
    let web = Web::start();
    let mut client = web.connect();
    client.send("GET / HTTP/1.1\r\nhost: a\r\n");
    let mut writer = client.client().share();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let start = Instant::now();
            while writer.try_send(b"x: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n") {
                assert!(start.elapsed() < PATIENCE, "a head without end is read without end");
            }
        });
        assert_eq!(client.response().head.status, 431);
        // What was sent since is thrown away; then the connection is closed.
        client.client().recv_to_end();
    });
    web.expect_well();
}
