//! Who may open a WebSocket, and who is told why not.

use crate::script::*;
use binding_ws::Ws;
use zilla_sdk::testing::*;

/// A request without one of the fields of [`request`], and with others.
fn request_with(without: &str, with: &[(&str, &str)]) -> Frame {
    let mut request = request();
    request.attributes.retain(|(name, _)| name != without.as_bytes());
    request.with(with.iter().copied())
}

#[track_caller]
fn expect_refused(request: Frame, status: &str, reason: &str) {
    let harness = server("");
    let mut client = harness.open(request);
    harness.expect_no_open();
    assert_eq!(client.recv_begin().attribute(":status").as_deref(), Some(status));
    assert_eq!(client.recv_text(), format!("{reason}\n"));
    client.recv(end());
    client.send(end());
    assert!(client.is_over());
    assert_eq!(harness.streams(), 0);
}

#[test]
fn a_handshake_opens_the_exit_and_then_the_socket() {
    let harness = server("");
    let mut client = harness.open(request());
    let mut app = harness.expect_open();
    app.recv(asked());
    client.recv_nothing();
    app.send(begun());
    client.recv(agreed());
    client.send(data(masked(TEXT, "Hello")));
    app.recv(text("Hello"));
}

#[test]
fn frames_that_come_before_the_exit_agrees_wait() {
    let harness = server("");
    let mut client = harness.open(request());
    let mut app = harness.expect_open();
    client.send(data(masked(TEXT, "early")));
    app.recv(asked());
    app.recv_nothing();
    app.send(begun());
    app.recv(text("early"));
}

#[test]
fn what_is_no_handshake_is_told_what_was_expected() {
    let cases = [
        (":method", vec![(":method", "POST")], "400", "expected the method GET"),
        ("upgrade", vec![], "400", "expected connection: upgrade and upgrade: websocket"),
        ("upgrade", vec![("upgrade", "h2c")], "400", "expected connection: upgrade and upgrade: websocket"),
        ("sec-websocket-version", vec![], "400", "expected sec-websocket-version: 13"),
        ("", vec![("sec-websocket-version", "13")], "426", "expected sec-websocket-version: 13"),
        ("sec-websocket-key", vec![], "400", "expected one sec-websocket-key"),
        (
            "",
            vec![("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")],
            "400",
            "expected one sec-websocket-key",
        ),
        (
            "sec-websocket-key",
            vec![("sec-websocket-key", "c2hvcnQ=")],
            "400",
            "expected 16 octets in base64 as sec-websocket-key",
        ),
        ("", vec![("sec-websocket-protocol", "a b")], "400", "expected tokens in sec-websocket-protocol"),
        ("", vec![("sec-websocket-protocol", "a, b, a")], "400", "expected each subprotocol once"),
    ];
    for (without, with, status, reason) in cases {
        expect_refused(request_with(without, &with), status, reason);
    }
}

#[test]
fn another_version_is_told_which_is_spoken() {
    let harness = server("");
    let version = [("sec-websocket-version", "8")];
    let mut client = harness.open(request_with("sec-websocket-version", &version));
    let response = client.recv_begin();
    assert_eq!(response.attribute(":status").as_deref(), Some("426"));
    assert_eq!(response.attribute("sec-websocket-version").as_deref(), Some("13"));
}

#[test]
fn names_are_compared_without_regard_to_case() {
    let harness = server("");
    harness.open(request_with("upgrade", &[("upgrade", "h2c, WebSocket")]));
    harness.expect_open();
}

#[test]
fn over_http_2_there_is_no_key_and_the_status_is_200() {
    let harness = server("");
    let mut client = harness.open(begin_with([
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "https"),
        (":authority", "a:443"),
        (":path", "/chat"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-protocol", "chat"),
    ]));
    let mut app = harness.expect_open();
    let protocol = [("protocol", "chat"), ("scheme", "https"), ("authority", "a:443"), ("path", "/chat")];
    app.recv(begin_with(protocol));
    app.send(begun());
    client.recv(begun_with([(":status", "200"), ("sec-websocket-protocol", "chat")]));
    client.send(data(masked(BINARY, "octets")));
    app.recv(message("octets"));
}

