//! What plugins write to the log is theirs, and no more than they may.

use super::neighbour::Street;
use zilla_tests::{Client, Host, Line, Ports, config};

#[test]
fn a_line_is_the_bindings_own() {
    let street = Street::new("shout");
    street.disturb(|| street.guest().echo("hear, hear"));
    let line = street.host.log().wait_for_event("WARN", "hear, hear");
    assert_eq!(line.field("binding"), "test:guest");
    assert_eq!(line.field("target"), "zilla::plugin");
}

#[test]
fn lines_past_the_rate_are_lost_and_counted() {
    let street = Street::new("shout");
    street.disturb(|| street.guest().echo("many"));
    let lost = street.host.log().wait_for_event("WARN", "log-rate: lines of the plugin lost");
    assert_eq!((lost.field("binding").as_str(), lost.field("lost").as_str()), ("test:guest", "936"));
    assert_eq!(street.host.log().matching(|line| line.message().starts_with("line ")).len(), 64);
}

#[test]
fn a_long_line_is_cut_at_4096_octets() {
    let street = Street::new("shout");
    street.disturb(|| street.guest().echo("long"));
    let line = street.host.log().wait_for("the long line", |line| line.message().starts_with("éé"));
    assert_eq!(line.message().len(), 4096);
}

#[test]
fn a_plugin_cannot_forge_lines_of_the_log() {
    let port = Ports::one();
    let yaml = config::tcp_echo(&port).replace("type: echo", "type: shout");
    let host = Host::with(&["-w1", "--log-format=text"]).start_unseen(&yaml);
    host.log().wait_for("the start", |line| line.text.contains("started"));
    Client::connect(port.first()).echo("first\n2026-01-01T00:00:00Z ERROR second\r\x1b[31mthird");
    let is_part = |line: &Line| ["first", "second", "third"].iter().any(|part| line.text.contains(part));
    host.log().wait_for("the payload", is_part);
    Client::connect(port.first()).echo("last");
    host.log().wait_for("the last payload", |line| line.text.contains("last"));
    let lines = host.log().matching(is_part);
    assert_eq!(lines.len(), 1, "{}", host.log());
    assert!(lines[0].text.contains("third") && !lines[0].text.contains('\x1b'), "{}", host.log());
}
