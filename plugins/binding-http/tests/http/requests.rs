//! Requests that are good, and what becomes of them.

use crate::script::{connect, echo, http};
use zilla_sdk::testing::*;

#[test]
fn a_request_is_handed_on_and_answered() {
    let harness = http("");
    let mut client = connect(&harness);
    client.send(data("GET /a?b HTTP/1.1\r\nHost: Example.com\r\nUser-Agent: x\r\n\r\n"));
    let mut exit = harness.expect_open();
    exit.recv(begin_with([
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "example.com:80"),
        (":path", "/a?b"),
        ("user-agent", "x"),
    ]));
    exit.recv(end());
    exit.send_all([begin_with([(":status", "200"), ("content-length", "2")]), data("ok"), end()]);
    client.recv(data("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"));
    client.recv_nothing();
}

#[test]
fn a_connection_is_kept_for_the_next_request() {
    let harness = http("");
    let mut client = connect(&harness);
    for _ in 0..3 {
        client.send(data("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"));
        echo(&mut harness.expect_open());
        client.recv(data("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"));
        client.recv_nothing();
    }
}
