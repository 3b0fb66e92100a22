//! What `zilla.yaml` may say, and what it is compiled to.

use binding_http::Http;
use zilla_sdk::testing::*;
use zilla_sdk::{Condition, Predicate, Test};

fn compiled(yaml: &str) -> Harness<Http> {
    Harness::attach(yaml).unwrap()
}

fn is(attribute: &str, value: &str) -> Predicate {
    Predicate::new(attribute, Test::Equals(value.to_owned()))
}

fn like(attribute: &str, pattern: &str) -> Predicate {
    Predicate::new(attribute, Test::Wildcard(pattern.to_owned()))
}

fn captures(attribute: &str, pattern: &str) -> Predicate {
    Predicate::new(attribute, Test::Template(pattern.to_owned()))
}

fn shown(conditions: &[Condition]) -> String {
    format!("{conditions:?}")
}

#[test]
fn a_path_is_matched_with_and_without_a_query() {
    for (path, any) in [
        ("/a", vec![vec![is(":path", "/a")], vec![like(":path", "/a?*")]]),
        ("/*/b", vec![vec![like(":path", "/*/b")], vec![like(":path", "/*/b?*")]]),
        ("/a*", vec![vec![like(":path", "/a*")]]),
        ("/a/{id}", vec![vec![captures(":path", "/a/{id}")], vec![captures(":path", "/a/{id}?*")]]),
        ("/a/{id}*", vec![vec![captures(":path", "/a/{id}*")]]),
        ("/a.+(b)", vec![vec![is(":path", "/a.+(b)")], vec![like(":path", "/a.+(b)?*")]]),
    ] {
        let yaml =
            format!("{{kind: server, routes: [{{when: [{{headers: {{':path': '{path}'}}}}], exit: a}}]}}");
        assert_eq!(shown(&compiled(&yaml).routes()[0].when), shown(&[Condition { any }]), "{path}");
    }
}

#[test]
fn all_headers_of_a_condition_and_any_condition_of_a_route() {
    let harness = compiled(
        "{kind: server, exit: b, routes: [{exit: a, when: [{headers: {':authority': 'a:80', ':path': /x, X-Y: 'z*'}}, {}]}]}",
    );
    let common = [is(":authority", "a:80"), is(":path", "/x"), like("x-y", "z*")];
    let mut with_query = common.clone();
    with_query[1] = like(":path", "/x?*");
    let conditions =
        [Condition { any: vec![common.to_vec(), with_query.to_vec()] }, Condition { any: vec![vec![]] }];
    let mut sorted = harness.routes()[0].when.clone();
    for all in sorted.iter_mut().flat_map(|condition| &mut condition.any) {
        all.sort_by(|a, b| a.attribute.cmp(&b.attribute));
    }
    assert_eq!(shown(&sorted), shown(&conditions));
    assert!(harness.routes()[1].when.is_empty());
}

#[test]
fn overrides_of_the_options_are_set_before_those_of_the_route() {
    let harness = compiled(
        "{kind: server, exit: b, options: {overrides: {':authority': 'x:80'}}, routes: [{exit: a, \
         when: [{headers: {':path': '/a/{id}'}}], with: {headers: {overrides: {X-Id: 'i-${params.id}', who: \"${guarded['g'].identity}\"}}}}]}",
    );
    let set = |index: usize| -> Vec<_> {
        let set = harness.routes()[index].set.iter();
        set.map(|assignment| (assignment.attribute.as_str(), assignment.template.as_str())).collect()
    };
    let expected = [(":authority", "x:80"), ("x-id", "i-${params.id}"), ("who", "${guarded['g'].identity}")];
    assert_eq!(set(0), expected);
    assert_eq!(set(1), [(":authority", "x:80")]);
}

#[test]
fn a_route_may_ask_for_parameters_of_matchers() {
    // The host keeps `matched` for itself, and says whether there is what is asked for.
    let harness = compiled(
        "{kind: server, routes: [{when: [{headers: {':path': /a}}], with: {headers: {overrides: {a: '${params.x}'}}}}]}",
    );
    assert_eq!(harness.routes()[0].set[0].template, "${params.x}");
}

