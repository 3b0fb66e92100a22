//! What an origin gets.

use crate::script::*;
use zilla_sdk::testing::*;

#[test]
fn a_request_is_fields_and_its_response_too() {
    let harness = client("");
    let (mut opener, mut origin) = exchange(&harness);
    origin.send(headers(
        END_HEADERS,
        1,
        [(":status", "203"), ("x", "y"), ("x", "z"), ("content-length", "5")],
    ));
    opener.recv(begun_with([(":status", "203"), ("x", "y"), ("x", "z"), ("content-length", "5")]));
    origin.send(frame(DATA, 0, 1, "he"));
    opener.recv(data("he"));
    origin.send(frame(DATA, END_STREAM, 1, "llo"));
    opener.recv(data("llo"));
    opener.recv(end());
    assert!(opener.is_over());
    expect_kept(&harness, &mut origin, 3);
}

#[test]
fn the_first_frames_say_what_is_taken() {
    let harness = client("limits: {header-bytes: 5000, h2: {stream-window-bytes: 70000, table-bytes: 100}}");
    let _opener = ask(&harness);
    let mut origin = Origin::silent(&harness, None);
    let settings = [(1_u16, 100_u32), (2, 0), (4, 70_000), (6, 5_000)];
    let payload: Vec<u8> = settings
        .iter()
        .flat_map(|(identifier, value)| [&identifier.to_be_bytes()[..], &value.to_be_bytes()].concat())
        .collect();
    origin.expect(SETTINGS, 0, 0, payload);
    origin.expect(WINDOW_UPDATE, 0, 0, (2_097_152 - 65_535_u32).to_be_bytes());
    origin.expect_get(1);
}

