//! Requests that are good, and what becomes of them.

use crate::script::*;
use zilla_sdk::testing::*;

/// Names and values of the stream that a request opens.
#[track_caller]
fn attributes(request: &str) -> Vec<(String, String)> {
    let harness = http("");
    let (_client, mut exit) = ask(&harness, request);
    let text = |octets: Vec<u8>| String::from_utf8(octets).unwrap();
    exit.recv_begin().attributes.into_iter().map(|(name, value)| (text(name), text(value))).collect()
}

#[test]
fn a_request_is_handed_on_and_answered() {
    let harness = http("");
    let mut client = connect(&harness);
    client.send(data("GET /a?b HTTP/1.1\r\nHost: Example.com\r\nUser-Agent: x\r\n\r\n"));
    let mut exit = harness.expect_open();
    assert_eq!(exit.link(), Some(client.id()));
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
    assert_eq!(harness.streams(), 1);
}

#[test]
fn fields_are_handed_on_in_order_in_lower_case_with_repeats() {
    let request = "GET / HTTP/1.1\r\nHost: a\r\nB: 1\r\nA:2\r\nb:\t 3 \t\r\nEmpty:\r\nObs: \u{e9}\r\n\r\n";
    let fields = [("b", "1"), ("a", "2"), ("b", "3"), ("empty", ""), ("obs", "\u{e9}")];
    assert_eq!(attributes(request)[4..], fields.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[test]
fn fields_of_the_connection_are_not_handed_on() {
    let request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, X-One\r\nx-one: 1\r\nKeep-Alive: 5\r\n\
        Proxy-Connection: x\r\nTE: gzip\r\nUpgrade: websocket\r\nconnection: Upgrade,x-two , Te\r\nX-Two: 2\r\n\
        Content-Length: 0\r\nExpect: 100-continue\r\nkept: yes\r\n\r\n";
    let names: Vec<_> = attributes(request).into_iter().skip(4).map(|(name, _)| name).collect();
    assert_eq!(names, ["content-length", "kept"]);
}

#[test]
fn te_is_handed_on_if_it_is_trailers() {
    let request = "GET / HTTP/1.1\r\nHost: a\r\nTE: Trailers\r\n\r\n";
    assert_eq!(attributes(request)[4..], [("te".to_owned(), "Trailers".to_owned())]);
}

#[test]
fn connection_cannot_take_the_content_length_away() {
    let request = "POST / HTTP/1.1\r\nHost: a\r\nConnection: content-length\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(attributes(request)[4..], [("content-length".to_owned(), "0".to_owned())]);
}

#[test]
fn an_absolute_target_replaces_the_host() {
    let request = "GET http://B.example:8080/x?y HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(attributes(request)[2].1, "b.example:8080");
    assert_eq!(attributes(request)[3].1, "/x?y");
}

#[test]
fn options_may_ask_of_the_server() {
    assert_eq!(attributes("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")[3].1, "*");
}

#[test]
fn a_secured_stream_has_the_scheme_https() {
    for secure in ["secure", "alpn", "version"] {
        let harness = http("");
        let mut client = harness.open(begin_with([(secure, "x")]));
        client.send(data("GET https://a/ HTTP/1.1\r\nHost: b\r\n\r\n"));
        let begin = harness.expect_open().recv_begin();
        assert_eq!(begin.attribute(":scheme").as_deref(), Some("https"));
        assert_eq!(begin.attribute(":authority").as_deref(), Some("a:443"));
    }
}

#[test]
fn a_request_of_http_1_0_needs_no_host() {
    let names: Vec<_> = attributes("GET / HTTP/1.0\r\n\r\n").into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, [":method", ":scheme", ":path"]);
}

#[test]
fn empty_lines_before_a_request_are_read_over() {
    let harness = http("");
    let (mut client, mut exit) = ask(&harness, format!("\r\n\r\n{GET}"));
    echo(&mut exit);
    client.recv_kind(FrameKind::Data);
    client.send(data("\r\n"));
    expect_kept(&harness, &mut client);
}

#[test]
fn requests_in_one_payload_are_answered_in_order() {
    const REQUESTS: usize = 1_000;
    let harness = http("");
    let mut client = connect(&harness);
    client.auto_window();
    let requests: String =
        (0..REQUESTS).map(|index| format!("GET /{index} HTTP/1.1\r\nhost: a\r\n\r\n")).collect();
    client.send(data(requests));
    let mut responses = String::new();
    for index in 0..REQUESTS {
        let mut exit = harness.expect_open();
        harness.expect_no_open();
        assert_eq!(exit.recv_begin().attribute(":path"), Some(format!("/{index}")));
        exit.send_all([begin_with([("content-length", "0"), ("n", &index.to_string())]), end()]);
        responses += &format!("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nn: {index}\r\n\r\n");
    }
    assert_eq!(client.recv_text(), responses);
    expect_kept(&harness, &mut client);
}

/// Requests, and what the exit gets of them.
const GOOD: [&str; 12] = [
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "\r\nGET /x?y=z HTTP/1.1\r\nHost: a:81\r\nAccept: */*\r\nX: \t y \t\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nhost: [::1]\r\n\r\n",
    "HEAD http://b/ HTTP/1.1\r\nhost: a\r\nConnection: close\r\n\r\n",
    "GET / HTTP/1.0\r\n\r\n",
    "GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello world",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhiGET / HTTP/1.1\r\nHost: b\r\n\r\n",
    "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n00b;x=\"y\" \r\n big world!\r\n0\r\n\r\n",
    "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\nA \t;a\r\n0123456789\r\n0;z\r\nB: 1\r\na:\r\n\r\n",
    "PUT / HTTP/1.1\r\nHost: a\r\ntransfer-encoding:chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: b\r\n\r\n\r\n\r\n",
    "brew-it!#$ /tea HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
];

/// What exits got of requests sent in these pieces, and what the client got.
fn outcome<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Vec<Frame>>, Vec<Frame>) {
    let harness = http("");
    let mut client = connect(&harness);
    let mut asked = Vec::new();
    for piece in pieces.into_iter().filter(|piece| !piece.is_empty()) {
        if client.can_send() {
            client.send(data(piece));
        }
        loop {
            answer(&mut asked);
            let Some(exit) = harness.opened() else { break };
            asked.push((Vec::new(), exit));
        }
    }
    (asked.into_iter().map(|(frames, _)| frames).collect(), client.recv_all())
}

