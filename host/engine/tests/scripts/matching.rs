use crate::script::*;
use zilla_engine::{CloseCode, Limits, Route, Routing};

const YES: Option<&[(&str, &str)]> = Some(&[]);
const NO: Option<&[(&str, &str)]> = None;

fn refused(id: u32, code: CloseCode) -> [String; 2] {
    [format!("{id} reset {}", code.value()), format!("{id} abort {}", code.value())]
}

/// A opens by these routes, which exit to B, C and D.
fn opener(routes: Vec<Route>) -> Script {
    let none = || binding(Routing::None, vec![]);
    Script::new(limits(), vec![binding(Routing::Opened, routes), none(), none(), none()])
}

#[test]
fn a_stream_waits_for_the_verdict_and_what_is_sent_on_it_follows_in_order() {
    let mut script = opener(vec![matched(when("to", "x", B), 0, 0), exit(C)]);
    script.send(A, [begin(2).with("to", "x"), data(2, "hi"), window(2, 3), flush(2), data(2, "ho"), end(2)]);
    script.recv_nothing(B);
    assert_eq!(script.engine.next_ready(), None, "nobody has anything to get");
    assert_eq!(script.questions(), ["0.0 - to=x"]);
    script.answer(&[YES]);
    assert!(!script.engine.has_questions());
    let lines = ["1 begin to=x", "1 data hi", "1 window 3", "1 flush", "1 data ho", "1 end"];
    assert_eq!(script.recv(B), lines);
    script.send(B, [begin(1), data(1, "yo"), end(1)]);
    assert_eq!(script.recv(A), ["2 begin", "2 data yo", "2 end"]);
    script.assert_over();
}

#[test]
fn matchers_are_asked_of_what_the_predicates_let_pass_and_of_all_such_streams_together() {
    let mut script =
        opener(vec![matched(when("to", "x", B), 0, 0), matched(when("to", "y", B), 1, 0), exit(C)]);
    let to = |id, to| begin(id).with("to", to);
    script.send(A, [to(2, "x"), to(4, "z"), to(6, "y"), to(8, "x")]);
    assert_eq!(script.recv(C), ["1 begin to=z"]);
    assert_eq!(script.questions(), ["0.0 - to=x", "1.0 - to=y", "0.0 - to=x"]);
    script.answer(&[NO, YES, YES]);
    assert_eq!(script.recv(C), ["3 begin to=x"]);
    assert_eq!(script.recv(B), ["1 begin to=y", "3 begin to=x"]);
    assert_eq!(script.broken(), []);
}

#[test]
fn what_any_route_needs_is_asked_at_once_and_only_before_the_first_that_needs_nothing() {
    let both = matched(matched(exit(B), 0, 0), 1, 0);
    let mut script = opener(vec![both, matched(exit(C), 0, 1), exit(D), matched(exit(B), 0, 2)]);
    for (verdicts, taken) in
        [([YES, YES, NO], B), ([YES, NO, YES], C), ([NO, YES, YES], C), ([YES, NO, NO], D)]
    {
        script.send(A, [begin(2)]);
        assert_eq!(script.questions(), ["0.0 -", "1.0 -", "0.1 -"]);
        script.answer(&verdicts);
        assert_eq!(script.recv(taken).len(), 1);
        script.send(A, [abort(2, 0), reset(2, 0)]);
        script.recv(taken);
    }
}

#[test]
fn a_missing_verdict_is_none_and_without_a_route_the_stream_is_refused() {
    let mut script = opener(vec![matched(exit(B), 0, 0)]);
    script.send(A, [begin(2), data(2, "x"), begin(4)]);
    script.answer(&[NO]);
    let no_route = |id| refused(id, CloseCode::NoRoute);
    assert_eq!(script.recv(A), [no_route(2), no_route(4)].concat());
    script.send(A, [data(2, "late"), begin(4)]);
    script.answer(&[YES]);
    assert_eq!(script.recv(B), ["1 begin"]);
}

#[test]
fn parameters_of_matchers_go_before_those_of_the_condition() {
    let mut script =
        opener(vec![set(matched(when("to", "x", B), 0, 0), "is", "${params.who}-${params.none}")]);
    script.send(A, [begin(2).with("to", "x")]);
    script.answer(&[Some(&[("who", "tester"), ("who", "other")])]);
    assert_eq!(script.recv(B), ["1 begin to=x is=tester-"]);
}

