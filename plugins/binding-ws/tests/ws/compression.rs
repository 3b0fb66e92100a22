//! `permessage-deflate` (RFC 7692).

use crate::script::*;
use binding_ws::Ws;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use zilla_sdk::testing::*;

const OFFER: [(&str, &str); 1] = [("sec-websocket-extensions", "permessage-deflate; client_max_window_bits")];

/// RSV1 and FIN.
const COMPRESSED: u8 = 0xc0;

#[track_caller]
fn open_deflated(harness: &Harness<Ws>) -> (Peer, Peer) {
    let mut client = harness.open(request().with(OFFER));
    let mut app = harness.expect_open();
    app.send(begun());
    app.recv_begin();
    let agreed = client.recv_begin().attribute("sec-websocket-extensions");
    assert!(agreed.is_some_and(|agreed| agreed.starts_with("permessage-deflate")));
    (client, app)
}

/// A message as a peer deflates it.
fn deflated(coder: &mut Compress, message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 1_000);
    coder.compress_vec(message, &mut out, FlushCompress::Sync).unwrap();
    out.truncate(out.len() - 4);
    out
}

fn coder() -> Compress {
    Compress::new(Compression::default(), false)
}

/// The message that the payload of a frame is.
fn inflated(coder: &mut Decompress, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 << 20);
    let payload = [payload, &[0, 0, 0xff, 0xff]].concat();
    coder.decompress_vec(&payload, &mut out, FlushDecompress::Sync).unwrap();
    out
}

#[test]
fn what_is_not_configured_is_not_agreed_on() {
    let harness = server("");
    let mut client = harness.open(request().with(OFFER));
    harness.expect_open().send(begun());
    client.recv(agreed());
}

#[test]
fn the_example_of_the_rfc_is_inflated() {
    let harness = server("permessage-deflate: {}");
    let (mut client, mut app) = open_deflated(&harness);
    // RFC 7692, 7.2.3.1, whole and in fragments; 7.2.3.4 with two blocks; 7.2.3.5 with a last block.
    let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    client.send(data(masked_with(COMPRESSED | TEXT, hello)));
    app.recv(text("Hello"));
    client.send(data([masked_with(0x40 | TEXT, &hello[..3]), masked(CONTINUATION, &hello[3..])].concat()));
    assert_eq!(app.recv_text(), "Hello");
    let blocks = [0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00];
    client.send(data(masked_with(COMPRESSED | TEXT, blocks)));
    app.recv(text("Hello"));
    let last = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];
    client.send(data([masked_with(COMPRESSED | TEXT, last), masked_with(COMPRESSED | TEXT, hello)].concat()));
    app.recv(text("Hello"));
    app.recv(text("Hello"));
    client.send(data(masked_with(COMPRESSED | BINARY, [0])));
    app.recv(message(""));
}

#[test]
fn messages_are_deflated_if_that_is_worth_it() {
    let harness = server("permessage-deflate: {threshold-bytes: 10}");
    let (mut client, mut app) = open_deflated(&harness);
    app.send(text("short"));
    client.recv(data(plain(TEXT, "short")));
    for _ in 0..2 {
        app.send(text(&"long ".repeat(1_000)));
        let octets = client.recv_data_all();
        assert_eq!(octets[0], COMPRESSED | TEXT);
        assert!(octets.len() < 100, "{}", octets.len());
        // Each begins anew.
        assert_eq!(inflated(&mut Decompress::new(false), &octets[2..]), "long ".repeat(1_000).as_bytes());
    }
    app.send_all([data("lo").init(), data("ng"), data("").fin()]);
    let octets = client.recv_data_all();
    let (mut coder, mut found, mut rest) = (Decompress::new(false), Vec::new(), &octets[..]);
    let mut firsts = Vec::new();
    while let [first, length, behind @ ..] = rest {
        let (payload, behind) = behind.split_at(usize::from(*length));
        let mut out = Vec::with_capacity(100);
        coder.decompress_vec(payload, &mut out, FlushDecompress::Sync).unwrap();
        found.extend(out);
        firsts.push(*first);
        rest = behind;
    }
    assert_eq!((&*found, &*firsts), (&b"long"[..], &[0x40 | BINARY, 0x00, 0x80][..]));
}

