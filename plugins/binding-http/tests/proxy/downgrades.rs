//! What is a field in one version and framing in the other. HTTP/2 has lengths where HTTP/1.1 has line ends and
//! colons, so what passes from the one to the other is checked as a token, a value, a target or an authority, or
//! it does not pass.

use crate::chain::Chain;
use crate::origin::{Origin, frame, headers};
use crate::visitor::{self, Client};
use zilla_sdk::testing::*;

const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n";

/// What arrives at an origin of HTTP/1.1 of a request of HTTP/2, and whether the client was told that it is wrong.
fn sent(fields: &[(&str, &str)], content: &str) -> (String, bool) {
    let mut chain = Chain::new("", "versions: [http/1.1]");
    let mut client = Client::connect(&chain.server);
    let flags = if content.is_empty() { visitor::WHOLE } else { visitor::END_HEADERS };
    client.send(headers(flags, 1, fields.iter().copied()));
    if !content.is_empty() {
        client.send(frame(visitor::DATA, visitor::END_STREAM, 1, content));
    }
    chain.pump();
    let arrived = chain.client.opened().map(|mut origin| {
        origin.recv_begin();
        origin.recv_text()
    });
    client.read();
    let is_told = client.frames.iter().any(|it| {
        it.kind == visitor::RST_STREAM || it.field(":status").is_some_and(|status| !status.starts_with('2'))
    });
    (arrived.unwrap_or_default(), is_told)
}

/// The fields of a request, some of them replaced, and others behind them.
fn with<'a>(replaced: &[(&'a str, &'a str)], more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let usual = [(":method", "POST"), (":scheme", "http"), (":authority", "a"), (":path", "/")];
    let usual = usual.map(|pair| replaced.iter().find(|other| other.0 == pair.0).copied().unwrap_or(pair));
    usual.into_iter().chain(more.iter().copied()).collect()
}

#[test]
fn a_request_that_would_be_another_one_in_http1_does_not_arrive() {
    let split = format!("x\r\n\r\n{SMUGGLED}");
    for fields in [
        with(&[(":method", "GET / HTTP/1.1\r\nhost: a\r\n\r\nGET")], &[]),
        with(&[(":method", "GET /smuggled")], &[]),
        with(&[(":method", "")], &[]),
        with(&[(":method", "GE\0T")], &[]),
        with(&[(":path", "/ HTTP/1.1\r\nhost: a\r\n\r\nGET /smuggled")], &[]),
        with(&[(":path", "/ HTTP/1.1")], &[]),
        with(&[(":path", "/a b")], &[]),
        with(&[(":path", "/\t")], &[]),
        with(&[(":path", "/\r")], &[]),
        with(&[(":path", "/\n")], &[]),
        with(&[(":path", "/\0")], &[]),
        with(&[(":path", "/#a")], &[]),
        with(&[(":path", "")], &[]),
        with(&[(":path", "a")], &[]),
        with(&[(":path", "http://b/")], &[]),
        with(&[(":path", "*")], &[]),
        with(&[(":scheme", "http://b/?")], &[]),
        with(&[(":scheme", "")], &[]),
        with(&[(":scheme", "https")], &[]),
        with(&[(":authority", "a\r\nx: y")], &[]),
        with(&[(":authority", "a b")], &[]),
        with(&[(":authority", "user@a")], &[]),
        with(&[(":authority", "a/b")], &[]),
        with(&[(":authority", "a")], &[("host", "b")]),
        with(&[], &[("host", "a"), ("host", "a")]),
        with(&[], &[("x", &split)]),
        with(&[], &[("x", "y\nz: a")]),
        with(&[], &[("x", "y\rz: a")]),
        with(&[], &[("x", "y\0")]),
        with(&[], &[("x\r\ny", "z")]),
        with(&[], &[("x: y\r\nz", "a")]),
        with(&[], &[("x:", "y")]),
        with(&[], &[("x ", "y")]),
        with(&[], &[(" x", "y")]),
        with(&[], &[("", "y")]),
        with(&[], &[("X", "y")]),
        with(&[], &[("transfer-encoding", "chunked")]),
        with(&[], &[("transfer-encoding", "chunked"), ("content-length", "5")]),
        with(&[], &[("transfer-encoding ", "chunked")]),
        with(&[], &[("connection", "content-length")]),
        with(&[], &[("connection", "close")]),
        with(&[], &[("keep-alive", "1")]),
        with(&[], &[("proxy-connection", "close")]),
        with(&[], &[("upgrade", "websocket")]),
        with(&[], &[("te", "chunked")]),
        with(&[], &[("content-length", "5"), ("content-length", "6")]),
        with(&[], &[("content-length", "5, 6")]),
        with(&[], &[("content-length", "+5")]),
        with(&[], &[("content-length", "5\r\ntransfer-encoding: chunked")]),
        with(&[], &[("content-length", "")]),
        with(&[], &[(":path", "/other")]),
        with(&[], &[("x", "y"), (":path", "/other")]),
        with(&[], &[(":protocol", "websocket")]),
        with(&[], &[(":status", "200")]),
    ] {
        let (arrived, is_told) = sent(&fields, "");
        assert_eq!(arrived, "", "{fields:?}");
        assert!(is_told, "{fields:?}");
    }
}

