//! Messages both ways, and the credit that they take.

use crate::script::*;
use zilla_sdk::testing::*;

#[test]
fn messages_keep_their_kind_both_ways() {
    let (_harness, mut client, mut app) = open_default();
    client.send(data([masked(TEXT, "a"), masked(BINARY, "b"), masked(TEXT, "")].concat()));
    app.recv(text("a"));
    app.recv(message("b"));
    app.recv(text(""));
    app.send_all([text("a"), message("b"), text(""), message("c").with([("type", "binary")])]);
    client.recv(data([plain(TEXT, "a"), plain(BINARY, "b"), plain(TEXT, ""), plain(BINARY, "c")].concat()));
}

#[test]
fn fragments_are_pieces_both_ways() {
    let (_harness, mut client, mut app) = open_default();
    client.send(data(masked_with(TEXT, "a")));
    app.recv(data("a").init().with([("type", "text")]));
    client.send(data([masked_with(CONTINUATION, ""), masked_with(CONTINUATION, "b")].concat()));
    app.recv(data("b"));
    client.send(data(masked(CONTINUATION, "")));
    app.recv(data("").fin());
    app.send(data("a").init());
    client.recv(data(plain_with(BINARY, "a")));
    app.send_all([data(""), data("b")]);
    client.recv(data(plain_with(CONTINUATION, "b")));
    app.send(data("c").fin());
    client.recv(data(plain(CONTINUATION, "c")));
}

#[test]
fn data_of_no_message_is_a_message() {
    let (_harness, mut client, mut app) = open_default();
    app.send(data("a"));
    client.recv(data(plain(BINARY, "a")));
    app.send(data("b").with([("type", "text")]));
    client.recv(data(plain(TEXT, "b")));
}

#[test]
fn a_short_message_is_handed_on_whole_however_it_is_cut() {
    let (harness, mut client, mut app) = open_default();
    let octets = masked(TEXT, "Hello");
    for octet in &octets[..octets.len() - 1] {
        client.send(data([*octet]));
        app.recv_all();
    }
    assert!(!harness.transcript().contains("Hel"));
    client.send(data(&octets[octets.len() - 1..]));
    app.recv(text("Hello"));
}

#[test]
fn a_long_message_is_handed_on_as_it_comes() {
    let (_harness, mut client, mut app) = open_default();
    let octets = masked(BINARY, vec![7; 40_000]);
    client.send(data(&octets[..1_000]));
    app.recv(data(vec![7; 1_000 - 8]).init());
    client.send(data(&octets[1_000..]));
    app.recv(data(vec![7; 40_000 - 1_000 + 8]).fin());
}

#[test]
fn a_client_sends_no_more_than_the_exit_takes() {
    let limits = Limits { initial_credit: 1_000, ..Limits::default() };
    let harness = server_with("", limits);
    let (mut client, mut app) = open(&harness);
    let message: Vec<u8> = (0..10_000_u32).map(|index| index as u8).collect();
    let octets = masked(BINARY, &message);
    client.send(data(&octets[..1_000]));
    // Eight octets are the header. The exit has no more credit to give.
    app.recv(data(&message[..992]).init());
    let more = client.credit() as usize;
    client.send(data(&octets[1_000..1_000 + more]));
    assert_eq!((client.credit(), app.granted()), (0, 0));
    app.recv(data(&message[992..1_000]));
    app.recv_nothing();
    app.auto_window();
    app.send(window(1_000));
    client.send_payload(&octets[1_000 + more..]);
    let mut found = message[..1_000].to_vec();
    found.extend(app.recv_data_all());
    assert_eq!(found, message);
}

#[test]
fn the_exit_gets_credit_back_when_the_client_has_taken_it() {
    let limits = Limits { initial_credit: 1_000, ..Limits::default() };
    let harness = server_with("", limits);
    let (mut client, mut app) = open(&harness);
    app.send(message([1; 1_000]));
    client.recv(data(&plain(BINARY, [1; 1_000])[..1_000]));
    assert_eq!(app.credit(), 0);
    client.send(window(3));
    assert_eq!(app.credit(), 0);
    client.send(window(1));
    client.recv(data([1; 4]));
    assert_eq!(app.credit(), 1_000);
}

#[test]
fn an_exit_that_begins_a_message_within_another_is_refused() {
    let (_harness, mut client, mut app) = open_default();
    app.send(data("a").init());
    client.recv(data(plain_with(BINARY, "a")));
    app.send(message("b"));
    expect_closed(&mut client, 1011);
    app.recv(abort(CloseCode::Violation));
}

#[test]
fn empty_messages_without_end_are_bounded() {
    let (harness, mut client, mut app) = open_default();
    let batch: Vec<_> = (0..100_000).map(|_| message("")).collect();
    while app.can_send() {
        app.send_all(batch.iter().cloned());
    }
    client.grant_all();
    let octets = client.recv_data_all();
    assert!(octets.len() < 2 << 20, "{} octets waited", octets.len());
    assert!(octets.ends_with(b"internal error"));
    client.send(end());
    assert_eq!(harness.streams(), 0);
}

#[test]
fn a_client_that_does_not_read_is_not_read() {
    let (_harness, mut client, mut app) = open_default();
    let (ping, mut sent) = (masked(PING, [0; 125]), 0);
    let empty = masked(BINARY, "");
    // The exit reflects empty messages, which takes no credit of its own.
    while client.credit() > 200 {
        client.send(data([&empty[..], &ping].concat()));
        sent += 1;
        for frame in app.recv_all() {
            if frame.kind == FrameKind::Data {
                app.send(frame);
            }
        }
        assert!(sent < 100_000, "it is read for ever");
    }
}
