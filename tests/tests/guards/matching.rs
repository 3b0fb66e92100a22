//! Routes ask matchers about new streams.

use crate::site::{Asker, Site};
use std::net::Ipv4Addr;
use zilla_tests::{Client, Host, Ports, until};

const MATCHER: &str = "matchers: {m: {type: word}}";

const ROUTES: [&str; 2] = [
    "when: [{to: x, matched: {m: {starts: be}}}, {matched: {m: {starts: ko}}}], with: {rest: \"<${params.rest}>\", who: \"${params.who}\"}",
    "with: {route: last}",
];

#[test]
fn a_route_is_for_streams_that_its_matcher_knows() {
    let site = Site::new(MATCHER, &ROUTES);
    let mut client = site.client();
    client.expect("open to=x word=beta", "opened to=x word=beta rest=<ta> who=nobody");
    client.expect_open();
    client.expect("open to=y word=beta", "opened to=y word=beta route=last");
    client.expect("open word=koala", "opened word=koala rest=<ala> who=nobody");
    client.expect("open to=x", "opened to=x route=last");
}

#[test]
fn without_another_route_there_is_none() {
    let site = Site::new(MATCHER, &ROUTES[..1]);
    let mut client = site.client();
    client.expect("open word=alpha", "closed NoRoute");
    client.expect("open word=koala", "opened word=koala rest=<ala> who=nobody");
}

#[test]
fn a_matcher_knows_for_whom_a_stream_is_open() {
    let site = Site::new("guards: {g: {type: say}}\nmatchers: {m: {type: word}}", &ROUTES);
    let mut client = site.client();
    client.expect("ask g alice", "granted");
    client.expect("open word=koala", "opened word=koala rest=<ala> who=alice");
}

#[test]
fn a_route_of_a_native_binding_asks_as_well() {
    let ports = Ports::range(2);
    let mut yaml =
        "name: test\nmatchers: {m: {type: word, options: {attribute: source}}}\nbindings:\n".to_owned();
    yaml += "  echo: {type: echo, kind: server}\n";
    for (name, port, starts) in [("near", ports.first(), "127.0.0.1"), ("far", ports.last(), "192.0.2.1")] {
        let options = format!("{{host: 127.0.0.1, port: {port}}}");
        let route = format!("{{when: [{{matched: {{m: {{starts: \"{starts}\"}}}}}}], exit: echo}}");
        yaml += &format!("  {name}: {{type: tcp, kind: server, options: {options}, routes: [{route}]}}\n");
    }
    let _host = Host::start(&yaml);
    Client::connect(ports.first()).echo("here");
    Client::expect_reset_at(Ipv4Addr::LOCALHOST.into(), ports.last());
}

#[test]
fn a_matcher_that_traps_or_never_answers_matches_nothing_and_recovers() {
    let site = Site::new(MATCHER, &ROUTES);
    let mut client = site.client();
    for (word, reason) in [("panic", "the word said so"), ("spin", "call-budget")] {
        client.expect(&format!("open to=x word={word}"), &format!("opened to=x word={word} route=last"));
        client.expect("open word=koala", "opened word=koala rest=<ala> who=nobody");
        let line = site.host.log().wait_for("the trap", |line| line.field("reason").contains(reason));
        assert_eq!((line.field("matcher").as_str(), line.field("queries").as_str()), ("test:m", "2"));
    }
}

/// Traps that are each followed by a new instance at once.
const TRAPS_AT_ONCE: usize = 10;

#[test]
fn a_matcher_that_traps_again_and_again_gets_a_pause() {
    let site = Site::new(MATCHER, &ROUTES);
    let mut client = site.client();
    for _ in 0..TRAPS_AT_ONCE {
        client.expect("open to=x word=panic", "opened to=x word=panic route=last");
    }
    let pause = site.host.log().wait_for("the pause", |line| line.message().starts_with("breaker: "));
    assert_eq!(pause.field("matcher"), "test:m");
    recovers(&mut client);
}

#[track_caller]
fn recovers(client: &mut Asker) {
    until("the pause is over", || {
        client.tell("open word=koala") == "opened word=koala rest=<ala> who=nobody"
    });
}
