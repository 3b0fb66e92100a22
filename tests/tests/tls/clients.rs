//! Kind `client`: what comes in clear leaves encrypted, to servers that have proved who they are.

use crate::support::pki::Pki;
use crate::support::yaml::{binding, echo, tcp, vault};
use zilla_tests::{Client, Host, Line, Ports, client::End, until};

/// `tcp` to a `tls` client, straight to a `tls` server that decrypts again, to an echo.
fn both(pki: &Pki, port: u16, keys: &[&str], client: &str, server: &str) -> String {
    let client = binding("encrypting", "tls", "client", &format!("{client}\nexit: decrypting"));
    let server = binding("decrypting", "tls", "server", &format!("vault: own\n{server}"));
    [vault(pki, keys), tcp("north", port, "encrypting"), client, server, echo("south")].concat()
}

/// Expects that a connection comes to nothing: at once, which may be before it is known here that there is one.
fn expect_nothing(port: u16) {
    if let Ok(mut peer) = Client::try_connect(port) {
        peer.try_send("hello");
        peer.expect_end();
    }
}

const TO_SOUTH: &str = "options: {keys: [a]}\nexit: south";

#[test]
fn what_comes_in_clear_comes_back_in_clear() {
    let (pki, port) = (Pki::new(), Ports::one());
    pki.issue("a", &["a.test"]);
    for version in ["", ", version: TLSv1.2"] {
        let client = format!("vault: own\noptions: {{trust: [ca], sni: [a.test]{version}}}");
        let host = Host::start(&both(&pki, port.first(), &["a"], &client, TO_SOUTH));
        let mut peer = Client::connect(port.first());
        for octets in [1, 1_000, 300_000] {
            let sent = vec![0x77; octets];
            let (mut writer, sending) = (peer.share(), sent.clone());
            let writing = std::thread::spawn(move || writer.send(sending));
            assert!(peer.recv(octets) == sent);
            writing.join().unwrap();
        }
        peer.end();
        assert_eq!(peer.recv_to_end(), (Vec::new(), End::InOrder));
        until("no connection", || host.connections() == 0);
    }
}

#[test]
fn a_server_that_is_someone_else_is_refused_and_the_log_says_why() {
    let (pki, other, port) = (Pki::new(), Pki::named("Other CA"), Ports::one());
    pki.issue("a", &["a.test"]);
    pki.issue_expired("old");
    let theirs = format!("{}/ca.pem", other.path().display());
    for (client, server, reason) in [
        ("options: {trust: [ca], sni: [b.test]}", TO_SOUTH, "not valid for name"),
        ("options: {trust: [others], sni: [a.test]}", TO_SOUTH, "UnknownIssuer"),
        ("options: {trustcacerts: true, sni: [a.test]}", TO_SOUTH, "UnknownIssuer"),
        (
            "options: {trust: [ca], sni: [a.test], version: TLSv1.2}",
            "options: {keys: [a], version: TLSv1.3}\nexit: south",
            "ProtocolVersion",
        ),
        ("options: {trust: [ca]}", TO_SOUTH, "127.0.0.1"),
    ] {
        let client = format!("vault: own\n{client}");
        let yaml = both(&pki, port.first(), &["a"], &client, server);
        let yaml = yaml.replacen("entries: {ca: ", &format!("entries: {{others: {theirs}, ca: "), 1);
        let host = Host::start(&yaml);
        expect_nothing(port.first());
        host.log().wait_for(reason, |line| {
            line.message() == "a TLS handshake failed"
                && line.field("binding") == "test:encrypting"
                && line.field("reason").contains(reason)
        });
    }
}

#[test]
fn the_log_says_where_the_server_is_that_was_refused() {
    let (pki, ports) = (Pki::new(), Ports::range(2));
    pki.issue("a", &["a.test"]);
    let client = "vault: own\noptions: {trust: [ca], sni: [b.test]}";
    let host = Host::start(&apart(&pki, &ports, client, TO_SOUTH));
    expect_nothing(ports.at(0));
    let of_client = |line: &Line| line.field("reason").contains("not valid for name");
    let line = host.log().wait_for("why", of_client);
    assert_eq!(line.field("peer"), format!("127.0.0.1:{}", ports.at(1)));
}

#[test]
fn a_revoked_server_is_refused() {
    let (pki, port) = (Pki::new(), Ports::one());
    pki.revoke(&[4711]);
    let client = "vault: own\noptions: {trust: [ca], sni: [a.test]}";
    for (number, is_revoked) in [(1, false), (4711, true)] {
        pki.issue_numbered("a", &["a.test"], number);
        let host = Host::start(&both(&pki, port.first(), &["a"], client, TO_SOUTH));
        if is_revoked {
            expect_nothing(port.first());
            host.log().wait_for("why", |line| line.field("reason").contains("Revoked"));
        } else {
            Client::connect(port.first()).echo(b"hello");
        }
    }
}

#[test]
fn a_client_proves_who_it_is() {
    let (pki, port) = (Pki::new(), Ports::one());
    pki.issue("a", &["a.test"]);
    pki.issue("me", &[]);
    let server = "options: {keys: [a], trust: [ca]}\nexit: south";
    let with = "vault: own\noptions: {trust: [ca], sni: [a.test], keys: [me]}";
    let host = Host::start(&both(&pki, port.first(), &["a", "me"], with, server));
    Client::connect(port.first()).echo(b"hello");
    drop(host);
    let without = "vault: own\noptions: {trust: [ca], sni: [a.test]}";
    let _host = Host::start(&both(&pki, port.first(), &["a", "me"], without, server));
    expect_nothing(port.first());
}

