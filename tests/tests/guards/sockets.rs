//! Sessions that end under a WebSocket.

use crate::issuer::Issuer;
use zilla_tests::client::End;
use zilla_tests::websocket::{WebSocket, opcode};
use zilla_tests::{Host, Ports};

/// Seconds that the shorter token is good for: long enough to open a WebSocket with it on a busy machine.
const SHORT_SECONDS: i64 = 5;

#[test]
fn a_web_socket_ends_with_its_token_and_others_go_on() {
    let (port, issuer) = (Ports::one(), Issuer::new("one"));
    let key = issuer.jwk();
    let yaml = format!(
        "name: test
guards: {{jwt: {{type: jwt, options: {{issuer: issuer, audience: api, keys: [{key}]}}}}}}
bindings:
  north: {{type: tcp, kind: server, options: {{host: 127.0.0.1, port: {port}}}, exit: web}}
  web:
    type: http
    kind: server
    options:
      upgrade: [websocket]
      authorization: {{jwt: {{credentials: {{headers: {{authorization: 'Bearer {{credentials}}'}}}}}}}}
    routes: [{{exit: socket, guarded: {{jwt: []}}}}]
  socket: {{type: ws, kind: server, exit: echo}}
  echo: {{type: echo, kind: server}}
"
    );
    let _host = Host::start(&yaml);
    let open = |subject: &str, seconds| {
        let line = format!("authorization: Bearer {}\r\n", issuer.token(subject, "", seconds));
        WebSocket::connect_with(port.first(), "/", &line).0
    };
    let mut long = open("bob", 600);
    let mut short = open("alice", SHORT_SECONDS);
    short.expect_echo(opcode::TEXT, "while it lasts");
    // The stream under it is no more, so there is nothing to say in order.
    assert_eq!(short.client().recv_to_end(), (Vec::new(), End::Reset));
    long.expect_echo(opcode::TEXT, "still here");
    long.close(1000);
}
