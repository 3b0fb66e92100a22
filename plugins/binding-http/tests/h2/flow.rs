//! Windows and credit, in both directions.

use crate::script::*;
use zilla_sdk::testing::*;

/// Content of `DATA` among frames, by stream.
fn content(client: &mut Client, stream: u32) -> usize {
    client.read();
    let frames = std::mem::take(&mut client.frames);
    frames
        .iter()
        .filter(|frame| frame.kind == DATA && frame.stream == stream)
        .map(|frame| frame.payload.len())
        .sum()
}

#[test]
fn a_response_keeps_to_the_stream_s_window() {
    let harness = h2("");
    let mut client = Client::with_settings(&harness, &setting(4, 10));
    client.peer.grant_all();
    client.send(get(1));
    let mut exit = harness.expect_open();
    exit.send_all([begun(), data("x".repeat(35)), end()]);
    client.expect_head(1, "200");
    client.expect(DATA, 0, 1, "x".repeat(10));
    client.expect_nothing();
    client.send(window_update(1, 5));
    client.expect(DATA, 0, 1, "x".repeat(5));
    client.send(setting(4, 20));
    client.expect(SETTINGS, ACK, 0, []);
    client.expect(DATA, 0, 1, "x".repeat(10));
    client.send(setting(4, 0));
    client.expect(SETTINGS, ACK, 0, []);
    client.send(window_update(1, 20));
    client.expect_nothing();
    client.send(window_update(1, 10));
    client.expect(DATA, END_STREAM, 1, "x".repeat(10));
    client.expect_well();
}

#[test]
fn a_short_connection_window_is_shared_in_turn() {
    let harness = h2("");
    let mut client = Client::connect(&harness);
    client.send([get(1), get(3), get(5)].concat());
    let mut exits = [harness.expect_open(), harness.expect_open(), harness.expect_open()];
    for exit in &mut exits {
        exit.send_all([begun(), data("x".repeat(60_000)), end()]);
    }
    client.read();
    assert_eq!(content(&mut client, 1), 60_000);
    client.send(window_update(1, 100_000));
    client.send(window_update(0, 16_384 - 5_535));
    client.frames.clear();
    for _ in 0..3 {
        client.send(window_update(0, 2 * 16_384));
        let order: Vec<u32> = client.frames.drain(..).map(|frame| frame.stream).collect();
        let mut streams = order.clone();
        streams.sort_unstable();
        streams.dedup();
        assert_eq!(streams, [3, 5], "{order:?}");
    }
}

#[test]
fn an_end_needs_no_window() {
    let harness = h2("");
    let mut client = Client::with_settings(&harness, &setting(4, 0));
    client.peer.grant_all();
    client.send([get(1), get(3)].concat());
    harness.expect_open().send_all([begun(), end()]);
    client.expect_response(1, "200", "");
    harness.expect_open().send_all([begun(), data("x"), end_with([("a", "b")])]);
    client.expect_head(3, "200");
    client.expect_nothing();
    client.send(window_update(3, 1));
    client.expect(DATA, 0, 3, "x");
    assert_eq!(client.recv().fields, [("a".to_owned(), "b".to_owned())]);
    client.expect_well();
}

#[test]
fn an_exit_sends_no_more_than_the_client_takes() {
    let harness = h2("");
    let mut client = Client::connect(&harness);
    client.send(get(1));
    let mut exit = harness.expect_open();
    exit.send(begun());
    let mut sent = 0;
    while exit.credit() > 0 {
        let octets = exit.credit().min(10_000) as usize;
        exit.send(data(vec![b'x'; octets]));
        sent += octets;
    }
    assert!(sent <= 65_535 + 2 * 65_536, "{sent}");
    client.send([window_update(0, 1 << 30), window_update(1, 1 << 30)].concat());
    exit.send_payload(vec![b'x'; 1_000_000]);
    exit.send(end());
    assert_eq!(content(&mut client, 1), sent + 1_000_000);
}

