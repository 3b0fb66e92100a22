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

/// Does what echo does with one request whose end has come: attributes, content and trailers go back.
pub(crate) fn echo(exit: &mut Peer) {
    let frames = exit.recv_all();
    exit.send_all(frames);
}
