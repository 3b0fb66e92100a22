use crate::script::*;
use zilla_engine::limits::AUTHORIZATIONS_MAX;
use zilla_engine::{CloseCode, Route, Routing, Rule, Session};

fn refused(id: u32, code: CloseCode) -> [String; 2] {
    [format!("{id} reset {}", code.value()), format!("{id} abort {}", code.value())]
}

/// What an end that has not answered sees when a stream is closed.
fn closed(id: u32, code: CloseCode) -> [String; 2] {
    [format!("{id} abort {}", code.value()), format!("{id} reset {}", code.value())]
}

/// A opens by these routes, which exit to B, C and D.
fn opener(routes: Vec<Route>) -> Script {
    let none = || binding(Routing::None, vec![]);
    Script::new(limits(), vec![binding(Routing::Opened, routes), none(), none(), none()])
}

fn until(session: Session, challenge: u64, expires: u64) -> Session {
    Session { challenge_unix_ms: Some(challenge), expires_unix_ms: Some(expires), ..session }
}

fn of(guard: &str, session: Session) -> Session {
    Session { guard: guard.into(), ..session }
}

#[test]
fn routes_are_tried_in_the_order_of_the_file_guards_first() {
    let mut script =
        opener(vec![guarded(when("to", "x", B), "n:g", &["admin"]), guarded(exit(C), "n:g", &[]), exit(D)]);
    let admin = script.grant(session(1, "alice", &["read", "admin"]));
    let reader = script.grant(session(2, "bob", &["read"]));
    script.send(A, [begin(2).with("to", "x").value(admin), begin(4).with("to", "y").value(admin)]);
    assert_eq!(script.recv(B), [format!("1 begin {admin} to=x")]);
    assert_eq!(script.recv(C), [format!("1 begin {admin} to=y")]);
    script.send(A, [begin(6).with("to", "x").value(reader), begin(8).with("to", "x")]);
    assert_eq!(script.recv(C), [format!("3 begin {reader} to=x")], "a weaker route is taken as written");
    assert_eq!(script.recv(D), ["1 begin to=x"]);
}

#[test]
fn all_guards_of_a_route_and_all_roles_are_asked_for() {
    let both = guarded(guarded(exit(B), "n:g", &["a", "b"]), "n:h", &["c"]);
    let mut script = opener(vec![both]);
    let g = script.grant(session(1, "alice", &["b", "a", "more"]));
    let partly = script.grant(session(2, "alice", &["a"]));
    let h = script.grant(of("n:h", session(3, "key", &["c"])));
    script.send(A, [begin(2).value(g)]);
    assert_eq!(script.recv(A), refused(2, CloseCode::Unauthorized), "there is none of the other guard");
    script.send(A, [begin(2).value(partly)]);
    assert_eq!(script.recv(A), refused(2, CloseCode::Unauthorized));
    script.send(A, [begin(2).value(h)]);
    assert_eq!(script.recv(A), refused(2, CloseCode::Unauthorized));
    script.recv_nothing(B);
}

#[test]
fn a_refusal_says_whether_there_was_no_session_or_one_that_does_not_suffice() {
    let mut script = opener(vec![
        guarded(when("to", "x", B), "n:g", &["admin"]),
        guarded(when("to", "both", B), "n:g", &["admin"]),
        guarded(when("to", "both", B), "n:h", &[]),
    ]);
    let reader = script.grant(session(1, "bob", &["read"]));
    for (to, authorization, code) in [
        ("x", 0, CloseCode::Unauthorized),
        ("x", reader, CloseCode::Forbidden),
        ("none", reader, CloseCode::NoRoute),
        ("none", 0, CloseCode::NoRoute),
        // Other credentials may help.
        ("both", reader, CloseCode::Unauthorized),
    ] {
        script.send(A, [begin(2).with("to", to).value(authorization)]);
        assert_eq!(script.recv(A), refused(2, code), "{to}");
    }
    assert_eq!(script.broken(), []);
}

