//! What a request may have (RFC 9113, 8), and what it is handed on as.

use crate::script::*;
use zilla_sdk::testing::*;

fn with(fields: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    GET.into_iter().chain(fields.iter().copied()).collect()
}

const METHOD: (&str, &str) = (":method", "GET");
const SCHEME: (&str, &str) = (":scheme", "http");
const PATH: (&str, &str) = (":path", "/");
const AUTHORITY: (&str, &str) = (":authority", "a");

#[test]
fn a_malformed_request_is_reset() {
    for fields in [
        vec![],
        vec![SCHEME, AUTHORITY, PATH],
        vec![METHOD, AUTHORITY, PATH],
        vec![METHOD, SCHEME, AUTHORITY],
        vec![METHOD, METHOD, SCHEME, AUTHORITY, PATH],
        vec![METHOD, SCHEME, SCHEME, AUTHORITY, PATH],
        vec![METHOD, SCHEME, AUTHORITY, AUTHORITY, PATH],
        vec![METHOD, SCHEME, AUTHORITY, PATH, PATH],
        vec![METHOD, SCHEME, AUTHORITY, (":path", "")],
        vec![METHOD, SCHEME, AUTHORITY, (":path", "a")],
        vec![METHOD, SCHEME, AUTHORITY, (":path", "http://a/")],
        vec![(":method", ""), SCHEME, AUTHORITY, PATH],
        vec![(":method", "G T"), SCHEME, AUTHORITY, PATH],
        vec![("a", "b"), METHOD, SCHEME, AUTHORITY, PATH],
        vec![METHOD, SCHEME, AUTHORITY, ("a", "b"), PATH],
        with(&[(":status", "200")]),
        with(&[(":unknown", "x")]),
        with(&[(":protocol", "websocket")]),
        with(&[("A", "b")]),
        with(&[("", "b")]),
        with(&[("a b", "c")]),
        with(&[("a:", "c")]),
        with(&[("a", " b")]),
        with(&[("a", "b\t")]),
        with(&[("a", "b\r\nc")]),
        with(&[("a", "b\0c")]),
        with(&[("connection", "close")]),
        with(&[("keep-alive", "5")]),
        with(&[("proxy-connection", "close")]),
        with(&[("transfer-encoding", "chunked")]),
        with(&[("upgrade", "h2c")]),
        with(&[("te", "gzip")]),
        with(&[("te", "trailers, gzip")]),
        with(&[("content-length", "1")]),
        with(&[("content-length", "x")]),
        with(&[("content-length", "0"), ("content-length", "0")]),
        with(&[("host", "b")]),
        vec![(":method", "CONNECT"), SCHEME, AUTHORITY, PATH],
        vec![(":method", "CONNECT")],
    ] {
        let harness = h2("");
        let mut client = Client::connect(&harness);
        let shown = format!("{fields:?}");
        client.send(frame(HEADERS, WHOLE, 1, block(fields)));
        let found = client.recv();
        assert_eq!((found.kind, found.stream), (RST_STREAM, 1), "{shown}: {found:?}");
        assert_eq!(found.number(0), PROTOCOL_ERROR);
        harness.expect_no_open();
        client.expect_well();
    }
}

#[test]
fn what_is_not_served_is_refused() {
    for (fields, status) in [
        (vec![METHOD, SCHEME, PATH], "400"),
        (vec![METHOD, SCHEME, (":authority", ""), PATH], "400"),
        (vec![METHOD, SCHEME, (":authority", "user@a"), PATH], "400"),
        (vec![METHOD, SCHEME, (":authority", "a:x"), PATH], "400"),
        (vec![METHOD, SCHEME, AUTHORITY, (":path", "*")], "400"),
        (vec![METHOD, SCHEME, AUTHORITY, (":path", "/a#b")], "400"),
        (vec![METHOD, (":scheme", "ftp"), AUTHORITY, PATH], "400"),
        (vec![METHOD, (":scheme", "https"), AUTHORITY, PATH], "421"),
        (vec![(":method", "CONNECT"), (":authority", "a:443")], "501"),
        (with(&[("expect", "tea")]), "417"),
        (with(&[("host", "a"), ("host", "a")]), "400"),
    ] {
        let harness = h2("");
        let mut client = Client::connect(&harness);
        let shown = format!("{fields:?}");
        client.send(frame(HEADERS, WHOLE, 1, block(fields)));
        let found = client.recv();
        assert_eq!(found.field(":status"), Some(status), "{shown}");
        assert!(client.recv().ends());
        harness.expect_no_open();
        client.expect_well();
    }
}

