//! What is said about files, and what becomes of a host when they change.

use crate::support::peer::Offer;
use crate::support::pki::Pki;
use crate::support::yaml::{server, server_with};
use zilla_tests::{Folder, Host, Ports, command::zilla_in};

#[test]
fn a_renewed_certificate_is_used_from_then_on_and_sessions_stay() {
    let (pki, port) = (Pki::new(), Ports::one());
    let old = pki.issue("a", &["a.test"]);
    let host = Host::start(&server(&pki, port.first(), &["a"], "{keys: [a]}"));
    let offer = Offer::new(&pki, "a.test");
    let mut peer = offer.connect(port.first());
    peer.echo(b"hello");
    assert_eq!(peer.certificate(), old.chain[0]);
    let new = pki.issue("a", &["a.test"]);
    host.signal("HUP");
    let applied = host.log().wait_for_event("INFO", "applied");
    // Nothing is replaced, so nothing drains and no session has an end to fear.
    assert_eq!(["started", "ended", "renewed"].map(|field| applied.field(field)), ["0", "0", "1"]);
    // A ticket of before is of no use, so that nobody goes on with what was renewed.
    let mut renewed = offer.connect(port.first());
    assert_eq!(renewed.kind(), Some(rustls::HandshakeKind::Full));
    assert_eq!(renewed.certificate(), new.chain[0]);
    renewed.echo(b"hello");
    peer.echo(b"hello again");
}

#[test]
fn what_is_wrong_is_said_where_it_is() {
    let pki = Pki::new();
    pki.issue("localhost", &["a.test"]);
    let check = |yaml: String| {
        let folder = Folder::with_config(&yaml);
        let output = zilla_in(folder.path(), &["check"]);
        assert_ne!(output.code, Some(0), "{yaml}");
        output.stdout + &output.stderr
    };
    let with = |options: &str| check(server(&pki, 7000, &["localhost"], options));
    for (options, words) in [
        ("{keys: [localhots]}", "did you mean `localhost`?"),
        ("{keys: [localhost], trust: [cb]}", "did you mean `ca`?"),
        ("{keys: [localhost], signers: [ca]}", "no `signers`: there are `keys`"),
        ("{alpn: [one]}", "`keys`, or `signers`"),
        ("{keys: [localhost], mutual: required}", "which clients are trusted by"),
        ("{keys: [localhost], mutual: perhaps}", "required"),
        ("{keys: [localhost], version: SSLv3}", "TLSv1.3"),
        ("{keys: [localhost], handshake-timeout: 1ms}", "from 100 to 600000"),
        ("{keys: [localhost], verion: TLSv1.3}", "version"),
    ] {
        let said = with(options);
        assert!(said.contains(words), "{options} without {words:?}:\n{said}");
    }
    let rest = "options: {keys: [localhost]}\nroutes:\n- when: [{trust: [cb]}]\n  exit: south";
    let said = check(server_with(&pki, 7000, &["localhost"], rest));
    assert!(said.contains("did you mean `ca`?"), "{said}");
    let said =
        check(server(&pki, 7000, &["localhost"], "{keys: [localhost]}").replace("    vault: own\n", ""));
    assert!(said.contains("which has the keys of the server"), "{said}");
    let mistyped = server(&pki, 7000, &["localhost"], "{keys: [localhost], trust: [ca]}");
    let said = check(mistyped.replace("    vault: own\n", "    vault: won\n"));
    assert!(said.contains("did you mean `own`?") && said.contains("\n1 error, 0 warnings"), "{said}");
}
