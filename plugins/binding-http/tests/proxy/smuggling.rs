//! Messages that two parsers may read differently (RFC 9112, 11.2). What the server accepts is written anew, so
//! an origin reads what the server has read; what is ambiguous, neither takes.

use crate::chain::Chain;
use zilla_sdk::testing::*;

/// What becomes of octets that a client sends: the requests that arrive at the origin, one after another as it
/// answers them, and the status codes that the client gets.
fn sent(octets: &str) -> (Vec<String>, Vec<String>) {
    let mut chain = Chain::new("", "");
    let mut client = chain.connect();
    client.send(data(octets));
    let (mut arrived, mut origins) = (Vec::new(), Vec::new());
    loop {
        chain.pump();
        origins.extend(chain.client.opened().map(|mut origin| {
            origin.recv_begin();
            origin.send(begun());
            origin
        }));
        let Some(origin) = origins.last_mut() else { break };
        let request = origin.recv_text();
        if request.is_empty() {
            break;
        }
        arrived.push(request);
        if origin.can_send() {
            origin.send(data("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"));
        }
    }
    let answered = client.recv_text();
    let codes =
        answered.lines().filter_map(|line| line.strip_prefix("HTTP/1.1 ")).map(|line| line[..3].to_owned());
    (arrived, codes.collect())
}

const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n";

#[test]
fn what_is_ambiguous_is_refused_and_nothing_arrives() {
    let post = |fields: &str, body: &str| format!("POST / HTTP/1.1\r\nhost: a\r\n{fields}\r\n{body}");
    let chunks = format!("0\r\n\r\n{SMUGGLED}");
    let length = format!("content-length: {}\r\n", chunks.len());
    for request in [
        // CL.TE and TE.CL
        post(&format!("{length}transfer-encoding: chunked\r\n"), &chunks),
        post(&format!("transfer-encoding: chunked\r\n{length}"), &chunks),
        post(
            "content-length: 4\r\ntransfer-encoding: chunked\r\n",
            &format!("26\r\n{SMUGGLED}\r\n0\r\n\r\n"),
        ),
        // TE.TE
        post("transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n", &chunks),
        post("transfer-encoding: identity\r\ntransfer-encoding: chunked\r\n", &chunks),
        post("transfer-encoding: chunked, identity\r\n", &chunks),
        post("transfer-encoding: chunked, chunked\r\n", &chunks),
        post("transfer-encoding: xchunked\r\n", &chunks),
        post("transfer-encoding: \"chunked\"\r\n", &chunks),
        post("transfer-encoding: chunked;q=1\r\n", &chunks),
        post("transfer-encoding:\u{b}chunked\r\n", &chunks),
        post("transfer-encoding:\r\n chunked\r\n", &chunks),
        post("transfer-encoding\r\n: chunked\r\n", &chunks),
        post("transfer-encoding : chunked\r\n", &chunks),
        post(" transfer-encoding: chunked\r\n", &chunks),
        post("x: y\rtransfer-encoding: chunked\r\n", &chunks),
        post("x: y\ntransfer-encoding: chunked\r\n", &chunks),
        post("x: y\0\r\ntransfer-encoding: chunked\r\n", &chunks),
        post("transfer-encoding: chunked\n", &chunks),
        post("transfer-encoding: ,chunked\r\n", &chunks),
        post("transfer-encoding:\r\n", &chunks),
        // content-length
        post("content-length: 0\r\ncontent-length: 35\r\n", SMUGGLED),
        post("content-length: 35\r\ncontent-length: 35\r\n", SMUGGLED),
        post("content-length: 0, 35\r\n", SMUGGLED),
        post("content-length: +35\r\n", SMUGGLED),
        post("content-length: -1\r\n", SMUGGLED),
        post("content-length: 0x23\r\n", SMUGGLED),
        post("content-length: 3 5\r\n", SMUGGLED),
        post("content-length: \r\n", SMUGGLED),
        post("content-length: 18446744073709551617\r\n", SMUGGLED),
        post("content-length : 35\r\n", SMUGGLED),
        post("content-length\u{a0}: 35\r\n", SMUGGLED),
        // folding, names, targets
        post("x: y\r\n z\r\n", ""),
        post("x: y\r\n\tz\r\n", ""),
        post("x\t: y\r\n", ""),
        post("x(y): z\r\n", ""),
        post(": y\r\n", ""),
        post("host: b\r\n", ""),
        "GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n".to_owned(),
        "GET /\thttp/1.1 HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(),
        "GET / HTTP/1.1 \r\nhost: a\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\nhost: a\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nhost: a\r\n\n".to_owned(),
        "GET /x HTTP/1.1\r\nhost: a/../b\r\n\r\n".to_owned(),
        "POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
    ] {
        let (arrived, codes) = sent(&request);
        assert_eq!(arrived, Vec::<String>::new(), "{request:?}");
        assert_eq!(codes.len(), 1, "{request:?}: {codes:?}");
        assert!(codes[0].starts_with('4') || codes[0] == "501", "{request:?}: {codes:?}");
    }
}

