//! Promises for any octets and any pieces.

use crate::script::*;
use proptest::prelude::*;
use zilla_sdk::testing::*;

/// What an opener gets of these pieces, and whether the connection is kept.
fn outcome(method: &str, pieces: &[&[u8]]) -> (Vec<Frame>, bool) {
    let harness = client("upgrade: [websocket], limits: {header-bytes: 120, header-count: 4}");
    let mut opener = ask_with(&harness, request(method));
    let mut origin = accept(&harness);
    opener.auto_window();
    for piece in pieces {
        if origin.can_send() {
            origin.send(data(piece));
        }
    }
    let is_kept = origin.can_send();
    if is_kept {
        origin.send(end());
    }
    let mut frames: Vec<Frame> = Vec::new();
    for frame in opener.recv_all() {
        match frames.last_mut() {
            Some(last) if last.kind == FrameKind::Data && frame.kind == FrameKind::Data => {
                last.payload.extend(frame.payload);
            }
            _ => frames.push(frame),
        }
    }
    assert_eq!(harness.streams(), 0);
    // A head that cannot become one is noticed with its next line end, or with the end.
    let is_whole = frames.last().is_some_and(|last| last.kind == FrameKind::End);
    (frames, is_kept && is_whole)
}

fn cut<'a>(octets: &'a [u8], places: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<_> = places.iter().map(|place| place.index(octets.len() + 1)).collect();
    places.extend([0, octets.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| &octets[pair[0]..pair[1]]).collect()
}

fn places() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    prop::collection::vec(any::<prop::sample::Index>(), 0..8)
}

/// Octets that come close to a response.
fn nearly_a_response() -> impl Strategy<Value = Vec<u8>> {
    let parts = prop::sample::select(vec![
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.0 200 OK\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 103 \r\n",
        "HTTP/1.1 204 \r\n",
        "HTTP/1.1 304 \r\n",
        "content-length: 3\r\n",
        "Content-Length: 0\r\n",
        "transfer-encoding: chunked\r\n",
        "connection: close\r\n",
        "connection: keep-alive\r\n",
        "x: y\r\n",
        "\r\n",
        "\r",
        "\n",
        " ",
        ":",
        "abc",
        "3\r\nabc\r\n",
        "0\r\n\r\n",
        "0\r\n",
        "1;x\r\n",
        "content-length: 3\r\n\r\nabc",
        "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nt: v\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\n\r\nabc",
    ]);
    prop::collection::vec(parts, 0..9).prop_map(|parts| parts.concat().into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_octets_are_survived(octets in prop::collection::vec(any::<u8>(), 0..300), places in places()) {
        outcome("GET", &cut(&octets, &places));
    }

    #[test]
    fn pieces_make_no_difference(octets in nearly_a_response(), places in places(), is_head: bool) {
        let method = if is_head { "HEAD" } else { "GET" };
        let whole = outcome(method, &[&octets]);
        let pieces = cut(&octets, &places);
        let shown: Vec<_> = pieces.iter().map(|piece| piece.escape_ascii().to_string()).collect();
        prop_assert_eq!(whole, outcome(method, &pieces), "in pieces: {:?}", shown);
    }

    #[test]
    fn a_response_arrives_as_it_was_sent(
        status in 200_u16..=999,
        fields in prop::collection::vec(("x-[a-z0-9]{0,8}", "([!-~]([ -~\t]{0,8}[!-~])?)?"), 0..5),
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..3_000), 0..5),
        framing in 0..3_u8,
        places in places(),
        windows in prop::collection::vec(1_u64..2_000, 0..40),
    ) {
        prop_assume!(status != 204 && status != 304);
        let body = chunks.concat();
        let (text, length) = (status.to_string(), body.len().to_string());
        let mut attributes = vec![(":status", &*text)];
        attributes.extend(fields.iter().map(|(name, value)| (&**name, &**value)));
        let mut octets = format!("HTTP/1.1 {status} x\r\n").into_bytes();
        for (name, value) in &fields {
            octets.extend(format!("{}: {value} \r\n", name.to_uppercase()).into_bytes());
        }
        match framing {
            0 => {
                octets.extend(format!("content-length: {length}\r\n\r\n").into_bytes());
                octets.extend(&body);
                attributes.push(("content-length", &*length));
            }
            1 => {
                octets.extend(b"transfer-encoding: chunked\r\n\r\n");
                for chunk in &chunks {
                    octets.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
                    octets.extend(chunk);
                    octets.extend(b"\r\n");
                }
                octets.extend(b"0\r\n\r\n");
            }
            _ => {
                octets.extend(b"\r\n");
                octets.extend(&body);
            }
        }
        let harness = client_with("", Limits { initial_credit: 30_000, ..Limits::default() });
        let (mut opener, mut origin) = exchange(&harness);
        for piece in cut(&octets, &places) {
            origin.send(data(piece));
        }
        if framing > 1 {
            origin.send(end());
        }
        for octets in windows {
            opener.send(window(octets));
        }
        opener.grant_all();
        opener.recv(begun_with(attributes));
        prop_assert_eq!(opener.recv_data_all(), body);
        opener.recv(end());
        if framing < 2 {
            expect_kept(&harness, &mut origin);
        }
    }

    #[test]
    fn a_request_arrives_as_it_was_sent(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3_000), 0..5),
        windows in prop::collection::vec(1_u64..2_000, 0..40),
        is_known: bool,
    ) {
        let harness = client_with("", Limits { initial_credit: 30_000, ..Limits::default() });
        let body = pieces.concat();
        let length = body.len().to_string();
        let begin = if is_known { request("PUT").with([("content-length", &*length)]) } else { request("PUT") };
        let mut opener = harness.open(begin);
        let mut origin = accept(&harness);
        for piece in &pieces {
            opener.send(data(piece));
        }
        opener.send(end());
        for octets in windows {
            origin.send(window(octets));
        }
        origin.grant_all();
        let sent = origin.recv_data_all();
        let head = sent.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        let content = if is_known { sent[head..].to_vec() } else { decoded(&sent[head..]) };
        prop_assert_eq!(content, body);
        origin.send(data(NOTHING));
        expect_nothing(&mut opener);
    }
}

/// The content of chunks.
fn decoded(mut rest: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    loop {
        let line = rest.windows(2).position(|two| two == b"\r\n").unwrap();
        let octets = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
        let (chunk, after) = rest[line + 2..].split_at(octets);
        content.extend(chunk);
        assert_eq!(&after[..2], b"\r\n");
        rest = &after[2..];
        if octets == 0 {
            return content;
        }
    }
}
