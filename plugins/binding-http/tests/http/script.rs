//! What most scripts begin with.

use binding_http::Http;
use zilla_sdk::testing::*;

/// A binding with these options, in YAML's flow style, and without dates.
pub(crate) fn http(options: &str) -> Harness<Http> {
    http_with(options, Limits::default())
}

/// As [`http`], with other limits of the host.
pub(crate) fn http_with(options: &str, limits: Limits) -> Harness<Http> {
    let separator = if options.is_empty() { "" } else { ", " };
    let yaml = format!("{{kind: server, options: {{date: false{separator}{options}}}, exit: app}}");
    Harness::attach_with(&yaml, limits).unwrap()
}

/// A client that has connected.
pub(crate) fn connect(harness: &Harness<Http>) -> Peer {
    let mut client = harness.open(begin());
    client.recv(begun());
    client
}

/// A client that has sent a request, and the exit that it reached.
pub(crate) fn ask(harness: &Harness<Http>, request: impl AsRef<[u8]>) -> (Peer, Peer) {
    let mut client = connect(harness);
    client.send(data(request));
    let exit = harness.expect_open();
    (client, exit)
}

/// A GET that keeps the connection.
pub(crate) const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

/// Does what echo does with one request whose end has come: attributes, content and trailers go back.
pub(crate) fn echo(exit: &mut Peer) {
    let frames = exit.recv_all();
    exit.send_all(frames);
}

/// The response that refuses a request.
pub(crate) fn refusal(status: &str, because: &str) -> String {
    let octets = because.len() + 1;
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain\r\ncontent-length: {octets}\r\nconnection: close\r\n\r\n{because}\n"
    )
}

/// Expects that the connection is over in order: the client got an end, and may send no more.
#[track_caller]
pub(crate) fn expect_closed(client: &mut Peer) {
    client.recv(end());
    if let Some(frame) = client.recv_all().first() {
        assert_eq!(frame.kind, FrameKind::Reset);
    }
    assert!(!client.can_send());
}

/// Expects that the connection is over, and not in order.
#[track_caller]
pub(crate) fn expect_aborted(client: &mut Peer) {
    client.recv_data_all();
    client.recv_kind(FrameKind::Abort);
    client.recv_all();
    assert!(!client.can_send());
}

/// Expects that a connection lives: the next request on it is answered.
#[track_caller]
pub(crate) fn expect_kept(harness: &Harness<Http>, client: &mut Peer) {
    client.recv_nothing();
    client.send(data(GET));
    echo(&mut harness.expect_open());
    client.recv(data("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"));
    client.recv_nothing();
}
