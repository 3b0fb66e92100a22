use crate::Echo;
use zilla_sdk::FrameFlags;
use zilla_sdk::prelude::*;
use zilla_sdk::testing::*;

fn attach() -> Harness<Echo> {
    Harness::attach("kind: server").unwrap()
}

/// A client with its stream begun.
fn client() -> Peer {
    let mut client = attach().open(begin());
    client.recv(begun());
    client
}

#[test]
fn reflects_begin_with_its_attributes() {
    let get = [(":method", "GET"), ("accept", "a"), ("accept", "b")];
    let mut client = attach().open(begin_with(get));
    client.recv(begun_with(get));
    client.recv_nothing();
}

#[test]
fn reflects_payload_of_any_length() {
    let mut client = client();
    client.auto_window();
    let sent: Vec<u8> = (0..300_000_u32).map(|octet| octet as u8).collect();
    client.send_payload(&sent);
    assert_eq!(client.recv_data_all(), sent);
}

#[test]
fn reflects_messages_with_flags_and_attributes() {
    let mut client = client();
    client.send_all([
        data("one ").init().with([("type", "text")]),
        data("message").fin(),
        data("").init().fin(),
        message("another"),
    ]);
    client.recv(data("one message").init().fin().with([("type", "text")]));
    client.recv(message(""));
    client.recv(message("another"));
}

#[test]
fn reflects_flush_in_order() {
    let mut client = client();
    client.send_all([data("a"), flush([("id", "7")]), data("b")]);
    client.recv(data("a"));
    client.recv(flush([("id", "7")]));
    client.recv(data("b"));
}

#[test]
fn reflects_end_with_its_trailers() {
    let echo = attach();
    let mut client = echo.open(begin());
    client.send_all([data("last"), end_with([("checksum", "1")])]);
    client.recv(begun());
    client.recv(data("last"));
    client.recv(end_with([("checksum", "1")]));
    assert!(client.is_over());
    assert_eq!(echo.streams(), 0);
}

#[test]
fn reflects_abort() {
    let mut client = client();
    client.send(abort(CloseCode::Timeout));
    client.recv(abort(CloseCode::Timeout));
    assert!(client.is_over());
}

#[test]
fn reflects_reset() {
    let mut client = client();
    client.send(reset(CloseCode::Limit));
    client.recv(reset(CloseCode::Limit));
    assert!(client.is_over());
}

#[test]
fn grants_the_credit_that_it_is_granted() {
    let mut client = client();
    assert_eq!((client.credit(), client.granted()), (65_536, 65_536));
    client.send(data([0; 65_536]));
    assert_eq!((client.credit(), client.granted()), (0, 0));
    client.send(window(10));
    assert_eq!((client.credit(), client.granted()), (10, 10));
}

#[test]
fn grants_nothing_of_its_own() {
    let limits = Limits { initial_credit: 0, ..Limits::default() };
    let mut client = Harness::<Echo>::attach_with("kind: server", limits).unwrap().open(begin());
    client.recv(begun());
    assert_eq!(client.credit(), 0);
    client.send(window(3));
    client.send(data("abc"));
    client.recv(data("abc"));
    assert_eq!(client.credit(), 0);
}

#[test]
fn reflects_a_thousand_streams_interleaved_in_one_batch() {
    let echo = attach();
    let mut clients: Vec<Peer> = echo.batch(|| (0..1_000).map(|_| echo.open(begin())).collect());
    echo.batch(|| {
        for piece in ["a", "b", "c"] {
            for (number, client) in clients.iter_mut().enumerate() {
                client.send(data(format!("{piece}{number}")));
            }
        }
        clients.iter_mut().for_each(|client| client.send(end()));
    });
    for (number, client) in clients.iter_mut().enumerate() {
        client.recv(begun());
        client.recv(data(format!("a{number}b{number}c{number}")));
        client.recv(end());
    }
    assert_eq!(echo.streams(), 0);
}

#[test]
fn copies_no_payload() {
    let echo = attach();
    let octets = b"\x01\0\x01\0\0\0a1payload";
    let frame = |kind, attributes, payload, offset| zilla_sdk::Frame {
        stream: 1,
        kind,
        flags: FrameFlags::empty(),
        link: 0,
        attributes,
        payload,
        offset,
        value: 0,
    };
    let batch = echo.deliver(&[frame(FrameKind::Begin, 8, 0, 0), frame(FrameKind::Data, 0, 7, 8)], octets);
    assert!(batch.octets.is_empty());
    let places: Vec<_> = batch.frames.iter().map(|f| (f.flags, f.attributes, f.payload, f.offset)).collect();
    assert_eq!(places, [(FrameFlags::BORROWED, 8, 0, 0), (FrameFlags::BORROWED, 0, 7, 8)]);
}

#[test]
fn has_neither_options_nor_routes() {
    assert!(Harness::<Echo>::attach("kind: client").is_err());
    assert!(Harness::<Echo>::attach("kind: server\noptions: {color: red}").is_err());
    assert!(Harness::<Echo>::attach("kind: server\nexit: south").is_err());
    assert_eq!(Echo::TYPE, "echo");
}
