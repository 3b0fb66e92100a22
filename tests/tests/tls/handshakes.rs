//! What a server and its clients agree on.

use crate::support::openssl::Openssl;
use crate::support::peer::Offer;
use crate::support::pki::Pki;
use crate::support::yaml::{binding, echo, server, server_with, tcp, vault};
use rustls::HandshakeKind;
use rustls::version::{TLS12, TLS13};
use zilla_tests::{Host, Ports};

#[test]
fn openssl_speaks_both_versions() {
    let (pki, port) = (Pki::new(), Ports::one());
    pki.issue("a", &["a.test"]);
    let _host = Host::start(&server(&pki, port.first(), &["a"], "{keys: [a]}"));
    for (version, name) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let mut openssl = Openssl::connect(
            &pki,
            port.first(),
            &[version, "-servername", "a.test", "-verify_hostname", "a.test", "-verify_return_error"],
        );
        openssl.wait_for("Verify return code: 0 (ok)");
        openssl.wait_for(&format!("New, {name}, Cipher is "));
        openssl.say("are you there?");
        openssl.wait_for("\nare you there?");
    }
}

#[test]
fn a_version_that_is_not_spoken_is_refused() {
    let (pki, port) = (Pki::new(), Ports::one());
    pki.issue("a", &["a.test"]);
    for (spoken, other, one) in [("TLSv1.2", &TLS13, &TLS12), ("TLSv1.3", &TLS12, &TLS13)] {
        let options = format!("{{keys: [a], version: {spoken}}}");
        let _host = Host::start(&server(&pki, port.first(), &["a"], &options));
        Offer::of(&pki, "a.test", &[one]).connect(port.first()).echo(b"hello");
        Offer::of(&pki, "a.test", &[other]).expect_failure(port.first(), "ProtocolVersion");
    }
}

#[test]
fn the_first_protocol_of_the_client_that_is_spoken_is_chosen() {
    let (pki, port) = (Pki::new(), Ports::one());
    pki.issue("a", &["a.test"]);
    let _host = Host::start(&server(&pki, port.first(), &["a"], "{keys: [a], alpn: [one, two]}"));
    for (offered, chosen) in [
        (&["two", "one"][..], Some("two")),
        (&["zero", "one"], Some("one")),
        // That is answered by not answering.
        (&["zero"], None),
        (&[], None),
    ] {
        let mut peer = Offer::new(&pki, "a.test").offering(offered).connect(port.first());
        assert_eq!(peer.protocol().as_deref(), chosen, "{offered:?}");
        peer.echo(b"hello");
    }
}

#[test]
fn routes_choose_a_protocol_for_their_names() {
    let (pki, port) = (Pki::new(), Ports::one());
    pki.issue("a", &["a.test", "b.test"]);
    let rest = "options: {keys: [a], alpn: [one], sni: [a.test]}
routes:
- when: [{authority: b.*, alpn: two}]
  exit: south
- exit: south";
    let _host = Host::start(&server_with(&pki, port.first(), &["a"], rest));
    for (name, chosen) in [("a.test", Some("one")), ("b.test", Some("two"))] {
        let peer = Offer::new(&pki, name).offering(&["one", "two"]).connect(port.first());
        assert_eq!(peer.protocol().as_deref(), chosen, "{name}");
    }
    // `sni` says for which names the options' protocols are.
    let peer = Offer::new(&pki, "b.test").offering(&["one"]).connect(port.first());
    assert_eq!(peer.protocol(), None);
}

#[test]
fn a_name_picks_the_key() {
    let (pki, port) = (Pki::new(), Ports::one());
    let (a, b) = (pki.issue("a", &["a.test"]), pki.issue("b", &["b.test", "*.b.test"]));
    let _host = Host::start(&server(&pki, port.first(), &["a", "b"], "{keys: [a, b]}"));
    for (name, identity) in [("a.test", &a), ("b.test", &b), ("x.b.test", &b)] {
        let peer = Offer::new(&pki, name).connect(port.first());
        assert_eq!(peer.certificate(), identity.chain[0], "{name}");
    }
    // Nobody was asked for by name: the first.
    let peer = Offer::new(&pki, "a.test").nameless().connect(port.first());
    assert_eq!(peer.certificate(), a.chain[0]);
    Offer::new(&pki, "other.test").expect_failure(port.first(), "not valid for name");
}