/// A server whose routes are for one subprotocol each.
fn chat() -> Harness<Ws> {
    let routes = "[{when: [{protocol: one}], exit: x}, {when: [{protocol: two, path: /a}], exit: y}]";
    Harness::attach(&format!("{{kind: server, routes: {routes}}}")).unwrap()
}

fn offer(protocols: &str, path: &str) -> Frame {
    request_with(":path", &[(":path", path), ("sec-websocket-protocol", protocols)])
}

#[test]
fn the_lowest_route_chooses_the_subprotocol() {
    let harness = chat();
    let mut client = harness.open(offer("two, one", "/a"));
    let mut app = harness.expect_open();
    assert_eq!(app.recv_begin().attribute("protocol").as_deref(), Some("one"));
    app.send(begun());
    assert_eq!(client.recv_begin().attribute("sec-websocket-protocol").as_deref(), Some("one"));
}

#[test]
fn a_subprotocol_whose_route_the_host_refuses_gives_way_to_the_next() {
    let harness = chat();
    let mut client = harness.open(offer("two, one", "/a?b"));
    harness.expect_open().refuse(CloseCode::Forbidden);
    let mut app = harness.expect_open();
    assert_eq!(app.recv_begin().attribute("protocol").as_deref(), Some("two"));
    app.send(begun());
    assert_eq!(client.recv_begin().attribute("sec-websocket-protocol").as_deref(), Some("two"));
    client.send(data(masked(TEXT, "x")));
    app.recv(text("x"));
}

#[test]
fn where_no_route_fits_the_request_is_refused() {
    let harness = chat();
    let mut client = harness.open(offer("three", "/a"));
    harness.expect_no_open();
    client.recv(abort(CloseCode::NoRoute));
    assert!(client.is_over());
    let mut client = harness.open(offer("two, one", "/a"));
    harness.expect_open().refuse(CloseCode::Forbidden);
    harness.expect_open().refuse(CloseCode::NoRoute);
    client.recv(abort(CloseCode::NoRoute));
    assert!(client.is_over());
    assert_eq!(harness.streams(), 0);
}

#[test]
fn the_exit_may_choose_another_of_those_offered_or_none() {
    for (choice, found) in [("two", Some("two")), ("", None)] {
        let harness = server("");
        let mut client = harness.open(offer("one, two", "/"));
        let mut app = harness.expect_open();
        app.send(begun_with([("protocol", choice)]));
        assert_eq!(client.recv_begin().attribute("sec-websocket-protocol").as_deref(), found);
    }
    let harness = server("");
    let mut client = harness.open(request());
    harness.expect_open().send(begun_with([("protocol", "unasked")]));
    client.recv(agreed());
    let mut client = harness.open(offer("one, two", "/"));
    harness.expect_open().send(begun_with([("protocol", "three")]));
    client.recv(abort(CloseCode::Violation));
}

#[test]
fn a_client_that_leaves_in_the_handshake_leaves_nothing() {
    for leaves in [vec![end()], vec![abort(CloseCode::Unspecified), reset(CloseCode::Unspecified)]] {
        let harness = server("");
        let mut client = harness.open(request());
        let mut app = harness.expect_open();
        app.recv_begin();
        client.send_all(leaves);
        app.recv(abort(CloseCode::Cancelled));
        assert!(client.is_over() && app.is_over());
        assert_eq!(harness.streams(), 0);
    }
}

#[test]
fn the_exit_is_told_what_the_request_says_besides_the_handshake() {
    let harness = server("");
    let fields = [("cookie", "a=b"), ("origin", "http://x"), ("x-1", ""), ("x-1", "two")];
    let own = [("path", "/other"), ("scheme", "x"), ("keep-alive", "5"), ("sec-websocket-extensions", "x")];
    harness.open(request().with(fields).with(own));
    harness.expect_open().recv(asked().with(fields));
}
