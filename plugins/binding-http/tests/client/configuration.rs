//! What is refused when the file is read.

use binding_http::Http;
use zilla_sdk::testing::*;

fn refused(options: &str) -> String {
    let yaml = format!("{{kind: client, options: {{{options}}}, exit: net}}");
    match Harness::<Http>::attach(&yaml) {
        Ok(_) => "nothing".to_owned(),
        Err(errors) => errors[0].path.clone(),
    }
}

#[test]
fn options_that_make_no_sense_are_refused_with_their_place() {
    for (options, path) in [
        ("", "nothing"),
        ("versions: [http/1.1, h2], upgrade: [websocket], overrides: {x: y}", "nothing"),
        ("versions: [h2]", "nothing"),
        ("versions: []", "/options/versions"),
        ("upgrade: ['a b']", "/options/upgrade/0"),
        ("upgrade: [websocket, h2c]", "/options/upgrade/1"),
        ("overrides: {host: a}", "/options/overrides/host"),
        ("limits: {connections: 0}", "/options/limits/connections"),
        ("limits: {connections: 65536}", "/options/limits/connections"),
        ("limits: {idle-connections: 65536}", "/options/limits/idle-connections"),
        ("limits: {waiting-requests: 65536}", "/options/limits/waiting-requests"),
        ("limits: {header-bytes: 15}", "/options/limits/header-bytes"),
        ("limits: {header-count: 129}", "/options/limits/header-count"),
        ("limits: {h2: {concurrent-streams: 0}}", "/options/limits/h2/concurrent-streams"),
        ("date: true", "/options"),
        ("limits: {body-bytes: 1}", "/options"),
    ] {
        assert_eq!(refused(options), path, "{options}");
    }
}

#[test]
fn each_kind_has_its_own_options() {
    let kinds = zilla_sdk::describe::<Http>().kinds;
    let options = |kind: &str| {
        let kind = kinds.iter().find(|described| described.kind == kind).unwrap();
        kind.options_schema.clone()
    };
    assert!(options("server").contains("length-required"));
    assert!(!options("client").contains("length-required"));
    assert!(options("client").contains("waiting-requests"));
    assert!(!options("server").contains("waiting-requests"));
}

#[test]
fn routes_of_a_client_set_headers_as_those_of_a_server_do() {
    let yaml = "{kind: client, options: {overrides: {x: '1'}}, routes: [
        {when: [{headers: {':path': '/{p}'}}], with: {headers: {overrides: {y: '${params.p}'}}}, exit: net}]}";
    let harness = Harness::<Http>::attach(yaml).unwrap();
    let set: Vec<_> =
        harness.routes()[0].set.iter().map(|set| (set.attribute.clone(), set.template.clone())).collect();
    assert_eq!(set, [("x".to_owned(), "1".to_owned()), ("y".to_owned(), "${params.p}".to_owned())]);
}
