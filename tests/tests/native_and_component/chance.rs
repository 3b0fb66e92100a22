//! Peers that do anything: whatever it is, a component answers as its plugin does natively.

use crate::stage::{CLIENT, EXIT, Stage};
use proptest::prelude::*;
use zilla_engine::{BindingIndex, Frame, FrameKind, Routing};

/// Streams of a peer that are in play.
const STREAMS: u32 = 4;

/// Scripts of each plugin. Failures are found and made smaller by the hundred of them.
const SCRIPTS: u32 = 400;

/// Something that happens.
#[derive(Clone, Debug)]
enum Action {
    /// A peer sends a frame. The engine drops it where its stream does not allow it.
    Send { from: BindingIndex, stream: u32, kind: FrameKind, words: Words },
    /// What was sent since the last time is handed out.
    Settle,
    /// Time passes.
    Advance(u64),
    /// No new streams will come.
    Drain,
}

/// What a frame carries, by its kind.
#[derive(Clone, Debug)]
struct Words {
    attributes: Vec<(String, String)>,
    payload: Vec<u8>,
    value: u64,
}

/// Pieces of requests: whole ones, parts, and what is neither.
const PIECES: [&str; 22] = [
    "GET / HTTP/1.1\r\nhost: a\r\n\r\n",
    "GET / HTTP/1.0\r\n\r\n",
    "HEAD /x HTTP/1.1\r\nhost: a\r\n\r\n",
    "POST /a?b=c HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nHello",
    "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3000\r\n\r\n",
    "POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n",
    "PUT / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n",
    "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
    "GET / HT",
    "TP/1.1\r\nho",
    "st: a\r\n",
    "\r\n",
    "5\r\nHello\r\n",
    "3e8;x=y\r\n",
    "0\r\n",
    "0\r\ntrailer: yes\r\n\r\n",
    "x: y\r\n\r\n",
    "Hello",
    "\0\u{1}\u{2}",
    "GET  / HTTP/1.1\r\n\r\n",
    "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
    "0123456789abcdef",
];

/// Attributes that an exit may answer with, good and bad.
const ATTRIBUTES: [(&str, &str); 12] = [
    (":status", "200"),
    (":status", "204"),
    (":status", "404"),
    (":status", "99"),
    ("content-length", "5"),
    ("content-length", "0"),
    ("content-length", "x"),
    ("transfer-encoding", "chunked"),
    ("connection", "close"),
    ("x-y", "z"),
    ("bad\r\nname", "v"),
    ("date", "now"),
];

fn words() -> impl Strategy<Value = Words> {
    let attribute = prop::sample::select(&ATTRIBUTES[..]).prop_map(|(n, v)| (n.to_owned(), v.to_owned()));
    let piece = prop_oneof![
        4 => prop::sample::select(&PIECES[..]).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => (0_usize..1_500).prop_map(|octets| vec![b'x'; octets]),
        1 => prop::collection::vec(any::<u8>(), 0..20),
    ];
    let pieces = prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat());
    let value = prop_oneof![3 => 0_u64..2_000, 1 => 0_u64..14, 1 => any::<u64>()];
    (prop::collection::vec(attribute, 0..4), pieces, value).prop_map(|(attributes, payload, value)| Words {
        attributes,
        payload,
        value,
    })
}

fn action() -> impl Strategy<Value = Action> {
    let kind = prop_oneof![
        4 => Just(FrameKind::Begin),
        12 => Just(FrameKind::Data),
        2 => Just(FrameKind::Flush),
        2 => Just(FrameKind::End),
        1 => Just(FrameKind::Abort),
        4 => Just(FrameKind::Window),
        1 => Just(FrameKind::Reset),
        1 => Just(FrameKind::Challenge),
    ];
    let from = prop_oneof![Just(CLIENT), Just(EXIT)];
    let send = (from, 0..STREAMS, kind, words()).prop_map(|(from, stream, kind, words)| Action::Send {
        from,
        stream,
        kind,
        words,
    });
    let advance = prop_oneof![0_u64..200, 59_000_u64..80_000];
    prop_oneof![24 => send, 12 => Just(Action::Settle), 2 => advance.prop_map(Action::Advance), 1 => Just(Action::Drain)]
}

/// Plays a script, and then lets everybody leave.
fn play(mut stage: Stage, script: &[Action]) -> Result<(), TestCaseError> {
    for action in script {
        match action {
            Action::Send { from, stream, kind, words } => {
                // A client names what it opens by even ids, an exit what it accepts by odd ones.
                let stream = if *from == CLIENT { (stream + 1) * 2 } else { stream * 2 + 1 };
                let frame = Frame { value: words.value, ..Frame::new(stream, *kind) };
                let described: Vec<(&str, &str)> =
                    words.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                let payload = if *kind == FrameKind::Data { &words.payload[..] } else { b"" };
                stage.send(*from, frame, &described, payload);
            }
            Action::Settle => stage.settle(),
            Action::Advance(ms) => stage.advance(*ms),
            Action::Drain => stage.drain(),
        }
    }
    stage.settle();
    for stream in 0..STREAMS {
        for (from, id) in [(CLIENT, (stream + 1) * 2), (EXIT, stream * 2 + 1)] {
            stage.send(from, Frame::new(id, FrameKind::Abort), &[], b"");
            stage.send(from, Frame::new(id, FrameKind::Reset), &[], b"");
        }
        stage.settle();
    }
    // More may have been opened at the exit than the script knows: time ends what is left.
    for _ in 0..3 {
        stage.advance(100_000);
    }
    prop_assert_eq!(stage.streams(), 0, "streams are left");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: SCRIPTS, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn echo_is_the_same_as_a_component(script in prop::collection::vec(action(), 1..60)) {
        let stage = Stage::attach::<binding_echo::Echo>("binding_echo.wasm", "{}", Routing::None);
        play(stage, &script)?;
    }

    #[test]
    fn http_is_the_same_as_a_component(script in prop::collection::vec(action(), 1..60)) {
        let stage = Stage::attach::<binding_http::Http>("binding_http.wasm", "{}", Routing::Opened);
        play(stage, &script)?;
    }
}