#[test]
fn an_authorization_that_was_not_granted_refuses_and_is_a_violation() {
    let mut script = opener(vec![exit(B)]);
    let granted = script.grant(session(1, "alice", &[]));
    for forged in [1, granted ^ 1 << 24, granted + 1, u64::MAX] {
        script.send(A, [begin(2).value(forged), data(2, "x")]);
        assert_eq!(script.recv(A), refused(2, CloseCode::Unauthorized));
        assert_eq!(script.broken(), [Rule::Authorization]);
    }
    script.recv_nothing(B);
    script.assert_over();
}

#[test]
fn the_same_session_is_the_same_authorization() {
    let mut script = opener(vec![exit(B)]);
    let first = script.grant(session(1, "alice", &[]));
    assert_eq!(script.grant(session(1, "alice", &[])), first);
    assert_ne!(script.grant(session(2, "alice", &[])), first);
}

#[test]
fn a_link_lends_its_authorization_and_what_is_brought_is_added() {
    let opener = |to| binding(Routing::Opened, vec![exit(to)]);
    let both = guarded(guarded(exit(D), "n:g", &[]), "n:h", &[]);
    let bindings =
        vec![opener(B), opener(C), binding(Routing::Opened, vec![both]), binding(Routing::None, vec![])];
    let mut script = Script::new(limits(), bindings);
    let g = script.grant(session(1, "alice", &[]));
    let h = script.grant(of("n:h", session(2, "key", &[])));
    script.send(A, [begin(2).value(g)]);
    script.recv(B);
    script.send(B, [begin(2).link(1), begin(4).link(1).value(h), begin(6).value(h), begin(8)]);
    let lines = script.recv(C);
    let both = lines[1].strip_prefix("3 begin ").expect("it carries both").to_owned();
    assert_eq!(
        [lines[0].as_str(), &lines[2], &lines[3]],
        [&format!("1 begin {g}"), &format!("5 begin {h}"), "7 begin"]
    );
    script.send(
        C,
        [begin(2).link(1), begin(4).link(3), begin(6).link(5), begin(8).value(both.parse().unwrap())],
    );
    assert_eq!(script.recv(D), [format!("1 begin {both}"), format!("3 begin {both}")]);
    assert_eq!(script.broken(), []);
}

#[test]
fn of_two_sessions_of_one_guard_the_one_that_is_brought_counts() {
    let opener = |to, roles| binding(Routing::Opened, vec![guarded(exit(to), "n:g", roles)]);
    let bindings = vec![opener(B, &[]), opener(C, &["admin"]), binding(Routing::None, vec![])];
    let mut script = Script::new(limits(), bindings);
    let admin = script.grant(session(1, "alice", &["admin"]));
    let reader = script.grant(session(2, "bob", &["read"]));
    script.send(A, [begin(2).value(admin)]);
    script.recv(B);
    script.send(B, [begin(2).link(1), begin(4).link(1).value(reader)]);
    assert_eq!(script.recv(C), [format!("1 begin {admin}")]);
    assert_eq!(script.recv(B), refused(4, CloseCode::Forbidden));
}

#[test]
fn a_route_sets_attributes_from_what_a_guard_knows() {
    let mut script = opener(vec![set(exit(B), "user", "${guarded['g'].identity}/${guarded['h'].identity}")]);
    let alice = script.grant(session(1, "alice", &[]));
    script.send(A, [begin(2).value(alice), begin(4)]);
    assert_eq!(script.recv(B), [format!("1 begin {alice} user=alice/"), "3 begin user=/".to_owned()]);
}

