//! The `zilla.yaml` of these tests, put together from chains of bindings.

use std::fmt::Display;

/// A file of these chains.
pub(crate) fn file(chains: &[String]) -> String {
    format!("name: test\nbindings:\n{}", chains.concat())
}

/// `tcp` to `echo`. The pipeline has the name of the chain.
pub(crate) fn echo(name: &str, port: impl Display) -> String {
    tcp(name, port, &format!("{name}_echo")) + &binding(&format!("{name}_echo"), "echo")
}

/// `tcp` to `http` to `echo`.
pub(crate) fn web(name: &str, port: impl Display) -> String {
    let web = format!("  {name}_http:\n    type: http\n    kind: server\n    exit: {name}_echo\n");
    tcp(name, port, &format!("{name}_http")) + &web + &binding(&format!("{name}_echo"), "echo")
}

/// `tcp` to the guest `moody`.
pub(crate) fn moody(name: &str, port: impl Display) -> String {
    tcp(name, port, &format!("{name}_moody")) + &binding(&format!("{name}_moody"), "moody")
}

/// `tcp` to the guest `counter`, with its options in one line.
pub(crate) fn counter(name: &str, port: impl Display, options: &str) -> String {
    let options = format!("    options: {options}\n");
    tcp(name, port, &format!("{name}_counter")) + &binding(&format!("{name}_counter"), "counter") + &options
}

/// A `tcp` server.
pub(crate) fn tcp(name: &str, port: impl Display, exit: &str) -> String {
    format!(
        "  {name}:
    type: tcp
    kind: server
    options: {{host: 127.0.0.1, port: {port}}}
    exit: {exit}
"
    )
}

/// A server without options.
pub(crate) fn binding(name: &str, type_name: &str) -> String {
    format!("  {name}:\n    type: {type_name}\n    kind: server\n")
}