#[test]
fn guards_go_before_matchers_which_know_the_identity() {
    let mut script = opener(vec![matched(guarded(exit(B), "n:g", &["read"]), 0, 0), exit(C)]);
    let alice = script.grant(session(1, "alice", &["read"]));
    script.send(A, [begin(2), begin(4).value(alice)]);
    assert_eq!(script.recv(C), ["1 begin"]);
    assert_eq!(script.questions(), ["0.0 alice"]);
    script.answer(&[YES]);
    assert_eq!(script.recv(B), [format!("1 begin {alice}")]);
}

#[test]
fn an_acceptor_that_routes_what_arrives_asks_about_what_the_opener_has_set() {
    let bindings = vec![
        binding(Routing::Opened, vec![set(matched(exit(B), 0, 0), "by", "a")]),
        binding(Routing::Accepted, vec![matched(exit(C), 1, 0), exit(D)]),
        binding(Routing::None, vec![]),
        binding(Routing::None, vec![]),
    ];
    let mut script = Script::new(limits(), bindings);
    script.send(A, [begin(2), data(2, "hi"), begin(4)]);
    assert_eq!(script.questions(), ["0.0 -", "0.0 -"]);
    script.answer(&[YES, YES]);
    script.recv_nothing(B);
    assert_eq!(script.questions(), ["1.0 - by=a", "1.0 - by=a"]);
    script.answer(&[YES, NO]);
    assert_eq!(script.recv(B), ["1 begin by=a", "3 begin link=1 by=a", "1 data hi"]);
    script.send(B, [begin(2).link(1), begin(4).link(3)]);
    assert_eq!((script.recv(C).len(), script.recv(D).len()), (1, 1));
    assert_eq!(script.broken(), []);
}

#[test]
fn a_stream_that_is_over_before_the_verdict_reaches_nobody() {
    let mut script = opener(vec![matched(exit(B), 0, 0)]);
    script.send(A, [begin(2), data(2, "x"), abort(2, 0), reset(2, 0), begin(4)]);
    script.engine.fail(A, CloseCode::Crashed);
    script.answer(&[YES, YES]);
    script.recv_nothing(B);
    script.recv_nothing(A);
    script.assert_over();
    // Half of it is enough to go on.
    let mut script = opener(vec![matched(exit(B), 0, 0)]);
    script.send(A, [begin(2), abort(2, 9)]);
    script.answer(&[YES]);
    assert_eq!(script.recv(B), ["1 begin", "1 abort 9"]);
}

#[test]
fn limits_hold_before_and_after_the_verdict() {
    let mut script = opener(vec![matched(exit(B), 0, 0), exit(B)]);
    for _ in 0..2 {
        let ids = (1..8).map(|id| begin(2 * id));
        script.send(A, ids);
        script.answer(&[YES; 7]);
        assert_eq!(script.recv(B).len(), 7);
        script.send(A, (1..8).flat_map(|id| [abort(2 * id, 0), reset(2 * id, 0)]));
        assert_eq!(script.recv(B).len(), 14);
    }
    let bindings = vec![
        binding(Routing::Opened, vec![matched(exit(B), 0, 0)]),
        zilla_engine::Binding {
            quota: Some(Limits { streams: 1, ..limits() }.quota()),
            ..binding(Routing::None, vec![])
        },
    ];
    let mut script = Script::new(limits(), bindings);
    script.send(A, [begin(2), begin(4)]);
    script.answer(&[YES, YES]);
    assert_eq!(script.recv(A), refused(4, CloseCode::Limit));
    assert_eq!(script.recv(B), ["1 begin"]);
    assert_eq!(script.engine.take_limits_met().len(), 1);
}

#[test]
fn payload_that_waits_is_within_the_credit() {
    let mut script = opener(vec![matched(exit(B), 0, 0)]);
    script.send(A, [begin(2), data(2, "0123456789"), data(2, "x")]);
    assert_eq!(script.broken().len(), 1);
    script.answer(&[YES]);
    script.recv_nothing(B);
    assert_eq!(script.recv(A).len(), 2);
}