/// A message whose last block says that it is the last (RFC 7692, 7.2.3.5). What was before it in `history` is known.
fn finished(history: &[u8], message: &[u8]) -> Vec<u8> {
    let mut coder = coder();
    if !history.is_empty() {
        coder.set_dictionary(history).unwrap();
    }
    let mut out = Vec::with_capacity(message.len() + 1_000);
    coder.compress_vec(message, &mut out, FlushCompress::Finish).unwrap();
    // One empty block more, whose end is cut off.
    out.push(0);
    out
}

#[test]
fn a_last_block_does_not_end_the_context() {
    let harness = server("permessage-deflate: {context-takeover: true}");
    let (mut client, mut app) = open_deflated(&harness);
    app.auto_window();
    let message = zilla_octets(40_000);
    let mut before = Vec::new();
    for round in 0..3 {
        let window = &before[before.len().saturating_sub(1 << 15)..];
        // It refers to what is as far away as a window is long.
        let next = message[round * 7_232..][..25_536].to_vec();
        let payload = finished(window, &next);
        assert_eq!(payload.len() < 10_000, round > 0, "{}", payload.len());
        client.send(data(masked_with(COMPRESSED | BINARY, payload)));
        assert!(app.recv_data_all() == next, "message {round}");
        before.extend(next);
    }
    // Nor does it within a message.
    let [first, second] = [finished(&[], b"Hello, "), finished(b"Hello, ", b"Hello, Hello")];
    let harness = server("permessage-deflate: {}");
    let (mut client, mut app) = open_deflated(&harness);
    client.send(data(masked_with(COMPRESSED | TEXT, [&first[..first.len() - 1], &second].concat())));
    assert_eq!(app.recv_text(), "Hello, Hello, Hello");
}

#[test]
fn what_a_message_had_is_not_known_to_the_next_without_takeover() {
    let harness = server("permessage-deflate: {}");
    let (mut client, mut app) = open_deflated(&harness);
    let message = zilla_octets(1_000);
    client.send(data(masked_with(COMPRESSED | BINARY, finished(&[], &message))));
    assert!(app.recv_data_all() == message);
    client.send(data(masked_with(COMPRESSED | BINARY, finished(&message, &message))));
    app.recv(abort(CloseCode::Violation));
    app.send(end());
    expect_closed(&mut client, 1007);
}

#[test]
fn a_context_is_kept_if_both_want_it() {
    let harness = server("permessage-deflate: {context-takeover: true}");
    let (mut client, mut app) = open_deflated(&harness);
    let message = zilla_octets(10_000);
    let (mut theirs, mut ours) = (coder(), Decompress::new(false));
    for round in 0..3 {
        let payload = deflated(&mut theirs, &message);
        assert_eq!(payload.len() < 200, round > 0);
        client.send(data(masked_with(COMPRESSED | BINARY, payload)));
        assert!(app.recv_data_all() == message);
        app.send(zilla_sdk::testing::message(&message));
        let octets = client.recv_data_all();
        assert_eq!(octets.len() < 1_000, round > 0, "{}", octets.len());
        let payload = if octets[1] == 126 { &octets[4..] } else { &octets[2..] };
        assert!(inflated(&mut ours, payload) == message);
    }
}

/// Octets that cannot be deflated.
fn zilla_octets(count: usize) -> Vec<u8> {
    let mut state = 1_u32;
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect()
}

#[test]
fn inflated_octets_take_credit_and_wait_for_it() {
    let harness = server("permessage-deflate: {}");
    let (mut client, mut app) = open_deflated(&harness);
    let message = b"0123456789abcdef".repeat(100_000);
    client.send_payload(masked_with(COMPRESSED | BINARY, deflated(&mut coder(), &message)));
    assert_eq!(app.granted(), 0);
    let mut found = app.recv_data_all();
    assert_eq!(found.len(), 65_536);
    app.auto_window();
    app.send(window(65_536));
    found.extend(app.recv_data_all());
    assert!(found == message);
    client.send(data(masked(TEXT, "next")));
    app.recv(text("next"));
}

