//! Requests that are refused: nothing of them reaches an exit, and the connection ends.

use crate::script::*;
use zilla_sdk::testing::*;

/// Expects that the octets are answered with this status, in one piece and octet by octet.
#[track_caller]
fn expect_refused(options: &str, octets: &[u8], status: u16) {
    for pieces in [vec![octets], octets.chunks(1).collect()] {
        let harness = http(options);
        let mut client = connect(&harness);
        for piece in pieces {
            if client.can_send() {
                client.send(data(piece));
            }
        }
        let shown = String::from_utf8_lossy(octets).into_owned();
        harness.expect_no_open();
        let response = client.recv_text();
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{shown:?}: {response:?}");
        assert!(response.contains("\r\nconnection: close\r\n"), "{shown:?}: {response:?}");
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("\r\ncontent-length: {}\r\n", body.len())), "{response:?}");
        expect_closed(&mut client);
        assert_eq!(harness.streams(), 0, "{shown:?}");
    }
}

#[test]
fn ambiguous_or_malformed_requests_are_bad() {
    for head in [
        // Line ends.
        "GET / HTTP/1.1\nHost: a\n\n",
        "GET / HTTP/1.1\r\nHost: a\n\r\n",
        "GET / HTTP/1.1\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: y\nZ: w\r\n\r\n",
        "GET / HTTP/1.1\r\rHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n",
        "GET / HTTP/1.1\r\nX: a\r b\r\nHost: a\r\n\r\n",
        // Before the request line.
        "\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        " GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "\tGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        // The request line.
        "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /  HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
        "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / a HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /\r\n\r\n",
        "GET\r\n\r\n",
        "G(T / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/11\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1a\r\nHost: a\r\n\r\n",
        "GET / HTTP/1,1\r\nHost: a\r\n\r\n",
        "GET / http/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTPS/1.1\r\nHost: a\r\n\r\n",
        "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /\u{7f} HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /#x HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET a HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://u:p@a/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\r\n\r\n",
        // Hosts.
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost:\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\nHost: a b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a:70000\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n",
        // Fields.
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost\t: a\r\n\r\n",
        "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\tz\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n \r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX Y: z\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX(Y): z\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX\u{e9}: z\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: \u{1}\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: \u{b}\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: \u{7f}\r\n\r\n",
        // Lengths.
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\ncontent-length: 2\r\n\r\nab",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\na",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\na",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\na",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\na",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1 1\r\n\r\na",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1.0\r\n\r\na",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \"1\"\r\n\r\na",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\na",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551616\r\n\r\na",
        // Codings.
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked,\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding\r\n: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \u{b}chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n0\r\n\r\n",
    ] {
        expect_refused("", head.as_bytes(), 400);
    }
}

