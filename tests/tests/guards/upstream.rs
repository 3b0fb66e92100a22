//! Clients of `http` that show credentials to their origins: what `guard_inline.wasm` has, and tokens that are passed on.

use crate::issuer::Issuer;
use zilla_tests::http::HttpClient;
use zilla_tests::{Host, Ports};

/// A gateway to an origin that answers with the fields it got. Clients bring tokens in a cookie; `/relay` shows them to
/// the origin, and everything else is asked for with what `service` has.
fn yaml(ports: &Ports, issuer: &Issuer, versions: &str) -> String {
    let key = issuer.jwk();
    format!(
        "name: test
guards:
  jwt: {{type: jwt, options: {{issuer: issuer, audience: api, keys: [{key}], relay: true}}}}
  service: {{type: inline, options: {{identity: gateway, credentials: s3cret, format: '{{identity}}:{{credentials}}'}}}}
bindings:
  north: {{type: tcp, kind: server, options: {{host: 127.0.0.1, port: {north}}}, exit: web}}
  web:
    type: http
    kind: server
    options: {{authorization: {{jwt: {{credentials: {{cookies: {{token: '{{credentials}}'}}}}}}}}}}
    routes:
      - {{when: [{{headers: {{':path': /relay}}}}], exit: relay}}
      - {{exit: own}}
  relay:
    type: http
    kind: client
    options:
      versions: [{versions}]
      authorization: {{jwt: {{credentials: {{headers: {{authorization: 'Bearer {{credentials}}'}}}}}}}}
    exit: south
  own:
    type: http
    kind: client
    options:
      versions: [{versions}]
      authorization: {{service: {{credentials: {{headers: {{authorization: 'Basic {{username}}:{{password}}'}}}}}}}}
    exit: south
  south: {{type: tcp, kind: client, options: {{host: 127.0.0.1, port: {south}}}}}
  origin: {{type: tcp, kind: server, options: {{host: 127.0.0.1, port: {south}}}, exit: site}}
  site: {{type: http, kind: server, exit: echo}}
  echo: {{type: echo, kind: server}}
",
        north = ports.first(),
        south = ports.last(),
    )
}

#[test]
fn an_origin_is_shown_what_the_guard_has_and_not_what_the_client_sent() {
    for versions in ["http/1.1", "h2"] {
        let (ports, issuer) = (Ports::range(2), Issuer::new("one"));
        let host = Host::start(&yaml(&ports, &issuer, versions));
        let ask = |path: &str, fields: &str| {
            let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\n{fields}\r\n");
            HttpClient::connect(ports.first()).ask(request).head
        };
        let own = ask("/", "authorization: Bearer mine\r\nauthorization: Bearer more\r\n");
        assert_eq!(own.status, 200);
        // `gateway:s3cret`
        assert_eq!(own.field("authorization"), Some("Basic Z2F0ZXdheTpzM2NyZXQ="), "{versions}");

        let token = issuer.token("alice", "", 60);
        let relayed = ask("/relay", &format!("cookie: token={token}\r\nauthorization: Bearer mine\r\n"));
        assert_eq!(relayed.field("authorization"), Some(format!("Bearer {token}").as_str()), "{versions}");
        assert_eq!(ask("/relay", "authorization: Bearer mine\r\n").status, 401);
        assert_eq!(ask("/relay", "cookie: token=none\r\n").status, 403);
        let secrets = |line: &zilla_tests::Line| {
            let text = line.to_string();
            text.contains(&token) || text.contains("s3cret") || text.contains("Z2F0ZXdheTpzM2NyZXQ")
        };
        assert!(host.log().matching(secrets).is_empty());
    }
}
