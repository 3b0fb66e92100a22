//! Octets through a `tls` server.

use crate::support::openssl::Openssl;
use crate::support::peer::Offer;
use crate::support::pki::Pki;
use crate::support::yaml::{server, server_with};
use rustls::version::{TLS12, TLS13};
use std::io::{Read as _, Write as _};
use zilla_tests::random::Random;
use zilla_tests::{Client, Host, Ports, until};

/// Sent through an echo, in all and at once before any is read.
const OCTETS: usize = 256 << 20;
const CHUNK_OCTETS: usize = 48 << 10;

/// What the host may need for one connection with everything full, with room for what an allocator keeps.
const GROWTH_KIB_MAX: u64 = 8 << 10;

#[test]
fn a_long_transfer_is_intact_and_memory_stays() {
    let (pki, port) = (Pki::new(), Ports::one());
    pki.issue("a", &["a.test"]);
    let host = Host::start(&server(&pki, port.first(), &["a"], "{keys: [a]}"));
    for (version, octets) in [(&TLS13, OCTETS), (&TLS12, OCTETS / 8)] {
        let mut peer = Offer::of(&pki, "a.test", &[version]).connect(port.first());
        let mut random = Random::new(7);
        let (mut chunk, mut received) = (random.octets(CHUNK_OCTETS), vec![0; CHUNK_OCTETS]);
        peer.echo(&chunk);
        let before = host.rss_kib();
        for _ in 0..octets / CHUNK_OCTETS {
            chunk.rotate_left(random.below(CHUNK_OCTETS));
            peer.0.write_all(&chunk).unwrap();
            peer.0.read_exact(&mut received).unwrap();
            assert!(chunk == received, "other octets came back");
        }
        let growth = host.rss_peak_kib().saturating_sub(before);
        assert!(growth < GROWTH_KIB_MAX, "{growth} KiB more for {octets} octets");
    }
}

#[test]
fn a_peer_that_reads_late_gets_everything() {
    const BURST: usize = 8 << 20;
    let (pki, port) = (Pki::new(), Ports::one());
    pki.issue("a", &["a.test"]);
    let host = Host::start(&server(&pki, port.first(), &["a"], "{keys: [a]}"));
    let session = Offer::new(&pki, "a.test").session();
    let mut peer =
        crate::support::peer::Peer::shake_hands(session, Client::connect_narrow(port.first())).unwrap();
    peer.echo(b"hello");
    let before = host.rss_kib();
    // Written until the host takes no more, while nothing is read: what comes back waits in the host's bounds.
    let sent = vec![0x5a; BURST];
    let mut writer = peer.0.sock.share();
    let (mut ciphertext, mut taken) = (Vec::new(), 0);
    while taken < sent.len() {
        taken += peer.0.conn.writer().write(&sent[taken..]).unwrap();
        while peer.0.conn.wants_write() {
            peer.0.conn.write_tls(&mut ciphertext).unwrap();
        }
    }
    let writing = std::thread::spawn(move || writer.send(&ciphertext));
    let mut received = vec![0; BURST];
    peer.0.read_exact(&mut received).unwrap();
    writing.join().unwrap();
    assert!(received == sent, "other octets came back");
    let growth = host.rss_peak_kib().saturating_sub(before);
    assert!(growth < GROWTH_KIB_MAX, "{growth} KiB more");
}

#[test]
fn octets_one_by_one_come_back() {
    let (pki, port) = (Pki::new(), Ports::one());
    pki.issue("a", &["a.test"]);
    let _host = Host::start(&server(&pki, port.first(), &["a"], "{keys: [a]}"));
    let session = Offer::new(&pki, "a.test").session();
    let mut peer = crate::support::peer::Peer::shake_hands(session, Client::connect(port.first())).unwrap();
    peer.0.conn.writer().write_all(b"hello").unwrap();
    let mut ciphertext = Vec::new();
    peer.0.conn.write_tls(&mut ciphertext).unwrap();
    for octet in ciphertext {
        peer.0.sock.send([octet]);
    }
    let mut received = [0; 5];
    peer.0.read_exact(&mut received).unwrap();
    assert_eq!(&received, b"hello");
}

