//! Routes of a client choose which of its certificates it shows: seen by a server that asks for one.

use crate::support::asking::Asking;
use crate::support::peer::Offer;
use crate::support::pki::{Identity, Pki};
use crate::support::yaml::{binding, tcp, vault};
use rustls::HandshakeKind::{Full, Resumed};
use zilla_tests::{Client, Folder, Host, Ports, command::zilla_in};

/// `tcp` on two ports to a `tls` client with these options and routes, to a server.
fn routed(pki: &Pki, ports: &Ports, server: u16, options: &str, certificates: [&str; 2]) -> String {
    let [one, two] = [0, 1].map(|index| ports.at(index));
    let route = |port: u16, certificate: &str| {
        format!("- when: [{{port: {port}}}]\n  with: {{certificate: {certificate}}}\n  exit: out\n")
    };
    let routes = route(one, certificates[0]) + &route(two, certificates[1]);
    let client = format!("vault: own\noptions: {{trust: [ca], sni: [a.test]{options}}}\nroutes:\n{routes}");
    [
        vault(pki, &["alice", "bob"]),
        binding(
            "north",
            "tcp",
            "server",
            &format!("options: {{host: 127.0.0.1, port: [{one}, {two}]}}\nexit: secure"),
        ),
        binding("secure", "tls", "client", &client),
        out(server),
    ]
    .concat()
}

fn out(server: u16) -> String {
    binding("out", "tcp", "client", &format!("options: {{host: 127.0.0.1, port: {server}}}"))
}

/// A CA, and what it has issued: for `alice` and for `bob`.
fn issued() -> (Pki, [Identity; 2]) {
    let pki = Pki::new();
    let identities = ["alice", "bob"].map(|name| pki.issue(name, &["a.test"]));
    (pki, identities)
}

/// A server with a certificate that is in no vault.
fn asking(pki: &Pki) -> Asking {
    Asking::start(pki, pki.issue("server", &["a.test"]))
}

#[test]
fn routes_show_certificates_of_their_own_and_resume_no_session_of_another() {
    for options in ["", ", version: TLSv1.2", ", keys: [alice, bob]"] {
        let ((pki, [alice, bob]), ports) = (issued(), Ports::range(2));
        let server = asking(&pki);
        let certificates = ["{subject.cn: alice}", "{subject.dn: CN=bob}"];
        let _host = Host::start(&routed(&pki, &ports, server.port(), options, certificates));
        for (port, (identity, kind)) in [
            (0, (&alice, Full)),
            (0, (&alice, Resumed)),
            (1, (&bob, Full)),
            (1, (&bob, Resumed)),
            (0, (&alice, Resumed)),
        ] {
            Client::connect(ports.at(port)).echo(b"hello");
            let seen = server.next();
            assert!(seen.certificate == identity.chain[0], "another certificate: {options}");
            assert_eq!(seen.kind, kind, "{options}");
        }
    }
}

