//! What most scripts begin with: a client that writes and reads frames. Field blocks of the binding are decoded
//! by a library that has nothing to do with it.

use binding_http::Http;
use loona_hpack::Decoder;
use std::collections::VecDeque;
use zilla_sdk::testing::*;

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PUSH_PROMISE: u8 = 5;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const ACK: u8 = 1;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
pub(crate) const PADDED: u8 = 8;
/// `END_STREAM` and `END_HEADERS`
pub(crate) const WHOLE: u8 = 5;

pub(crate) const NO_ERROR: u32 = 0;
pub(crate) const PROTOCOL_ERROR: u32 = 1;
pub(crate) const INTERNAL_ERROR: u32 = 2;
pub(crate) const FLOW_CONTROL_ERROR: u32 = 3;
pub(crate) const SETTINGS_TIMEOUT: u32 = 4;
pub(crate) const STREAM_CLOSED: u32 = 5;
pub(crate) const FRAME_SIZE_ERROR: u32 = 6;
pub(crate) const REFUSED_STREAM: u32 = 7;
pub(crate) const CANCEL: u32 = 8;
pub(crate) const COMPRESSION_ERROR: u32 = 9;
pub(crate) const ENHANCE_YOUR_CALM: u32 = 11;

/// A binding with these options, in YAML's flow style, and without dates.
pub(crate) fn h2(options: &str) -> Harness<Http> {
    h2_with(options, Limits::default())
}

/// As [`h2`], with other limits of the host.
pub(crate) fn h2_with(options: &str, limits: Limits) -> Harness<Http> {
    let separator = if options.is_empty() { "" } else { ", " };
    let yaml = format!("{{kind: server, options: {{date: false{separator}{options}}}, exit: app}}");
    Harness::attach_with(&yaml, limits).unwrap()
}

/// A frame as octets.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let [_, l0, l1, l2] = (payload.len() as u32).to_be_bytes();
    let [s0, s1, s2, s3] = stream.to_be_bytes();
    let mut octets = vec![l0, l1, l2, kind, flags, s0, s1, s2, s3];
    octets.extend_from_slice(payload);
    octets
}

/// A field block of literals that are not indexed.
pub(crate) fn block<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<u8> {
    let mut octets = Vec::new();
    for (name, value) in fields {
        octets.push(0);
        for text in [name, value] {
            match text.len() {
                length @ ..127 => octets.push(length as u8),
                length => {
                    octets.push(127);
                    let mut rest = length - 127;
                    while rest >= 128 {
                        octets.push(rest as u8 | 128);
                        rest >>= 7;
                    }
                    octets.push(rest as u8);
                }
            }
            octets.extend_from_slice(text.as_bytes());
        }
    }
    octets
}

pub(crate) const GET: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/")];
pub(crate) const POST: [(&str, &str); 4] =
    [(":method", "POST"), (":scheme", "http"), (":authority", "a"), (":path", "/")];

/// A whole GET.
pub(crate) fn get(stream: u32) -> Vec<u8> {
    frame(HEADERS, WHOLE, stream, block(GET))
}

/// The head of a POST.
pub(crate) fn post(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, block(POST))
}

pub(crate) fn window_update(stream: u32, increment: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, increment.to_be_bytes())
}

pub(crate) fn rst_stream(stream: u32, code: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, code.to_be_bytes())
}

/// One setting.
pub(crate) fn setting(identifier: u16, value: u32) -> Vec<u8> {
    let mut payload = identifier.to_be_bytes().to_vec();
    payload.extend_from_slice(&value.to_be_bytes());
    frame(SETTINGS, 0, 0, payload)
}

/// A frame of the binding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
    /// The fields of `HEADERS`.
    pub(crate) fields: Vec<(String, String)>,
}

impl Received {
    pub(crate) fn ends(&self) -> bool {
        self.flags & END_STREAM != 0
    }

    /// The number in four octets of the payload.
    pub(crate) fn number(&self, at: usize) -> u32 {
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|field| field.0 == name).map(|field| &*field.1)
    }
}

/// A client that speaks HTTP/2.
pub(crate) struct Client {
    pub(crate) peer: Peer,
    octets: Vec<u8>,
    pub(crate) frames: VecDeque<Received>,
    decoder: Decoder<'static>,
}

impl Client {
    /// A client that has sent nothing.
    pub(crate) fn silent(harness: &Harness<Http>) -> Self {
        let mut peer = harness.open(begin());
        peer.recv(begun());
        Self { peer, octets: Vec::new(), frames: VecDeque::new(), decoder: Decoder::new() }
    }

    /// A client that has exchanged settings, all of them the usual ones, and takes whatever comes.
    pub(crate) fn connect(harness: &Harness<Http>) -> Self {
        let mut client = Self::with_settings(harness, &frame(SETTINGS, 0, 0, []));
        client.peer.grant_all();
        client
    }

