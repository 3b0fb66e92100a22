//! How connections end, and what each side knows of it.

use crate::support::openssl::Openssl;
use crate::support::peer::Offer;
use crate::support::pki::Pki;
use crate::support::yaml::server;
use rustls::version::{TLS12, TLS13};
use std::io::Write as _;
use zilla_tests::{Host, Ports, until};

#[test]
fn a_peer_that_has_ended_gets_the_rest_and_an_end() {
    let (pki, port) = (Pki::new(), Ports::one());
    pki.issue("a", &["a.test"]);
    let host = Host::start(&server(&pki, port.first(), &["a"], "{keys: [a]}"));
    for version in [&TLS12, &TLS13] {
        let mut peer = Offer::of(&pki, "a.test", &[version]).connect(port.first());
        let sent = vec![0x2a; 150_000];
        let mut sharing = peer.0.sock.share();
        peer.0.conn.set_buffer_limit(None);
        peer.0.conn.writer().write_all(&sent).unwrap();
        peer.0.conn.send_close_notify();
        let mut ciphertext = Vec::new();
        while peer.0.conn.wants_write() {
            peer.0.conn.write_tls(&mut ciphertext).unwrap();
        }
        let writing = std::thread::spawn(move || sharing.send(&ciphertext));
        let (received, is_in_order) = peer.recv_to_end();
        writing.join().unwrap();
        assert!(is_in_order && received == sent, "{version:?}: {} octets, {is_in_order}", received.len());
    }
    until("no connection", || host.connections() == 0);
}

#[test]
fn what_is_cut_off_does_not_end_in_order() {
    let (pki, port) = (Pki::new(), Ports::one());
    pki.issue("a", &["a.test"]);
    let host = Host::start(&server(&pki, port.first(), &["a"], "{keys: [a]}"));
    for version in [&TLS12, &TLS13] {
        let mut peer = Offer::of(&pki, "a.test", &[version]).connect(port.first());
        peer.echo(b"hello");
        // FIN without a close_notify. An echo that took it for an end would answer with its own.
        peer.0.sock.end();
        assert_eq!(peer.recv_to_end(), (Vec::new(), false), "{version:?}");
    }
    until("no connection", || host.connections() == 0);
}

#[test]
fn a_peer_that_breaks_the_connection_leaves_nothing() {
    let (pki, port) = (Pki::new(), Ports::one());
    pki.issue("a", &["a.test"]);
    let host = Host::start(&server(&pki, port.first(), &["a"], "{keys: [a]}"));
    for _ in 0..10 {
        let mut peer = Offer::new(&pki, "a.test").connect(port.first());
        peer.echo(b"hello");
        let (_, client) = peer.0.into_parts();
        client.reset();
    }
    until("no connection", || host.connections() == 0);
}

#[test]
fn renegotiation_is_refused() {
    let (pki, port) = (Pki::new(), Ports::one());
    pki.issue("a", &["a.test"]);
    let _host = Host::start(&server(&pki, port.first(), &["a"], "{keys: [a]}"));
    let mut openssl = Openssl::connect(&pki, port.first(), &["-tls1_2"]);
    openssl.wait_for("Verify return code");
    openssl.say("R");
    openssl.wait_for("no renegotiation");
    openssl.wait();
}
