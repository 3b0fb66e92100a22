//! Clients that take too long, in real time: limits are short, and only that they are met is tested.

use super::{GET, Web, post};
use std::time::{Duration, Instant};
use zilla_tests::Client;
use zilla_tests::client::End;

/// Longer than any limit here, shorter than any default.
const LONG: Duration = Duration::from_secs(20);

#[test]
fn a_head_that_does_not_come_is_answered_with_408() {
    let web = Web::with("{timeouts: {header-read-ms: 200}}");
    let start = Instant::now();
    let mut client = web.connect();
    client.send("GET / HTTP/1.1\r\nhost: ");
    assert_eq!(client.response().head.status, 408);
    client.expect_end();
    assert!(Duration::from_millis(200) <= start.elapsed() && start.elapsed() < LONG, "{:?}", start.elapsed());
}

#[test]
fn a_head_that_trickles_in_is_no_better() {
    let web = Web::with("{timeouts: {header-read-ms: 300}}");
    let start = Instant::now();
    let mut client = web.connect();
    let mut writer = client.client().share();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            while start.elapsed() < LONG && writer.try_send("x") {
                std::thread::sleep(Duration::from_millis(10));
            }
        });
        assert_eq!(client.response().head.status, 408);
        client.client().recv_to_end();
    });
    assert!(start.elapsed() < LONG);
}

#[test]
fn a_connection_without_requests_is_closed_in_silence() {
    let web = Web::with("{timeouts: {header-read-ms: 200, idle-ms: 200}}");
    let start = Instant::now();
    web.connect().expect_end();
    let mut client = web.connect();
    assert_eq!(client.ask(GET).head.status, 200);
    client.expect_end();
    assert!(start.elapsed() < LONG, "{:?}", start.elapsed());
}

#[test]
fn a_body_that_stops_breaks_its_response_off() {
    let web = Web::with("{timeouts: {body-read-ms: 200}}");
    let start = Instant::now();
    let mut client = web.connect();
    client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nx");
    assert_eq!(client.head().status, 200);
    assert_eq!(client.client().recv_to_end().1, End::Reset);
    assert!(start.elapsed() < LONG, "{:?}", start.elapsed());
}

#[test]
fn a_client_that_does_not_take_its_response_is_closed() {
    let web = Web::with("{timeouts: {write-ms: 300, body-read-ms: 60000}}");
    let start = Instant::now();
    let mut client = Client::connect_narrow(web.port.first());
    client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000000\r\n\r\n");
    while client.try_send([b'x'; 100_000]) {
        assert!(start.elapsed() < LONG, "a response is offered without end");
    }
    web.expect_well();
}

#[test]
fn a_client_that_is_quick_is_never_closed() {
    let web =
        Web::with("{timeouts: {header-read-ms: 1000, body-read-ms: 1000, write-ms: 1000, idle-ms: 1000}}");
    let start = Instant::now();
    let mut client = web.connect();
    while start.elapsed() < Duration::from_millis(1_500) {
        assert_eq!(client.ask(post("quick")).text(), "quick");
    }
}
