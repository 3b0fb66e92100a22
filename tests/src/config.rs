//! The `zilla.yaml` that most tests begin with.

use std::fmt::Display;

/// Bindings in order, each of which exits to the next: name, type, kind and, if any, options in one line.
///
/// ```text
/// chain(&[("north", "tcp", "server", "host: 127.0.0.1, port: 1"), ("south", "echo", "server", "")])
/// ```
pub fn chain(bindings: &[(&str, &str, &str, &str)]) -> String {
    format!("name: test\nbindings:\n{}", links(bindings))
}

/// The bindings of a [`chain`] alone, to be put behind others.
fn links(bindings: &[(&str, &str, &str, &str)]) -> String {
    let mut text = String::new();
    for (at, (name, type_name, kind, options)) in bindings.iter().enumerate() {
        text += &format!("  {name}:\n    type: {type_name}\n    kind: {kind}\n");
        if !options.is_empty() {
            text += &format!("    options: {{{options}}}\n");
        }
        if let Some((next, ..)) = bindings.get(at + 1) {
            text += &format!("    exit: {next}\n");
        }
    }
    text
}

/// Options of a `tcp` binding at 127.0.0.1: a port, or several.
pub fn loopback(port: impl Display) -> String {
    format!("host: 127.0.0.1, port: {port}")
}

/// What is in the braces of a mapping in one line.
fn inner(mapping: &str) -> &str {
    mapping.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(mapping)
}

/// `tcp` to `echo`: port by port, as many as are given.
pub fn tcp_echo(port: impl Display) -> String {
    chain(&[("north", "tcp", "server", &loopback(port)), ("south", "echo", "server", "")])
}

/// `tcp` to a `tcp` client of an upstream at 127.0.0.1.
pub fn tcp_proxy(port: impl Display, upstream: u16) -> String {
    tcp_proxy_with(port, "{}", &format!("options: {{{}}}", loopback(upstream)))
}

/// The same with more `options` of the server, in one line, and the keys of the client as given.
pub fn tcp_proxy_with(port: impl Display, options: &str, client: &str) -> String {
    let more = inner(options);
    let options = format!("{}{}{more}", loopback(port), if more.is_empty() { "" } else { ", " });
    let bindings = chain(&[("north", "tcp", "server", &options), ("south", "tcp", "client", "")]);
    format!("{bindings}    {client}\n")
}

/// `tcp` to `http` to `echo`.
pub fn http_echo(port: impl Display) -> String {
    http_echo_with(port, "{}")
}

/// The same with `options` of the `http` binding, in one line.
pub fn http_echo_with(port: impl Display, options: &str) -> String {
    chain(&[
        ("north", "tcp", "server", &loopback(port)),
        ("web", "http", "server", inner(options)),
        ("south", "echo", "server", ""),
    ])
}

/// `tcp` to `http` to `ws` to `echo`, with `options` of the `ws` binding, in one line.
pub fn ws_echo(port: impl Display, options: &str) -> String {
    chain(&[
        ("north", "tcp", "server", &loopback(port)),
        ("web", "http", "server", "upgrade: [websocket]"),
        ("sockets", "ws", "server", options),
        ("south", "echo", "server", ""),
    ])
}

/// `tcp` to a guest without options on the first port, and to an echo of its own on the second: its neighbour.
pub fn guest_and_neighbour(guest: &str, guest_port: u16, neighbour_port: u16) -> String {
    let guest = [("north", "tcp", "server", &*loopback(guest_port)), ("guest", guest, "server", "")];
    let neighbour = [
        ("neighbour-north", "tcp", "server", &*loopback(neighbour_port)),
        ("neighbour", "echo", "server", ""),
    ];
    chain(&guest) + &links(&neighbour)
}

/// `tcp` to `http` to a `http` client, to a `tcp` client of an upstream at 127.0.0.1; with options of the two in one
/// line each, and those of the last `tcp` binding besides `host` and `port`.
pub fn http_proxy(port: impl Display, upstream: u16, server: &str, client: &str, connect: &str) -> String {
    chain(&[
        ("north", "tcp", "server", &loopback(port)),
        ("web", "http", "server", server),
        ("origins", "http", "client", client),
        ("south", "tcp", "client", &format!("{}{connect}", loopback(upstream))),
    ])
}