#[test]
fn a_protocol_is_offered_and_sessions_are_resumed() {
    let (pki, port) = (Pki::new(), Ports::one());
    pki.issue("a", &["a.test"]);
    let client = "vault: own\noptions: {trust: [ca], sni: [a.test], alpn: [one, two]}";
    let server = "options: {keys: [a], alpn: [two]}\nexit: south";
    let yaml = both(&pki, port.first(), &["a"], client, server);
    let host = Host::with(&["--workers=1", "--log-level=debug"]).start(&yaml);
    for kind in ["Full", "Resumed"] {
        Client::connect(port.first()).echo(b"hello");
        let done = host.log().wait_for(kind, |line| {
            line.message() == "a TLS handshake is done"
                && line.field("binding") == "test:encrypting"
                && line.field("kind").contains(kind)
        });
        assert_eq!(done.field("alpn"), "two");
    }
}

/// `tcp` to a `tls` client to a `tcp` client, which connects to a `tls` server in front of an echo.
fn apart(pki: &Pki, ports: &Ports, client: &str, server: &str) -> String {
    let [near, far] = [0, 1].map(|index| ports.at(index));
    let out = binding("out", "tcp", "client", &format!("options: {{host: 127.0.0.1, port: {far}}}"));
    let client = binding("encrypting", "tls", "client", &format!("{client}\nexit: out"));
    let server = binding("decrypting", "tls", "server", &format!("vault: own\n{server}"));
    let north = [vault(pki, &["a"]), tcp("north", near, "encrypting"), client, out].concat();
    [north, tcp("far-north", far, "decrypting"), server, echo("south")].concat()
}

#[test]
fn the_socket_of_a_tcp_client_is_taken() {
    let (pki, ports) = (Pki::new(), Ports::range(2));
    pki.issue("a", &["a.test"]);
    let client = "vault: own\noptions: {trust: [ca], sni: [a.test]}";
    let yaml = apart(&pki, &ports, client, TO_SOUTH);
    let host = Host::with(&["--workers=1", "--log-level=debug"]).start(&yaml);
    let mut peer = Client::connect(ports.at(0));
    for octets in [1, 1_000, 3_000_000] {
        let sent = vec![0x66; octets];
        let (mut writer, sending) = (peer.share(), sent.clone());
        let writing = std::thread::spawn(move || writer.send(sending));
        assert!(peer.recv(octets) == sent);
        writing.join().unwrap();
    }
    for name in ["encrypting", "decrypting"] {
        let done = host.log().wait_for(name, |line| {
            line.message() == "a TLS handshake is done" && line.field("binding") == format!("test:{name}")
        });
        assert_eq!(done.field("is_fused"), "true", "{done}");
    }
    peer.end();
    assert_eq!(peer.recv_to_end(), (Vec::new(), End::InOrder));
    until("no connection", || host.connections() == 0);
}

#[test]
fn an_end_before_the_handshake_is_passed_on_behind_what_was_sent() {
    let (pki, ports) = (Pki::new(), Ports::range(2));
    pki.issue("a", &["a.test"]);
    let client = "vault: own\noptions: {trust: [ca], sni: [a.test]}";
    let host = Host::start(&apart(&pki, &ports, client, TO_SOUTH));
    for all in ["all of it", ""] {
        let mut peer = Client::connect(ports.at(0));
        peer.send(all);
        peer.end();
        assert_eq!(peer.recv_to_end(), (all.into(), End::InOrder));
    }
    until("no connection", || host.connections() == 0);
}

#[test]
fn a_server_that_is_not_there_or_says_nothing_is_given_up() {
    let (pki, ports) = (Pki::new(), Ports::range(2));
    pki.issue("a", &["a.test"]);
    let client = "vault: own\noptions: {trust: [ca], sni: [a.test], handshake-timeout: 300ms}";
    let yaml = apart(&pki, &ports, client, TO_SOUTH);
    // Without its listener, and with something else that listens there and never answers.
    let gone = yaml.replace("  far-north:\n", "  far-north-of-nothing:\n").replace(
        &format!("port: {}}}\n    exit: decrypting", ports.at(1)),
        &format!("port: {}}}\n    exit: decrypting", Ports::one().first()),
    );
    let host = Host::start(&gone);
    expect_nothing(ports.at(0));
    let line = host.log().wait_for("a refusal", |line| line.field("reason") == "the exit has refused");
    assert_eq!(line.field("peer"), "a.test", "nobody was reached, who has an address");
    drop(host);
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let to = format!("host: 127.0.0.1, port: {}}}\n", silent.local_addr().unwrap().port());
    let host = Host::start(&yaml.replacen(&format!("host: 127.0.0.1, port: {}}}\n", ports.at(1)), &to, 1));
    expect_nothing(ports.at(0));
    host.log().wait_for("a timeout", |line| line.field("reason") == "it took too long");
    host.log().wait_for("the limit", |line| line.field("limit") == "handshake-timeout");
    until("no connection", || host.connections() == 0);
}
