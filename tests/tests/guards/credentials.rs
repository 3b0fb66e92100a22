//! What guards have to show to others: credentials of sessions, and their own.

use crate::site::Site;

/// A site whose binding may show what `g` has and not what `h` has, with these options of `g`.
fn site(options: &str) -> Site {
    Site::with_options(
        &format!("guards: {{g: {{type: say, options: {options}}}, h: {{type: say}}}}"),
        "{shows: [g]}",
    )
}

#[test]
fn they_are_those_of_the_session_or_else_of_the_guard_itself() {
    let site = site("{own: s3cret}");
    let mut client = site.client();
    client.expect("show g", "shown s3cret1");
    client.expect("ask g alice shows=t0ken", "granted");
    client.expect("show g", "shown t0ken");
    client.expect("show test:g", "shown t0ken");
    // Who has a session that has none does not get what is the guard's.
    client.expect("ask g bob", "granted");
    client.expect("show g", "rejected");
    // Of another guard, it is nobody's session.
    client.expect("ask h carol shows=t0ken", "granted");
    client.expect("show g", "shown s3cret1");
}

#[test]
fn a_guard_that_has_none_gives_none() {
    let site = site("{}");
    let mut client = site.client();
    client.expect("show g", "rejected");
    client.expect("ask g alice shows=t0ken", "granted");
    client.expect("show g", "shown t0ken");
}

#[test]
fn a_binding_gets_those_alone_of_guards_that_it_names() {
    let site = site("{}");
    let mut client = site.client();
    client.expect("ask h alice shows=t0ken", "granted");
    client.expect("show h", "unknown guard");
    client.expect("show i", "unknown guard");
}

#[test]
fn a_guard_that_fails_to_say_has_none_and_nothing_of_them_is_in_the_log() {
    for own in ["panic", "spin"] {
        let site = site(&format!("{{own: {own}}}"));
        let mut client = site.client();
        client.expect("show g", "unavailable");
        site.host.log().wait_for("the trap", |line| line.message().starts_with("a guard trapped"));
        client.expect("ask g alice shows=hunter2", "granted");
        client.expect("show g", "shown hunter2");
        client.expect("ask g alice roles=100000 shows=hunter2", "unavailable");
        site.host.log().wait_for("the answer", |line| line.message().contains("malformed"));
        assert!(site.host.log().matching(|line| line.to_string().contains("hunter2")).is_empty());
    }
}
