//! What the host does not know.

use crate::source::{expect_none, files};

/// Protocols and policies that are the plugins'.
const FOREIGN: [&str; 6] = ["http", "https", "ws", "websocket", "jwt", "grpc"];

#[test]
fn the_host_knows_no_protocol_but_its_own() {
    let mut wrong = Vec::new();
    for file in files(&["host"]).iter().filter(|file| !file.is_test()) {
        for (number, line) in file.lines() {
            let words = line.split(|c: char| !c.is_ascii_alphanumeric()).map(str::to_ascii_lowercase);
            let is_address = line.contains("http://") || line.contains("https://");
            if !is_address && words.into_iter().any(|word| FOREIGN.contains(&word.as_str())) {
                wrong.push(format!("{}:{number}: {}", file.path.display(), line.trim()));
            }
        }
    }
    expect_none(
        "the host has streams, frames, attributes, routes and guards; a protocol is a plugin's",
        &wrong,
    );
}

#[test]
fn the_hosts_manifests_name_no_protocol_either() {
    let mut wrong = Vec::new();
    for name in
        ["host/Cargo.toml", "host/engine/Cargo.toml", "host/config/Cargo.toml", "host/vault/Cargo.toml"]
    {
        let text = std::fs::read_to_string(zilla_tests::files::root().join(name)).unwrap();
        for line in text.lines() {
            let name_of = line.split(['.', '=', ' ']).next().unwrap_or_default();
            if FOREIGN.iter().any(|word| name_of.split(['-', '_']).any(|part| part == *word)) {
                wrong.push(format!("{name}: {line}"));
            }
        }
    }
    expect_none("no dependency of the host speaks a protocol of the plugins", &wrong);
}
