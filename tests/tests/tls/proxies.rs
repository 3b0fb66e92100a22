//! Kind `proxy`: routes by what a client says in clear, and reads nothing else.

use crate::support::peer::{Offer, Peer};
use crate::support::pki::Pki;
use crate::support::yaml::{binding, echo, tcp, vault};
use std::io::{Read as _, Write as _};
use zilla_tests::{Client, Host, Ports, until};

/// `tcp` to a proxy with routes by name and by protocol, to a server of TLS for each.
fn proxied(pki: &Pki, port: u16) -> String {
    let server = |name: &str| {
        let rest = format!("vault: own\noptions: {{keys: [{name}], alpn: [spoken]}}\nexit: south");
        binding(name, "tls", "server", &rest)
    };
    let routes = "routes:
- when: [{authority: a.test}]
  exit: a
- when: [{authority: '*.b.test', alpn: spoken}]
  exit: b";
    let north = [vault(pki, &["a", "b"]), tcp("north", port, "passing")].concat();
    [north, binding("passing", "tls", "proxy", routes), server("a"), server("b"), echo("south")].concat()
}

#[test]
fn names_and_protocols_find_a_route() {
    let (pki, port) = (Pki::new(), Ports::one());
    let (a, b) = (pki.issue("a", &["a.test"]), pki.issue("b", &["x.b.test"]));
    let host = Host::start(&proxied(&pki, port.first()));
    for (name, identity) in [("a.test", &a), ("x.b.test", &b)] {
        let mut peer = Offer::new(&pki, name).offering(&["other", "spoken"]).connect(port.first());
        assert_eq!(peer.certificate(), identity.chain[0], "{name}");
        peer.echo(b"hello");
        peer.end();
        assert_eq!(peer.recv_to_end(), (Vec::new(), true), "{name}");
    }
    for offer in
        [Offer::new(&pki, "x.b.test"), Offer::new(&pki, "c.test"), Offer::new(&pki, "a.test").nameless()]
    {
        assert!(offer.try_connect(port.first()).is_err());
    }
    let told = host.log().wait_for_event("INFO", "a TLS handshake failed");
    assert_eq!(told.field("binding"), "test:passing");
    assert_eq!(told.field("reason"), "no route fits");
    until("no connection", || host.connections() == 0);
}

#[test]
fn a_hello_in_single_octets_is_passed_on_as_it_came() {
    let (pki, port) = (Pki::new(), Ports::one());
    pki.issue("a", &["a.test"]);
    pki.issue("b", &["x.b.test"]);
    let _host = Host::start(&proxied(&pki, port.first()));
    let mut session = Offer::new(&pki, "a.test").session();
    let mut hello = Vec::new();
    session.write_tls(&mut hello).unwrap();
    let mut client = Client::connect(port.first());
    for octet in &hello {
        client.send([*octet]);
    }
    Peer::shake_hands(session, client).unwrap().echo(b"hello");
}

#[test]
fn a_hello_cut_anywhere_leaves_nothing() {
    let (pki, port) = (Pki::new(), Ports::one());
    pki.issue("a", &["a.test"]);
    pki.issue("b", &["x.b.test"]);
    let host = Host::start(&proxied(&pki, port.first()));
    let mut hello = Vec::new();
    Offer::new(&pki, "a.test").session().write_tls(&mut hello).unwrap();
    for cut in 0..=hello.len() {
        let mut client = Client::connect(port.first());
        client.send(&hello[..cut]);
        client.end();
        let _ = client.recv_to_end();
    }
    until("no connection", || host.connections() == 0);
}

#[test]
fn what_is_not_tls_is_closed() {
    let (pki, port) = (Pki::new(), Ports::one());
    pki.issue("a", &["a.test"]);
    pki.issue("b", &["x.b.test"]);
    let host = Host::start(&proxied(&pki, port.first()));
    let mut client = Client::connect(port.first());
    client.send("SSH-2.0-none\r\n");
    client.expect_end();
    let line = host.log().wait_for_event("INFO", "a TLS handshake failed");
    assert_eq!(line.field("reason"), "not TLS");
}

#[test]
fn a_long_transfer_is_intact_through_frames_alone() {
    const OCTETS: usize = 32 << 20;
    let (pki, port) = (Pki::new(), Ports::one());
    pki.issue("a", &["a.test"]);
    pki.issue("b", &["x.b.test"]);
    let host = Host::start(&proxied(&pki, port.first()));
    let mut peer = Offer::new(&pki, "a.test").connect(port.first());
    let (mut sent, mut received) = (vec![0x33; 48 << 10], vec![0; 48 << 10]);
    peer.echo(&sent);
    let before = host.rss_kib();
    for round in 0..OCTETS / sent.len() {
        sent[0] = round as u8;
        sent.rotate_left(1);
        peer.0.write_all(&sent).unwrap();
        peer.0.read_exact(&mut received).unwrap();
        assert!(sent == received, "other octets came back");
    }
    let growth = host.rss_peak_kib().saturating_sub(before);
    assert!(growth < 8 << 10, "{growth} KiB more");
}

#[test]
fn tls_within_tls_is_tls() {
    let (pki, port) = (Pki::new(), Ports::one());
    pki.issue("a", &["a.test"]);
    pki.issue("b", &["b.test"]);
    let server = |name: &str, exit: &str| {
        binding(name, "tls", "server", &format!("vault: own\noptions: {{keys: [{name}]}}\nexit: {exit}"))
    };
    let north = [vault(&pki, &["a", "b"]), tcp("north", port.first(), "a")].concat();
    let _host = Host::start(&[north, server("a", "b"), server("b", "south"), echo("south")].concat());
    let outer = Offer::new(&pki, "a.test").connect(port.first()).0;
    let name = rustls::pki_types::ServerName::try_from("b.test").unwrap();
    let config = rustls::ClientConfig::builder().with_root_certificates(pki.roots()).with_no_client_auth();
    let inner = rustls::ClientConnection::new(std::sync::Arc::new(config), name).unwrap();
    let mut inner = rustls::StreamOwned::new(inner, outer);
    for octets in [1, 100, 60_000] {
        let (sent, mut received) = (vec![0x44; octets], vec![0; octets]);
        inner.write_all(&sent).unwrap();
        inner.read_exact(&mut received).unwrap();
        assert!(sent == received);
    }
    inner.conn.send_close_notify();
    inner.flush().unwrap();
    assert_eq!(inner.read(&mut [0]).unwrap(), 0);
}