#[test]
fn a_session_that_is_over_closes_what_carries_it_and_nothing_else() {
    let mut script = Script::chain();
    let short = script.grant(until(session(1, "alice", &[]), 999, 100));
    let long = script.grant(until(session(2, "bob", &[]), 999, 200));
    script.send(A, [begin(2).value(short), begin(4).value(long), begin(6)]);
    script.recv(B);
    script.send(B, [begin(2).link(1)]);
    script.recv(C);
    assert_eq!(script.engine.authorizations().next_unix_ms(), Some(100));
    script.engine.expire(99);
    script.recv_nothing(A);
    script.engine.expire(100);
    assert_eq!(script.recv(A), refused(2, CloseCode::Unauthorized));
    assert_eq!(script.recv(C), closed(1, CloseCode::Unauthorized));
    assert_eq!(script.recv(B).len(), 4, "both ends that it has");
    script.engine.expire(50);
    script.send(A, [begin(2).value(short)]);
    assert_eq!(script.recv(A), refused(2, CloseCode::Unauthorized), "the clock went back, and it is over");
    assert_eq!(script.broken(), [], "who used it could not know");
    script.send(A, [data(4, "x")]);
    assert_eq!(script.recv(B), ["3 data x"]);
}

#[test]
fn who_brought_a_session_is_asked_for_new_credentials_once() {
    let mut script = Script::chain();
    let alice = script.grant(until(session(1, "alice", &[]), 50, 100));
    script.send(A, [begin(2).value(alice), end(2)]);
    script.recv(B);
    script.send(B, [begin(1), begin(2).link(1)]);
    script.recv(C);
    script.engine.expire(50);
    assert_eq!(script.recv(A), ["2 begin", "2 challenge"], "also where its own direction is over");
    script.recv_nothing(B);
    script.recv_nothing(C);
    script.engine.expire(60);
    script.recv_nothing(A);
}

#[test]
fn new_credentials_renew_what_asks_for_them_and_may_do_no_less() {
    let mut script = Script::chain();
    let old = script.grant(until(session(1, "alice", &["read"]), 50, 100));
    let admin = script.grant(until(session(2, "alice", &["admin"]), 50, 100));
    let other = script.grant(until(session(3, "bob", &["read"]), 50, 100));
    script.send(A, [begin(2).value(old), begin(4).value(admin), begin(6).value(other)]);
    script.recv(B);
    let fresh = std::sync::Arc::new(until(session(4, "alice", &["write", "read"]), 150, 200));
    script.engine.authorizations().renew(&fresh, 49);
    script.engine.expire(50);
    assert_eq!(
        script.recv(A),
        ["2 challenge", "4 challenge", "6 challenge"],
        "too early, nothing was asked for"
    );
    script.engine.authorizations().renew(&fresh, 60);
    script.engine.expire(100);
    let unauthorized = |id| closed(id, CloseCode::Unauthorized);
    assert_eq!(script.recv(B), [unauthorized(3), unauthorized(5)].concat());
    assert_eq!(script.recv(A).len(), 4);
    script.engine.expire(150);
    assert_eq!(script.recv(A), ["2 challenge"]);
    script.send(A, [begin(4).value(old)]);
    assert_eq!(script.recv(B), [format!("7 begin {old}")], "its number is the same");
    script.engine.expire(200);
    assert_eq!(script.recv(B), [unauthorized(1), unauthorized(7)].concat());
}

#[test]
fn where_there_is_no_room_the_longest_idle_goes_and_what_is_carried_stays() {
    let mut script = opener(vec![exit(B)]);
    let carried = script.grant(session(0, "carried", &[]));
    script.send(A, [begin(2).value(carried)]);
    let numbers: Vec<u64> =
        (1..AUTHORIZATIONS_MAX as u64).map(|number| script.grant(session(number, "idle", &[]))).collect();
    assert_eq!(script.grant(session(1, "idle", &[])), numbers[0], "it is of use again");
    script.grant(session(1 << 40, "one more", &[]));
    assert_eq!(script.engine.authorizations().len(), AUTHORIZATIONS_MAX);
    script.send(A, [begin(4).value(numbers[1]), begin(6).value(numbers[0]), begin(8).value(carried)]);
    assert_eq!(script.recv(A), refused(4, CloseCode::Unauthorized));
    assert_eq!(script.recv(B).len(), 3);
}