/// Echoes the last request, once it is complete.
fn answer(asked: &mut [(Vec<Frame>, Peer)]) {
    let Some((frames, exit)) = asked.last_mut() else { return };
    for frame in exit.recv_all() {
        match frames.last_mut() {
            Some(last) if last.kind == FrameKind::Data && frame.kind == FrameKind::Data => {
                last.payload.extend(frame.payload);
            }
            _ => frames.push(frame),
        }
    }
    if exit.can_send() && frames.last().is_some_and(|last| last.kind == FrameKind::End) {
        exit.send_all(frames.clone());
    }
}

#[test]
fn a_request_in_two_pieces_is_the_same_request() {
    for request in GOOD {
        let whole = outcome([request.as_bytes()]);
        assert!(whole.1[0].text().starts_with("HTTP/1.1 200 OK\r\n"), "{request:?}");
        for cut in 0..=request.len() {
            let (first, second) = request.as_bytes().split_at(cut);
            assert_eq!(outcome([first, second]), whole, "{request:?} cut at {cut}");
        }
    }
}

#[test]
fn a_request_octet_by_octet_is_the_same_request() {
    for request in GOOD {
        assert_eq!(outcome(request.as_bytes().chunks(1)), outcome([request.as_bytes()]), "{request:?}");
    }
}