#[test]
fn what_is_not_served_says_so() {
    for (request, status) in [
        ("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 501),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", 501),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", 501),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked;q=1\r\n\r\n", 501),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        ("GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505),
        ("GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505),
        ("PRI * HTTP/2.0\r\n\r\nSN\r\n\r\n", 505),
        ("GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 421),
        ("POST / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\nContent-Length: 1\r\n\r\n", 417),
        ("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue, tea\r\nContent-Length: 1\r\n\r\n", 417),
    ] {
        expect_refused("", request.as_bytes(), status);
    }
}

#[test]
fn a_refusal_says_what_is_wrong() {
    let harness = http("");
    let mut client = connect(&harness);
    client.send(data("GET / HTTP/1.1\r\n\r\n"));
    client.recv(data(refusal("400 Bad Request", "there is no host")));
    client.recv(end());
    client.recv(reset(CloseCode::Cancelled));
}

#[test]
fn a_request_may_need_a_length() {
    for method in ["POST", "PUT", "PATCH"] {
        let request = format!("{method} / HTTP/1.1\r\nhost: a\r\n\r\n");
        expect_refused("length-required: true", request.as_bytes(), 411);
        for good in [&request.replace("a\r\n", "a\r\ncontent-length: 0\r\n"), GET] {
            let (_, mut exit) = ask(&http("length-required: true"), good);
            exit.recv_begin();
            exit.recv(end());
        }
    }
}

#[test]
fn a_request_without_a_length_has_no_body() {
    let (_, mut exit) = ask(&http(""), "POST / HTTP/1.0\r\n\r\n");
    exit.recv_begin();
    exit.recv(end());
}

#[test]
fn a_request_line_may_be_as_long_as_the_limit_and_no_longer() {
    let request = |octets: usize| {
        let path = "x".repeat(octets - "GET / HTTP/1.1".len());
        format!("GET /{path} HTTP/1.1\r\nhost: a\r\n\r\n").into_bytes()
    };
    for limit in [16, 100, 8_192] {
        let options = format!("limits: {{request-line-bytes: {limit}}}");
        let (_, mut exit) = ask(&http(&options), request(limit));
        exit.recv_begin();
        expect_refused(&options, &request(limit + 1), 414);
        expect_refused(&options, &request(limit + 2), 414);
        expect_refused(&options, &request(limit + 3), 414);
        expect_refused(&options, &request(limit + 1_000), 414);
    }
    expect_refused("", &vec![b'A'; 8_200], 414);
}

#[test]
fn a_head_may_be_as_long_as_the_limit_and_no_longer() {
    let request = |octets: usize| {
        let rest = octets - "GET / HTTP/1.1\r\nhost: a\r\nx:\r\n\r\n".len();
        format!("GET / HTTP/1.1\r\nhost: a\r\nx:{}\r\n\r\n", "y".repeat(rest)).into_bytes()
    };
    for limit in [64, 16_384, 60_000] {
        let options = format!("limits: {{header-bytes: {limit}}}");
        let (_, mut exit) = ask(&http(&options), request(limit));
        exit.recv_begin();
        expect_refused(&options, &request(limit + 1), 431);
        expect_refused(&options, &request(limit + 2), 431);
        expect_refused(&options, &request(limit + 1_000), 431);
    }
}

#[test]
fn a_head_may_have_as_many_fields_as_the_limit_and_no_more() {
    let request = |fields: usize| {
        format!("GET / HTTP/1.1\r\nhost: a\r\n{}\r\n", "x: y\r\n".repeat(fields - 1)).into_bytes()
    };
    for limit in [1, 2, 100, 128] {
        let options = format!("limits: {{header-count: {limit}}}");
        let (_, mut exit) = ask(&http(&options), request(limit));
        assert_eq!(exit.recv_begin().attributes.len(), 4 + limit - 1);
        expect_refused(&options, &request(limit + 1), 431);
    }
}

#[test]
fn a_head_fits_the_attributes_that_the_host_allows() {
    let harness = http_with("", Limits { attributes_octets: 512, ..Limits::default() });
    let mut client = connect(&harness);
    client.send(data(format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "y".repeat(512))));
    client.recv(data(refusal("431 Request Header Fields Too Large", "the header is too long")));
    harness.expect_no_open();
}

#[test]
fn connection_has_a_bounded_number_of_options() {
    let request = |options: usize| {
        format!("GET / HTTP/1.1\r\nhost: a\r\nconnection: {}x\r\n\r\n", "x,".repeat(options - 1)).into_bytes()
    };
    ask(&http(""), request(32));
    expect_refused("", &request(33), 400);
}

#[test]
fn a_refused_request_ends_what_follows_it() {
    let harness = http("");
    let mut client = connect(&harness);
    client.send(data(format!("GET / HTTP/1.1\r\n\r\n{GET}")));
    harness.expect_no_open();
    client.recv(data(refusal("400 Bad Request", "there is no host")));
    expect_closed(&mut client);
}

#[test]
fn what_goes_before_a_bad_request_is_answered() {
    let harness = http("");
    let (mut client, mut exit) = ask(&harness, format!("{GET}GET / HTTP/1.1\r\n\r\n"));
    exit.send_all([begin_with([("content-length", "0")]), end()]);
    client.recv(data("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"));
    client.recv(data(refusal("400 Bad Request", "there is no host")));
    expect_closed(&mut client);
}

#[test]
fn a_refusal_by_the_exit_has_its_status() {
    for (code, status) in [
        (CloseCode::NoRoute, "404 Not Found"),
        (CloseCode::Refused, "404 Not Found"),
        (CloseCode::Unspecified, "404 Not Found"),
        (CloseCode::Unauthorized, "401 Unauthorized"),
        (CloseCode::Forbidden, "403 Forbidden"),
        (CloseCode::Violation, "502 Bad Gateway"),
        (CloseCode::Crashed, "502 Bad Gateway"),
        (CloseCode::Unreachable, "502 Bad Gateway"),
        (CloseCode::Cancelled, "502 Bad Gateway"),
        (CloseCode::Limit, "503 Service Unavailable"),
        (CloseCode::Drained, "503 Service Unavailable"),
        (CloseCode::Timeout, "504 Gateway Timeout"),
    ] {
        let request = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n";
        let harness = http("");
        let (mut client, mut exit) = ask(&harness, request);
        exit.refuse(code);
        assert!(client.recv_text().starts_with(&format!("HTTP/1.1 {status}\r\n")), "{code:?}");
        expect_closed(&mut client);

        // The end of the request is on its way: only the abort says why.
        let harness = http("");
        let (mut client, mut exit) = ask(&harness, GET);
        exit.refuse(code);
        let status = if code == CloseCode::Unspecified { "502 Bad Gateway" } else { status };
        assert!(client.recv_text().starts_with(&format!("HTTP/1.1 {status}\r\n")), "{code:?}");
        expect_closed(&mut client);
        assert_eq!(harness.streams(), 0);
    }
}

#[test]
fn a_refusal_of_head_has_no_body() {
    let harness = http("");
    let (mut client, mut exit) = ask(&harness, "HEAD / HTTP/1.1\r\nhost: a\r\n\r\n");
    exit.refuse(CloseCode::NoRoute);
    let response = refusal("404 Not Found", "no route fits the request");
    client.recv(data(response.split_inclusive("\r\n\r\n").next().unwrap()));
    expect_closed(&mut client);
}

#[test]
fn a_request_past_the_streams_of_the_host_is_refused() {
    let harness = http_with("", Limits { streams: 2, ..Limits::default() });
    let (_first, _exit) = ask(&harness, GET);
    let mut second = connect(&harness);
    second.send(data(GET));
    second.recv(data(refusal("503 Service Unavailable", "there are too many requests")));
    expect_closed(&mut second);
}