#[test]
fn a_bomb_goes_off_at_the_limit() {
    let harness = server("limits: {message-bytes: 100000}, permessage-deflate: {}");
    let (mut client, mut app) = open_deflated(&harness);
    app.auto_window();
    client.send(data(masked_with(COMPRESSED | BINARY, deflated(&mut coder(), &vec![0; 10_000_000]))));
    let found = app.recv_data_all();
    assert!(found.len() <= 100_000, "{}", found.len());
    app.recv(abort(CloseCode::Limit));
    app.send(end());
    expect_closed(&mut client, 1009);
}

#[test]
fn what_cannot_be_inflated_and_what_is_no_text_is_refused() {
    for payload in [vec![0xff; 10], deflated(&mut coder(), b"\xff")] {
        let harness = server("permessage-deflate: {}");
        let (mut client, mut app) = open_deflated(&harness);
        client.send(data(masked_with(COMPRESSED | TEXT, payload)));
        app.recv(abort(CloseCode::Violation));
        app.send(end());
        expect_closed(&mut client, 1007);
    }
}

#[test]
fn only_the_first_frame_of_a_message_says_that_it_is_compressed() {
    for octets in
        [[masked_with(BINARY, "a"), masked_with(0xc0, "b")].concat(), masked_with(COMPRESSED | PING, "")]
    {
        let harness = server("permessage-deflate: {}");
        let (mut client, mut app) = open_deflated(&harness);
        client.send(data(octets));
        app.send(end());
        expect_closed(&mut client, 1002);
    }
}

#[test]
fn coders_are_counted() {
    let harness = server("permessage-deflate: {inflaters: 1, deflaters: 1, threshold-bytes: 0}");
    let ((mut one, mut app), (mut other, mut other_app)) = (open_deflated(&harness), open_deflated(&harness));
    let payload = deflated(&mut coder(), b"payload");
    one.send(data(masked_with(0x40 | BINARY, &payload[..3])));
    other.send(data(masked_with(COMPRESSED | BINARY, &payload)));
    other_app.recv(abort(CloseCode::Limit));
    other_app.send(end());
    expect_closed(&mut other, 1013);
    one.send(data(masked(CONTINUATION, &payload[3..])));
    assert_eq!(app.recv_data_all(), b"payload");
    // What cannot be deflated for want of a coder is sent as it is.
    let (mut other, mut other_app) = open_deflated(&harness);
    app.send(data("begun").init());
    assert_eq!(one.recv_data_all()[0], 0x40 | BINARY);
    other_app.send(message("as it is"));
    other.recv(data(plain(BINARY, "as it is")));
    app.send(data("").fin());
    other_app.send(message("deflated"));
    assert_eq!(other.recv_data_all()[0], COMPRESSED | BINARY);
}

#[test]
fn a_client_offers_and_a_server_answers() {
    let harness = client("permessage-deflate: {context-takeover: true, threshold-bytes: 0}");
    let mut app = harness.open(wanted());
    let mut net = harness.expect_open();
    let request = net.recv_begin();
    let offered = "permessage-deflate; client_max_window_bits";
    assert_eq!(request.attribute("sec-websocket-extensions").as_deref(), Some(offered));
    net.send(answer(
        &request,
        &[("sec-websocket-extensions", "permessage-deflate; client_max_window_bits=10")],
    ));
    app.recv_begin();
    app.send(text("Hello"));
    let frames = unmasked(&net.recv_data_all());
    assert_eq!(
        (frames[0].0, &*inflated(&mut Decompress::new(false), &frames[0].1)),
        (COMPRESSED | TEXT, &b"Hello"[..])
    );
    net.send(data(plain_with(COMPRESSED | TEXT, deflated(&mut coder(), b"Hello"))));
    app.recv(text("Hello"));
}