    /// A client that has sent these settings, and has read what answers them.
    pub(crate) fn with_settings(harness: &Harness<Http>, settings: &[u8]) -> Self {
        let mut client = Self::silent(harness);
        client.send([PREFACE, settings].concat());
        client.send(frame(SETTINGS, ACK, 0, []));
        assert_eq!(client.recv().kind, SETTINGS);
        while client.frames.front().is_some_and(|frame| frame.kind == WINDOW_UPDATE) {
            client.recv();
        }
        client.expect(SETTINGS, ACK, 0, []);
        client
    }

    pub(crate) fn send(&mut self, octets: impl AsRef<[u8]>) {
        let mut octets = octets.as_ref();
        while !octets.is_empty() && self.peer.can_send() {
            let piece = octets.len().min(self.peer.credit() as usize);
            assert!(piece > 0, "there is no credit");
            self.peer.send(data(&octets[..piece]));
            octets = &octets[piece..];
        }
        self.read();
    }

    /// Reads what has come, as far as it is whole frames.
    pub(crate) fn read(&mut self) {
        self.octets.extend(self.peer.recv_data_all());
        while let Some(head) = self.octets.first_chunk::<9>() {
            let [l0, l1, l2, kind, flags, s0, s1, s2, s3] = *head;
            let end = 9 + u32::from_be_bytes([0, l0, l1, l2]) as usize;
            if self.octets.len() < end {
                break;
            }
            let payload = self.octets.drain(..end).skip(9).collect::<Vec<_>>();
            let stream = u32::from_be_bytes([s0, s1, s2, s3]);
            let mut fields = Vec::new();
            if kind == HEADERS {
                assert_eq!(flags & !END_STREAM, END_HEADERS, "the script reads no continuations");
                let text = |octets: Vec<u8>| String::from_utf8(octets).unwrap();
                let decoded = self.decoder.decode(&payload).unwrap();
                fields = decoded.into_iter().map(|(name, value)| (text(name), text(value))).collect();
            }
            self.frames.push_back(Received { kind, flags, stream, payload, fields });
        }
    }

    /// The next frame.
    #[track_caller]
    pub(crate) fn recv(&mut self) -> Received {
        self.read();
        self.frames.pop_front().expect("a frame")
    }

    #[track_caller]
    pub(crate) fn expect(&mut self, kind: u8, flags: u8, stream: u32, payload: impl AsRef<[u8]>) {
        let found = self.recv();
        let expected = Received { kind, flags, stream, payload: payload.as_ref().to_vec(), fields: vec![] };
        assert_eq!(found, expected);
    }

    #[track_caller]
    pub(crate) fn expect_nothing(&mut self) {
        self.read();
        assert_eq!(self.frames, []);
        self.peer.recv_nothing();
    }

    /// A head with this status; true if nothing follows it.
    #[track_caller]
    pub(crate) fn expect_head(&mut self, stream: u32, status: &str) -> Received {
        let found = self.recv();
        assert_eq!(
            (found.kind, found.stream, found.field(":status")),
            (HEADERS, stream, Some(status)),
            "{found:?}"
        );
        found
    }

    /// A whole response.
    #[track_caller]
    pub(crate) fn expect_response(&mut self, stream: u32, status: &str, body: &str) {
        let mut ends = self.expect_head(stream, status).ends();
        let mut found = Vec::new();
        while !ends {
            let piece = self.recv();
            assert_eq!((piece.kind, piece.stream), (DATA, stream), "{piece:?}");
            ends = piece.ends();
            found.extend(piece.payload);
        }
        assert_eq!(String::from_utf8_lossy(&found), body);
    }

    /// A refusal with its one line.
    #[track_caller]
    pub(crate) fn expect_refusal(&mut self, stream: u32, status: &str, because: &str) {
        self.expect_response(stream, status, &format!("{because}\n"));
    }

    #[track_caller]
    pub(crate) fn expect_reset(&mut self, stream: u32, code: u32) {
        self.expect(RST_STREAM, 0, stream, code.to_be_bytes());
    }

    /// The connection ends with this code: `GOAWAY`, and nothing after it.
    #[track_caller]
    pub(crate) fn expect_goaway(&mut self, last: u32, code: u32) {
        self.read();
        while let Some(found) = self.frames.pop_front() {
            if found.kind == GOAWAY {
                assert_eq!(
                    (found.number(0), found.number(4)),
                    (last, code),
                    "{}",
                    found.payload.escape_ascii()
                );
                assert_eq!(self.frames, []);
                return self.expect_closed();
            }
        }
        panic!("expected GOAWAY");
    }

    #[track_caller]
    pub(crate) fn expect_closed(&mut self) {
        self.peer.recv(end());
        if let Some(frame) = self.peer.recv_all().first() {
            assert_eq!(frame.kind, FrameKind::Reset);
        }
        assert!(!self.peer.can_send());
    }

    /// The connection lives: a `PING` is answered, with nothing before it.
    #[track_caller]
    pub(crate) fn expect_well(&mut self) {
        self.send(frame(PING, 0, 0, b"are you?"));
        self.expect(PING, ACK, 0, b"are you?");
    }
}

/// Does what echo does with one request whose end has come: attributes, content and trailers go back.
pub(crate) fn echo(exit: &mut Peer) {
    let frames = exit.recv_all();
    exit.send_all(frames);
}
