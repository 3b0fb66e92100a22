//! Connections that are switched to another protocol (RFC 9110, 7.8).

use crate::script::*;
use zilla_sdk::testing::*;

const UPGRADE: &str = "GET / HTTP/1.1\r\nhost: a\r\nconnection: x, Upgrade\r\nupgrade: h2c, WebSocket, other/1\r\nsec: 1\r\n\r\n";
const SWITCHED: &str =
    "HTTP/1.1 101 Switching Protocols\r\nsec: 2\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
const OPTION: &str = "upgrade: [websocket]";

fn switched() -> Frame {
    begun_with([(":status", "101"), ("sec", "2"), ("connection", "upgrade"), ("upgrade", "websocket")])
}

#[test]
fn after_a_switch_octets_go_both_ways_until_both_have_ended() {
    let harness = http(OPTION);
    let (mut client, mut exit) = ask(&harness, UPGRADE);
    let begin = exit.recv_begin();
    assert_eq!(
        (begin.attribute("upgrade").as_deref(), begin.attribute("sec").as_deref()),
        (Some("WebSocket"), Some("1"))
    );
    client.send(data("early"));
    exit.recv_nothing();
    exit.send(switched());
    client.recv(data(SWITCHED));
    exit.recv(data("early"));
    client.send(data("GET / HTTP/1.1\r\n\r\n"));
    exit.recv(data("GET / HTTP/1.1\r\n\r\n"));
    exit.send(data("\0"));
    client.recv(data("\0"));
    // The host moves them, and takes its time.
    let asked = |stream: u32| harness.transcript().contains(&format!("← {stream} forward"));
    assert!(asked(client.id()) && asked(exit.id()));
    harness.advance(1_000_000);
    client.send(end());
    exit.recv(end());
    exit.send(data("last"));
    client.recv(data("last"));
    exit.send(end());
    client.recv(end());
    client.recv_nothing();
    assert!(client.is_over() && exit.is_over());
    assert_eq!(harness.streams(), 0);
    harness.expect_no_open();
}

#[test]
fn an_exit_may_end_first() {
    let harness = http(OPTION);
    let (mut client, mut exit) = ask(&harness, UPGRADE);
    exit.send_all([switched(), data("x"), end()]);
    client.recv(data(format!("{SWITCHED}x")));
    client.recv(end());
    client.send(data("more"));
    client.send(end());
    exit.recv_begin();
    exit.recv(data("more"));
    exit.recv(end());
    assert_eq!(harness.streams(), 0);
}

#[test]
fn an_end_right_behind_a_switch_waits_for_credit() {
    let harness = http_with(OPTION, Limits { initial_credit: 200, ..Limits::default() });
    let (mut client, mut exit) = ask(&harness, UPGRADE);
    let long = "y".repeat(150);
    exit.send_all([switched().with([("long", &*long)]), end()]);
    client.recv_data_all();
    client.recv_nothing();
    client.send(window(1_000));
    client.recv_data_all();
    client.recv(end());
}

#[test]
fn a_tunnel_that_fails_on_one_side_fails_on_the_other() {
    for frames in [vec![abort(CloseCode::Unspecified)], vec![reset(CloseCode::Unspecified)]] {
        let harness = http(OPTION);
        let (mut client, mut exit) = ask(&harness, UPGRADE);
        exit.send(switched());
        exit.send_all(frames.clone());
        expect_aborted(&mut client);
        let harness = http(OPTION);
        let (mut client, mut exit) = ask(&harness, UPGRADE);
        exit.send(switched());
        client.send_all(frames);
        exit.recv_all();
        assert!(exit.is_over());
        assert_eq!(harness.streams(), 0);
    }
}

#[test]
fn an_exit_may_answer_without_a_switch() {
    let harness = http(OPTION);
    let (mut client, mut exit) = ask(&harness, UPGRADE);
    exit.recv_begin();
    exit.recv_nothing();
    exit.send(begun_with([("content-length", "0"), ("upgrade", "x")]));
    exit.recv(end());
    exit.send(end());
    client.recv(data("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"));
    expect_kept(&harness, &mut client);
}

#[test]
fn what_is_not_allowed_or_not_asked_for_is_not_offered() {
    for (options, request) in [
        ("", UPGRADE.to_owned()),
        ("upgrade: [tls]", UPGRADE.to_owned()),
        (OPTION, UPGRADE.replace("connection: x, Upgrade\r\n", "")),
        (OPTION, UPGRADE.replace("HTTP/1.1", "HTTP/1.0")),
        (OPTION, UPGRADE.replace("sec: 1", "content-length: 1")),
    ] {
        let (mut client, mut exit) = ask(&http(options), &request);
        assert_eq!(exit.attribute("upgrade"), None, "{options} {request}");
        exit.send(switched());
        assert!(client.recv_text().starts_with("HTTP/1.1 502 "), "{options} {request}");
    }
}

#[test]
fn an_exit_may_switch_only_to_what_it_was_offered() {
    for protocol in ["h2c", "other/1", "x\r\ny: z", ""] {
        let harness = http(OPTION);
        let (mut client, mut exit) = ask(&harness, UPGRADE);
        exit.send(begun_with([(":status", "101"), ("upgrade", protocol)]));
        assert!(client.recv_text().starts_with("HTTP/1.1 502 "), "{protocol:?}");
        exit.recv_all();
        assert!(exit.is_over());
    }
}