#[test]
fn a_client_sends_no_more_than_the_exit_takes() {
    let harness = h2("");
    let mut client = Client::connect(&harness);
    client.send(post(1));
    let mut exit = harness.expect_open();
    let (mut window, mut sent) = (262_144_usize, 0);
    while window > 0 {
        let octets = window.min(10_000);
        client.send(frame(DATA, 0, 1, vec![b'x'; octets]));
        sent += octets;
        window -= octets;
        while let Some(frame) = client.frames.pop_front() {
            assert_eq!(frame.kind, WINDOW_UPDATE);
            window += if frame.stream == 1 { frame.number(0) as usize } else { 0 };
        }
    }
    assert!(sent <= 262_144 + 65_536, "{sent}");
    assert!(client.peer.credit() > 0, "frames other than DATA still come");
    exit.recv_begin();
    assert_eq!(exit.recv_data_all().len(), 65_536);
    client.expect_well();
    exit.grant_all();
    assert_eq!(exit.recv_data_all().len(), sent - 65_536);
    let returned: u32 = std::iter::from_fn(|| {
        client.frames.pop_front().or_else(|| {
            client.read();
            client.frames.pop_front()
        })
    })
    .filter(|frame| (frame.kind, frame.stream) == (WINDOW_UPDATE, 1))
    .map(|frame| frame.number(0))
    .sum();
    assert!(returned as usize >= sent / 2, "{returned}");
    client.send(frame(DATA, END_STREAM, 1, "end"));
    exit.recv(data("end"));
    exit.recv(end());
}

#[test]
fn an_end_waits_for_the_content_before_it() {
    let harness = h2_with("", Limits { initial_credit: 100, ..Limits::default() });
    let mut client = Client::silent(&harness);
    client.peer.auto_window();
    client.peer.grant_all();
    client.send([PREFACE, &frame(SETTINGS, 0, 0, []), &post(1)].concat());
    client.send(frame(DATA, 0, 1, "x".repeat(150)));
    client.send(frame(HEADERS, WHOLE, 1, block([("a", "b")])));
    let mut exit = harness.expect_open();
    exit.recv_begin();
    exit.recv(data("x".repeat(100)));
    exit.recv_nothing();
    exit.send(window(50));
    exit.recv(data("x".repeat(50)));
    exit.recv(end_with([("a", "b")]));
}

#[test]
fn more_than_a_window_is_refused() {
    let harness = h2("limits: {h2: {stream-window-bytes: 10}}");
    let mut client = Client::connect(&harness);
    client.send([post(1), frame(DATA, 0, 1, "12345678901")].concat());
    client.expect_reset(1, FLOW_CONTROL_ERROR);
    client.expect_well();

    let harness = h2_with(
        "limits: {h2: {connection-window-bytes: 65535}}",
        Limits { initial_credit: 1_000, ..Limits::default() },
    );
    let mut client = Client::silent(&harness);
    client.peer.grant_all();
    client.send([PREFACE, &frame(SETTINGS, 0, 0, []), &post(1)].concat());
    for _ in 0..4 {
        client.send(frame(DATA, 0, 1, [0; 16_384]));
    }
    client.send(frame(DATA, 0, 1, [0; 16_384]));
    client.expect_goaway(1, FLOW_CONTROL_ERROR);
}

#[test]
fn content_that_nobody_takes_is_given_back_to_the_connection() {
    for how in 0..3 {
        let limits = Limits { initial_credit: 20_000, ..Limits::default() };
        let harness = h2_with("limits: {h2: {connection-window-bytes: 65535}}", limits);
        let mut client = Client::connect(&harness);
        client.send([post(1), frame(DATA, 0, 1, [0; 16_384]), frame(DATA, 0, 1, [0; 16_384])].concat());
        client.send(frame(DATA, 0, 1, [0; 16_384]));
        let mut exit = harness.expect_open();
        exit.recv_begin();
        assert_eq!(exit.recv_data_all().len(), 20_000);
        client.expect_nothing();
        match how {
            0 => client.send(rst_stream(1, CANCEL)),
            1 => exit.send_all([begun(), reset(CloseCode::Refused)]),
            _ => exit.refuse(CloseCode::Refused),
        }
        client.read();
        let is_window = |frame: &&Received| (frame.kind, frame.stream) == (WINDOW_UPDATE, 0);
        let given_back: u32 = client.frames.iter().filter(is_window).map(|frame| frame.number(0)).sum();
        assert_eq!(given_back, 3 * 16_384);
    }
}

#[test]
fn padding_counts_for_windows_and_is_given_back() {
    let harness = h2("limits: {h2: {stream-window-bytes: 512}}");
    let mut client = Client::connect(&harness);
    client.send(post(1));
    let mut padded = vec![255];
    padded.extend([0; 255]);
    client.send(frame(DATA, PADDED, 1, padded));
    // Given back, and grown by the whole window.
    client.expect(WINDOW_UPDATE, 0, 1, (256_u32 + 512).to_be_bytes());
}

