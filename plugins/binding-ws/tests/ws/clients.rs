//! A client: what it asks, which answers it takes, and how it speaks.

use crate::script::*;
use zilla_sdk::testing::*;

#[test]
fn a_client_asks_for_what_the_application_wants() {
    let harness = client("");
    let mut app = harness.open(wanted());
    let mut net = harness.expect_open();
    let request = net.recv_begin();
    for (name, value) in [
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "a:80"),
        (":path", "/x"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-protocol", "chat"),
    ] {
        assert_eq!(request.attribute(name).as_deref(), Some(value), "{name}");
    }
    app.recv_nothing();
    net.send(answer(&request, &[]));
    app.recv(begun_with([("protocol", "")]));
}

#[test]
fn what_the_application_does_not_say_is_configured() {
    let harness = client("defaults: {protocol: chat, scheme: https, authority: 'b:443', path: /y}");
    for (asked, path) in [(begin(), "/y"), (begin_with([("path", "/z")]), "/z")] {
        harness.open(asked);
        let request = harness.expect_open().recv_begin();
        let found =
            [":scheme", ":authority", ":path", "sec-websocket-protocol"].map(|name| request.attribute(name));
        assert_eq!(found, ["https", "b:443", path, "chat"].map(|value| Some(value.to_owned())));
    }
    let harness = client("");
    harness.open(begin()).recv(abort(CloseCode::Refused));
    harness.expect_no_open();
}

#[test]
fn keys_and_masks_are_never_the_same() {
    let harness = client("");
    let keys: Vec<_> = (0..2)
        .map(|_| {
            harness.open(wanted());
            harness.expect_open().recv_begin().attribute("sec-websocket-key")
        })
        .collect();
    assert_ne!(keys[0], keys[1]);
    let (mut app, mut net) = open_client(&harness);
    app.send_all([message("same"), message("same")]);
    let octets = net.recv_data_all();
    let (one, other) = octets.split_at(octets.len() / 2);
    assert_ne!(one[2..6], other[2..6]);
    assert_eq!(unmasked(&octets), [(0x82, b"same".to_vec()), (0x82, b"same".to_vec())]);
}

#[test]
fn messages_go_both_ways() {
    let harness = client("");
    let (mut app, mut net) = open_client(&harness);
    app.send_all([text("a"), data("b").init(), data("c").fin(), message(vec![1; 60_000])]);
    let found = unmasked(&net.recv_data_all());
    let expected =
        [(0x81, b"a".to_vec()), (0x02, b"b".to_vec()), (0x80, b"c".to_vec()), (0x82, vec![1; 60_000])];
    assert!(found == expected);
    net.send(data([plain(TEXT, "x"), plain(PING, "y"), plain(BINARY, "z")].concat()));
    app.recv(text("x"));
    app.recv(message("z"));
    assert_eq!(unmasked(&net.recv_data_all()), [(0x8a, b"y".to_vec())]);
}

#[test]
fn what_the_application_says_early_waits_for_the_server() {
    let harness = client("");
    let mut app = harness.open(wanted());
    let mut net = harness.expect_open();
    let request = net.recv_begin();
    app.send_all([text("early"), end_with([("code", "3000")])]);
    net.recv_nothing();
    net.send(begun_with([(":status", "103")]));
    net.recv_nothing();
    let fields: Vec<_> = answer(&request, &[]).attributes;
    net.send(flush(fields));
    assert_eq!(unmasked(&net.recv_data_all()), [(0x81, b"early".to_vec()), (0x88, close(3000, ""))]);
    net.send(data(plain(CLOSE, close(3000, ""))));
    app.recv(begun_with([("protocol", "")]));
    app.recv(end_with([("code", "3000")]));
    // The server ends the connection.
    net.recv_nothing();
    net.send(end());
    net.recv(end());
    assert!(app.is_over() && net.is_over());
    assert_eq!(harness.streams(), 0);
}

#[test]
fn answers_that_do_not_answer_the_request_are_refused() {
    type Wrongs = [(&'static str, &'static [(&'static str, &'static str)]); 7];
    let wrong: Wrongs = [
        ("upgrade", &[]),
        ("upgrade", &[("upgrade", "h2c")]),
        ("sec-websocket-accept", &[]),
        ("sec-websocket-accept", &[("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")]),
        ("", &[("sec-websocket-protocol", "other")]),
        ("", &[("sec-websocket-protocol", "chat"), ("sec-websocket-protocol", "chat")]),
        ("", &[("sec-websocket-extensions", "permessage-deflate")]),
    ];
    for (without, with) in wrong {
        let harness = client("");
        let mut app = harness.open(wanted());
        let mut net = harness.expect_open();
        let mut answer = answer(&net.recv_begin(), with);
        if let Some(at) = answer.attributes.iter().position(|(name, _)| name == without.as_bytes()) {
            answer.attributes.remove(at);
        }
        net.send(answer);
        app.recv(abort(CloseCode::Violation));
        net.recv_all();
        assert!(app.is_over() && net.is_over(), "{without} {with:?}");
        assert_eq!(harness.streams(), 0);
    }
}

