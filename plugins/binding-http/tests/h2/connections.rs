//! How a connection of HTTP/2 begins, and how it is left.

use crate::script::*;
use binding_http::Http;
use zilla_sdk::testing::*;

fn secure(versions: &str, alpn: Option<&str>) -> Peer {
    let harness = h2(&format!("versions: [{versions}]"));
    let attributes = [("secure", "true")].into_iter().chain(alpn.map(|alpn| ("alpn", alpn)));
    let mut peer = harness.open(begin_with(attributes));
    if peer.can_send() {
        peer.send(data("GET / HTTP/1.1\r\n\r\n"));
    }
    peer
}

#[test]
fn tls_has_chosen_the_version() {
    for (versions, alpn, is_http2) in [
        ("h2, http/1.1", Some("h2"), true),
        ("h2, http/1.1", Some("http/1.1"), false),
        ("h2, http/1.1", None, false),
        ("h2", Some("h2"), true),
        ("h2", None, true),
        ("http/1.1", Some("http/1.1"), false),
        ("http/1.1", None, false),
    ] {
        let mut peer = secure(versions, alpn);
        peer.recv(begun());
        let answer = peer.recv_text();
        assert_eq!(answer.starts_with("HTTP/1.1 400"), !is_http2, "{versions} {alpn:?}: {answer:?}");
    }
    for (versions, alpn) in [("h2", "http/1.1"), ("http/1.1", "h2")] {
        assert!(secure(versions, Some(alpn)).is_over());
    }
}

#[test]
fn requests_through_tls_are_https() {
    let harness = h2("");
    let mut peer = harness.open(begin_with([("alpn", "h2")]));
    let fields = [(":method", "GET"), (":scheme", "https"), (":authority", "a"), (":path", "/")];
    let frames = [PREFACE, &frame(SETTINGS, 0, 0, []), &frame(HEADERS, WHOLE, 1, block(fields))].concat();
    peer.send(data(frames));
    assert_eq!(harness.expect_open().recv_begin().attribute(":authority").as_deref(), Some("a:443"));
}

#[test]
fn a_preface_may_come_in_pieces() {
    let harness = h2("");
    let mut client = Client::silent(&harness);
    for octet in [PREFACE, &frame(SETTINGS, 0, 0, []), &get(1)].concat() {
        client.send([octet]);
    }
    harness.expect_open();
    assert_eq!(client.recv().kind, SETTINGS);
}

#[test]
fn what_begins_like_a_preface_may_be_http_1_1() {
    for (octets, status) in [
        ("P", ""),
        ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n", "opened"),
        ("PRI / HTTP/1.1\r\nhost: a\r\n\r\n", "opened"),
        ("PRI * HTTP/2.0\r\n\r\nSX", "505"),
        ("PRI * HTTP/2.0\r\n\r\n", "505"),
    ] {
        for piece in [1, 3, 100] {
            let harness = h2("");
            let mut peer = harness.open(begin());
            peer.recv(begun());
            for octets in octets.as_bytes().chunks(piece) {
                peer.send(data(octets));
            }
            if status == "opened" {
                harness.expect_open();
                continue;
            }
            peer.send(end());
            let answer = peer.recv_text();
            let expected = if status.is_empty() { "HTTP/1.1 400" } else { "HTTP/1.1 505" };
            assert!(answer.starts_with(expected), "{octets:?} in {piece}: {answer:?}");
        }
    }
}

#[test]
fn only_what_is_listed_is_served() {
    let harness = h2("versions: [http/1.1]");
    let mut peer = harness.open(begin());
    peer.send(data(PREFACE));
    peer.recv(begun());
    assert!(peer.recv_text().starts_with("HTTP/1.1 505"));
}

#[test]
fn an_upgrade_is_ignored() {
    let harness = h2("");
    let mut peer = harness.open(begin());
    let request = "GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n\r\n";
    peer.send(data(request));
    peer.recv(begun());
    harness.expect_open().send_all([begun_with([("content-length", "0")]), end()]);
    assert!(peer.recv_text().starts_with("HTTP/1.1 200"));
}

#[test]
fn settings_say_what_is_taken() {
    let limits = "limits: {header-bytes: 5000, h2: {concurrent-streams: 7, frame-bytes: 20000, table-bytes: 0, \
                  stream-window-bytes: 1000, connection-window-bytes: 70000}}";
    let harness = h2(limits);
    let mut client = Client::silent(&harness);
    client.send(PREFACE);
    let settings = client.recv();
    assert_eq!((settings.kind, settings.stream), (SETTINGS, 0));
    let pairs: Vec<(u16, u32)> = settings
        .payload
        .chunks(6)
        .map(|six| (u16::from_be_bytes([six[0], six[1]]), u32::from_be_bytes(six[2..].try_into().unwrap())))
        .collect();
    assert_eq!(pairs, [(1, 0), (3, 7), (4, 1_000), (5, 20_000), (6, 5_000)]);
    client.expect(WINDOW_UPDATE, 0, 0, (70_000_u32 - 65_535).to_be_bytes());
}

