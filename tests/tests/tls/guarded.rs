//! Routes for clients by what their certificates say: `guard_x509.wasm` behind a `tls` server.

use crate::support::peer::Offer;
use crate::support::pki::{Identity, Pki};
use crate::support::yaml::server_with;
use zilla_tests::{Host, Ports};

/// Of a server that asks for certificates, with a route for operators.
const SERVER: &str = "options:
  keys: [a]
  trust: [ca]
  mutual: requested
  authorization: {g: {credentials: {certificates: pem}}}
routes:
- guarded: {g: [operator]}
  exit: south";

fn yaml(pki: &Pki, port: u16, roles: &str) -> String {
    let guards = format!("guards: {{g: {{type: x509, options: {{roles: {roles}}}}}}}\nbindings:\n");
    server_with(pki, port, &["a"], SERVER).replacen("bindings:\n", &guards, 1)
}

#[test]
fn a_certificate_with_the_role_passes_and_another_does_not() {
    let (pki, port) = (Pki::new(), Ports::one());
    pki.issue("a", &["a.test"]);
    let roles = "{operator: [{issuer.cn: Test CA, subject.cn: 'operator-*'}, {san.dns: '*.operators.test'}], \
                 user: [{subject.cn: 'user-*'}]}";
    let _host = Host::start(&yaml(&pki, port.first(), roles));
    let offer = |identity: Identity| Offer::with_identity(&pki, "a.test", identity);
    offer(pki.issue("operator-1", &[])).connect(port.first()).echo(b"hello");
    offer(pki.issue("carol", &["one.test", "carol.operators.test"])).connect(port.first()).echo(b"hello");
    // The handshake succeeds, and then there is no route.
    for refused in
        [offer(pki.issue("user-1", &[])), offer(pki.issue("xoperator-1", &[])), Offer::new(&pki, "a.test")]
    {
        let mut peer = refused.connect(port.first());
        assert_eq!(peer.recv_to_end(), (Vec::new(), true));
    }
}
