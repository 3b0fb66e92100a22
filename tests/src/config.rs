//! The `zilla.yaml` that most tests begin with.

use std::fmt::Display;

/// `tcp` to `echo`: port by port, as many as are given.
pub fn tcp_echo(port: impl Display) -> String {
    format!(
        "name: test
bindings:
  north:
    type: tcp
    kind: server
    options:
      host: 127.0.0.1
      port: {port}
    exit: south
  south:
    type: echo
    kind: server
"
    )
}

/// `tcp` to a `tcp` client of an upstream at 127.0.0.1.
pub fn tcp_proxy(port: impl Display, upstream: u16) -> String {
    tcp_proxy_with(port, "{}", &format!("options: {{host: 127.0.0.1, port: {upstream}}}"))
}

/// The same with more `options` of the server, in one line, and the keys of the client as given.
pub fn tcp_proxy_with(port: impl Display, options: &str, client: &str) -> String {
    let more = options.trim_start_matches('{').trim_end_matches('}');
    let options =
        format!("{{host: 127.0.0.1, port: {port}{}{more}}}", if more.is_empty() { "" } else { ", " });
    format!(
        "name: test
bindings:
  north:
    type: tcp
    kind: server
    options: {options}
    exit: south
  south:
    type: tcp
    kind: client
    {client}
"
    )
}

/// `tcp` to `http` to `echo`.
pub fn http_echo(port: impl Display) -> String {
    http_echo_with(port, "{}")
}

/// The same with `options` of the `http` binding, in one line.
pub fn http_echo_with(port: impl Display, options: &str) -> String {
    format!(
        "name: test
bindings:
  north:
    type: tcp
    kind: server
    options:
      host: 127.0.0.1
      port: {port}
    exit: web
  web:
    type: http
    kind: server
    options: {options}
    exit: south
  south:
    type: echo
    kind: server
"
    )
}

/// `tcp` to a guest without options on the first port, and to an echo of its own on the second: its neighbour.
pub fn guest_and_neighbour(guest: &str, guest_port: u16, neighbour_port: u16) -> String {
    format!(
        "name: test
bindings:
  north:
    type: tcp
    kind: server
    options:
      host: 127.0.0.1
      port: {guest_port}
    exit: guest
  guest:
    type: {guest}
    kind: server
  neighbour-north:
    type: tcp
    kind: server
    options:
      host: 127.0.0.1
      port: {neighbour_port}
    exit: neighbour
  neighbour:
    type: echo
    kind: server
"
    )
}

/// `tcp` to `http` to a `http` client, to a `tcp` client of an upstream at 127.0.0.1; with options of the two in one
/// line each, and those of the last `tcp` binding besides `host` and `port`.
pub fn http_proxy(port: impl Display, upstream: u16, server: &str, client: &str, connect: &str) -> String {
    format!(
        "name: test
bindings:
  north:
    type: tcp
    kind: server
    options:
      host: 127.0.0.1
      port: {port}
    exit: web
  web:
    type: http
    kind: server
    options: {{{server}}}
    exit: origins
  origins:
    type: http
    kind: client
    options: {{{client}}}
    exit: south
  south:
    type: tcp
    kind: client
    options: {{host: 127.0.0.1, port: {upstream}{connect}}}
"
    )
}