#[test]
fn who_is_served_chooses_and_who_has_no_certificate_is_refused() {
    let ((pki, [alice, bob]), port) = (issued(), Ports::one());
    let server = asking(&pki);
    let near = "vault: own
options:
  keys: [alice]
  trust: [ca]
  authorization: {g: {credentials: {certificates: pem}}}
exit: secure";
    let far = "vault: own
options: {trust: [ca], sni: [a.test]}
routes:
- with: {certificate: {subject.dn: \"${guarded['g'].identity}\"}}
  exit: out";
    let yaml = [
        vault(&pki, &["alice", "bob"]).replacen("bindings:\n", "guards: {g: {type: x509}}\nbindings:\n", 1),
        tcp("north", port.first(), "near"),
        binding("near", "tls", "server", near),
        binding("secure", "tls", "client", far),
        out(server.port()),
    ]
    .concat();
    let host = Host::start(&yaml);
    for identity in [&bob, &alice, &bob] {
        Offer::with_identity(&pki, "a.test", identity.copy()).connect(port.first()).echo(b"hello");
        assert!(server.next().certificate == identity.chain[0], "another certificate");
    }
    let carol = pki.issue("carol", &[]);
    let mut refused = Offer::with_identity(&pki, "a.test", carol).connect(port.first());
    assert_eq!(refused.recv_to_end().0, b"");
    host.log().wait_for("a refusal", |line| {
        line.message() == "a TLS handshake failed"
            && line.field("binding") == "test:secure"
            && line.field("reason") == "no key has a certificate with subject.dn `CN=carol`"
    });
}

#[test]
fn what_a_matcher_gives_chooses() {
    let ((pki, [alice, bob]), port) = (issued(), Ports::one());
    let server = asking(&pki);
    pki.issue("near", &["for.alice", "for.bob"]);
    let far = "vault: own
options: {keys: [alice, bob], trust: [ca], sni: [a.test]}
routes:
- when: [{matched: {m: {starts: for.}}}]
  with: {certificate: {subject.cn: \"${params.rest}\"}}
  exit: out";
    let matchers = "matchers: {m: {type: word, options: {attribute: authority}}}\nbindings:\n";
    let yaml = [
        vault(&pki, &["near", "alice", "bob"]).replacen("bindings:\n", matchers, 1),
        tcp("north", port.first(), "near"),
        binding("near", "tls", "server", "vault: own\noptions: {keys: [near]}\nexit: secure"),
        binding("secure", "tls", "client", far),
        out(server.port()),
    ]
    .concat();
    let _host = Host::start(&yaml);
    for (name, identity) in [("for.alice", &alice), ("for.bob", &bob)] {
        Offer::new(&pki, name).connect(port.first()).echo(b"hello");
        assert!(server.next().certificate == identity.chain[0], "another certificate for {name}");
    }
}

#[test]
fn an_expression_that_stands_for_nothing_is_forbidden() {
    let ((pki, _), port) = (issued(), Ports::one());
    let client = "vault: own
options: {trust: [ca], sni: [a.test]}
routes:
- with: {certificate: {subject.cn: \"${guarded['g'].identity}\"}}
  exit: out";
    let yaml = [
        vault(&pki, &["alice", "bob"]).replacen("bindings:\n", "guards: {g: {type: x509}}\nbindings:\n", 1),
        tcp("north", port.first(), "web"),
        // It tells its client how its stream was refused.
        binding("web", "http", "server", "exit: secure"),
        binding("secure", "tls", "client", client),
        out(asking(&pki).port()),
    ]
    .concat();
    let _host = Host::start(&yaml);
    let mut peer = Client::connect(port.first());
    peer.send("GET / HTTP/1.1\r\nhost: a.test\r\n\r\n");
    let status = "HTTP/1.1 403 ";
    assert_eq!(String::from_utf8_lossy(&peer.recv(status.len())), status);
}

#[test]
fn what_is_wrong_with_a_choice_is_said_where_it_is() {
    let ((pki, _), ports) = (issued(), Ports::range(2));
    let check = |yaml: String| {
        let folder = Folder::with_config(&yaml);
        let output = zilla_in(folder.path(), &["check"]);
        assert_ne!(output.code, Some(0), "{yaml}");
        output.stdout + &output.stderr
    };
    for (options, certificate, words) in [
        ("", "{subject.cn: alcie}", &["alcie", "did you mean `alice`?"][..]),
        ("", "{subject.dn: CN=bbo}", &["CN=bbo", "did you mean `CN=bob`?"]),
        // A list of keys is all that there is to choose from.
        (", keys: [bob]", "{subject.cn: alice}", &["known here: `bob`"]),
        ("", "{subject.cm: alice}", &["did you mean `subject.cn`?"]),
        ("", "{}", &["certificate"]),
        ("", "{subject.cn: ''}", &["subject.cn"]),
        ("", "{subject.cn: \"${guarded['h'].identity}\"}", &["the name of a guard"]),
        ("", "{subject.cn: '${params.name}'}", &["a parameter that a condition of the route keeps"]),
        // With something else that is wrong, it is told of as well.
        (", verison: TLSv1.2", "{subject.cn: alcie}", &["did you mean `version`?", "did you mean `alice`?"]),
    ] {
        let said = check(routed(&pki, &ports, 7000, options, ["{subject.cn: bob}", certificate]));
        for words in words {
            assert!(said.contains(words), "{certificate} without {words:?}:\n{said}");
        }
        assert!(said.contains("routes[1].with"), "{said}");
    }
    let yaml = routed(&pki, &ports, 7000, "", ["{subject.cn: bob}", "{subject.cn: alice}"]);
    let said = check(yaml.replacen("    vault: own\n    options: {trust: [ca], ", "    options: {", 1));
    assert!(said.contains("a `vault`, which has the certificates"), "{said}");
}