#[test]
fn what_is_wrong_is_refused_with_its_place() {
    for (yaml, path) in [
        ("{kind: proxy}", "/kind"),
        ("{kind: server, options: {versions: []}}", "/options/versions"),
        ("{kind: server, options: {versions: [http/3]}}", "/options"),
        ("{kind: server, options: {access-control: {policy: any}}}", "/options"),
        ("{kind: server, options: {forwarded: {headers: [via]}}}", "/options"),
        ("{kind: server, options: {via: 'a b'}}", "/options/via"),
        ("{kind: server, options: {expect: never}}", "/options"),
        ("{kind: server, options: {upgrade: ['a/b c']}}", "/options/upgrade/0"),
        ("{kind: server, options: {authorization: {}}}", "/options/authorization"),
        ("{kind: server, options: {requests: []}}", "/options"),
        ("{kind: server, options: {limits: {header-count: 129}}}", "/options/limits/header-count"),
        ("{kind: server, options: {limits: {header-bytes: 0}}}", "/options/limits/header-bytes"),
        ("{kind: server, options: {limits: {request-line-bytes: 1}}}", "/options/limits/request-line-bytes"),
        ("{kind: server, options: {limits: {body-bytes: -1}}}", "/options"),
        ("{kind: server, options: {limits: {h2: {frame-bytes: 16383}}}}", "/options/limits/h2/frame-bytes"),
        ("{kind: server, options: {limits: {h2: {resets: 0}}}}", "/options/limits/h2/resets"),
        ("{kind: server, options: {timeouts: {idle: 1}}}", "/options"),
        ("{kind: server, options: {overrides: {host: a}}}", "/options/overrides/host"),
        ("{kind: server, options: {overrides: {a: '${params.x}'}}}", "/options/overrides/a"),
        ("{kind: server, options: {overrides: {a/b: c}}}", "/options/overrides/a~1b"),
        ("{kind: server, options: {overrides: {':protocol': c}}}", "/options/overrides/:protocol"),
        ("{kind: server, routes: [{when: [{path: /}]}]}", "/routes/0/when/0"),
        (
            "{kind: server, routes: [{}, {when: [{}, {headers: {':path': '/{'}}]}]}",
            "/routes/1/when/1/headers/:path",
        ),
        ("{kind: server, routes: [{when: [{headers: {':path': '/{}'}}]}]}", "/routes/0/when/0/headers/:path"),
        (
            "{kind: server, routes: [{when: [{headers: {':path': '/{a1}'}}]}]}",
            "/routes/0/when/0/headers/:path",
        ),
        (
            "{kind: server, routes: [{when: [{headers: {':path': '/{a}{a}'}}]}]}",
            "/routes/0/when/0/headers/:path",
        ),
        ("{kind: server, routes: [{when: [{headers: {':port': '1'}}]}]}", "/routes/0/when/0/headers/:port"),
        ("{kind: server, routes: [{when: [{headers: {host: a}}]}]}", "/routes/0/when/0/headers/host"),
        ("{kind: server, routes: [{with: {headers: {}, path: x}}]}", "/routes/0/with"),
        (
            "{kind: server, routes: [{with: {headers: {overrides: {a: '${params.x'}}}}]}",
            "/routes/0/with/headers/overrides/a",
        ),
        (
            "{kind: server, routes: [{with: {headers: {overrides: {a: '${env.x}'}}}}]}",
            "/routes/0/with/headers/overrides/a",
        ),
        (
            "{kind: server, routes: [{with: {headers: {overrides: {a: \"b\\r\\nc\"}}}}]}",
            "/routes/0/with/headers/overrides/a",
        ),
    ] {
        let errors = Harness::<Http>::attach(yaml).unwrap_err();
        assert_eq!(errors[0].path, path, "{yaml}: {errors:?}");
        assert!(!errors[0].expected.is_empty() && !errors[0].found.is_empty(), "{yaml}: {errors:?}");
    }
}

#[test]
fn a_condition_may_look_at_the_protocol() {
    compiled("{kind: server, routes: [{exit: a, when: [{headers: {':protocol': websocket}}]}]}");
}

#[test]
fn any_version_may_be_served() {
    for versions in ["http/1.1, h2", "h2, http/1.1", "h2", "http/1.1"] {
        for more in [
            "",
            ", access-control: {}, expect: pass, forwarded: {headers: [forwarded]}, via: a, upgrade: [b]",
        ] {
            compiled(&format!("{{kind: server, options: {{versions: [{versions}]{more}}}, exit: a}}"));
        }
    }
}
