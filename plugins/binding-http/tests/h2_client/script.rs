//! What most scripts begin with: an origin that writes and reads frames. Field blocks of the binding are decoded by
//! a library that has nothing to do with it.

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
pub(crate) const FLOW_CONTROL_ERROR: u32 = 3;
pub(crate) const SETTINGS_TIMEOUT: u32 = 4;
pub(crate) const FRAME_SIZE_ERROR: u32 = 6;
pub(crate) const REFUSED_STREAM: u32 = 7;
pub(crate) const CANCEL: u32 = 8;
pub(crate) const COMPRESSION_ERROR: u32 = 9;
pub(crate) const ENHANCE_YOUR_CALM: u32 = 11;
pub(crate) const HTTP_1_1_REQUIRED: u32 = 13;

/// A binding that speaks HTTP/2 alone, with these options, in YAML's flow style.
pub(crate) fn client(options: &str) -> Harness<Http> {
    client_with(options, Limits::default())
}

/// As [`client`], with other limits of the host.
pub(crate) fn client_with(options: &str, limits: Limits) -> Harness<Http> {
    let options = [options, "versions: [h2]"].into_iter().filter(|options| !options.is_empty());
    attach(&options.collect::<Vec<_>>().join(", "), limits)
}

/// A binding that speaks both versions.
pub(crate) fn client_of_both(options: &str) -> Harness<Http> {
    attach(options, Limits::default())
}

fn attach(options: &str, limits: Limits) -> Harness<Http> {
    Harness::attach_with(&format!("{{kind: client, options: {{{options}}}, exit: net}}"), limits).unwrap()
}

/// The `begin` of a request to the origin that all scripts ask.
pub(crate) fn request(method: &str) -> Frame {
    begin_with([(":method", method), (":scheme", "http"), (":authority", "a:80"), (":path", "/")])
}

/// Asks, with a request that has no body.
pub(crate) fn ask_with(harness: &Harness<Http>, begin: Frame) -> Peer {
    harness.batch(|| {
        let mut opener = harness.open(begin);
        opener.send(end());
        opener
    })
}

/// Asks with a GET.
pub(crate) fn ask(harness: &Harness<Http>) -> Peer {
    ask_with(harness, request("GET"))
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
            let (mut rest, first) = (text.len(), text.len().min(127));
            octets.push(first as u8);
            if first == 127 {
                rest -= 127;
                while rest >= 128 {
                    octets.push(rest as u8 | 128);
                    rest >>= 7;
                }
                octets.push(rest as u8);
            }
            octets.extend_from_slice(text.as_bytes());
        }
    }
    octets
}

/// A head of a response, or of trailers.
pub(crate) fn headers<'a>(
    flags: u8,
    stream: u32,
    fields: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Vec<u8> {
    frame(HEADERS, flags, stream, block(fields))
}

/// A whole response without content.
pub(crate) fn nothing(stream: u32) -> Vec<u8> {
    headers(WHOLE, stream, [(":status", "200")])
}

/// The head of a response with content.
pub(crate) fn ok(stream: u32) -> Vec<u8> {
    headers(END_HEADERS, stream, [(":status", "200")])
}

pub(crate) fn window_update(stream: u32, increment: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, increment.to_be_bytes())
}

pub(crate) fn rst_stream(stream: u32, code: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, code.to_be_bytes())
}

pub(crate) fn goaway(last: u32, code: u32) -> Vec<u8> {
    frame(GOAWAY, 0, 0, [last.to_be_bytes(), code.to_be_bytes()].concat())
}

/// One setting.
pub(crate) fn setting(identifier: u16, value: u32) -> Vec<u8> {
    frame(SETTINGS, 0, 0, [&identifier.to_be_bytes()[..], &value.to_be_bytes()].concat())
}

pub(crate) const ENABLE_PUSH: u16 = 2;
pub(crate) const MAX_CONCURRENT_STREAMS: u16 = 3;
pub(crate) const INITIAL_WINDOW_SIZE: u16 = 4;
pub(crate) const MAX_FRAME_SIZE: u16 = 5;
pub(crate) const MAX_HEADER_LIST_SIZE: u16 = 6;
pub(crate) const ENABLE_CONNECT_PROTOCOL: u16 = 8;

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
}

/// An origin that speaks HTTP/2.
pub(crate) struct Origin {
    pub(crate) peer: Peer,
    octets: Vec<u8>,
    pub(crate) frames: VecDeque<Received>,
    decoder: Decoder<'static>,
}

impl Origin {
    /// The connection that is opened next, over which TLS has agreed on this. The preface has come.
    #[track_caller]
    pub(crate) fn silent(harness: &Harness<Http>, alpn: Option<&str>) -> Self {
        let mut peer = harness.expect_open();
        peer.recv_begin();
        peer.recv_nothing();
        peer.send(begun_with(alpn.map(|alpn| ("alpn", alpn))));
        let mut octets = peer.recv_data_all();
        assert!(octets.starts_with(PREFACE), "{}", octets.escape_ascii());
        octets.drain(..PREFACE.len());
        Self { peer, octets, frames: VecDeque::new(), decoder: Decoder::new() }
    }

