//! Sessions last as long as their guard says, and what it has said is not asked for again.

use crate::site::{Asker, Site, yaml};
use std::fs;
use zilla_tests::{Host, Ports};

const GUARD: &str = "guards: {g: {type: say}}";

/// Says how often the guard's instance was asked when it answered.
const CALLS: &str = "guarded: {g: []}, with: {calls: \"${guarded['g'].attributes.calls}\"}";

#[test]
fn a_stream_ends_with_its_session_and_only_that_one_does() {
    let site = Site::new(GUARD, &["guarded: {g: []}"]);
    let (mut short, mut long) = (site.client(), site.client());
    long.expect("ask g bob expires=60000", "granted");
    long.expect("open", "opened");
    short.expect("ask g alice expires=300", "granted");
    short.expect("open", "opened");
    short.expect_open();
    assert_eq!(short.line(), "closed Unauthorized");
    short.expect("open", "closed Unauthorized");
    short.expect("ask g alice expires=0", "rejected");
    long.expect_open();
}

#[test]
fn new_credentials_renew_a_session_that_asks_for_them() {
    let site = Site::new(GUARD, &["guarded: {g: []}"]);
    let (mut renewed, mut lesser, mut clock) = (site.client(), site.client(), site.client());
    renewed.expect("ask g alice roles=a expires=1000 challenge=50", "granted");
    renewed.expect("open", "opened");
    lesser.expect("ask g bob roles=a expires=1000 challenge=50", "granted");
    lesser.expect("open", "opened");
    assert_eq!((renewed.line(), lesser.line()), ("challenge".to_owned(), "challenge".to_owned()));
    renewed.expect("ask g alice roles=a,b expires=60000 challenge=50000", "granted");
    lesser.expect("ask g bob roles=b expires=60000 challenge=50000", "granted");
    clock.expect("ask g clock expires=1200", "granted");
    clock.expect("open", "opened");
    assert_eq!(lesser.line(), "closed Unauthorized", "a role is missing, so it was not renewed");
    assert_eq!(clock.line(), "closed Unauthorized");
    renewed.expect_open();
}

/// Connections of which, with certainty enough, some come to each of two workers.
const MANY: usize = 8;

#[test]
fn a_session_is_renewed_at_a_binding_with_one_instance_as_well() {
    let ports = Ports::range(1);
    let yaml = yaml(ports.first(), GUARD, &[""]).replacen("{type: echo", "{type: everyone", 1);
    let site = Site { host: Host::with(&["--workers", "2"]).start(&yaml), ports };
    let mut clients: Vec<_> = (0..MANY).map(|_| site.client()).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        client.expect(&format!("ask g user{number} expires=6000 challenge=1500"), "granted");
        client.expect("open", "opened");
    }
    let mut lost = site.client();
    lost.expect("ask g lost expires=6000", "granted");
    lost.expect("open", "opened");
    for (number, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.line(), "challenge");
        client.expect(&format!("ask g user{number} expires=60000 challenge=50000"), "granted");
    }
    assert_eq!(lost.line(), "closed Unauthorized", "the time is over that all began with");
    clients.iter_mut().for_each(Asker::expect_open);
}

#[test]
fn a_guard_is_asked_once_for_the_same_credentials() {
    let site = Site::new(GUARD, &[CALLS]);
    let (mut one, mut other) = (site.client(), site.client());
    for client in [&mut one, &mut other] {
        for _ in 0..3 {
            client.expect("ask g alice", "granted");
            client.expect("open", "opened calls=1");
        }
    }
    one.expect("ask g bob", "granted");
    one.expect("open", "opened calls=2");
    one.expect("ask g alice", "granted");
    one.expect("open", "opened calls=1");
}

/// Applies another file.
#[track_caller]
fn apply(site: &Site, text: &str) {
    fs::write(site.host.folder().join("zilla.yaml"), text).expect("the file can be written");
    let is_applied = |line: &zilla_tests::Line| line.is("INFO", "applied");
    let before = site.host.log().matching(is_applied).len();
    site.host.signal("HUP");
    site.host.log().wait_for_count("the change is applied", before + 1, is_applied);
}

#[test]
fn a_guard_that_stays_knows_what_it_has_said_and_one_that_changes_is_asked_again() {
    let site = Site::new(GUARD, &[CALLS]);
    let mut before = site.client();
    before.expect("ask g alice", "granted");
    before.expect("open", "opened calls=1");

    let other_routes = CALLS.replace("with: {", "with: {new: \"yes\", ");
    apply(&site, &yaml(site.ports.first(), GUARD, &[&other_routes]));
    let mut client = site.client();
    client.expect("ask g alice", "granted");
    client.expect("open", "opened calls=1 new=yes");
    client.expect("ask g bob", "granted");
    client.expect("open", "opened calls=2 new=yes");
    before.expect_open();
}

#[test]
fn a_change_of_a_guard_counts_for_new_streams() {
    let site = Site::new(GUARD, &["guarded: {g: []}"]);
    let mut before = site.client();
    before.expect("ask g alice", "granted");
    before.expect("open", "opened");
    let strict = "guards: {g: {type: say, options: {unknown: [alice]}}}";
    apply(&site, &yaml(site.ports.first(), strict, &["guarded: {g: []}"]));
    site.client().expect("ask g alice", "rejected");
    before.expect_open();
}