#[test]
fn a_server_that_refuses_is_a_code_for_the_application() {
    use CloseCode::{Forbidden, Limit, Refused, Timeout, Unauthorized, Unreachable};
    for (status, code) in [
        ("200", Refused),
        ("302", Refused),
        ("401", Unauthorized),
        ("403", Forbidden),
        ("404", Refused),
        ("429", Limit),
        ("500", Unreachable),
        ("503", Limit),
        ("504", Timeout),
    ] {
        let harness = client("");
        let mut app = harness.open(wanted());
        let mut net = harness.expect_open();
        net.send_all([begun_with([(":status", status)]), data("why"), end()]);
        app.recv(abort(code));
        assert!(app.is_over());
        assert_eq!(harness.streams(), 0);
    }
    let harness = client("");
    let mut app = harness.open(wanted());
    harness.expect_open().refuse(Unreachable);
    app.recv(abort(Unreachable));
    assert_eq!(harness.streams(), 0);
}

#[test]
fn a_server_that_masks_is_told_so_and_left() {
    let harness = client("timeouts: {close-ms: 1000}");
    let (mut app, mut net) = open_client(&harness);
    net.send(data(masked(TEXT, "x")));
    app.recv(abort(CloseCode::Violation));
    app.send(end());
    let frames = unmasked(&net.recv_data_all());
    assert_eq!(frames[0].0, 0x88);
    assert_eq!(frames[0].1[..2], 1002_u16.to_be_bytes());
    net.recv(end());
    net.send(end());
    assert_eq!(harness.streams(), 0);
}

#[test]
fn the_server_closes_and_ends() {
    let harness = client("");
    let (mut app, mut net) = open_client(&harness);
    net.send(data(plain(CLOSE, close(4001, "over"))));
    app.recv(end_with([("code", "4001"), ("reason", "over")]));
    app.send(end());
    assert_eq!(unmasked(&net.recv_data_all()), [(0x88, close(4001, "over"))]);
    net.recv_nothing();
    net.send(end());
    net.recv(end());
    assert_eq!(harness.streams(), 0);
}

#[test]
fn a_server_that_ends_right_behind_its_close_is_answered() {
    let harness = client("");
    let (mut app, mut net) = open_client(&harness);
    net.send_all([data([plain(TEXT, "last"), plain(CLOSE, close(4000, "bye"))].concat()), end()]);
    app.recv(text("last"));
    app.recv(end_with([("code", "4000"), ("reason", "bye")]));
    app.send(end());
    assert_eq!(unmasked(&net.recv_data_all()), [(0x88, close(4000, "bye"))]);
    net.recv(end());
    assert!(app.is_over() && net.is_over());
    assert_eq!(harness.streams(), 0);
}

#[test]
fn fields_are_sent_to_the_server_if_they_are_named() {
    let fields = [("cookie", "a=b"), ("x-1", "one"), ("x-1", "two"), ("origin", "o"), ("upgrade", "h2c")];
    for (options, found) in [
        ("", vec![]),
        ("headers: [cookie, 'x-*']", vec![("cookie", "a=b"), ("x-1", "one"), ("x-1", "two")]),
        ("headers: ['*']", vec![("cookie", "a=b"), ("x-1", "one"), ("x-1", "two"), ("origin", "o")]),
    ] {
        let harness = client(options);
        harness.open(wanted().with(fields));
        let request = harness.expect_open().recv_begin();
        let is_ours = |name: &[u8]| ["cookie", "x-1", "origin"].iter().any(|ours| name == ours.as_bytes());
        let sent: Vec<_> = request.attributes.iter().filter(|(name, _)| is_ours(name)).cloned().collect();
        let found: Vec<_> =
            found.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())).collect();
        assert_eq!(sent, found);
        assert_eq!(request.attribute("upgrade").as_deref(), Some("websocket"));
    }
    let wrong =
        Harness::<binding_ws::Ws>::attach("{kind: client, options: {headers: [x, Cookie]}, exit: net}");
    let wrong = wrong.err().unwrap();
    assert!(wrong[0].path == "/options/headers/1", "{wrong:?}");
}
