//! Back-pressure: nobody gets more than they asked for, and nothing is lost or held without a bound.

use crate::script::*;
use zilla_sdk::testing::*;

fn limits(initial_credit: u32) -> Limits {
    Limits { initial_credit, ..Limits::default() }
}

#[test]
fn a_response_goes_out_as_the_client_takes_it() {
    let body = "x".repeat(50);
    let length = begun_with([("content-length", "50")]);
    let whole = format!("HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{body}");
    for credit in [1, 2, 7, 30, 60] {
        let harness = http("");
        let (mut client, mut exit) = ask_with_credit(&harness, credit);
        exit.send_all([length.clone(), data(&body), end()]);
        let mut received = String::new();
        while received.len() < whole.len() {
            let piece = client.recv_text();
            assert_eq!(piece.len(), credit.min(whole.len() - received.len()));
            received += &piece;
            client.send(window(credit as u64));
        }
        assert_eq!(received, whole);
        client.recv_nothing();
    }
}

/// A client that has asked and has so much credit left to give.
fn ask_with_credit(harness: &Harness<binding_http::Http>, credit: usize) -> (Peer, Peer) {
    let (mut client, mut exit) = ask(harness, "GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n");
    // Uses up the initial credit with a response whose length says how much is to be left.
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 65000\r\nconnection: keep-alive\r\n\r\n";
    let filler = 65_536 - head.len() - credit;
    let content_length = filler.to_string();
    assert_eq!(content_length.len(), 5);
    exit.send_all([begun_with([("content-length", &*content_length)]), data(vec![b'-'; filler]), end()]);
    client.recv_data_all();
    assert_eq!(client.granted(), credit as u64);
    client.send(data(GET));
    let exit = harness.expect_open();
    (client, exit)
}

/// Content of a chunked message.
fn unchunk(mut octets: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    loop {
        let end = octets.windows(2).position(|pair| pair == b"\r\n").unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(&octets[..end]).unwrap(), 16).unwrap();
        let rest = &octets[end + 2..];
        content.extend_from_slice(&rest[..size]);
        assert_eq!(&rest[size..size + 2], b"\r\n");
        octets = &rest[size + 2..];
        if size == 0 {
            assert!(octets.is_empty());
            return content;
        }
    }
}

#[test]
fn chunks_go_out_as_the_client_takes_them() {
    let body: Vec<u8> = (0..=255).cycle().take(5_000).collect();
    for credit in [1, 2, 5, 21, 22, 23, 100, 6_000] {
        let harness = http("");
        let (mut client, mut exit) = ask_with_credit(&harness, credit);
        exit.send(begun());
        for piece in body.chunks(1_500) {
            exit.send(data(piece));
        }
        exit.send(end());
        let mut received = client.recv_data_all();
        while !received.ends_with(b"\r\n0\r\n\r\n") {
            assert!(client.granted() <= 1);
            client.send(window(credit as u64));
            received.extend(client.recv_data_all());
        }
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        assert_eq!(unchunk(received.strip_prefix(head).unwrap()), body, "with credit {credit}");
        client.grant_all();
        expect_kept(&harness, &mut client);
    }
}

#[test]
fn an_exit_sends_no_more_than_the_client_takes() {
    let harness = http("");
    let (mut client, mut exit) = ask(&harness, GET);
    exit.send(begun());
    let mut sent = 0;
    while exit.credit() > 0 {
        let octets = exit.credit().min(10_000) as usize;
        exit.send(data(vec![b'x'; octets]));
        sent += octets;
    }
    assert!(sent <= 3 * 65_536, "{sent}");
    client.grant_all();
    assert!(exit.credit() > 0);
    exit.send_payload(vec![b'x'; 1_000_000]);
    exit.send(end());
    let received = client.recv_data_all();
    let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    assert_eq!(unchunk(received.strip_prefix(head).unwrap()).len(), sent + 1_000_000);
}