    /// The connection that is opened next, with these settings of the origin; what comes first was read.
    #[track_caller]
    pub(crate) fn with(harness: &Harness<Http>, settings: &[u8]) -> Self {
        let mut origin = Self::silent(harness, None);
        let found = origin.recv();
        assert_eq!((found.kind, found.flags, found.stream), (SETTINGS, 0, 0));
        let found = origin.recv();
        assert_eq!((found.kind, found.stream), (WINDOW_UPDATE, 0));
        origin.send(settings);
        origin.send(frame(SETTINGS, ACK, 0, []));
        origin.read();
        let is_ack = |found: &Received| (found.kind, found.flags) == (SETTINGS, ACK);
        let at = origin.frames.iter().position(is_ack).expect("an acknowledgement");
        origin.frames.remove(at);
        origin
    }

    /// As [`Origin::with`], with the usual settings, and it takes whatever comes.
    #[track_caller]
    pub(crate) fn accept(harness: &Harness<Http>) -> Self {
        let mut origin = Self::with(harness, &frame(SETTINGS, 0, 0, []));
        origin.peer.grant_all();
        origin
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

    /// The head of a request, and nothing in it but these fields.
    #[track_caller]
    pub(crate) fn expect_head(&mut self, flags: u8, stream: u32, fields: &[(&str, &str)]) {
        let found = self.recv();
        let expected: Vec<(String, String)> =
            fields.iter().map(|(name, value)| (String::from(*name), String::from(*value))).collect();
        assert_eq!((found.kind, found.flags, found.stream, found.fields), (HEADERS, flags, stream, expected));
    }

    /// A whole GET.
    #[track_caller]
    pub(crate) fn expect_get(&mut self, stream: u32) {
        self.expect_head(WHOLE, stream, &fields_of("GET"));
    }

    /// The content of a request up to its end.
    #[track_caller]
    pub(crate) fn expect_content(&mut self, stream: u32, content: &str) {
        let mut found = Vec::new();
        loop {
            let piece = self.recv();
            assert_eq!((piece.kind, piece.stream), (DATA, stream), "{piece:?}");
            found.extend_from_slice(&piece.payload);
            if piece.ends() {
                break;
            }
        }
        assert_eq!(String::from_utf8_lossy(&found), content);
    }

    #[track_caller]
    pub(crate) fn expect_reset(&mut self, stream: u32, code: u32) {
        self.expect(RST_STREAM, 0, stream, code.to_be_bytes());
    }

    /// The connection ends with this code: `GOAWAY`, and nothing after it.
    #[track_caller]
    pub(crate) fn expect_goaway(&mut self, code: u32) {
        self.read();
        while let Some(found) = self.frames.pop_front() {
            if found.kind == GOAWAY {
                assert_eq!((found.number(0), found.number(4)), (0, code), "{}", found.payload.escape_ascii());
                assert_eq!(self.frames, []);
                self.peer.recv(end());
                self.peer.recv_all();
                return assert!(!self.peer.can_send());
            }
        }
        panic!("expected GOAWAY");
    }

    /// The connection lives: a `PING` is answered, with nothing before it.
    #[track_caller]
    pub(crate) fn expect_well(&mut self) {
        self.send(frame(PING, 0, 0, b"are you?"));
        self.expect(PING, ACK, 0, b"are you?");
    }
}

/// The fields of the request that most scripts send.
pub(crate) fn fields_of(method: &str) -> [(&str, &str); 4] {
    [(":method", method), (":scheme", "http"), (":authority", "a"), (":path", "/")]
}

/// An opener that has asked with a GET, and the origin that got it.
#[track_caller]
pub(crate) fn exchange(harness: &Harness<Http>) -> (Peer, Origin) {
    let opener = ask(harness);
    let mut origin = Origin::accept(harness);
    origin.expect_get(1);
    (opener, origin)
}

/// Expects a whole response without content, and that its stream is over.
#[track_caller]
pub(crate) fn expect_nothing(opener: &mut Peer) {
    opener.recv(begun_with([(":status", "200")]));
    opener.recv(end());
    assert!(opener.is_over());
}

/// Expects that a request failed with that code.
#[track_caller]
pub(crate) fn expect_failed(opener: &mut Peer, code: CloseCode) {
    opener.recv(abort(code));
    opener.recv_all();
    assert!(opener.is_over());
}

/// Expects that a connection serves the next request, on that stream.
#[track_caller]
pub(crate) fn expect_kept(harness: &Harness<Http>, origin: &mut Origin, stream: u32) {
    let mut opener = ask(harness);
    harness.expect_no_open();
    origin.expect_get(stream);
    origin.send(nothing(stream));
    expect_nothing(&mut opener);
}
