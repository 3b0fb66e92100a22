//! `access-control`: which web pages may ask.

use crate::script::*;
use zilla_sdk::testing::*;

/// Fields of a request, then the status of its response and the fields that say who may read it.
#[track_caller]
fn answered(control: &str, request: &str) -> (u16, Vec<String>) {
    let harness = http(&format!("access-control: {{{control}}}"));
    let mut client = connect(&harness);
    client.send(data(format!("{request}host: a\r\n\r\n")));
    if let Some(mut exit) = harness.opened() {
        exit.recv_begin();
        let own = [
            ("x-b", "1"),
            ("X-A", "2"),
            ("Access-Control-Allow-Origin", "the exit's"),
            ("content-length", "0"),
        ];
        exit.send_all([begun_with(own), end()]);
    }
    let text = client.recv_text();
    let status = text[9..12].parse().unwrap();
    let is_ours = |line: &&str| {
        let line = line.to_ascii_lowercase();
        line.starts_with("access-control-") || line.starts_with("vary")
    };
    (status, text.lines().filter(is_ours).map(str::to_owned).collect())
}

const SAME: &str = "GET / HTTP/1.1\r\norigin: http://A\r\n";
const OTHER: &str = "GET / HTTP/1.1\r\norigin: https://b\r\n";
const PREFLIGHT: &str = "OPTIONS / HTTP/1.1\r\norigin: https://b\r\naccess-control-request-method: PUT\r\n\
                         access-control-request-headers: X-One, x-two\r\n";

#[test]
fn without_the_key_nothing_is_judged() {
    let harness = http("");
    let (mut client, mut exit) = ask(&harness, format!("{OTHER}host: a\r\n\r\n"));
    let own = [("access-control-allow-origin", "x"), ("content-length", "0")];
    exit.send_all([begun_with(own), end()]);
    client.recv(data("HTTP/1.1 200 OK\r\naccess-control-allow-origin: x\r\ncontent-length: 0\r\n\r\n"));
    let (_client, exit) = ask(&http(""), format!("{PREFLIGHT}host: a\r\n\r\n"));
    assert_eq!(exit.attribute(":method").as_deref(), Some("OPTIONS"));
}

#[test]
fn pages_of_the_same_origin_may_ask_and_no_others() {
    let theirs = vec!["Access-Control-Allow-Origin: the exit's".to_owned()];
    assert_eq!(answered("", "GET / HTTP/1.1\r\n"), (200, theirs.clone()));
    assert_eq!(answered("", SAME), (200, theirs.clone()));
    assert_eq!(answered("policy: same-origin", &SAME.replace("http://A", "http://a:80")), (200, theirs));
    for origin in
        ["https://b", "https://a", "http://a:81", "null", "", "a", "http://a/", "http://a, http://a"]
    {
        let request = SAME.replace("http://A", origin);
        assert_eq!(answered("", &request), (403, vec![]), "{origin}");
    }
}

#[test]
fn pages_of_other_origins_may_ask_where_they_are_allowed() {
    let any = ["access-control-allow-origin: *", "access-control-expose-headers: *"];
    assert_eq!(answered("policy: cross-origin", OTHER), (200, any.map(str::to_owned).to_vec()));
    let listed = "policy: cross-origin, allow: {origins: ['https://B:443', 'http://c:81']}, expose: {headers: [x-a, x-b]}";
    let expected =
        ["access-control-allow-origin: https://b", "access-control-expose-headers: x-a, x-b", "vary: origin"];
    assert_eq!(answered(listed, OTHER), (200, expected.map(str::to_owned).to_vec()));
    assert_eq!(answered(listed, &OTHER.replace("https://b", "http://c:81")).0, 200);
    for origin in ["http://b", "https://b:444", "http://c", "null", "https://b.example"] {
        assert_eq!(answered(listed, &OTHER.replace("https://b", origin)), (403, vec![]), "{origin}");
    }
}

#[test]
fn what_names_the_origin_varies_with_it() {
    let listed = "policy: cross-origin, allow: {origins: ['https://b']}";
    for request in ["GET / HTTP/1.1\r\n", SAME] {
        assert_eq!(answered(listed, request), (200, vec!["vary: origin".to_owned()]));
    }
}