#[test]
fn a_client_takes_a_response_in_whatever_pieces() {
    let body: Vec<u8> = (0..=255).cycle().take(3_000).collect();
    for credit in [1, 2, 8, 9, 10, 11, 100, 5_000] {
        let harness = h2_with("", Limits { initial_credit: 1_000, ..Limits::default() });
        let mut client = Client::silent(&harness);
        client.send([PREFACE, &frame(SETTINGS, 0, 0, []), &get(1)].concat());
        let mut exit = harness.expect_open();
        exit.send(begun());
        exit.send_all([data(&body[..1_000])]);
        let (mut received, mut sent, mut ended) = (Vec::new(), 1_000, false);
        for _ in 0..40_000 {
            let octets = (exit.credit() as usize).min(body.len() - sent);
            if exit.can_send() && octets > 0 {
                exit.send(data(&body[sent..sent + octets]));
                sent += octets;
            } else if exit.can_send() && sent == body.len() {
                exit.send(end());
            }
            client.read();
            while let Some(frame) = client.frames.pop_front() {
                if frame.kind == DATA {
                    ended |= frame.ends();
                    received.extend(frame.payload);
                }
            }
            if ended {
                break;
            }
            client.peer.send(window(credit));
        }
        assert!(ended && received == body, "{credit}: {} octets", received.len());
    }
}

#[test]
fn large_content_is_passed_on_and_not_copied() {
    let harness = h2("");
    let mut client = Client::connect(&harness);
    client.send(post(1));
    let exit = harness.expect_open();
    let mut octets = frame(DATA, 0, 1, vec![b'x'; 2_000]);
    octets.extend(frame(DATA, 0, 1, vec![b'y'; 100]));
    let delivered = zilla_sdk::Frame {
        stream: client.peer.id(),
        kind: FrameKind::Data,
        flags: zilla_sdk::FrameFlags::empty(),
        link: 0,
        attributes: 0,
        payload: octets.len() as u32,
        offset: 0,
        value: 0,
    };
    let batch = harness.deliver(&[delivered], &octets);
    let to_exit: Vec<_> = batch.frames.iter().filter(|frame| frame.stream == exit.id()).collect();
    assert_eq!(to_exit.len(), 2);
    assert!(to_exit[0].flags.contains(zilla_sdk::FrameFlags::BORROWED));
    assert_eq!((to_exit[0].payload, batch.octets.len()), (2_000, 100));
}

#[test]
fn answers_of_one_call_are_one_piece() {
    let harness = h2("");
    let mut client = Client::connect(&harness);
    client.send((0..32).flat_map(|index| get(2 * index + 1)).collect::<Vec<u8>>());
    let mut exits: Vec<Peer> = (0..32).map(|_| harness.expect_open()).collect();
    let before = harness.transcript().lines().count();
    harness.batch(|| exits.iter_mut().for_each(|exit| exit.send_all([begun(), data("hello"), end()])));
    let transcript = harness.transcript();
    let answers = transcript.lines().skip(before).filter(|line| line.starts_with(" ←"));
    assert_eq!(answers.count(), 1, "{transcript}");
}

#[test]
fn a_window_grows_while_the_exit_takes_everything() {
    // To four times what it was, or to half of the connection's.
    for (connection, most) in [(1_000_000, 400_000), (500_000, 250_000)] {
        let windows = format!("stream-window-bytes: 100000, connection-window-bytes: {connection}");
        let harness = h2(&format!("limits: {{h2: {{{windows}}}}}"));
        let mut client = Client::connect(&harness);
        client.send(post(1));
        let mut exit = harness.expect_open();
        exit.auto_window();
        let (mut sent, mut granted) = (0, 100_000);
        while sent < 3_000_000 {
            client.send(frame(DATA, 0, 1, [b'x'; 10_000]));
            sent += 10_000;
            exit.recv_all();
            for frame in client.frames.drain(..).filter(|frame| frame.stream == 1) {
                assert_eq!(frame.kind, WINDOW_UPDATE);
                granted += frame.number(0) as usize;
            }
            assert!(granted - sent <= most, "{} octets may be sent", granted - sent);
        }
        // All of it, but for the half that is given back at once.
        assert!(granted - sent > most / 2, "{} octets may be sent", granted - sent);
    }
}

#[test]
fn a_window_does_not_grow_for_an_exit_that_takes_nothing() {
    let harness = h2("limits: {h2: {stream-window-bytes: 100000}}");
    let mut client = Client::connect(&harness);
    client.send(post(1));
    let mut exit = harness.expect_open();
    for _ in 0..10 {
        client.send(frame(DATA, 0, 1, [b'x'; 10_000]));
    }
    let of_stream = |frame: &Received| if frame.stream == 1 { frame.number(0) } else { 0 };
    let granted: u32 = client.frames.drain(..).map(|frame| of_stream(&frame)).sum();
    // Of the exit's first credit: half of the window, which grew once.
    assert_eq!(granted, 50_000 + 100_000);
    exit.recv_all();
    exit.send(window(10));
    client.read();
    assert_eq!(client.frames.drain(..).map(|frame| of_stream(&frame)).sum::<u32>(), 0);
}
