//! Clients that prove who they are.

use crate::support::peer::Offer;
use crate::support::pki::Pki;
use crate::support::yaml::{server, server_with};
use zilla_tests::{Host, Ports};

/// Of a revoked certificate.
const REVOKED: u64 = 4711;

#[test]
fn a_certificate_is_required_requested_or_not_asked_for() {
    let (pki, other, port) = (Pki::new(), Pki::named("Other CA"), Ports::one());
    pki.issue("a", &["a.test"]);
    for (options, without, with_another) in [
        // Somebody is trusted, so it is required.
        ("{keys: [a], trust: [ca]}", Some("CertificateRequired"), Some("UnknownCA")),
        ("{keys: [a], trust: [ca], mutual: required}", Some("CertificateRequired"), Some("UnknownCA")),
        ("{keys: [a], trust: [ca], mutual: requested}", None, Some("UnknownCA")),
        ("{keys: [a], trust: [ca], mutual: none}", None, None),
        ("{keys: [a]}", None, None),
    ] {
        let _host = Host::start(&server(&pki, port.first(), &["a"], options));
        let expect = |offer: Offer, failure: Option<&str>| match failure {
            None => offer.connect(port.first()).echo(b"hello"),
            Some(reason) => offer.expect_failure(port.first(), reason),
        };
        Offer::with_identity(&pki, "a.test", pki.issue("me", &[])).connect(port.first()).echo(b"hello");
        expect(Offer::new(&pki, "a.test"), without);
        expect(Offer::with_identity(&pki, "a.test", other.issue("me", &[])), with_another);
    }
}

#[test]
fn who_has_expired_or_was_revoked_is_refused() {
    let (pki, port) = (Pki::new(), Ports::one());
    pki.issue("a", &["a.test"]);
    pki.revoke(&[REVOKED]);
    let _host = Host::start(&server(&pki, port.first(), &["a"], "{keys: [a], trust: [ca]}"));
    let offer = |identity| Offer::with_identity(&pki, "a.test", identity);
    offer(pki.issue_numbered("good", &[], 1)).connect(port.first()).echo(b"hello");
    offer(pki.issue_numbered("bad", &[], REVOKED)).expect_failure(port.first(), "CertificateRevoked");
    offer(pki.issue_expired("old")).expect_failure(port.first(), "CertificateExpired");
}

#[test]
fn routes_tell_clients_apart() {
    let (pki, other, port) = (Pki::new(), Pki::named("Other CA"), Ports::one());
    pki.issue("a", &["a.test", "b.test", "c.test"]);
    let rest = "options: {keys: [a], trust: [ca, others], mutual: requested}
routes:
- when: [{authority: a.test, trust: [CA]}]
  exit: south
- when: [{authority: b.test, mutual: required}]
  exit: south
- when: [{authority: c.test, mutual: none}]
  exit: south";
    let others = format!("      trust: {{type: pem, entries: {{others: {}/ca.pem, ", other.path().display());
    let yaml = server_with(&pki, port.first(), &["a"], rest);
    let _host = Host::start(&yaml.replacen("      trust: {type: pem, entries: {", &others, 1));
    let (ours, theirs) = (|| Some(pki.issue("me", &[])), || Some(other.issue("me", &[])));
    for (name, identity, is_routed) in [
        ("a.test", ours(), true),
        ("a.test", theirs(), false),
        ("a.test", None, false),
        ("b.test", ours(), true),
        ("b.test", theirs(), true),
        ("b.test", None, false),
        ("c.test", None, true),
        ("c.test", ours(), false),
    ] {
        let offer = match identity {
            Some(identity) => Offer::with_identity(&pki, name, identity),
            None => Offer::new(&pki, name),
        };
        let mut peer = offer.connect(port.first());
        match is_routed {
            true => peer.echo(b"hello"),
            false => assert_eq!(peer.recv_to_end(), (Vec::new(), true), "{name}"),
        }
    }
}

#[test]
fn a_guard_says_who_a_client_is_by_its_certificates() {
    let (pki, port) = (Pki::new(), Ports::one());
    pki.issue("a", &["a.test"]);
    let rest = "options:
  keys: [a]
  trust: [ca]
  mutual: requested
  authorization: {g: {credentials: {certificates: pem}}}
routes:
- guarded: {g: [proved]}
  exit: south";
    let guard = "guards: {g: {type: say}}\nbindings:\n";
    let yaml = server_with(&pki, port.first(), &["a"], rest).replacen("bindings:\n", guard, 1);
    let _host = Host::start(&yaml);
    Offer::with_identity(&pki, "a.test", pki.issue("me", &[])).connect(port.first()).echo(b"hello");
    // The handshake succeeds, and then there is no route.
    let mut nobody = Offer::new(&pki, "a.test").connect(port.first());
    assert_eq!(nobody.recv_to_end(), (Vec::new(), true));
}
