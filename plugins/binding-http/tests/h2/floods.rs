//! What a client may not do without end: each limit is met, and says so.

use crate::script::*;
use zilla_sdk::testing::*;

/// Sends these octets until the connection ends, and says how often that was.
fn flood(options: &str, first: Vec<u8>, mut octets: impl FnMut(u32) -> Vec<u8>) -> (Client, u32) {
    let harness = h2(options);
    let mut client = Client::connect(&harness);
    client.send(first);
    for round in 0..20_000 {
        client.send(octets(round));
        if !client.peer.can_send() {
            return (client, round);
        }
    }
    panic!("the flood goes on");
}

#[track_caller]
fn expect_calm(client: &mut Client) {
    client.read();
    let goaway = client.frames.iter().find(|frame| frame.kind == GOAWAY).expect("GOAWAY");
    assert_eq!(goaway.number(4), ENHANCE_YOUR_CALM);
    client.expect_closed();
}

#[test]
fn control_frames_are_counted() {
    let options = "limits: {h2: {control-frames: 100}}";
    for (what, octets) in [
        ("SETTINGS", frame(SETTINGS, 0, 0, [])),
        ("acknowledgements", frame(SETTINGS, ACK, 0, [])),
        ("PING", frame(PING, 0, 0, [0; 8])),
        ("answers to PING", frame(PING, ACK, 0, [0; 8])),
        ("PRIORITY", frame(PRIORITY, 0, 7, [0; 5])),
        ("WINDOW_UPDATE of the connection", window_update(0, 1)),
        ("WINDOW_UPDATE of a stream", window_update(1, 1)),
        ("empty DATA", frame(DATA, 0, 1, [])),
        ("unknown frames", frame(0x77, 0, 0, [])),
    ] {
        let (mut client, rounds) = flood(options, post(1), |_| octets.clone());
        assert!((90..=102).contains(&rounds), "{what}: {rounds}");
        expect_calm(&mut client);
    }
}

#[test]
fn rapid_resets_are_counted() {
    let options = "limits: {h2: {resets: 100}}";
    let rapid = |round: u32| [get(2 * round + 1), rst_stream(2 * round + 1, CANCEL)].concat();
    let (mut client, rounds) = flood(options, Vec::new(), rapid);
    assert_eq!(rounds, 100);
    expect_calm(&mut client);
}

#[test]
fn streams_that_a_client_makes_this_end_reset_are_counted() {
    let options = "limits: {h2: {resets: 100}}";
    for (what, wrong) in [
        ("WINDOW_UPDATE of 0", (|id| window_update(id, 0)) as fn(u32) -> Vec<u8>),
        ("too large a window", |id| window_update(id, 0x7fff_ffff)),
        ("DATA when half-closed", |id| frame(DATA, 0, id, "x")),
        ("HEADERS when half-closed", |id| frame(HEADERS, WHOLE, id, block(GET))),
        ("PRIORITY of another length", |id| frame(PRIORITY, 0, id, "x")),
    ] {
        let made = |round: u32| [get(2 * round + 1), wrong(2 * round + 1)].concat();
        let (mut client, rounds) = flood(options, Vec::new(), made);
        assert_eq!(rounds, 100, "{what}");
        expect_calm(&mut client);
    }
    let malformed = |round: u32| frame(HEADERS, WHOLE, 2 * round + 1, block([("A", "b")]));
    let (mut client, rounds) = flood(options, Vec::new(), malformed);
    assert_eq!(rounds, 100);
    expect_calm(&mut client);
}

#[test]
fn a_stream_too_many_is_refused() {
    let harness = h2("limits: {h2: {concurrent-streams: 2}}");
    let mut client = Client::connect(&harness);
    client.send([get(1), get(3), get(5)].concat());
    client.expect_reset(5, REFUSED_STREAM);
    echo(&mut harness.expect_open());
    client.expect_response(1, "200", "");
    client.send(get(7));
    harness.expect_open();
    harness.expect_open();
    client.expect_well();
}

#[test]
fn a_field_block_does_not_go_on_for_ever() {
    let (mut client, rounds) = flood("", frame(HEADERS, 0, 1, []), |_| frame(CONTINUATION, 0, 1, []));
    assert_eq!(rounds, 8);
    expect_calm(&mut client);

    let octets = block([("a", "x".repeat(16_000).as_str())]);
    let (mut client, rounds) =
        flood("limits: {h2: {continuations: 1000}}", frame(HEADERS, 0, 1, &octets), |_| {
            frame(CONTINUATION, 0, 1, &octets)
        });
    assert_eq!(rounds, 1);
    expect_calm(&mut client);
}

#[test]
fn a_list_that_unfolds_is_refused() {
    let harness = h2("");
    let mut client = Client::connect(&harness);
    let mut bomb = block(GET);
    bomb.extend(b"\x40\x01a\x7f\xa1\x1e");
    bomb.extend([b'x'; 4_000]);
    bomb.extend([0xbe; 12_000]);
    assert!(bomb.len() <= 16_384);
    client.send(frame(HEADERS, WHOLE, 1, bomb));
    client.expect_refusal(1, "431", "the header is too long");
    harness.expect_no_open();
    client.send(frame(HEADERS, WHOLE, 3, [&block(GET)[..], &[0xbe]].concat()));
    assert_eq!(harness.expect_open().recv_begin().attribute("a").map(|value| value.len()), Some(4_000));
}

#[test]
fn a_client_that_reads_nothing_is_not_listened_to() {
    let harness = h2_with("", Limits { initial_credit: 65_536, ..Limits::default() });
    let mut client = Client::silent(&harness);
    client.send([PREFACE, &frame(SETTINGS, 0, 0, [])].concat());
    let mut sent = 0;
    while client.peer.credit() >= 17 && sent < 20_000 {
        client.peer.send(data(frame(PING, 0, 0, [0; 8])));
        sent += 1;
    }
    assert!(sent < 10_000, "{sent}");
    client.peer.grant_all();
    client.read();
    assert_eq!(client.frames.iter().filter(|frame| frame.kind == PING).count(), sent);
    assert!(client.peer.credit() > 0);
}

#[test]
fn what_goes_with_content_is_not_counted() {
    let harness = h2("limits: {h2: {control-frames: 50}}");
    let mut client = Client::connect(&harness);
    client.send(get(1));
    let mut exit = harness.expect_open();
    exit.send(begun());
    for _ in 0..200 {
        exit.send(data("x".repeat(1_000)));
        client.send([window_update(1, 1_000), window_update(0, 1_000)].concat());
    }
    client.frames.clear();
    client.expect_well();
}

#[test]
fn what_goes_with_requests_is_not_counted() {
    let harness = h2("limits: {h2: {control-frames: 50}}");
    let mut client = Client::connect(&harness);
    for round in 0..200 {
        client.send([get(2 * round + 1), frame(PING, ACK, 0, [0; 8])].concat());
        echo(&mut harness.expect_open());
        client.expect_response(2 * round + 1, "200", "");
    }
    client.expect_well();
}

#[test]
fn budgets_come_back_with_time() {
    let harness = h2("limits: {h2: {resets: 10}}");
    let mut client = Client::connect(&harness);
    for round in 0..40 {
        client.send([get(2 * round + 1), rst_stream(2 * round + 1, CANCEL)].concat());
        harness.advance(3_000);
    }
    client.expect_well();
}
