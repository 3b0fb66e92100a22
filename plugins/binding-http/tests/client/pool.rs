//! Connections that requests share: how many there are, who waits, and what is done with stale ones.

use crate::script::*;
use zilla_sdk::testing::*;

#[test]
fn a_connection_serves_one_request_after_the_other() {
    let harness = client("");
    let (mut opener, mut origin) = exchange(&harness);
    origin.send(data(NOTHING));
    expect_nothing(&mut opener);
    for _ in 0..20 {
        expect_kept(&harness, &mut origin);
    }
}

#[test]
fn a_connection_serves_no_other_route_scheme_authority_or_authorization() {
    let harness: Harness<binding_http::Http> =
        Harness::attach("{kind: client, options: {versions: [http/1.1]}, routes: [{when: [{headers: {x: y}}], exit: net}], exit: net}")
            .unwrap();
    let (mut opener, mut origin) = exchange(&harness);
    origin.send(data(NOTHING));
    expect_nothing(&mut opener);
    let like = |name: &str, value: &str| {
        let pairs = [(":method", "GET"), (":scheme", "http"), (":authority", "a:80"), (":path", "/")];
        begin_with(pairs.map(|pair| if pair.0 == name { (pair.0, value) } else { pair }))
    };
    for begin in [
        like(":authority", "b:80"),
        like(":authority", "a:81"),
        like(":scheme", "https"),
        request("GET").on_route(1),
        request("GET").authorized(7),
    ] {
        ask_with(&harness, begin);
        harness.expect_open();
    }
    ask_with(&harness, like(":path", "/other"));
    harness.expect_no_open();
}

#[test]
fn there_are_so_many_connections_and_then_requests_wait_in_order() {
    let harness = client("limits: {connections: 2, waiting-requests: 2}");
    let mut openers: Vec<Peer> = (0..5).map(|_| ask(&harness)).collect();
    let mut origins = [accept(&harness), accept(&harness)];
    harness.expect_no_open();
    expect_failed(&mut openers[4], CloseCode::Limit);
    for served in [0, 1] {
        origins[served].recv(data(GET));
        origins[served].recv_nothing();
    }
    origins[1].send(data(NOTHING));
    expect_nothing(&mut openers[1]);
    origins[1].recv(data(GET));
    origins[1].send(data(NOTHING));
    expect_nothing(&mut openers[2]);
    openers[3].recv_nothing();
    origins[0].send(data(NOTHING));
    expect_nothing(&mut openers[0]);
    origins[1].recv(data(GET));
    origins[1].send(data(NOTHING));
    expect_nothing(&mut openers[3]);
    harness.expect_no_open();
}

#[test]
fn there_are_ten_connections_and_a_hundred_waiting_requests_by_default() {
    let harness = client("");
    let mut openers: Vec<Peer> = (0..111).map(|_| ask(&harness)).collect();
    assert_eq!(std::iter::from_fn(|| harness.opened()).count(), 10);
    openers[109].recv_nothing();
    expect_failed(&mut openers[110], CloseCode::Limit);
}

#[test]
fn what_waits_keeps_its_body_and_gives_no_credit_for_it() {
    let harness = client("limits: {connections: 1}");
    let (mut first, mut origin) = exchange(&harness);
    let mut second = harness.open(request("POST"));
    second.send_all([data("abc"), data("def"), end_with([("x", "y")])]);
    assert_eq!(second.granted(), 65_536);
    origin.send(data(NOTHING));
    expect_nothing(&mut first);
    let sent = origin.recv_text();
    assert!(sent.ends_with("\r\n\r\n6\r\nabcdef\r\n0\r\nx: y\r\n\r\n"), "{sent}");
    origin.send(data(NOTHING));
    expect_nothing(&mut second);
}

#[test]
fn a_request_that_is_given_up_while_it_waits_leaves_no_trace() {
    let harness = client("limits: {connections: 1}");
    let (mut first, mut origin) = exchange(&harness);
    let mut second = ask(&harness);
    let mut third = ask(&harness);
    second.send(reset(CloseCode::Cancelled));
    assert!(second.is_over());
    origin.send(data(NOTHING));
    expect_nothing(&mut first);
    origin.recv(data(GET));
    origin.send(data(NOTHING));
    expect_nothing(&mut third);
    origin.recv_nothing();
}

