//! What most scripts begin with.

use base64ct::{Base64, Encoding};
use binding_ws::Ws;
use sha1::{Digest, Sha1};
use zilla_sdk::testing::*;

pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CONTINUATION: u8 = 0;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// The key that clients use in frames here.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A server with these options, in YAML's flow style.
pub(crate) fn server(options: &str) -> Harness<Ws> {
    server_with(options, Limits::default())
}

/// As [`server`], with other limits of the host.
pub(crate) fn server_with(options: &str, limits: Limits) -> Harness<Ws> {
    Harness::attach_with(&format!("{{kind: server, options: {{{options}}}, exit: app}}"), limits).unwrap()
}

/// What a handshake of HTTP/1.1 begins with.
pub(crate) fn request() -> Frame {
    begin_with([
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "a:80"),
        (":path", "/"),
        ("upgrade", "websocket"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-version", "13"),
    ])
}

/// What the exit is told of [`request`].
pub(crate) fn asked() -> Frame {
    begin_with([("scheme", "http"), ("authority", "a:80"), ("path", "/")])
}

/// What agrees to [`request`].
pub(crate) fn agreed() -> Frame {
    begun_with([
        (":status", "101"),
        ("upgrade", "websocket"),
        ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
    ])
}

/// A WebSocket, from both sides: the client's frames, and the exit's messages.
#[track_caller]
pub(crate) fn open(harness: &Harness<Ws>) -> (Peer, Peer) {
    let mut client = harness.open(request());
    let mut app = harness.expect_open();
    app.recv(asked());
    app.send(begun());
    client.recv(agreed());
    (client, app)
}

/// A WebSocket of a server without options.
#[track_caller]
pub(crate) fn open_default() -> (Harness<Ws>, Peer, Peer) {
    let harness = server("");
    let (client, app) = open(&harness);
    (harness, client, app)
}

/// The octets of a frame: as a client sends it, whole.
pub(crate) fn masked(opcode: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    octets(0x80 | opcode, Some(MASK), payload.as_ref())
}

/// As [`masked`], with other first four bits.
pub(crate) fn masked_with(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    octets(first, Some(MASK), payload.as_ref())
}

/// The octets of a frame: as a server sends it, whole.
pub(crate) fn plain(opcode: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    octets(0x80 | opcode, None, payload.as_ref())
}

/// As [`plain`], with other first four bits.
pub(crate) fn plain_with(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    octets(first, None, payload.as_ref())
}

fn octets(first: u8, mask: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let masked = if mask.is_some() { 0x80 } else { 0 };
    let mut octets = vec![first];
    match payload.len() {
        0..126 => octets.push(masked | payload.len() as u8),
        126..65_536 => {
            octets.push(masked | 126);
            octets.extend((payload.len() as u16).to_be_bytes());
        }
        _ => {
            octets.push(masked | 127);
            octets.extend((payload.len() as u64).to_be_bytes());
        }
    }
    octets.extend(mask.into_iter().flatten());
    let key = mask.unwrap_or_default();
    octets.extend(payload.iter().enumerate().map(|(index, octet)| octet ^ key[index & 3]));
    octets
}

/// The body of a close frame.
pub(crate) fn close(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes()[..], reason.as_bytes()].concat()
}

/// A text message in one piece.
pub(crate) fn text(payload: &str) -> Frame {
    message(payload).with([("type", "text")])
}

/// Expects a close frame with that code as the last that the client gets.
#[track_caller]
pub(crate) fn expect_closed(client: &mut Peer, code: u16) {
    let octets = client.recv_data_all();
    assert_eq!(octets.first(), Some(&0x88), "found {octets:x?}");
    assert_eq!(octets.get(2..4), Some(&code.to_be_bytes()[..]), "found {octets:x?}");
    assert_eq!(octets.len(), 2 + usize::from(octets[1]), "found {octets:x?}");
    client.recv(end());
    client.recv_nothing();
}

/// A client with these options, in YAML's flow style.
pub(crate) fn client(options: &str) -> Harness<Ws> {
    Harness::attach(&format!("{{kind: client, options: {{{options}}}, exit: net}}")).unwrap()
}

/// What an application asks a client for.
pub(crate) fn wanted() -> Frame {
    begin_with([("protocol", "chat"), ("scheme", "http"), ("authority", "a:80"), ("path", "/x")])
}

/// The answer to a request of a client, with other fields besides.
pub(crate) fn answer(request: &Frame, more: &[(&str, &str)]) -> Frame {
    let key = request.attribute("sec-websocket-key").unwrap();
    let mut hash = Sha1::new();
    hash.update(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    let accept = Base64::encode_string(&hash.finalize());
    let fields = [(":status", "101"), ("upgrade", "websocket"), ("sec-websocket-accept", &*accept)];
    begun_with(fields).with(more.iter().copied())
}

/// A WebSocket of a client, from both sides: the application's messages, and the server's frames.
#[track_caller]
pub(crate) fn open_client(harness: &Harness<Ws>) -> (Peer, Peer) {
    let mut app = harness.open(wanted());
    let mut net = harness.expect_open();
    let request = net.recv_begin();
    net.send(answer(&request, &[("sec-websocket-protocol", "chat")]));
    app.recv(begun_with([("protocol", "chat")]));
    (app, net)
}

/// The frames that a client sent: each must be masked.
#[track_caller]
pub(crate) fn unmasked(octets: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let (mut frames, mut rest) = (Vec::new(), octets);
    while let [first, second, behind @ ..] = rest {
        assert!(second & 0x80 != 0, "a frame of a client that is not masked");
        let (length, behind) = match second & 0x7f {
            126 => (usize::from(u16::from_be_bytes([behind[0], behind[1]])), &behind[2..]),
            127 => (u64::from_be_bytes(behind[..8].try_into().unwrap()) as usize, &behind[8..]),
            short => (usize::from(short), behind),
        };
        let (mask, behind) = behind.split_at(4);
        let (payload, behind) = behind.split_at(length);
        frames.push((
            *first,
            payload.iter().zip(mask.iter().cycle()).map(|(octet, key)| octet ^ key).collect(),
        ));
        rest = behind;
    }
    frames
}
