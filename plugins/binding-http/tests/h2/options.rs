//! What options ask for besides: web pages are judged, exits are told of the way and answer expectations. Which pages
//! may ask, and what is said of the way, is tested over HTTP/1.1: here, that it is the same over HTTP/2.

use crate::script::*;
use zilla_sdk::testing::*;

/// The fields of a request: those of a GET, and more.
fn with<'a>(more: &'a [(&'a str, &'a str)]) -> Vec<u8> {
    block(GET.into_iter().chain(more.iter().copied()))
}

const PREFLIGHT: [(&str, &str); 7] = [
    (":method", "OPTIONS"),
    (":scheme", "http"),
    (":authority", "a"),
    (":path", "/"),
    ("origin", "https://b"),
    ("access-control-request-method", "PUT"),
    ("access-control-request-headers", "x-one, x-two"),
];

const CREDENTIALS: &str = "access-control: {policy: cross-origin, allow: {credentials: true}, max-age: 60}";

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn pages_that_may_ask_are_told_what_they_may_read() {
    let harness = h2(CREDENTIALS);
    let mut client = Client::connect(&harness);
    client.send(frame(HEADERS, WHOLE, 1, with(&[("origin", "https://b")])));
    let own = [("X-A", "1"), ("Access-Control-Allow-Origin", "the exit's"), ("content-length", "0")];
    harness.expect_open().send_all([begun_with(own), end()]);
    let expected = [
        (":status", "200"),
        ("x-a", "1"),
        ("content-length", "0"),
        ("access-control-allow-origin", "https://b"),
        ("access-control-allow-credentials", "true"),
        ("vary", "origin"),
        ("access-control-expose-headers", "access-control-allow-origin, content-length, x-a"),
    ];
    assert_eq!(client.recv().fields, pairs(&expected));
}

#[test]
fn pages_of_other_origins_are_refused() {
    for (fields, status, because) in [
        (&[("origin", "https://b")][..], "403", "the origin must not ask this"),
        (&[("origin", "http://a"), ("origin", "http://a")], "400", "a field is there more than once"),
    ] {
        let harness = h2("access-control: {}");
        let mut client = Client::connect(&harness);
        client.send(frame(HEADERS, WHOLE, 1, with(fields)));
        client.expect_refusal(1, status, because);
        harness.expect_no_open();
        client.send(frame(HEADERS, WHOLE, 3, with(&[("origin", "http://a")])));
        assert_eq!(harness.expect_open().attribute("origin").as_deref(), Some("http://a"));
        client.expect_well();
    }
}

#[test]
fn a_preflight_is_answered_here() {
    let harness = h2(CREDENTIALS);
    let mut client = Client::connect(&harness);
    // One with content, which nobody reads, and one without.
    client.send(frame(HEADERS, END_HEADERS, 1, block(PREFLIGHT)));
    client.send(frame(HEADERS, WHOLE, 3, block(PREFLIGHT)));
    for (stream, has_content) in [(1, true), (3, false)] {
        let expected = [
            (":status", "204"),
            ("access-control-allow-origin", "https://b"),
            ("access-control-allow-credentials", "true"),
            ("access-control-allow-methods", "PUT"),
            ("access-control-allow-headers", "x-one, x-two"),
            ("access-control-max-age", "60"),
            ("vary", "origin"),
        ];
        assert_eq!(client.expect_head(stream, "204").fields, pairs(&expected));
        client.expect(DATA, END_STREAM, stream, "");
        if has_content {
            client.expect_reset(stream, NO_ERROR);
        }
    }
    harness.expect_no_open();
    client.send(frame(DATA, END_STREAM, 1, "nobody reads this"));
    client.expect_well();
    assert_eq!(harness.streams(), 1);
}

/// The attributes that the exit gets of a request with these fields, but for pseudo-headers.
fn told(options: &str, fields: &[(&str, &str)]) -> Vec<(String, String)> {
    let harness = h2(options);
    // Of either way to HTTP/2: by ALPN, and by the preface after HTTP/1.1 was possible.
    let answers =
        [&[("source", "192.0.2.1:80"), ("alpn", "h2")][..], &[("source", "192.0.2.1:80")]].map(|begin| {
            let mut peer = harness.open(begin_with(begin.iter().copied()));
            let scheme = if begin.len() == 2 { "https" } else { "http" };
            let head = [(":method", "GET"), (":scheme", scheme), (":authority", "A"), (":path", "/")];
            let block = block(head.into_iter().chain(fields.iter().copied()));
            peer.send(data([PREFACE, &frame(SETTINGS, 0, 0, []), &frame(HEADERS, WHOLE, 1, block)].concat()));
            let text = |octets: &Vec<u8>| {
                String::from_utf8(octets.clone()).unwrap().replace("https", "http").replace("443", "80")
            };
            let begin = harness.expect_open().recv_begin();
            let pairs = begin.attributes.iter().map(|(name, value)| (text(name), text(value)));
            pairs.filter(|(name, _)| !name.starts_with(':')).collect::<Vec<_>>()
        });
    assert_eq!(answers[0], answers[1]);
    answers[0].clone()
}