#[test]
fn keys_are_updated_on_the_way() {
    let (pki, port) = (Pki::new(), Ports::one());
    pki.issue("a", &["a.test"]);
    let _host = Host::start(&server(&pki, port.first(), &["a"], "{keys: [a]}"));
    let mut peer = Offer::of(&pki, "a.test", &[&TLS13]).connect(port.first());
    for _ in 0..3 {
        peer.echo(&[7; 20_000]);
        peer.0.conn.refresh_traffic_keys().unwrap();
    }
    // That asks the host to update its own, too.
    let mut openssl = Openssl::connect(&pki, port.first(), &["-tls1_3"]);
    openssl.wait_for("Verify return code");
    for (number, word) in ["one", "two", "three"].into_iter().enumerate() {
        openssl.say("K");
        // It takes a line for a command only if nothing comes with it.
        until("the update", || openssl.said().matches("KEYUPDATE").count() > number);
        openssl.say(word);
        openssl.wait_for(&format!("\n{word}"));
    }
}

#[test]
fn a_thousand_connections_are_served_and_leave_nothing() {
    const CONNECTIONS: usize = 1_000;
    /// For an idle connection: its session, and what the engine and the runtime know of it.
    const IDLE_KIB_MAX: u64 = 24;
    zilla_tests::limits::raise_descriptors();
    let (pki, port) = (Pki::new(), Ports::one());
    pki.issue("a", &["a.test"]);
    let host = Host::start(&server(&pki, port.first(), &["a"], "{keys: [a]}"));
    let offer = Offer::new(&pki, "a.test");
    offer.connect(port.first()).echo(&[1; 30_000]);
    let before = host.rss_kib();
    let mut peers: Vec<_> = (0..CONNECTIONS).map(|_| offer.connect(port.first())).collect();
    for (number, peer) in peers.iter_mut().enumerate() {
        peer.echo(format!("hello from {number}").as_bytes());
    }
    let each = host.rss_kib().saturating_sub(before) / CONNECTIONS as u64;
    assert!(each < IDLE_KIB_MAX, "{each} KiB for each connection");
    peers.truncate(CONNECTIONS / 2);
    drop(peers);
    until("no connection", || host.connections() == 0);
}

#[test]
fn http_is_served_to_curl() {
    let (pki, port) = (Pki::new(), Ports::one());
    pki.issue("a", &["a.test"]);
    let rest = "options: {keys: [a], alpn: [h2, http/1.1]}\nexit: web";
    let web = "  web:\n    type: http\n    kind: server\n    exit: south\n";
    let yaml = server_with(&pki, port.first(), &["a"], rest) + web;
    let _host = Host::start(&yaml);
    let body = "x".repeat(100_000);
    std::fs::write(pki.path().join("body"), &body).unwrap();
    for (versions, http) in [
        (["--tlsv1.3", "--tls-max", "1.3"], "--http2"),
        (["--tlsv1.3", "--tls-max", "1.3"], "--http1.1"),
        (["--tlsv1.2", "--tls-max", "1.2"], "--http2"),
        (["--tlsv1.2", "--tls-max", "1.2"], "--http1.1"),
    ] {
        let port = port.first();
        let output = std::process::Command::new("curl")
            .args(["--silent", "--show-error", "--max-time", "30", "--data-binary", "@body"])
            .args(versions)
            .args([http, "--write-out", "%{http_version}"])
            .args(["--cacert", "ca.pem", "--resolve", &format!("a.test:{port}:127.0.0.1")])
            .arg(format!("https://a.test:{port}/"))
            .current_dir(pki.path())
            .output()
            .expect("curl is installed");
        let (found, version) = output.stdout.split_at_checked(body.len()).unwrap_or_default();
        assert!(found == body.as_bytes(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8_lossy(version), http.trim_start_matches("--http"), "by ALPN");
    }
}