#[test]
fn content_is_framed_by_what_came_and_not_by_what_was_said() {
    // A length that is not that of the content: what arrives is no whole request, and nothing behind it.
    for (length, content) in [("0", SMUGGLED), ("3", SMUGGLED), ("100", "abc")] {
        let (arrived, is_told) = sent(&with(&[], &[("content-length", length)]), content);
        assert!(is_told, "{length}");
        assert!(!arrived.contains("smuggled"), "{arrived:?}");
    }
    // Without one, content is in chunks of its own.
    let content = "0\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n";
    let (arrived, _) = sent(&with(&[], &[]), content);
    let chunk = format!("{:x}\r\n{content}\r\n0\r\n\r\n", content.len());
    assert_eq!(arrived, format!("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n{chunk}"));
    let (arrived, _) = sent(&with(&[], &[("content-length", "3")]), "abc");
    assert_eq!(arrived, "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc");
}

#[test]
fn fields_of_a_response_of_http2_cannot_be_more_than_fields() {
    let stolen = "0\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nstolen";
    for fields in [
        vec![(":status", "200\r\nset-cookie: a=b")],
        vec![(":status", "200 OK\r\n\r\nstolen")],
        vec![(":status", "200"), ("x", "y\r\nset-cookie: a=b")],
        vec![(":status", "200"), ("x", "y\r\n\r\nstolen")],
        vec![(":status", "200"), ("x", "y\nset-cookie: a=b")],
        vec![(":status", "200"), ("x", "y\rset-cookie: a=b")],
        vec![(":status", "200"), ("x\r\nset-cookie", "a=b")],
        vec![(":status", "200"), ("x: y\r\nset-cookie", "a=b")],
        vec![(":status", "200"), ("set-cookie: a=b\r\nx", "y")],
        vec![(":status", "200"), ("transfer-encoding", "chunked")],
        vec![(":status", "200"), ("connection", "keep-alive")],
        vec![(":status", "200"), ("content-length", "0"), ("content-length", "9")],
        vec![(":status", "200"), ("content-length", "0\r\nset-cookie: a=b")],
    ] {
        let mut chain = Chain::new("", "versions: [h2]");
        let mut client = chain.connect();
        client.send(data("GET / HTTP/1.1\r\nhost: a\r\n\r\n"));
        chain.pump();
        let mut origin = Origin::accept(&chain.client);
        origin.send(headers(visitor::END_HEADERS, 1, fields.iter().copied()));
        origin.send(frame(visitor::DATA, visitor::END_STREAM, 1, stolen));
        chain.pump();
        let got = client.recv_text();
        assert!(got.starts_with("HTTP/1.1 502 "), "{fields:?}: {got}");
        assert!(!got.contains("set-cookie") && !got.contains("stolen"), "{fields:?}: {got}");
    }
}

#[test]
fn content_of_a_response_of_http2_cannot_be_another_response() {
    let stolen = "0\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nstolen";
    let framed = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{stolen}\r\n0\r\n\r\n",
        stolen.len()
    );
    for (fields, expected) in [
        (vec![(":status", "200")], framed.as_str()),
        (vec![(":status", "204")], "HTTP/1.1 204 No Content\r\n\r\n"),
        (vec![(":status", "304")], "HTTP/1.1 304 Not Modified\r\n\r\n"),
        (vec![(":status", "200"), ("content-length", "0")], "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
    ] {
        let mut chain = Chain::new("", "versions: [h2]");
        let mut client = chain.connect();
        client.send(data("GET / HTTP/1.1\r\nhost: a\r\n\r\n"));
        chain.pump();
        let mut origin = Origin::accept(&chain.client);
        origin.send(headers(visitor::END_HEADERS, 1, fields));
        origin.send(frame(visitor::DATA, visitor::END_STREAM, 1, stolen));
        chain.pump();
        assert_eq!(client.recv_text(), expected);
    }
}

#[test]
fn a_request_of_http1_that_is_ambiguous_does_not_arrive_over_http2() {
    for fields in [
        "content-length: 5\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n",
        "content-length: 1\r\ncontent-length: 2\r\n",
        "content-length: +1\r\n",
        "x: y\nz: a\r\n",
        "x\t: y\r\n",
        "host: b\r\n",
    ] {
        let mut chain = Chain::new("", "versions: [h2]");
        let mut client = chain.connect();
        client.send(data(format!("POST / HTTP/1.1\r\nhost: a\r\n{fields}\r\n0\r\n\r\n{SMUGGLED}")));
        chain.pump();
        chain.client.expect_no_open();
        assert!(client.recv_text().starts_with("HTTP/1.1 4"), "{fields:?}");
    }
}

#[test]
fn half_a_request_of_http1_does_not_become_a_whole_one_of_http2() {
    for (fields, content) in [
        ("transfer-encoding: chunked\r\n", "3\r\nabc\r\n0x\r\n"),
        ("transfer-encoding: chunked\r\n", "3\r\nabcd\r\n0\r\n\r\n"),
        ("content-length: 9\r\n", "abc"),
    ] {
        let mut chain = Chain::new("", "versions: [h2]");
        let mut client = chain.connect();
        client.send(data(format!("POST / HTTP/1.1\r\nhost: a\r\n{fields}\r\n{content}")));
        if client.can_send() {
            client.send(end());
        }
        chain.pump();
        let Some(mut peer) = chain.client.opened() else { continue };
        peer.recv_begin();
        peer.send(begun());
        let octets = peer.recv_data_all();
        let mut rest = &octets[crate::origin::PREFACE.len()..];
        while let Some((head, after)) = rest.split_first_chunk::<9>() {
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let is_end = head[3] <= visitor::HEADERS && head[4] & visitor::END_STREAM != 0;
            assert!(!is_end, "{fields:?}: {}", octets.escape_ascii());
            rest = &after[length..];
        }
    }
}