#[test]
fn a_waiting_request_gets_a_new_connection_where_one_ends() {
    let harness = client("limits: {connections: 1}");
    let (mut first, mut origin) = exchange(&harness);
    let mut second = ask(&harness);
    origin.send(data("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"));
    first.recv_begin();
    first.recv(end());
    expect_left(&mut origin);
    let mut origin = accept(&harness);
    origin.recv(data(GET));
    origin.send(data(NOTHING));
    expect_nothing(&mut second);
}

#[test]
fn no_more_idle_connections_are_kept_than_allowed() {
    let harness = client("limits: {idle-connections: 1}");
    let mut openers = [ask(&harness), ask(&harness), ask(&harness)];
    let mut origins = [accept(&harness), accept(&harness), accept(&harness)];
    for (opener, origin) in openers.iter_mut().zip(&mut origins) {
        origin.recv_all();
        origin.send(data(NOTHING));
        expect_nothing(opener);
    }
    expect_left(&mut origins[1]);
    expect_left(&mut origins[2]);
    expect_kept(&harness, &mut origins[0]);
    let harness = client("limits: {idle-connections: 0}");
    let mut opener = ask(&harness);
    let mut origin = accept(&harness);
    origin.recv(data(LAST_GET));
    origin.send(data(NOTHING));
    expect_nothing(&mut opener);
    expect_left(&mut origin);
    assert_eq!(harness.streams(), 0);
}

#[test]
fn an_idle_connection_that_the_origin_ends_is_forgotten() {
    for ends in [vec![end()], vec![abort(CloseCode::Unspecified)], vec![reset(CloseCode::Cancelled)]] {
        let harness = client("");
        let (mut opener, mut origin) = exchange(&harness);
        origin.send(data(NOTHING));
        expect_nothing(&mut opener);
        origin.send_all(ends);
        expect_left(&mut origin);
        assert_eq!(harness.streams(), 0);
        exchange(&harness);
    }
}

/// An opener whose request came to a connection that had served one before, and that connection.
fn reused(harness: &Harness<binding_http::Http>, begin: Frame) -> (Peer, Peer) {
    let (mut first, mut origin) = exchange(harness);
    origin.send(data(NOTHING));
    expect_nothing(&mut first);
    let opener = ask_with(harness, begin);
    harness.expect_no_open();
    origin.recv_data_all();
    (opener, origin)
}

#[test]
fn a_request_is_sent_once_more_where_the_connection_was_stale() {
    for method in ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"] {
        for ends in [
            vec![end()],
            vec![abort(CloseCode::Unspecified)],
            vec![reset(CloseCode::Unspecified), abort(CloseCode::Unspecified)],
        ] {
            let harness = client("");
            let (mut opener, mut stale) = reused(&harness, request(method));
            stale.send_all(ends);
            expect_left(&mut stale);
            let mut fresh = accept(&harness);
            assert_eq!(fresh.recv_text(), format!("{method} / HTTP/1.1\r\nhost: a\r\n\r\n"));
            opener.recv_nothing();
            fresh.send(data(NOTHING));
            expect_nothing(&mut opener);
            expect_kept(&harness, &mut fresh);
        }
    }
}

#[test]
fn a_request_is_sent_once_more_exactly_once() {
    let harness = client("");
    let (mut opener, mut stale) = reused(&harness, request("GET"));
    stale.send(end());
    let mut fresh = accept(&harness);
    fresh.send(end());
    expect_failed(&mut opener, CloseCode::Violation);
    harness.expect_no_open();
    assert_eq!(harness.streams(), 0);
}

#[test]
fn what_might_have_had_an_effect_is_not_sent_once_more() {
    let harness = client("");
    let (mut opener, mut stale) = reused(&harness, request("POST"));
    stale.send(end());
    expect_failed(&mut opener, CloseCode::Violation);
    harness.expect_no_open();
    // It has a body, whose length is known or not.
    let harness = client("");
    let (mut first, mut origin) = exchange(&harness);
    origin.send(data(NOTHING));
    expect_nothing(&mut first);
    let mut opener = harness.open(request("PUT"));
    opener.send_all([data("x"), end()]);
    origin.send(abort(CloseCode::Unspecified));
    expect_failed(&mut opener, CloseCode::Unreachable);
    harness.expect_no_open();
    let harness = client("");
    let (mut first, mut origin) = exchange(&harness);
    origin.send(data(NOTHING));
    expect_nothing(&mut first);
    let mut opener = harness.open(request("PUT").with([("content-length", "1")]));
    opener.send_all([data("x"), end()]);
    origin.send(abort(CloseCode::Unspecified));
    expect_failed(&mut opener, CloseCode::Unreachable);
    harness.expect_no_open();
    // Something of a response has come.
    for begun in ["H", "HTTP/1.1 102 Processing\r\n\r\n"] {
        let harness = client("");
        let (mut opener, mut stale) = reused(&harness, request("GET"));
        stale.send_all([data(begun), end()]);
        assert!(opener.recv_all().contains(&abort(CloseCode::Violation)));
        harness.expect_no_open();
    }
    // The connection is new: the origin has got it and does not want it.
    let harness = client("");
    let (mut opener, mut origin) = exchange(&harness);
    origin.send(end());
    expect_failed(&mut opener, CloseCode::Violation);
    harness.expect_no_open();
}