#[test]
fn limits_are_those_of_http_1_1() {
    let options = "limits: {request-line-bytes: 40, header-bytes: 400, header-count: 3, body-bytes: 5}";
    let long: &str = "/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    let value: &'static str = "x".repeat(300).leak();
    for (fields, status) in [
        (vec![METHOD, SCHEME, AUTHORITY, (":path", long)], "414"),
        (with(&[("a", value)]), "431"),
        (with(&[("a", ""), ("b", ""), ("c", ""), ("d", "")]), "431"),
        (with(&[("content-length", "6")]), "413"),
    ] {
        let harness = h2(options);
        let mut client = Client::connect(&harness);
        client.send(frame(HEADERS, WHOLE, 1, block(fields)));
        assert_eq!(client.recv().field(":status"), Some(status));
        harness.expect_no_open();
    }
    let harness = h2(options);
    let mut client = Client::connect(&harness);
    client.send([post(1), frame(DATA, 0, 1, "12345"), frame(DATA, 0, 1, "6")].concat());
    client.expect_refusal(1, "413", "the body is too long");
    client.expect_reset(1, NO_ERROR);
    client.send([get(3), post(5), frame(HEADERS, WHOLE, 5, block([("a", value), ("b", value)]))].concat());
    client.expect_refusal(5, "431", "the trailers are too long");
    client.expect_well();
}

#[test]
fn more_than_the_host_takes_is_refused() {
    let harness = h2_with("", Limits { attributes_octets: 300, streams: 2, ..Limits::default() });
    let mut client = Client::connect(&harness);
    let value: &'static str = "x".repeat(300).leak();
    client.send(frame(HEADERS, WHOLE, 1, block(with(&[("a", value)]))));
    client.expect_refusal(1, "431", "the header is too long");
    client.send([get(3), get(5)].concat());
    client.expect_refusal(5, "503", "there are too many requests");
}

#[test]
fn content_is_as_long_as_it_is_said_to_be() {
    let fields = || block(POST.into_iter().chain([("content-length", "3")]));
    for frames in [
        [frame(DATA, 0, 1, "abcd"), Vec::new()],
        [frame(DATA, END_STREAM, 1, "ab"), Vec::new()],
        [frame(DATA, 0, 1, "abc"), frame(DATA, END_STREAM, 1, "d")],
        [frame(DATA, 0, 1, "ab"), frame(HEADERS, WHOLE, 1, block([("a", "b")]))],
    ] {
        let harness = h2("");
        let mut client = Client::connect(&harness);
        client.send(frame(HEADERS, END_HEADERS, 1, fields()));
        client.send(frames.concat());
        client.expect_reset(1, PROTOCOL_ERROR);
        client.expect_well();
        let mut exit = harness.expect_open();
        exit.recv_all();
        assert!(exit.is_over());
    }
    let harness = h2("");
    let mut client = Client::connect(&harness);
    client.send([frame(HEADERS, END_HEADERS, 1, fields()), frame(DATA, END_STREAM, 1, "abc")].concat());
    let mut exit = harness.expect_open();
    exit.recv_begin();
    exit.recv(data("abc"));
    exit.recv(end());
}

#[test]
fn trailers_end_the_request_and_have_no_pseudo_headers() {
    for trailers in [
        frame(HEADERS, END_HEADERS, 1, block([("a", "b")])),
        frame(HEADERS, WHOLE, 1, block([(":path", "/")])),
        frame(HEADERS, WHOLE, 1, block([("A", "b")])),
        frame(HEADERS, WHOLE, 1, block([("connection", "b")])),
    ] {
        let harness = h2("");
        let mut client = Client::connect(&harness);
        client.send([post(1), trailers].concat());
        client.expect_reset(1, PROTOCOL_ERROR);
        client.expect_well();
    }
}

#[test]
fn a_request_is_handed_on_as_one_of_http_1_1() {
    let harness = h2("");
    let mut client = Client::connect(&harness);
    let fields = [
        (":path", "/p?q"),
        (":method", "PATCH"),
        (":authority", "Example.COM:0080"),
        (":scheme", "http"),
        ("x-a", "1"),
        ("cookie", "a=b"),
        ("te", "trailers"),
        ("host", "example.com:80"),
        ("x-a", ""),
        ("cookie", "c=d"),
        ("content-length", "0"),
        ("cookie", "e"),
    ];
    client.send(frame(HEADERS, WHOLE, 1, block(fields)));
    harness.expect_open().recv(begin_with([
        (":method", "PATCH"),
        (":scheme", "http"),
        (":authority", "example.com:80"),
        (":path", "/p?q"),
        ("x-a", "1"),
        ("te", "trailers"),
        ("x-a", ""),
        ("content-length", "0"),
        ("cookie", "a=b; c=d; e"),
    ]));
    client.send(frame(HEADERS, WHOLE, 3, block([METHOD, SCHEME, PATH, ("host", "B")])));
    assert_eq!(harness.expect_open().recv_begin().attribute(":authority").as_deref(), Some("b:80"));
    let options = [(":method", "OPTIONS"), SCHEME, (":path", "*"), AUTHORITY];
    client.send(frame(HEADERS, WHOLE, 5, block(options)));
    assert_eq!(harness.expect_open().recv_begin().attribute(":path").as_deref(), Some("*"));
}
