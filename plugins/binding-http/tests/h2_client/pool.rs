//! Connections that requests share: which version they speak, how many there are, and who waits.

use crate::script::*;
use zilla_sdk::testing::*;

#[test]
fn what_tls_has_agreed_on_decides() {
    let harness = client_of_both("");
    let mut opener = ask(&harness);
    let mut origin = harness.expect_open();
    origin.recv(begin_with([("authority", "a:80"), ("alpn", "h2"), ("alpn", "http/1.1")]));
    origin.recv_nothing();
    origin.send(begun_with([("alpn", "http/1.1")]));
    assert_eq!(origin.recv_text(), "GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    origin.send(data("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"));
    opener.recv_begin();
    let harness = client_of_both("");
    let _opener = ask(&harness);
    let mut origin = Origin::silent(&harness, Some("h2"));
    assert_eq!(origin.recv().kind, SETTINGS);
}

#[test]
fn without_tls_http1_is_spoken_unless_h2_is_all_there_is() {
    let harness = client_of_both("");
    let _opener = ask(&harness);
    let mut origin = harness.expect_open();
    origin.recv_begin();
    origin.send(begun());
    assert!(origin.recv_text().starts_with("GET / HTTP/1.1\r\n"));
    let harness = client("");
    let _opener = ask(&harness);
    let mut origin = harness.expect_open();
    origin.recv(begin_with([("authority", "a:80"), ("alpn", "h2")]));
    origin.send(begun());
    assert!(origin.recv_data_all().starts_with(PREFACE));
}

#[test]
fn an_origin_that_speaks_another_protocol_is_not_spoken_to() {
    for (versions, alpn) in
        [("[h2]", "http/1.1"), ("[http/1.1, h2]", "h3"), ("[http/1.1]", "h2"), ("[h2]", "spdy/3")]
    {
        let harness = client_of_both(&format!("versions: {versions}"));
        let mut opener = ask(&harness);
        let mut origin = harness.expect_open();
        origin.recv_begin();
        origin.send(begun_with([("alpn", alpn)]));
        expect_failed(&mut opener, CloseCode::Violation);
        assert!(!origin.can_send());
        assert_eq!(harness.streams(), 0);
    }
}

#[test]
fn requests_wait_for_the_connection_that_is_set_up() {
    let harness = client("limits: {h2: {concurrent-streams: 3}}");
    let mut openers: Vec<Peer> = (0..4).map(|_| ask(&harness)).collect();
    let mut body = harness.open(request("POST"));
    body.send_all([data("abc"), end()]);
    let mut first = Origin::accept(&harness);
    let mut second = Origin::accept(&harness);
    harness.expect_no_open();
    for stream in [1, 3, 5] {
        first.expect_get(stream);
    }
    second.expect_get(1);
    second.expect_head(END_HEADERS, 3, &fields_of("POST"));
    second.expect_content(3, "abc");
    first.send(nothing(3));
    expect_nothing(&mut openers[1]);
}

#[test]
fn a_connection_that_cannot_be_made_fails_those_that_wait_for_it() {
    let harness = client_of_both("");
    let mut openers = [ask(&harness), ask(&harness)];
    harness.expect_open().refuse(CloseCode::Timeout);
    for opener in &mut openers {
        expect_failed(opener, CloseCode::Timeout);
    }
    harness.expect_no_open();
    assert_eq!(harness.streams(), 0);
}

#[test]
fn a_request_that_is_given_up_leaves_the_connection_that_is_set_up() {
    let harness = client("");
    let mut one = ask(&harness);
    let mut other = ask(&harness);
    one.send(reset(CloseCode::Cancelled));
    assert!(one.is_over());
    let mut origin = Origin::accept(&harness);
    origin.expect_get(1);
    origin.send(nothing(1));
    expect_nothing(&mut other);
}

#[test]
fn a_version_that_was_found_to_be_http1_opens_a_connection_for_each_request() {
    let harness = client_of_both("");
    let _openers = [ask(&harness), ask(&harness), ask(&harness)];
    let mut first = harness.expect_open();
    harness.expect_no_open();
    first.send(begun());
    // The others are not kept waiting any longer, and later ones neither.
    harness.expect_open();
    harness.expect_open();
    ask(&harness);
    harness.expect_open();
}

#[test]
fn there_are_so_many_connections_and_then_requests_wait_in_order() {
    let options = "limits: {connections: 2, waiting-requests: 1, h2: {concurrent-streams: 2}}";
    let harness = client(options);
    let mut openers: Vec<Peer> = (0..6).map(|_| ask(&harness)).collect();
    let mut first = Origin::accept(&harness);
    let mut second = Origin::accept(&harness);
    harness.expect_no_open();
    expect_failed(&mut openers[5], CloseCode::Limit);
    for stream in [1, 3] {
        first.expect_get(stream);
    }
    for stream in [1, 3] {
        second.expect_get(stream);
    }
    second.expect_nothing();
    second.send(nothing(1));
    expect_nothing(&mut openers[2]);
    second.expect_get(5);
    second.send(nothing(5));
    expect_nothing(&mut openers[4]);
}

#[test]
fn an_origin_says_how_many_requests_it_takes() {
    let harness = client("limits: {connections: 1}");
    let mut openers: Vec<Peer> = (0..3).map(|_| ask(&harness)).collect();
    let mut origin = Origin::with(&harness, &setting(MAX_CONCURRENT_STREAMS, 2));
    origin.peer.grant_all();
    // They were under way before it said so.
    for stream in [1, 3, 5] {
        origin.expect_get(stream);
    }
    openers.push(ask(&harness));
    origin.expect_nothing();
    origin.send(nothing(1));
    origin.expect_nothing();
    origin.send(nothing(3));
    origin.expect_get(7);
    openers.push(ask(&harness));
    origin.expect_nothing();
    origin.send(setting(MAX_CONCURRENT_STREAMS, 3));
    origin.expect(SETTINGS, ACK, 0, []);
    origin.expect_get(9);
}

#[test]
fn an_idle_connection_over_the_limit_is_told_to_go() {
    let harness = client("limits: {idle-connections: 0}");
    let (mut opener, mut origin) = exchange(&harness);
    origin.send(nothing(1));
    expect_nothing(&mut opener);
    origin.expect_goaway(NO_ERROR);
    assert_eq!(harness.streams(), 0);
}

#[test]
fn an_idle_connection_that_the_origin_ends_is_forgotten() {
    for ends in [vec![end()], vec![abort(CloseCode::Unspecified)], vec![reset(CloseCode::Cancelled)]] {
        let harness = client("");
        let (mut opener, mut origin) = exchange(&harness);
        origin.send(nothing(1));
        expect_nothing(&mut opener);
        origin.peer.send_all(ends);
        assert_eq!(harness.streams(), 0);
        exchange(&harness);
    }
}

#[test]
fn a_thousand_requests_leave_one_connection() {
    let harness = client("");
    let (mut opener, mut origin) = exchange(&harness);
    origin.send(nothing(1));
    expect_nothing(&mut opener);
    for index in 1..1_000 {
        expect_kept(&harness, &mut origin, index * 2 + 1);
    }
    assert_eq!(harness.streams(), 1);
    origin.peer.send(end());
    assert_eq!(harness.streams(), 0);
}