#[test]
fn a_smaller_table_holds_once_it_is_acknowledged() {
    let harness = h2("limits: {h2: {table-bytes: 0}}");
    let mut client = Client::silent(&harness);
    client.send([PREFACE, &frame(SETTINGS, 0, 0, [])].concat());
    let indexed = [&block(GET)[..], b"\x40\x01a\x01b"].concat();
    client.send(frame(HEADERS, WHOLE, 1, indexed));
    harness.expect_open();
    client.send(frame(SETTINGS, ACK, 0, []));
    client.send(frame(HEADERS, WHOLE, 3, [&[0x20], &block(GET)[..]].concat()));
    harness.expect_open();
    client.send(frame(HEADERS, WHOLE, 5, b"\x21"));
    client.expect_goaway(3, COMPRESSION_ERROR);
}

#[test]
fn a_table_of_the_client_is_kept_to() {
    let harness = h2("");
    let mut client = Client::connect(&harness);
    for (stream, settings) in [(1, None), (3, Some(0)), (5, Some(4_096)), (7, None)] {
        if let Some(octets) = settings {
            client.send(setting(1, octets));
            client.expect(SETTINGS, ACK, 0, []);
        }
        client.send(get(stream));
        harness.expect_open().send_all([begun_with([("x-a", "b")]), end()]);
        let head = client.expect_head(stream, "200");
        assert_eq!(head.field("x-a"), Some("b"));
        let update: &[u8] = match stream {
            3 => &[0x20],
            5 => &[0x3f, 0xe1, 0x1f],
            _ => &[],
        };
        let is_update = head.payload[0] & 0xe0 == 0x20;
        assert!(head.payload.starts_with(update) && is_update != update.is_empty(), "{:?}", head.payload);
        client.recv();
    }
}

#[test]
fn a_client_that_leaves_is_answered_first() {
    let harness = h2("");
    let mut client = Client::connect(&harness);
    client.send([get(1), post(3)].concat());
    let (mut whole, mut part) = (harness.expect_open(), harness.expect_open());
    client.peer.send(end());
    part.recv_all();
    assert!(part.is_over());
    let goaway = client.recv();
    assert_eq!((goaway.kind, goaway.number(0), goaway.number(4)), (GOAWAY, 3, NO_ERROR));
    whole.send_all([begun(), data("hi"), end()]);
    client.expect_response(1, "200", "hi");
    client.peer.recv(end());
    assert_eq!(harness.streams(), 0);
}

#[test]
fn a_client_that_aborts_leaves_nothing_behind() {
    let harness = h2("");
    let mut client = Client::connect(&harness);
    client.send([get(1), post(3)].concat());
    client.peer.send(abort(CloseCode::Unspecified));
    for mut exit in [harness.expect_open(), harness.expect_open()] {
        exit.recv_all();
        assert!(exit.is_over());
    }
    assert_eq!(harness.streams(), 0);
}

#[test]
fn a_drain_lets_clients_leave_in_order() {
    let harness = h2("");
    let mut client = Client::connect(&harness);
    client.send(get(1));
    let mut exit = harness.expect_open();
    harness.drain();
    let goaway = client.recv();
    assert_eq!((goaway.kind, goaway.number(0), goaway.number(4)), (GOAWAY, 0x7fff_ffff, NO_ERROR));
    let ping = client.recv();
    assert_eq!((ping.kind, ping.flags), (PING, 0));
    client.send(get(3));
    let mut under_way = harness.expect_open();
    client.send(frame(PING, ACK, 0, ping.payload));
    let goaway = client.recv();
    assert_eq!((goaway.kind, goaway.number(0), goaway.number(4)), (GOAWAY, 3, NO_ERROR));
    client.send([get(5), frame(DATA, 0, 5, "x"), window_update(5, 1), rst_stream(5, CANCEL)].concat());
    harness.expect_no_open();
    echo(&mut exit);
    client.expect_response(1, "200", "");
    client.expect_nothing();
    echo(&mut under_way);
    client.expect_response(3, "200", "");
    client.expect_closed();
    assert_eq!(harness.streams(), 0);
}

#[test]
fn a_drain_does_not_wait_for_an_answer_for_long() {
    let harness = h2("");
    let mut client = Client::connect(&harness);
    harness.drain();
    client.recv();
    client.recv();
    harness.advance(999);
    client.expect_nothing();
    harness.advance(1);
    client.expect_goaway(0, NO_ERROR);
    assert_eq!(harness.streams(), 0);
}

#[test]
fn a_client_that_goes_away_is_let_go() {
    let harness = h2("");
    let mut client = Client::connect(&harness);
    client.send([get(1), frame(GOAWAY, 0, 0, [0; 8])].concat());
    assert_eq!(client.recv().kind, GOAWAY);
    echo(&mut harness.expect_open());
    client.expect_response(1, "200", "");
    client.expect_closed();
}

#[test]
fn a_connection_that_is_over_is_forgotten() {
    let harness = Harness::<Http>::attach("{kind: server, exit: app}").unwrap();
    for _ in 0..3 {
        let mut client = Client::connect(&harness);
        client.send(get(1));
        echo(&mut harness.expect_open());
        assert!(client.recv().field("date").is_some());
        client.peer.send(abort(CloseCode::Unspecified));
        assert_eq!(harness.streams(), 0);
    }
}