#[test]
fn exits_are_told_of_the_way() {
    const ALL: &str = "headers: [forwarded, x-forwarded-for, x-forwarded-proto, x-forwarded-host]";
    let claims = [
        ("x-forwarded-for", "9.9.9.9"),
        ("accept", "*/*"),
        ("x-forwarded-for", "8.8.8.8"),
        ("forwarded", "for=9.9.9.9"),
        ("cookie", "a=b"),
        ("x-forwarded-proto", "gopher"),
        ("cookie", "c=d"),
    ];
    let untrusted = [
        ("accept", "*/*"),
        ("cookie", "a=b; c=d"),
        ("forwarded", "for=192.0.2.1;proto=http;host=\"a:80\""),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "a:80"),
    ];
    assert_eq!(told(&format!("forwarded: {{{ALL}}}"), &claims), pairs(&untrusted));
    let trusted = [
        ("accept", "*/*"),
        ("cookie", "a=b; c=d"),
        ("forwarded", "for=9.9.9.9, for=192.0.2.1;proto=http;host=\"a:80\""),
        ("x-forwarded-for", "9.9.9.9, 8.8.8.8, 192.0.2.1"),
        ("x-forwarded-proto", "gopher"),
        ("x-forwarded-host", "a:80"),
    ];
    assert_eq!(told(&format!("forwarded: {{{ALL}, trust: true}}"), &claims), pairs(&trusted));
    assert_eq!(told("", &claims[..2]), pairs(&claims[..2]));
}

#[test]
fn via_is_added_both_ways() {
    assert_eq!(told("via: gateway", &[("via", "1.1 x")]), pairs(&[("via", "1.1 x"), ("via", "2 gateway")]));
    let harness = h2("via: gateway");
    let mut client = Client::connect(&harness);
    client.send(get(1));
    harness.expect_open().send_all([begun_with([("via", "1.1 x")]), end()]);
    assert_eq!(client.recv().fields, pairs(&[(":status", "200"), ("via", "1.1 x"), ("via", "2 gateway")]));
}

/// A client that waits with its content, and the exit that it asks.
fn wait(harness: &Harness<binding_http::Http>) -> (Client, Peer) {
    let mut client = Client::connect(harness);
    client.send(frame(HEADERS, END_HEADERS, 1, block(POST.into_iter().chain([("expect", "100-continue")]))));
    (client, harness.expect_open())
}

#[test]
fn an_expectation_is_the_exits_where_the_options_say_so() {
    let harness = h2("expect: pass");
    let (mut client, mut exit) = wait(&harness);
    assert_eq!(exit.recv_begin().attribute("expect").as_deref(), Some("100-continue"));
    exit.send(window(1));
    harness.advance(50_000);
    client.expect_nothing();
    exit.send(begun_with([(":status", "100"), ("x-a", "1")]));
    assert_eq!(client.recv().fields, pairs(&[(":status", "100"), ("x-a", "1")]));
    client.send(frame(DATA, END_STREAM, 1, "x"));
    exit.recv(data("x"));
    exit.recv(end());
    exit.send_all([flush([(":status", "201")]), end()]);
    client.expect_response(1, "201", "");
    client.expect_well();
}

#[test]
fn an_exit_that_answers_at_once_needs_no_100() {
    let harness = h2("expect: pass");
    let (mut client, mut exit) = wait(&harness);
    exit.send(begun());
    client.expect_head(1, "100");
    client.expect_head(1, "200");
    let (mut client, mut exit) = wait(&harness);
    exit.send_all([begun_with([(":status", "401")]), end()]);
    client.expect_response(1, "401", "");
    client.expect_reset(1, NO_ERROR);
    exit.recv_begin();
    exit.recv_kind(FrameKind::Abort);
    client.expect_well();
}

#[test]
fn interim_responses_do_not_pile_up() {
    let harness = h2("");
    let mut client = Client::with_settings(&harness, &frame(SETTINGS, 0, 0, []));
    client.send(get(1));
    let mut exit = harness.expect_open();
    let interim = [(":status", "103"), ("link", "</a.css>; rel=preload; as=style; a long one")];
    exit.send(begun_with(interim));
    for _ in 0..100_000 {
        exit.send(flush(interim));
    }
    exit.send_all([flush([(":status", "200")]), end()]);
    client.peer.grant_all();
    client.read();
    let interims = client.frames.iter().filter(|frame| frame.field(":status") == Some("103")).count();
    // As many as the credit was for that the client gave at first.
    assert!((100..30_000).contains(&interims), "{interims}");
    client.frames.drain(..interims);
    client.expect_response(1, "200", "");
}
