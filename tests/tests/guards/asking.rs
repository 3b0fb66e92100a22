//! Bindings ask guards, and routes look at what these answered.

use crate::site::Site;

const GUARD: &str = "guards: {g: {type: say, options: {unknown: [mallory]}}}";

#[test]
fn a_route_is_for_those_whom_its_guard_knows() {
    let site = Site::new(GUARD, &["guarded: {g: [read]}"]);
    let mut client = site.client();
    client.expect("open", "closed Unauthorized");
    client.expect("ask g mallory", "rejected");
    client.expect("open", "closed Unauthorized");
    client.expect("ask g alice", "granted");
    client.expect("open", "closed Forbidden");
    client.expect("ask g alice roles=write,read", "granted");
    client.expect("open to=x", "opened to=x");
    client.expect_open();
    client.expect("ask h alice", "unknown guard");
    client.expect("ask other:g alice", "unknown guard");
    client.expect("ask test:g alice roles=read", "granted");
    client.expect("open", "opened");
}

#[test]
fn a_session_without_roles_suffices_where_none_is_asked_for() {
    let site = Site::new(GUARD, &["guarded: {g: []}"]);
    let mut client = site.client();
    client.expect("open", "closed Unauthorized");
    client.expect("ask g alice", "granted");
    client.expect("open", "opened");
}

#[test]
fn routes_fall_through_exactly_as_they_are_written() {
    let routes = [
        "when: [{to: x}], guarded: {g: [admin]}, with: {route: first}",
        "guarded: {g: []}, with: {route: second}",
        "with: {route: third}",
    ];
    let site = Site::new(GUARD, &routes);
    let mut client = site.client();
    client.expect("open to=x", "opened to=x route=third");
    client.expect("ask g alice", "granted");
    client.expect("open to=x", "opened to=x route=second");
    client.expect("ask g alice roles=admin", "granted");
    client.expect("open to=x", "opened to=x route=first");
    client.expect("open to=y", "opened to=y route=second");
}

#[test]
fn a_route_sets_what_its_guard_knows() {
    let with = "with: {user: \"${guarded['g'].identity}\", mail: \"<${guarded['g'].attributes.mail}>\"}";
    let site = Site::new(GUARD, &[with]);
    let mut client = site.client();
    client.expect("open", "opened mail=<> user=");
    client.expect("ask g alice mail=a@b", "granted");
    client.expect("open", "opened mail=<a@b> user=alice");
}

#[test]
fn an_authorization_that_was_not_granted_is_worth_nothing_and_is_told() {
    let site = Site::new(GUARD, &["guarded: {g: []}"]);
    let mut client = site.client();
    client.expect("forge 1", "forged");
    client.expect("open", "closed Unauthorized");
    let rule = "the authorization was not granted here";
    let line = site.host.log().wait_for("the violation", |line| line.field("rule") == rule);
    assert_eq!(line.field("binding"), "test:ask");
}
