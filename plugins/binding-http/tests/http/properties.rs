//! Promises for any octets and any pieces.

use crate::script::*;
use proptest::prelude::*;
use zilla_sdk::testing::*;

/// What a client gets that sends these pieces and ends, with an exit that echoes whole requests.
fn outcome(pieces: &[&[u8]]) -> (Vec<Frame>, Vec<Frame>) {
    let harness =
        http("limits: {request-line-bytes: 40, header-bytes: 120, header-count: 4, body-bytes: 60}");
    let mut client = connect(&harness);
    client.auto_window();
    let (mut asked, mut exits) = (Vec::new(), Vec::<(Vec<Frame>, Peer)>::new());
    let ends = [data([])].into_iter().chain(pieces.iter().map(data)).chain([end()]);
    for frame in ends {
        if client.can_send() {
            client.send(frame);
        }
        loop {
            exits.extend(harness.opened().map(|exit| (Vec::new(), exit)));
            let Some((frames, exit)) = exits.last_mut() else { break };
            frames.extend(exit.recv_all());
            if !exit.can_send() || frames.last().is_none_or(|last| last.kind != FrameKind::End) {
                break;
            }
            let end = frames.pop().into_iter();
            let begin = frames.drain(..1);
            let begin: Vec<_> = begin.collect();
            exit.send_all(begin.iter().cloned().chain([data(content(frames))]).chain(end.clone()));
            asked.extend(begin.into_iter().chain([data(content(frames))]).chain(end));
        }
    }
    // Whether there still is something to refuse when the connection ends depends on the pieces.
    let answered = client.recv_all().into_iter().filter(|frame| frame.kind != FrameKind::Reset);
    (asked, answered.collect())
}

fn content(frames: &[Frame]) -> Vec<u8> {
    frames.iter().flat_map(|frame| frame.payload.clone()).collect()
}

/// Cuts octets at these places.
fn cut<'a>(octets: &'a [u8], places: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<_> = places.iter().map(|place| place.index(octets.len() + 1)).collect();
    places.extend([0, octets.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| &octets[pair[0]..pair[1]]).collect()
}

fn places() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    prop::collection::vec(any::<prop::sample::Index>(), 0..8)
}

/// Octets that come close to requests.
fn nearly_requests() -> impl Strategy<Value = Vec<u8>> {
    let parts = prop::sample::select(vec![
        "GET / HTTP/1.1\r\n",
        "POST /a?b HTTP/1.1\r\n",
        "HEAD * HTTP/1.0\r\n",
        "OPTIONS * HTTP/1.1\r\n",
        "GET http://a/b HTTP/1.1\r\n",
        "GET /",
        " HTTP/1.1",
        "PRI * HTTP/2.0\r\n",
        "host: a\r\n",
        "Host: b:1\r\n",
        "content-length: 3\r\n",
        "content-length: 0\r\n",
        "Content-Length: 99\r\n",
        "transfer-encoding: chunked\r\n",
        "connection: close\r\n",
        "connection: x\r\n",
        "x: y\r\n",
        "\r\n",
        "\r",
        "\n",
        "\0",
        " ",
        ":",
        ";",
        "abc",
        "3\r\nabc\r\n",
        "0\r\n\r\n",
        "0\r\n",
        "1;x\r\n",
        "f",
        "a: b",
        "\r\n\r\n",
        "\u{e9}",
        "host: a\r\n\r\n",
        "host: a\r\ncontent-length: 3\r\n\r\nabc",
        "host: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ]);
    prop::collection::vec(parts, 0..16).prop_map(|parts| parts.concat().into_bytes())
}

/// Fields that are handed on as they are.
fn fields() -> impl Strategy<Value = Vec<(String, String)>> {
    let name = "x-[a-z0-9!#$%&'*+.^_`|~-]{0,8}";
    let value = "([!-~]([ -~\t]{0,8}[!-~])?)?";
    prop::collection::vec((name, value), 0..5)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_octets_are_survived(octets in prop::collection::vec(any::<u8>(), 0..300), places in places()) {
        outcome(&cut(&octets, &places));
    }

    #[test]
    fn pieces_make_no_difference(octets in nearly_requests(), places in places()) {
        let (asked, answered) = outcome(&[&octets]);
        let pieces = cut(&octets, &places);
        let (asked_in_pieces, answered_in_pieces) = outcome(&pieces);
        let shown: Vec<_> = pieces.iter().map(|piece| piece.escape_ascii().to_string()).collect();
        prop_assert_eq!(asked, asked_in_pieces, "in pieces: {:?}", shown);
        prop_assert_eq!(answered, answered_in_pieces, "in pieces: {:?}", shown);
    }

    #[test]
    fn a_request_arrives_as_it_was_sent(
        method in "[A-Z]{1,8}",
        path in "/[a-zA-Z0-9/._~!$&'()*+,;=:@%?-]{0,40}",
        fields in fields(),
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..200), 0..5),
        chunked: bool,
        places in places(),
    ) {
        prop_assume!(method != "CONNECT");
        let body = chunks.concat();
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: example\r\n");
        let mut attributes = vec![(":method", &*method), (":scheme", "http"), (":authority", "example:80"), (":path", &*path)];
        for (name, value) in &fields {
            request += &format!("{}: {value} \r\n", name.to_uppercase());
            attributes.push((name, value));
        }
        let length = body.len().to_string();
        let mut octets;
        if chunked {
            octets = (request + "transfer-encoding: chunked\r\n\r\n").into_bytes();
            for chunk in &chunks {
                octets.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
                octets.extend(chunk);
                octets.extend(b"\r\n");
            }
            octets.extend(b"0\r\n\r\n");
        } else {
            octets = (request + &format!("content-length: {length}\r\n\r\n")).into_bytes();
            octets.extend(&body);
            attributes.push(("content-length", &*length));
        }
        let harness = http("");
        let mut client = connect(&harness);
        for piece in cut(&octets, &places) {
            client.send(data(piece));
        }
        let mut exit = harness.expect_open();
        exit.recv(begin_with(attributes));
        prop_assert_eq!(exit.recv_data_all(), body);
        exit.recv(end());
        exit.recv_nothing();
        client.recv_nothing();
    }

    #[test]
    fn a_response_arrives_as_it_was_sent(
        status in 200_u16..=999,
        fields in fields(),
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3_000), 0..5),
        windows in prop::collection::vec(1_u64..2_000, 0..40),
    ) {
        prop_assume!(status != 204 && status != 304);
        let harness = http_with("", Limits { initial_credit: 30_000, ..Limits::default() });
        let (mut client, mut exit) = ask(&harness, GET);
        let status = status.to_string();
        let length = pieces.concat().len().to_string();
        let mut attributes = vec![(":status", &*status)];
        attributes.extend(fields.iter().map(|(name, value)| (&**name, &**value)));
        attributes.push(("content-length", &*length));
        exit.send(begun_with(attributes));
        for piece in &pieces {
            exit.send(data(piece));
        }
        exit.send(end());
        for octets in windows {
            client.send(window(octets));
        }
        client.grant_all();
        let received = client.recv_data_all();
        let head_end = received.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        let head = std::str::from_utf8(&received[..head_end]).unwrap();
        prop_assert!(head.starts_with("HTTP/1.1 ") && head[9..].starts_with(&status));
        let expected: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        prop_assert!(head.contains(&expected));
        prop_assert_eq!(&received[head_end..], pieces.concat());
        expect_kept(&harness, &mut client);
    }
}