#[test]
fn fields_of_one_connection_are_not_handed_on() {
    let harness = client("");
    let _opener = ask_with(
        &harness,
        request("GET").with([
            ("X-Mixed", "a"),
            ("connection", "x-gone, close"),
            ("x-gone", "b"),
            ("keep-alive", "1"),
            ("proxy-connection", "c"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("host", "elsewhere"),
            ("te", "trailers"),
            ("cookie", "e=f"),
            ("cookie", "g=h"),
        ]),
    );
    let mut origin = Origin::accept(&harness);
    let mut fields = fields_of("GET").to_vec();
    fields.extend([("x-mixed", "a"), ("cookie", "e=f"), ("cookie", "g=h"), ("te", "trailers")]);
    origin.expect_head(WHOLE, 1, &fields);
}

#[test]
fn te_is_handed_on_if_it_is_trailers_alone() {
    let harness = client("");
    let _opener = ask_with(&harness, request("GET").with([("te", "gzip, trailers")]));
    Origin::accept(&harness).expect_get(1);
}

#[test]
fn a_body_is_frames_and_its_trailers_go_behind_it() {
    let harness = client("");
    let mut opener = harness.open(request("POST"));
    let mut origin = Origin::accept(&harness);
    origin.expect_head(END_HEADERS, 1, &fields_of("POST"));
    opener.send(data("abc"));
    origin.expect(DATA, 0, 1, "abc");
    opener.send_all([data("d"), end_with([("x-sum", "1"), ("content-length", "4"), (":path", "/")])]);
    origin.expect(DATA, 0, 1, "d");
    origin.expect_head(WHOLE, 1, &[("x-sum", "1")]);
    origin.send(nothing(1));
    expect_nothing(&mut opener);
}

#[test]
fn a_body_with_a_length_has_that_length() {
    for (content, is_good) in [("abc", true), ("ab", false), ("abcd", false)] {
        let harness = client("");
        let mut opener = harness.open(request("POST").with([("content-length", "03")]));
        let mut origin = Origin::accept(&harness);
        let mut fields = fields_of("POST").to_vec();
        fields.push(("content-length", "3"));
        origin.expect_head(END_HEADERS, 1, &fields);
        opener.send(data(content));
        if opener.can_send() {
            opener.send(end());
        }
        if is_good {
            origin.expect_content(1, "abc");
            origin.send(nothing(1));
            expect_nothing(&mut opener);
        } else {
            expect_failed(&mut opener, CloseCode::Violation);
            origin.read();
            assert_eq!(origin.frames.pop_back().map(|frame| frame.kind), Some(RST_STREAM));
            origin.frames.clear();
            expect_kept(&harness, &mut origin, 3);
        }
    }
}

#[test]
fn many_requests_share_a_connection_and_are_answered_in_any_order() {
    let harness = client("");
    let mut openers: Vec<Peer> = (0..100).map(|_| ask(&harness)).collect();
    let mut origin = Origin::accept(&harness);
    harness.expect_no_open();
    for index in 0..100 {
        origin.expect_get(index * 2 + 1);
    }
    for index in (0..100).rev() {
        origin.send(nothing(index * 2 + 1));
        expect_nothing(&mut openers[index as usize]);
    }
    expect_kept(&harness, &mut origin, 201);
}

#[test]
fn an_opener_waits_to_send_its_body() {
    let harness = client("");
    let begin = request("PUT").with([("expect", "100-continue"), ("content-length", "2")]);
    let mut opener = harness.open(begin);
    let mut origin = Origin::accept(&harness);
    let mut fields = fields_of("PUT").to_vec();
    fields.extend([("content-length", "2"), ("expect", "100-continue")]);
    origin.expect_head(END_HEADERS, 1, &fields);
    origin.send(headers(END_HEADERS, 1, [(":status", "100")]));
    opener.recv(begun_with([(":status", "100")]));
    opener.send_all([data("hi"), end()]);
    origin.expect_content(1, "hi");
    origin.send(nothing(1));
    opener.recv(flush([(":status", "200")]));
    opener.recv(end());
}

#[test]
fn what_cannot_be_written_is_refused() {
    let with = |name: &str, value: &str| {
        let pairs = [(":method", "GET"), (":scheme", "http"), (":authority", "a:80"), (":path", "/")];
        begin_with(pairs.map(|pair| if pair.0 == name { (pair.0, value) } else { pair }))
    };
    for begin in [
        with(":method", "G ET"),
        with(":method", ""),
        with(":method", "GET\r\nx: y"),
        with(":method", "CONNECT"),
        with(":path", ""),
        with(":path", "a"),
        with(":path", "/a b"),
        with(":path", "/a\r\nb"),
        with(":path", "/\0"),
        with(":path", "http://b/"),
        with(":path", "*"),
        with(":authority", "a b"),
        with(":authority", "user@a"),
        with(":authority", "a\r\nx: y"),
        request("GET").with([("x y", "z")]),
        request("GET").with([("x:", "z")]),
        request("GET").with([("", "z")]),
        request("GET").with([("x\r\ny", "z")]),
        request("GET").with([("x", "y\r\nz: a")]),
        request("GET").with([("x", "y\0")]),
        request("POST").with([("content-length", "1"), ("content-length", "1")]),
        request("POST").with([("content-length", "+1")]),
    ] {
        let harness = client("");
        let mut opener = harness.open(begin);
        expect_refused(&mut opener);
        harness.expect_no_open();
    }
}

#[track_caller]
fn expect_refused(opener: &mut Peer) {
    let frames = opener.recv_all();
    assert!(frames.contains(&reset(CloseCode::Violation)), "{frames:?}");
    assert!(opener.is_over());
}

#[test]
fn a_long_head_goes_on_in_continuations() {
    let harness = client("");
    let value = "v".repeat(30_000);
    let _opener = ask_with(&harness, request("GET").with([("x", &*value)]));
    let mut peer = harness.expect_open();
    peer.recv_begin();
    peer.send(begun());
    let octets = peer.recv_data_all();
    let frames = frames_of(&octets[PREFACE.len()..]);
    let kinds: Vec<u8> = frames.iter().map(|frame| frame.0).collect();
    assert_eq!(kinds, [SETTINGS, WINDOW_UPDATE, HEADERS, CONTINUATION]);
    assert_eq!((frames[2].1, frames[3].1), (END_STREAM, END_HEADERS));
    assert_eq!(frames[2].2, 16_384);
}

/// Kind, flags and length of each frame.
fn frames_of(octets: &[u8]) -> Vec<(u8, u8, usize)> {
    let (mut rest, mut found) = (octets, Vec::new());
    while let Some((head, after)) = rest.split_first_chunk::<9>() {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        found.push((head[3], head[4], length));
        rest = &after[length..];
    }
    found
}

#[test]
fn secrets_are_never_indexed() {
    let harness = client("");
    let begin = || request("GET").with([("authorization", "Basic c2VjcmV0"), ("cookie", "session=secret")]);
    let _openers = [ask_with(&harness, begin()), ask_with(&harness, begin())];
    let mut origin = Origin::accept(&harness);
    let heads = [origin.recv(), origin.recv()];
    for head in heads {
        let never = head.payload.iter().filter(|octet| **octet == 0x1f).count();
        assert_eq!(never, 2, "{}", head.payload.escape_ascii());
    }
}

#[test]
fn a_piece_without_octets_is_no_content() {
    let harness = client("");
    let mut opener = harness.open(request("PUT").with([("content-length", "0")]));
    let mut origin = Origin::accept(&harness);
    opener.send_all([data(""), end()]);
    let mut fields = fields_of("PUT").to_vec();
    fields.push(("content-length", "0"));
    origin.expect_head(WHOLE, 1, &fields);
    origin.send(nothing(1));
    expect_nothing(&mut opener);
}

/// Expects what an opener gets whose request has too many fields.
#[track_caller]
fn expect_too_large(opener: &mut Peer) {
    opener.recv(begun_with([(":status", "431"), ("content-length", "0")]));
    opener.recv(end());
    assert!(opener.recv_all().contains(&reset(CloseCode::Cancelled)));
}

#[test]
fn a_request_with_more_fields_than_the_origin_takes_is_not_sent() {
    let harness = client("");
    let mut first = ask_with(&harness, request("GET").with([("x", "yz")]));
    // The fields of a GET count 166, another one 32 more than its octets.
    let mut origin = Origin::with(&harness, &setting(MAX_HEADER_LIST_SIZE, 200));
    // This one was sent before the origin had said so, which it decides on itself.
    assert_eq!(origin.recv().stream, 1);
    origin.send(nothing(1));
    expect_nothing(&mut first);
    for request in [request("GET").with([("x", "yz")]), request("POST").with([("content-length", "2")])] {
        expect_too_large(&mut harness.open(request));
        origin.expect_nothing();
    }
    let _opener = ask_with(&harness, request("GET").with([("x", "y")]));
    let found = origin.recv();
    assert_eq!((found.kind, found.stream), (HEADERS, 3));
    harness.expect_no_open();
}

#[test]
fn a_tunnel_that_the_origin_does_not_take_leaves_the_connection_idle() {
    let harness = client("upgrade: [websocket], timeouts: {idle-ms: 1000, settings-ms: 0}");
    let mut opener = harness.open(request("CONNECT").with([(":protocol", "websocket")]));
    let settings = [(MAX_HEADER_LIST_SIZE, 100_u32), (ENABLE_CONNECT_PROTOCOL, 1)];
    let payload =
        settings.map(|(identifier, value)| [&identifier.to_be_bytes()[..], &value.to_be_bytes()].concat());
    let mut origin = Origin::with(&harness, &frame(SETTINGS, 0, 0, payload.concat()));
    expect_too_large(&mut opener);
    origin.expect_nothing();
    harness.advance(1_000);
    origin.expect_goaway(NO_ERROR);
}

#[test]
fn credentials_that_a_guard_shows_are_in_no_table_either() {
    credentials(|_, _| Ok(b"k3y".to_vec()));
    let places = "{headers: {x-api-key: '{credentials}'}, query: {key: '{credentials}'}}";
    let harness = client(&format!("authorization: {{g: {{credentials: {places}}}}}"));
    let _first = ask_with(&harness, request("GET").with([("x-api-key", "mine")]));
    let mut origin = Origin::accept(&harness);
    let fields = [
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "a"),
        (":path", "/?key=k3y"),
        ("x-api-key", "k3y"),
    ];
    origin.expect_head(WHOLE, 1, &fields);
    let _second = ask(&harness);
    let head = origin.recv();
    // A name without an index, and that of `:path`, each with the mark of what is never indexed.
    assert!(head.payload.windows(2).any(|octets| octets == [0x10, 0x87]), "{}", head.payload.escape_ascii());
    assert!(head.payload.contains(&0x14), "{}", head.payload.escape_ascii());
}
