//! `zilla.yaml` with a vault and TLS.

use super::pki::Pki;
use std::fmt::Write as _;

/// A vault with the keys of these names, with trust in the CA as `ca`, and with what it has revoked, if it says so.
pub(crate) fn vault(pki: &Pki, keys: &[&str]) -> String {
    let path = pki.path().display();
    let mut yaml = "name: test\nvaults:\n  own:\n    type: filesystem\n    options:\n".to_owned();
    if !keys.is_empty() {
        yaml.push_str("      keys:\n        type: pem\n        entries:\n");
    }
    for name in keys {
        writeln!(yaml, "          {name}: {{key: {path}/{name}.key, certificates: {path}/{name}.crt}}")
            .unwrap();
    }
    writeln!(yaml, "      trust: {{type: pem, entries: {{ca: {path}/ca.pem}}}}").unwrap();
    if pki.path().join("ca.crl").exists() {
        writeln!(yaml, "      revocation: {{type: crl, files: [{path}/ca.crl]}}").unwrap();
    }
    yaml.push_str("bindings:\n");
    yaml
}

/// A binding.
pub(crate) fn binding(name: &str, type_name: &str, kind: &str, rest: &str) -> String {
    let mut yaml = format!("  {name}:\n    type: {type_name}\n    kind: {kind}\n");
    for line in rest.lines() {
        writeln!(yaml, "    {line}").unwrap();
    }
    yaml
}

/// A listener.
pub(crate) fn tcp(name: &str, port: u16, exit: &str) -> String {
    binding(name, "tcp", "server", &format!("options: {{host: 127.0.0.1, port: {port}}}\nexit: {exit}"))
}

/// An echo.
pub(crate) fn echo(name: &str) -> String {
    binding(name, "echo", "server", "")
}

/// `tcp` to a `tls` server with these options, in one line, to `echo`.
pub(crate) fn server(pki: &Pki, port: u16, keys: &[&str], options: &str) -> String {
    server_with(pki, port, keys, &format!("options: {options}\nexit: south"))
}

/// The same with everything of the `tls` binding but its type, kind and vault.
pub(crate) fn server_with(pki: &Pki, port: u16, keys: &[&str], rest: &str) -> String {
    let tls = binding("secure", "tls", "server", &format!("vault: own\n{rest}"));
    [vault(pki, keys), tcp("north", port, "secure"), tls, echo("south")].concat()
}