#[test]
fn signers_name_keys_by_who_has_issued_them() {
    let (pki, port) = (Pki::new(), Ports::one());
    let a = pki.issue("a", &["a.test"]);
    let other = Pki::named("Other CA");
    other.issue("b", &["a.test"]);
    let signers = format!(
        "      signers: {{type: pem, entries: {{ours: {}/ca.pem}}}}\nbindings:\n",
        pki.path().display()
    );
    let keys = format!(
        "          b: {{key: {0}/b.key, certificates: {0}/b.crt}}\n      trust:",
        other.path().display()
    );
    let yaml = server(&pki, port.first(), &["a"], "{signers: [ours]}");
    let yaml = yaml.replacen("bindings:\n", &signers, 1).replacen("      trust:", &keys, 1);
    let _host = Host::start(&yaml);
    let peer = Offer::new(&pki, "a.test").connect(port.first());
    assert_eq!(peer.certificate(), a.chain[0]);
}

#[test]
fn sessions_are_resumed_on_any_worker() {
    let (pki, port) = (Pki::new(), Ports::one());
    pki.issue("a", &["a.test"]);
    let _host = Host::with(&["--workers=4"]).start(&server(&pki, port.first(), &["a"], "{keys: [a]}"));
    for version in [&TLS12, &TLS13] {
        let offer = Offer::of(&pki, "a.test", &[version]);
        let mut first = offer.connect(port.first());
        assert_eq!(first.kind(), Some(HandshakeKind::Full));
        // The ticket of TLS 1.3 comes with the first octets.
        first.echo(b"hello");
        for _ in 0..16 {
            let mut again = offer.connect(port.first());
            assert_eq!(again.kind(), Some(HandshakeKind::Resumed), "{version:?}");
            again.echo(b"hello");
        }
    }
}

#[test]
fn openssl_resumes_a_session() {
    let (pki, port) = (Pki::new(), Ports::one());
    pki.issue("a", &["a.test"]);
    let _host = Host::start(&server(&pki, port.first(), &["a"], "{keys: [a]}"));
    let kept = pki.path().join("session");
    let kept = kept.to_str().unwrap();
    for version in ["-tls1_2", "-tls1_3"] {
        let mut first = Openssl::connect(&pki, port.first(), &[version, "-sess_out", kept]);
        first.say("hello");
        first.wait_for("\nhello");
        first.say("Q");
        first.wait();
        assert!(first.said().contains("\nNew, TLSv1."), "{}", first.said());
        let again = Openssl::connect(&pki, port.first(), &[version, "-sess_in", kept]);
        again.wait_for("Reused, TLSv1.");
    }
}

#[test]
fn a_connection_that_no_route_fits_is_told_so_in_order() {
    let (pki, port) = (Pki::new(), Ports::one());
    pki.issue("a", &["a.test", "b.test"]);
    let rest = "options: {keys: [a]}\nroutes:\n- when: [{authority: a.test}]\n  exit: south";
    let host = Host::start(&server_with(&pki, port.first(), &["a"], rest));
    Offer::new(&pki, "a.test").connect(port.first()).echo(b"hello");
    for version in [&TLS12, &TLS13] {
        let mut peer = Offer::of(&pki, "b.test", &[version]).connect(port.first());
        assert_eq!(peer.recv_to_end(), (Vec::new(), true));
    }
    zilla_tests::until("no connection", || host.connections() == 0);
}

#[test]
fn sockets_of_tcp_are_taken_and_streams_of_others_are_not() {
    let (pki, ports) = (Pki::new(), Ports::range(2));
    pki.issue("a", &["a.test"]);
    let server = |name: &str| binding(name, "tls", "server", "vault: own\noptions: {keys: [a]}\nexit: south");
    let yaml = [
        vault(&pki, &["a"]),
        tcp("north", ports.at(0), "taking"),
        server("taking"),
        tcp("north-of-proxy", ports.at(1), "passing"),
        binding("passing", "tls", "proxy", "exit: piping"),
        server("piping"),
        echo("south"),
    ];
    let host = Host::with(&["--workers=1", "--log-level=debug"]).start(&yaml.concat());
    for (port, name, is_fused) in [(0, "taking", "true"), (1, "piping", "false")] {
        let mut peer = Offer::new(&pki, "a.test").connect(ports.at(port));
        peer.echo(b"hello");
        let done = host.log().wait_for("a handshake", |line| {
            line.is("DEBUG", "a TLS handshake is done") && line.field("binding") == format!("test:{name}")
        });
        assert_eq!(done.field("is_fused"), is_fused, "{done}");
    }
}