#[test]
fn a_generation_that_ends_keeps_no_connection() {
    let harness = client("limits: {connections: 2}");
    let mut openers = [ask(&harness), ask(&harness), ask(&harness)];
    let mut origins = [accept(&harness), accept(&harness)];
    origins[0].recv(data(GET));
    origins[0].send(data(NOTHING));
    expect_nothing(&mut openers[0]);
    origins[0].recv(data(GET));
    origins[1].recv(data(GET));
    origins[1].send(data(NOTHING));
    expect_nothing(&mut openers[1]);
    harness.drain();
    expect_left(&mut origins[1]);
    origins[0].recv_nothing();
    origins[0].send(data(NOTHING));
    expect_nothing(&mut openers[2]);
    expect_left(&mut origins[0]);
    assert_eq!(harness.streams(), 0);
}

#[test]
fn of_a_generation_that_ends_the_last_request_of_a_connection_says_so() {
    let harness = client("limits: {connections: 1}");
    let (mut opener, mut origin) = exchange(&harness);
    harness.drain();
    // Two wait for the connection: behind the first of them, there is one more to be sent on it.
    let mut waiting = [ask(&harness), ask(&harness)];
    for (opener, next) in [&mut opener, &mut waiting[0]].into_iter().zip([GET, LAST_GET]) {
        origin.send(data(NOTHING));
        expect_nothing(opener);
        origin.recv(data(next));
    }
    // This one comes too late for it.
    let mut late = ask(&harness);
    origin.send(data(NOTHING));
    expect_nothing(&mut waiting[1]);
    expect_left(&mut origin);
    let mut origin = accept(&harness);
    origin.recv(data(LAST_GET));
    origin.send(data(NOTHING));
    expect_nothing(&mut late);
    expect_left(&mut origin);
    assert_eq!(harness.streams(), 0);
}

#[test]
fn an_origin_that_is_first_asked_when_the_generation_ends_is_left_after_it() {
    let harness = client("");
    ask(&harness);
    harness.drain();
    let begin = begin_with([(":method", "GET"), (":scheme", "http"), (":authority", "b:80"), (":path", "/")]);
    let mut opener = ask_with(&harness, begin.with([("te", "trailers")]));
    harness.expect_open();
    let mut origin = harness.expect_open();
    origin.recv_begin();
    origin.send(begun());
    origin.recv(data("GET / HTTP/1.1\r\nhost: b\r\nte: trailers\r\nconnection: te, close\r\n\r\n"));
    origin.send(data(NOTHING));
    expect_nothing(&mut opener);
    expect_left(&mut origin);
}

#[test]
fn a_request_to_switch_protocols_does_not_say_that_it_is_the_last() {
    let harness = client("upgrade: [websocket], limits: {idle-connections: 0}");
    harness.drain();
    let _opener = harness.open(request("GET").with([("upgrade", "websocket")]));
    let fields = "upgrade: websocket\r\nconnection: upgrade\r\n";
    accept(&harness).recv(data(format!("GET / HTTP/1.1\r\nhost: a\r\n{fields}\r\n")));
}

#[test]
fn a_thousand_requests_leave_one_connection() {
    let harness = client("");
    let (mut opener, mut origin) = exchange(&harness);
    origin.auto_window();
    origin.send(data(NOTHING));
    expect_nothing(&mut opener);
    for _ in 0..1_000 {
        expect_kept(&harness, &mut origin);
    }
    assert_eq!(harness.streams(), 1);
    origin.send(end());
    assert_eq!(harness.streams(), 0);
}
