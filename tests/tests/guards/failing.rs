//! Guards that go wrong accept nobody, and cost nobody else anything.

use crate::site::Site;
use zilla_tests::until;

const GUARD: &str = "guards: {g: {type: say}}";

fn site() -> Site {
    Site::new(GUARD, &["guarded: {g: []}"])
}

#[test]
fn a_guard_that_traps_accepts_nobody_and_the_next_call_is_answered() {
    let site = site();
    let mut bystander = site.client();
    bystander.expect("ask g alice", "granted");
    bystander.expect("open", "opened");
    let mut client = site.client();
    client.expect("ask g panic", "unavailable");
    client.expect("open", "closed Unauthorized");
    let trap = site.host.log().wait_for("the trap", |line| line.message().starts_with("a guard trapped"));
    assert_eq!(trap.field("guard"), "test:g");
    assert!(trap.field("reason").contains("the credentials said so"), "{trap}");
    client.expect("ask g bob", "granted");
    client.expect("open", "opened");
    bystander.expect_open();
}

#[test]
fn the_budgets_of_a_guard_and_of_who_asks_it_are_two() {
    let plugins = "plugins: {ask: {call-budget: 20ms}, say: {call-budget: 200ms}}";
    let site = Site::new(&format!("{GUARD}\n{plugins}"), &["guarded: {g: []}"]);
    let mut client = site.client();
    // Both in one call of who asks.
    client.0.send("ask g spin\nask g spin\n");
    assert_eq!([client.line(), client.line()], ["unavailable", "unavailable"]);
    client.expect("ask g alice", "granted");
    client.expect("open", "opened");
    let trap = site.host.log().wait_for("the trap", |line| line.message().starts_with("a guard trapped"));
    assert_eq!(trap.field("reason"), "call-budget: a call took longer than 200 ms");
    assert!(site.host.log().matching(|line| line.message().starts_with("a plugin trapped")).is_empty());
}

#[test]
fn what_a_guard_may_say_and_be_asked_has_an_end() {
    let site = site();
    let mut client = site.client();
    client.expect("ask g alice roles=100000", "unavailable");
    let line = site.host.log().wait_for("the answer", |line| line.message().contains("malformed"));
    assert!(line.field("found").ends_with("at most 65536 are kept"), "{line}");
    client.expect("ask g alice roles=100", "granted");
    // What would make it trap, if it was asked.
    let panic = |octets| format!("ask g panic {}", "a".repeat(octets - "panic ".len()));
    assert_eq!(client.tell(&panic(64 << 10)), "unavailable");
    assert_eq!(client.tell(&panic((64 << 10) + 1)), "rejected");
}

#[test]
fn credentials_are_not_in_the_log() {
    let site = site();
    let mut client = site.client();
    client.expect("ask g nobody secret=hunter2", "rejected");
    client.expect("ask g panic secret=hunter2", "unavailable");
    client.expect("ask g alice roles=100000 secret=hunter2", "unavailable");
    site.host.log().wait_for("the answer", |line| line.message().contains("malformed"));
    assert!(site.host.log().matching(|line| line.to_string().contains("hunter2")).is_empty());
}

/// Traps that are each followed by a new instance at once.
const TRAPS_AT_ONCE: usize = 10;

#[test]
fn a_guard_that_traps_again_and_again_gets_a_pause() {
    let site = site();
    let mut client = site.client();
    client.expect("ask g known", "granted");
    for _ in 0..TRAPS_AT_ONCE {
        client.expect("ask g panic", "unavailable");
    }
    let pause = site.host.log().wait_for("the pause", |line| line.message().starts_with("breaker: "));
    assert_eq!(pause.field("guard"), "test:g");
    client.expect("ask g known", "granted");
    until("the pause is over", || client.tell("ask g alice") == "granted");
}
