//! What most scripts begin with.

use binding_http::Http;
use zilla_sdk::testing::*;

/// A binding that speaks HTTP/1.1 alone, with these options, in YAML's flow style.
pub(crate) fn client(options: &str) -> Harness<Http> {
    client_with(options, Limits::default())
}

/// As [`client`], with other limits of the host.
pub(crate) fn client_with(options: &str, limits: Limits) -> Harness<Http> {
    let options = [options, "versions: [http/1.1]"].into_iter().filter(|options| !options.is_empty());
    let options = options.collect::<Vec<_>>().join(", ");
    Harness::attach_with(&format!("{{kind: client, options: {{{options}}}, exit: net}}"), limits).unwrap()
}

/// The `begin` of a request to the origin that all scripts ask.
pub(crate) fn request(method: &str) -> Frame {
    begin_with([(":method", method), (":scheme", "http"), (":authority", "a:80"), (":path", "/")])
}

/// What a `GET` is on the wire.
pub(crate) const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

/// What it is where no other follows it on its connection.
pub(crate) const LAST_GET: &str = "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";

/// A response without content.
pub(crate) const NOTHING: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

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

/// The connection that is opened next; it is accepted.
#[track_caller]
pub(crate) fn accept(harness: &Harness<Http>) -> Peer {
    let mut origin = harness.expect_open();
    origin.recv(begin_with([("authority", "a:80"), ("alpn", "http/1.1")]));
    origin.send(begun());
    origin
}

/// An opener that has asked with a GET, and the origin that got it.
#[track_caller]
pub(crate) fn exchange(harness: &Harness<Http>) -> (Peer, Peer) {
    let opener = ask(harness);
    let mut origin = accept(harness);
    origin.recv(data(GET));
    (opener, origin)
}

/// Expects a whole response without content, and that its stream is over.
#[track_caller]
pub(crate) fn expect_nothing(opener: &mut Peer) {
    opener.recv(begun_with([(":status", "200"), ("content-length", "0")]));
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

/// Expects that a connection is not used any more.
#[track_caller]
pub(crate) fn expect_left(origin: &mut Peer) {
    let last = origin.recv_all();
    assert!(origin.is_over(), "found {last:?}");
}

/// Expects that a connection serves the next request.
#[track_caller]
pub(crate) fn expect_kept(harness: &Harness<Http>, origin: &mut Peer) {
    let mut opener = ask(harness);
    harness.expect_no_open();
    origin.recv(data(GET));
    origin.send(data(NOTHING));
    expect_nothing(&mut opener);
}
