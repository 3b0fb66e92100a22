//! What the gateway is told to serve.

use super::{Peer, Task};
use crate::Failure;
use crate::keys::Identity;
use crate::load::beside::LOOPING_HOST;
use crate::rows::{Carrier, Service, Version, Work};
use crate::scratch::Scratch;
use std::path::PathBuf;
use zilla_tests::config;

/// Writes `zilla.yaml`.
pub(super) fn config(peer: Peer, task: Task<'_>, scratch: &Scratch) -> Result<PathBuf, Failure> {
    let port = task.port;
    let text = match (task.row.work, task.row.service) {
        (Work::Swap { .. }, _) => config::http_echo(port),
        (_, Service::Http(_)) => http(port),
        (_, Service::HttpProxy { back, .. }) => http_proxy(port, task.upstream, back),
        (_, Service::WebSocket) => config::ws_echo(port, ""),
        (_, Service::Fan(carrier)) => fan(port, carrier),
        (_, Service::Guarded) => guarded(port, peer == Peer::Zilla),
        (_, Service::Matched) => matched(port, peer == Peer::Zilla),
        (_, Service::Echo) => echo(peer, port),
        (_, Service::Proxy | Service::Tls(_)) => proxy(port, task.upstream, task.identity()),
    };
    scratch.write("zilla.yaml", &text)
}

/// As in the example `http.echo`.
fn http(port: u16) -> String {
    format!(
        "\
---
name: example
bindings:
  north_tcp_server:
    type: tcp
    kind: server
    options:
      host: 0.0.0.0
      port: {port}
    routes:
      - when:
          - port: {port}
        exit: north_http_server
  north_http_server:
    type: http
    kind: server
    routes:
      - when:
          - headers:
              :scheme: http
              :authority: 127.0.0.1:{port}
        exit: north_echo_server
  north_echo_server:
    type: echo
    kind: server
"
    )
}

/// As in the examples `tcp.reflect` and `ws.reflect`.
fn fan(port: u16, carrier: Carrier) -> String {
    let (loopback, fan, echo) =
        (config::loopback(port), ("crowd", "fan", "server", ""), ("south", "echo", "server", ""));
    let north = ("north", "tcp", "server", &*loopback);
    match carrier {
        Carrier::Tcp => config::chain(&[north, fan, echo]),
        Carrier::WebSocket => {
            let web = ("web", "http", "server", "upgrade: [websocket]");
            config::chain(&[north, web, ("sockets", "ws", "server", ""), fan, echo])
        }
    }
}

/// As in the example `http.echo.jwt`: who shows a token gets through. Without the guard, anybody does.
fn guarded(port: u16, is_guarded: bool) -> String {
    let (guards, authorization, asks) = match is_guarded {
        true => (GUARDS, AUTHORIZATION, "guarded: {jwt: []}, "),
        false => ("", "", ""),
    };
    asked(port, guards, authorization, asks)
}

/// As in the example `http.canary`: a matcher is asked about each request, and all fit. Without it, they do as well.
fn matched(port: u16, is_matched: bool) -> String {
    let (matchers, asks) = match is_matched {
        true => (MATCHERS, "when: [{matched: {canary: {percent: 100}}}], "),
        false => ("", ""),
    };
    asked(port, matchers, "", asks)
}

/// `http` to `echo` by a route that asks something.
fn asked(port: u16, policies: &str, options: &str, asks: &str) -> String {
    format!(
        "\
---
name: example
{policies}bindings:
  north_tcp_server:
    type: tcp
    kind: server
    options:
      host: 127.0.0.1
      port: {port}
    exit: north_http_server
  north_http_server:
    type: http
    kind: server
{options}    routes:
      - {{{asks}exit: north_echo_server}}
  north_echo_server:
    type: echo
    kind: server
"
    )
}

const GUARDS: &str = "\
guards:
  jwt:
    type: jwt
    options:
      issuer: https://auth.example.com
      audience: https://api.example.com
      keys:
        - kty: OKP
          kid: example
          crv: Ed25519
          x: 11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo
";

const AUTHORIZATION: &str = "    options:
      authorization:
        jwt:
          credentials:
            headers:
              authorization: Bearer {credentials}
";

const MATCHERS: &str = "\
matchers:
  canary:
    type: canary
    options:
      attribute: \":authority\"
";

/// `http` to `http`, with as many connections to the upstream as anybody asks for.
fn http_proxy(port: u16, upstream: u16, back: Version) -> String {
    // Without TLS, nothing says what the upstream speaks but this.
    let version = match back {
        Version::Http1 => "http/1.1",
        Version::Http2 => "h2",
    };
    let client = format!("versions: [{version}], limits: {{connections: 1024, idle-connections: 1024}}");
    config::http_proxy(port, upstream, "", &client, "")
}

/// As in the example `tcp.echo`.
fn echo(peer: Peer, port: u16) -> String {
    let (isolation, beside) = match peer {
        Peer::Isolated => ("plugins: {echo: {isolation: stream}}\n", String::new()),
        Peer::Looped => ("", looping(port)),
        _ => ("", String::new()),
    };
    format!(
        "\
---
name: example
{isolation}bindings:
  north_tcp_server:
    type: tcp
    kind: server
    options:
      host: 127.0.0.1
      port: {port}
    exit: north_echo_server
  north_echo_server:
    type: echo
    kind: server
{beside}"
    )
}

/// The same port of another address of the loopback leads to a plugin that loops when it is told to.
fn looping(port: u16) -> String {
    format!(
        "  looping_tcp_server:
    type: tcp
    kind: server
    options:
      host: {LOOPING_HOST}
      port: {port}
    exit: looping_server
  looping_server:
    type: trap
    kind: server
"
    )
}

/// `tcp` to `tcp`, with `tls` in between if there is a key.
fn proxy(port: u16, upstream: u16, identity: Option<&Identity>) -> String {
    let (vault, exit, tls) = match identity {
        None => (String::new(), "south_tcp_client", ""),
        Some(identity) => {
            let (key, certificate) = (identity.key.display(), identity.certificate.display());
            let vault = format!(
                "\
vaults:
  own:
    type: filesystem
    options:
      keys:
        type: pem
        entries:
          localhost:
            key: {key}
            certificates: {certificate}
"
            );
            (vault, "north_tls_server", TLS)
        }
    };
    format!(
        "\
---
name: example
{vault}bindings:
  north_tcp_server:
    type: tcp
    kind: server
    options:
      host: 127.0.0.1
      port: {port}
    exit: {exit}
{tls}  south_tcp_client:
    type: tcp
    kind: client
    options:
      host: 127.0.0.1
      port: {upstream}
"
    )
}

const TLS: &str = "  north_tls_server:
    type: tls
    kind: server
    vault: own
    options:
      keys:
        - localhost
    exit: south_tcp_client
";