#[test]
fn a_chunked_body_that_is_ambiguous_does_not_become_a_whole_request() {
    for body in [
        format!("1;\nx\r\n0\r\n\r\n{SMUGGLED}"),
        format!("0\n\r\n{SMUGGLED}"),
        format!("0\r\n\n{SMUGGLED}"),
        format!("+0\r\n\r\n{SMUGGLED}"),
        format!("0x0\r\n\r\n{SMUGGLED}"),
        format!(" 0\r\n\r\n{SMUGGLED}"),
        format!("1 0\r\nx\r\n0\r\n\r\n{SMUGGLED}"),
        format!("1\r\nxy\r\n0\r\n\r\n{SMUGGLED}"),
        format!("1\r\nx0\r\n\r\n{SMUGGLED}"),
        format!("10000000000000001\r\nx\r\n0\r\n\r\n{SMUGGLED}"),
        format!("1;{}\r\nx\r\n0\r\n\r\n{SMUGGLED}", "e".repeat(300)),
        format!("0\r\nx: y\n\r\n{SMUGGLED}"),
        format!("0\r\nx : y\r\n\r\n{SMUGGLED}"),
        format!("0\r\n x: y\r\n\r\n{SMUGGLED}"),
    ] {
        let (arrived, codes) =
            sent(&format!("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n{body}"));
        assert_eq!(codes, ["400"], "{body:?}");
        for request in arrived {
            assert!(
                !request.contains("smuggled") && !request.ends_with("0\r\n\r\n"),
                "{body:?}: {request:?}"
            );
        }
    }
}

#[test]
fn what_is_meant_arrives_written_anew() {
    let head = "POST / HTTP/1.1\r\nhost: a\r\n";
    for (request, arrives) in [
        (
            format!("{head}Transfer-Encoding: Chunked\r\n\r\n1;a=\"\\b\"\r\nx\r\n00\r\n\r\n{SMUGGLED}"),
            format!("{head}transfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"),
        ),
        (
            format!("{head}Content-Length: 0001\r\n\r\nx{SMUGGLED}"),
            format!("{head}content-length: 1\r\n\r\nx"),
        ),
        (
            format!("{head}connection: content-length\r\ncontent-length: 1\r\n\r\nx{SMUGGLED}"),
            format!("{head}content-length: 1\r\n\r\nx"),
        ),
        (
            format!(
                "{head}connection: transfer-encoding\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{SMUGGLED}"
            ),
            format!("{head}\r\n"),
        ),
        (format!("\r\n{head}\r\n{SMUGGLED}"), format!("{head}\r\n")),
        (
            format!("POST http://b/?c HTTP/1.1\r\nhost: a\r\n\r\n{SMUGGLED}"),
            "POST /?c HTTP/1.1\r\nhost: b\r\n\r\n".to_owned(),
        ),
    ] {
        let (arrived, codes) = sent(&request);
        // Here the second request is meant: it is the client's own.
        let shown = format!("{request:?}: {arrived:?}");
        assert!(arrived.len() <= 2 && codes.len() == arrived.len(), "{shown}");
        let (first, second) = arrived[0].split_at(arrives.len().min(arrived[0].len()));
        assert_eq!(first, arrives, "{shown}");
        assert!(second.is_empty(), "{shown}");
        assert!(arrived.get(1).is_none_or(|second| second == SMUGGLED), "{shown}");
    }
}

#[test]
fn a_response_cannot_answer_the_next_request() {
    let stolen = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nstolen";
    for response in [
        format!("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n{stolen}"),
        format!("HTTP/1.1 204 No Content\r\ncontent-length: 51\r\n\r\n{stolen}"),
        format!("HTTP/1.1 304 Not Modified\r\n\r\n{stolen}"),
        format!("HTTP/1.1 200 OK\r\ncontent-length: 0\r\ncontent-length: 50\r\n\r\n{stolen}"),
        format!(
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{stolen}"
        ),
        format!("HTTP/1.1 200 OK\r\ntransfer-encoding: identity, chunked\r\n\r\n0\r\n\r\n{stolen}"),
        format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{stolen}"),
        format!("HTTP/1.1 200 OK\r\ncontent-length:\n 0\r\n\r\n{stolen}"),
        format!("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n folded\r\n\r\n{stolen}"),
        format!("\r\n{stolen}"),
    ] {
        let mut chain = Chain::new("", "limits: {connections: 1}");
        let (mut one, mut other) = (chain.connect(), chain.connect());
        one.send(data("GET /one HTTP/1.1\r\nhost: a\r\n\r\n"));
        chain.pump();
        other.send(data("GET /other HTTP/1.1\r\nhost: a\r\n\r\n"));
        chain.pump();
        let mut origin = chain.accept();
        origin.send(data(&response));
        chain.pump();
        assert!(!origin.can_send(), "{response:?}");
        assert!(!one.recv_text().contains("stolen"), "{response:?}");
        other.recv_nothing();
        let mut fresh = chain.accept();
        assert_eq!(fresh.recv_text(), "GET /other HTTP/1.1\r\nhost: a\r\n\r\n", "{response:?}");
    }
}

#[test]
fn fields_of_a_response_cannot_be_more_than_fields() {
    for field in ["x: a\rset-cookie: b", "x: a\nset-cookie: b", "x: a\0b", "x\u{e9}: a", "x y: a"] {
        let mut chain = Chain::new("", "");
        let mut client = chain.connect();
        client.send(data("GET / HTTP/1.1\r\nhost: a\r\n\r\n"));
        chain.pump();
        let mut origin = chain.accept();
        origin.send(data(format!("HTTP/1.1 200 OK\r\n{field}\r\ncontent-length: 0\r\n\r\n")));
        chain.pump();
        let received = client.recv_text();
        assert!(
            received.starts_with("HTTP/1.1 502 ") && !received.contains("set-cookie"),
            "{field:?}: {received}"
        );
    }
}