#[test]
fn credentials_need_names_instead_of_stars() {
    let control = "policy: cross-origin, allow: {credentials: true}";
    let expected = [
        "access-control-allow-origin: https://b",
        "access-control-allow-credentials: true",
        "vary: origin",
        "access-control-expose-headers: access-control-allow-origin, content-length, x-a, x-b",
    ];
    assert_eq!(answered(control, OTHER), (200, expected.map(str::to_owned).to_vec()));
    let expected = [
        "access-control-allow-origin: https://b",
        "access-control-allow-credentials: true",
        "access-control-allow-methods: PUT",
        "access-control-allow-headers: X-One, x-two",
        "vary: origin",
    ];
    assert_eq!(answered(control, PREFLIGHT), (204, expected.map(str::to_owned).to_vec()));
}

#[test]
fn a_preflight_is_answered_here() {
    let any = [
        "access-control-allow-origin: *",
        "access-control-allow-methods: *",
        "access-control-allow-headers: *",
    ];
    assert_eq!(answered("policy: cross-origin", PREFLIGHT), (204, any.map(str::to_owned).to_vec()));
    assert_eq!(answered("", PREFLIGHT), (204, any.map(str::to_owned).to_vec()));
    let listed = "policy: cross-origin, allow: {methods: [GET, PUT], headers: [x-one, X-Two]}, max-age: 60";
    let expected = [
        "access-control-allow-origin: *",
        "access-control-allow-methods: PUT",
        "access-control-allow-headers: X-One, x-two",
        "access-control-max-age: 60",
    ];
    assert_eq!(answered(listed, PREFLIGHT), (204, expected.map(str::to_owned).to_vec()));
    for refused in [
        PREFLIGHT.replace("PUT", "put"),
        PREFLIGHT.replace("PUT", "DELETE"),
        PREFLIGHT.replace("x-two", "x-three"),
    ] {
        assert_eq!(answered(listed, &refused), (403, vec![]), "{refused}");
    }
    let others = "policy: cross-origin, allow: {origins: ['https://c']}";
    assert_eq!(answered(others, PREFLIGHT), (403, vec![]));
}

#[test]
fn what_only_looks_like_a_preflight_is_handed_on() {
    for request in [
        "OPTIONS / HTTP/1.1\r\norigin: https://b\r\n",
        "OPTIONS / HTTP/1.1\r\naccess-control-request-method: PUT\r\n",
        &PREFLIGHT.replace("OPTIONS", "GET"),
    ] {
        assert_eq!(answered("policy: cross-origin", request).0, 200, "{request}");
    }
}

#[test]
fn a_connection_stays_after_a_preflight_and_ends_after_a_refusal() {
    let harness = http("access-control: {policy: cross-origin}");
    let mut client = connect(&harness);
    client.send(data(format!("{PREFLIGHT}host: a\r\n\r\n{GET}")));
    echo(&mut harness.expect_open());
    let text = client.recv_text();
    assert!(
        text.starts_with("HTTP/1.1 204 No Content\r\naccess-control-")
            && text.contains("\r\n\r\nHTTP/1.1 200 OK"),
        "{text}"
    );
    client.send(data(format!("{PREFLIGHT}connection: close\r\nhost: a\r\n\r\n")));
    assert!(client.recv_text().contains("\r\nconnection: close\r\n"));
    expect_closed(&mut client);
    let mut client = connect(&harness);
    client.send(data(format!("{PREFLIGHT}content-length: 1\r\nhost: a\r\n\r\nx")));
    assert!(client.recv_text().contains("\r\nconnection: close\r\n"));
    expect_closed(&mut client);
    let harness = http("access-control: {}");
    let mut client = connect(&harness);
    client.send(data(format!("{OTHER}host: a\r\n\r\n")));
    client.recv(data(refusal("403 Forbidden", "the origin must not ask this")));
    expect_closed(&mut client);
}

#[test]
fn two_origins_are_none() {
    assert_eq!(answered("policy: cross-origin", &format!("{SAME}origin: b\r\n")).0, 400);
}
