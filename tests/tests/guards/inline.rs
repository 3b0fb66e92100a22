//! One identity with a password: `guard_inline.wasm` behind `http`.

use zilla_tests::http::HttpClient;
use zilla_tests::{Host, Ports};

const OPTIONS: &str =
    "{identity: service, credentials: 'alice:secret', format: 'Bearer {identity}+{credentials}'}";

#[test]
fn who_has_the_password_gets_in_and_a_route_may_hand_it_on() {
    let port = Ports::one();
    let yaml = format!(
        "name: test
guards: {{inline: {{type: inline, options: {OPTIONS}}}}}
bindings:
  north: {{type: tcp, kind: server, options: {{host: 127.0.0.1, port: {port}}}, exit: http}}
  http:
    type: http
    kind: server
    options:
      authorization: {{inline: {{credentials: {{headers: {{authorization: 'Basic {{username}}:{{password}}'}}}}}}}}
    routes:
      - exit: echo
        guarded: {{inline: []}}
        with: {{headers: {{overrides: {{x-token: \"${{guarded['inline'].attributes.credentials}}\"}}}}}}
  echo: {{type: echo, kind: server}}
"
    );
    let _host = Host::start(&yaml);
    let ask = |fields: &str| {
        HttpClient::connect(port.first()).ask(format!("GET / HTTP/1.1\r\nhost: a\r\n{fields}\r\n"))
    };
    let accepted = ask("authorization: Basic YWxpY2U6c2VjcmV0\r\n");
    assert_eq!(accepted.head.status, 200);
    assert_eq!(accepted.head.field("x-token"), Some("Bearer service+alice:secret"));
    assert_eq!(ask("authorization: Basic YWxpY2U6b3RoZXI=\r\n").head.status, 403);
    let asked = ask("").head;
    assert_eq!(asked.status, 401);
    assert_eq!(asked.field("www-authenticate"), Some("Basic realm=\"gateway\", charset=\"UTF-8\""));
}