#[test]
fn a_client_sends_no_more_than_the_exit_takes() {
    let harness = http("");
    let (mut client, mut exit) =
        ask(&harness, "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n");
    exit.recv_begin();
    let mut sent = 0;
    while client.credit() > 0 {
        let octets = client.credit().min(10_000) as usize;
        client.send(data(vec![b'x'; octets]));
        sent += octets;
    }
    assert!(sent <= 3 * 65_536, "{sent}");
    assert_eq!(exit.recv_data_all().len(), 65_536);
    exit.grant_all();
    client.send_payload(vec![b'x'; 1_000_000 - sent]);
    assert_eq!(exit.recv_data_all().len(), 1_000_000 - 65_536);
    exit.recv(end());
}

#[test]
fn a_body_goes_on_as_the_exit_takes_it() {
    for framing in ["content-length: 40\r\n\r\n", "transfer-encoding: chunked\r\n\r\n28\r\n"] {
        let harness = http_with("", limits(16));
        let mut client = connect(&harness);
        let body: Vec<u8> = (b'A'..).take(40).collect();
        let mut request = format!("POST / HTTP/1.1\r\nhost: a\r\n{framing}").into_bytes();
        request.extend_from_slice(&body);
        if framing.starts_with('t') {
            request.extend_from_slice(b"\r\n0\r\n\r\n");
        }
        let mut exit = None;
        let (mut received, mut ended) = (Vec::new(), false);
        let mut request = request.as_slice();
        for _ in 0..1_000 {
            let octets = request.len().min(client.credit() as usize);
            if octets > 0 {
                client.send(data(&request[..octets]));
                request = &request[octets..];
            }
            exit = exit.or_else(|| harness.opened());
            if let Some(exit) = &mut exit {
                for frame in exit.recv_all() {
                    received.extend(frame.payload);
                    ended |= frame.kind == FrameKind::End;
                }
                if !ended {
                    exit.send(window(1));
                }
            }
        }
        assert!(ended && received == body, "{framing:?}");
    }
}

#[test]
fn a_head_may_be_longer_than_the_credit() {
    for credit in [1, 2, 3, 16] {
        let harness = http_with("", limits(credit));
        let mut client = connect(&harness);
        client.send_payload(format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "y".repeat(500)));
        harness.expect_open().recv_begin();
    }
}

#[test]
fn requests_that_wait_are_not_given_back_as_credit() {
    let harness = http("");
    let (mut client, mut exit) = ask(&harness, GET);
    let mut sent = 0;
    while client.credit() >= GET.len() as u64 {
        client.send(data(GET));
        sent += 1;
    }
    assert!(sent * GET.len() <= 65_536);
    harness.expect_no_open();
    client.auto_window();
    for _ in 0..sent {
        echo(&mut exit);
        exit = harness.expect_open();
    }
    echo(&mut exit);
    harness.expect_no_open();
    assert!(client.credit() >= 32_768);
    client.recv_data_all();
    expect_kept(&harness, &mut client);
}

#[test]
fn nothing_new_is_asked_while_the_client_does_not_take_the_answer() {
    let harness = http("");
    let (mut client, mut exit) = ask_with_credit(&harness, 10);
    client.send(data(GET));
    exit.send_all([begun(), end()]);
    harness.expect_no_open();
    client.send(window(1_000));
    harness.expect_open();
}

#[test]
fn an_end_waits_for_the_content_before_it() {
    let harness = http("");
    let (mut client, mut exit) = ask_with_credit(&harness, 60);
    exit.send_all([begun(), data("x".repeat(100)), end_with([("a", "b")])]);
    client.recv_data_all();
    client.send(window(1_000));
    let rest = client.recv_text();
    assert!(rest.ends_with("\r\n0\r\na: b\r\n\r\n"), "{rest}");
    expect_kept(&harness, &mut client);
}

#[test]
fn the_last_response_is_sent_before_the_end() {
    let harness = http("");
    let (mut client, mut exit) = ask_with_credit(&harness, 10);
    exit.refuse(CloseCode::NoRoute);
    assert_eq!(client.recv_text().len(), 10);
    client.recv_nothing();
    client.send(window(1_000));
    client.recv_data_all();
    expect_closed(&mut client);
}
