//! A trap costs the instance and its streams, and no one else anything.

use super::neighbour::Street;
use std::time::{Duration, Instant};
use zilla_tests::client::End;
use zilla_tests::http::HttpClient;
use zilla_tests::{Client, Host, Line, Ports, config, until};

#[test]
fn a_panic_closes_the_guests_streams_and_says_why() {
    let street = Street::new("trap");
    let mut bystander = street.guest();
    street.disturb(|| {
        let mut guest = street.guest();
        guest.send("panic");
        guest.expect_reset();
        // It shared the instance, and so its fate.
        bystander.expect_reset();
    });
    let trap = street.host.wait_for_trap("test:guest");
    assert_eq!(trap.field("streams"), "2", "{trap}");
    assert!(trap.field("reason").contains("the payload said so"), "{trap}");
    assert!(trap.field("reason").contains("unreachable"), "{trap}");
    assert!(trap.field("reason").contains("guests/trap/src/lib.rs"), "{trap}");
}

#[test]
fn every_way_to_trap_is_named() {
    let street = Street::new("trap");
    for (word, reason) in [
        ("bounds", "index out of bounds"),
        ("recurse", "call stack exhausted"),
        ("random", "random: 4097 octets asked for, at most 4096 are given"),
    ] {
        street.disturb(|| {
            let mut guest = street.guest();
            guest.send(word);
            guest.expect_reset();
        });
        street.host.log().wait_for(reason, |line| line.field("reason").contains(reason));
    }
}

/// Traps of one plugin that are each followed by a new instance at once; after the next, there is a pause.
const TRAPS_AT_ONCE: usize = 9;

#[test]
fn an_instance_is_replaced_at_once_and_then_after_pauses() {
    let street = Street::new("trap");
    street.disturb(|| {
        for _ in 0..=TRAPS_AT_ONCE {
            let mut guest = street.guest();
            guest.send("panic");
            guest.expect_reset();
        }
        // Meanwhile new streams are reset, and afterwards they are not.
        until("the pause is over", || {
            let Ok(mut guest) = street.try_guest() else { return false };
            guest.try_send("well") && guest.recv_some(&mut [0; 4]).is_ok_and(|octets| octets > 0)
        });
    });
    let pause = street.host.log().wait_for("the pause", |line| line.message().starts_with("breaker: "));
    assert_eq!((pause.field("level").as_str(), pause.field("binding").as_str()), ("ERROR", "test:guest"));
    let is_trap = |line: &Line| line.is("ERROR", "a plugin trapped, its streams are closed");
    assert_eq!(street.host.log().matching(is_trap).len(), TRAPS_AT_ONCE + 1);
}

#[test]
fn plugins_that_crash_leave_memory_as_it_was() {
    // Each guest has its own row of traps, which ends before a pause.
    const GUESTS: usize = 10;
    let ports = Ports::range(GUESTS as u16);
    let mut yaml = "name: test\nbindings:\n".to_owned();
    for index in 0..GUESTS {
        let port = ports.at(index);
        yaml += &format!(
            "  north{index}: {{type: tcp, kind: server, options: {{host: 127.0.0.1, port: {port}}}, exit: guest{index}}}\n"
        );
        yaml += &format!("  guest{index}: {{type: trap, kind: server}}\n");
    }
    let host = Host::start(&yaml);
    let crash = || {
        for index in 0..GUESTS {
            let mut guest = Client::connect(ports.at(index));
            guest.echo("well");
            guest.send("panic");
            guest.expect_reset();
        }
        host.rss_kib()
    };
    let before = crash();
    let grown = (1..TRAPS_AT_ONCE).map(|_| crash()).max().unwrap_or_default().saturating_sub(before);
    assert!(grown < 4_000, "{} crashes cost {grown} KiB", GUESTS * (TRAPS_AT_ONCE - 1));
}

#[test]
fn a_loop_is_stopped_within_its_budget() {
    let street = Street::new("trap");
    street.disturb(|| {
        let mut guest = street.guest();
        let start = Instant::now();
        guest.send("spin");
        guest.expect_reset();
        assert!(start.elapsed() < Duration::from_secs(2), "it took {:?}", start.elapsed());
    });
    let trap = street.host.wait_for_trap("test:guest");
    assert_eq!(trap.field("reason"), "call-budget: a call took longer than 50 ms");
}

#[test]
fn whoever_waits_on_the_other_side_of_a_plugin_learns_of_its_trap() {
    // The stream that trap accepts is opened by http, which has an answer for its own client.
    let port = Ports::one();
    let host = Host::start(&config::http_echo(&port).replace("type: echo", "type: trap"));
    let ask =
        |body: &str| format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let mut client = HttpClient::connect(port.first());
    assert_eq!(client.ask(ask("well")).text(), "well");
    // Before the response has begun, it can be told in one; after that, the response is broken off.
    assert_eq!(client.ask(ask("panic")).head.status, 502);
    client.expect_end();
    let mut client = HttpClient::connect(port.first());
    client.send("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n4\r\nwell\r\n");
    assert!(client.head().is_chunked());
    client.send("5\r\npanic\r\n");
    assert_eq!(client.client().recv_to_end().1, End::Reset);
    host.log().wait_for_count("traps", 2, |line| {
        line.is("ERROR", "a plugin trapped, its streams are closed") && line.field("binding") == "test:south"
    });
    assert_eq!(HttpClient::connect(port.first()).ask(ask("again")).text(), "again");
}

#[test]
fn a_trap_in_detach_is_a_warning_and_no_failure() {
    let port = Ports::one();
    let mut host = Host::start(&config::tcp_echo(&port).replace("type: echo", "type: trap"));
    Client::connect(port.first()).echo("well");
    host.signal("TERM");
    assert!(host.wait().success());
    let line = host.log().wait_for_event("WARN", "a binding trapped while it was detached");
    assert_eq!(line.field("binding"), "test:south");
    assert!(line.field("trap").contains("detached in a panic"), "{line}");
}
