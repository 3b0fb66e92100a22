//! Whole exchanges through both.

use crate::chain::Chain;
use zilla_sdk::testing::*;

#[test]
fn requests_of_many_clients_share_a_connection() {
    let mut chain = Chain::new("", "");
    let mut origin = None;
    for number in 0..5 {
        let mut client = chain.connect();
        client.send(data(format!("POST /{number} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")));
        chain.pump();
        let origin = origin.get_or_insert_with(|| chain.accept());
        let sent = format!("POST /{number} HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi");
        assert_eq!(origin.recv_text(), sent);
        origin.send(data(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n",
        ));
        chain.pump();
        let received =
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-sum: 1\r\n\r\n";
        assert_eq!(client.recv_text(), received);
    }
    chain.client.expect_no_open();
}

#[test]
fn an_origin_that_fails_is_a_502_and_one_that_is_slow_a_504() {
    for (answer, status) in [
        (vec![data("nonsense\r\n\r\n")], "502 Bad Gateway"),
        (vec![end()], "502 Bad Gateway"),
        (vec![abort(CloseCode::Unspecified)], "502 Bad Gateway"),
        (vec![reset(CloseCode::Refused), abort(CloseCode::Refused)], "502 Bad Gateway"),
        (vec![abort(CloseCode::Timeout)], "504 Gateway Timeout"),
        (vec![abort(CloseCode::Limit)], "503 Service Unavailable"),
    ] {
        let mut chain = Chain::new("", "");
        let mut client = chain.connect();
        client.send(data("GET / HTTP/1.1\r\nhost: a\r\n\r\n"));
        chain.pump();
        let mut origin = chain.accept();
        let shown = format!("{answer:?}");
        origin.send_all(answer);
        chain.pump();
        assert!(client.recv_text().starts_with(&format!("HTTP/1.1 {status}\r\n")), "{shown}");
    }
    let mut chain = Chain::new("", "timeouts: {response-ms: 500}");
    let mut client = chain.connect();
    client.send(data("GET / HTTP/1.1\r\nhost: a\r\n\r\n"));
    chain.pump();
    chain.client.advance(500);
    chain.pump();
    assert!(client.recv_text().starts_with("HTTP/1.1 504 "));
}

#[test]
fn one_request_too_many_is_a_503() {
    let mut chain = Chain::new("", "versions: [http/1.1], limits: {connections: 1, waiting-requests: 1}");
    let mut clients = [chain.connect(), chain.connect(), chain.connect()];
    for client in &mut clients {
        client.send(data("GET / HTTP/1.1\r\nhost: a\r\n\r\n"));
        chain.pump();
    }
    assert!(clients[2].recv_text().starts_with("HTTP/1.1 503 "));
    clients[1].recv_nothing();
}

#[test]
fn an_expectation_goes_from_end_to_end() {
    let mut chain = Chain::new("expect: pass", "");
    let mut client = chain.connect();
    client.send(data("PUT / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n"));
    chain.pump();
    let mut origin = chain.accept();
    let head = "PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n";
    assert_eq!(origin.recv_text(), head);
    chain.server.advance(10_000);
    client.recv_nothing();
    origin.send(data("HTTP/1.1 100 Continue\r\n\r\n"));
    chain.pump();
    assert_eq!(client.recv_text(), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send(data("hi"));
    chain.pump();
    assert_eq!(origin.recv_text(), "hi");
    origin.send(data("HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n"));
    chain.pump();
    assert_eq!(client.recv_text(), "HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n");
}

#[test]
fn an_upgrade_goes_from_end_to_end() {
    let mut chain = Chain::new("upgrade: [websocket]", "upgrade: [websocket]");
    let mut client = chain.connect();
    let ask = "GET / HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n";
    client.send(data(ask));
    chain.pump();
    let mut origin = chain.accept();
    assert_eq!(origin.recv_text(), ask);
    let switched = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
    origin.send(data(format!("{switched}\u{1}")));
    chain.pump();
    assert_eq!(client.recv_text(), format!("{switched}\u{1}"));
    client.send_all([data("\u{2}\r\n\r\n"), end()]);
    chain.pump();
    assert_eq!(origin.recv_text(), "\u{2}\r\n\r\n");
    origin.recv(end());
    origin.send(end());
    chain.pump();
    client.recv(end());
    assert_eq!((chain.server.streams(), chain.client.streams()), (0, 0));
}

#[test]
fn long_bodies_go_through_without_entering_either() {
    const OCTETS: usize = 1_000_000;
    let mut chain = Chain::new("", "");
    let mut client = chain.connect();
    client.send(data(format!("PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: {OCTETS}\r\n\r\n")));
    chain.pump();
    let mut origin = chain.accept();
    for _ in 0..OCTETS / 10_000 {
        client.send(data("x".repeat(10_000)));
        chain.pump();
    }
    assert!(origin.recv_data_all().ends_with(&[b'x'; 10_000]));
    origin.send(data(format!("HTTP/1.1 200 OK\r\ncontent-length: {OCTETS}\r\n\r\n")));
    chain.pump();
    for _ in 0..OCTETS / 10_000 {
        origin.send(data("y".repeat(10_000)));
        chain.pump();
    }
    assert_eq!(client.recv_data_all().iter().filter(|octet| **octet == b'y').count(), OCTETS);
    for harness in [&chain.server, &chain.client] {
        let transcript = harness.transcript();
        let entered = transcript.lines().filter(|line| !line.contains('⇒') && line.contains(" data "));
        assert!(entered.count() < 8, "{transcript}");
    }
    // The connection goes on on both sides.
    client.send(data("GET / HTTP/1.1\r\nhost: a\r\n\r\n"));
    chain.pump();
    assert_eq!(origin.recv_text(), "GET / HTTP/1.1\r\nhost: a\r\n\r\n");
}

#[test]
fn a_client_that_leaves_takes_its_request_along() {
    let mut chain = Chain::new("", "");
    let mut client = chain.connect();
    client.send(data("GET / HTTP/1.1\r\nhost: a\r\n\r\n"));
    chain.pump();
    let mut origin = chain.accept();
    client.send_all([abort(CloseCode::Cancelled), reset(CloseCode::Cancelled)]);
    chain.pump();
    origin.recv_all();
    assert!(origin.is_over());
    assert_eq!((chain.server.streams(), chain.client.streams()), (0, 0));
}
