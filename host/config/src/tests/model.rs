//! What a good file becomes.

use serde_json::{Value, json};

use super::{config, outcome, source};
use crate::{Config, Kind, NodePath, Route, parse, unused_bindings};

const HTTP_ECHO: &str = "\
name: zilla-namespace
bindings:
  north_tcp_server:
    type: tcp
    kind: server
    options:
      host: 0.0.0.0
      port:
        - 7114
    routes:
      - when:
          - port: 7114
        exit: north_http_server
  north_http_server:
    type: http
    kind: server
    routes:
      - when:
          - headers:
              :scheme: http
              :authority: localhost:7114
        exit: south_echo_server
  south_echo_server:
    type: echo
    kind: server
";

fn exit<'a>(config: &'a Config, route: &Route) -> &'a str {
    &config.binding(route.exit.unwrap()).name
}

#[test]
fn the_first_example_is_read() {
    let config = config(HTTP_ECHO);
    assert_eq!(config.namespaces.len(), 1);
    assert_eq!(config.namespaces[0].name, "zilla-namespace");
    let [tcp, http, echo] = config.bindings.as_slice() else { panic!("three bindings") };
    assert_eq!((tcp.type_name.as_str(), tcp.kind), ("tcp", Kind::Server));
    assert_eq!(tcp.qualified_name(), "zilla-namespace:north_tcp_server");
    assert_eq!(tcp.options, json!({"host": "0.0.0.0", "port": [7114]}));
    assert_eq!(tcp.routes[0].when[0].conditions, json!({"port": 7114}));
    assert_eq!(exit(&config, &tcp.routes[0]), "north_http_server");
    let headers = json!({"headers": {":scheme": "http", ":authority": "localhost:7114"}});
    assert_eq!(http.routes[0].when[0].conditions, headers);
    assert_eq!(exit(&config, &http.routes[0]), "south_echo_server");
    assert_eq!(echo.options, Value::Null);
    assert!(echo.routes.is_empty() && echo.entry.is_none() && echo.vault.is_none());
    assert_eq!(tcp.routes[0].at.to_string(), "bindings.north_tcp_server.routes[0]");
}

#[test]
fn its_own_exit_is_the_last_route_of_a_binding() {
    let config = config(
        "
name: a
bindings:
  b: {type: x, kind: proxy, exit: d, routes: [{when: [{k: v}], exit: c, with: {w: 1}}]}
  c: {type: x, kind: server}
  d: {type: x, kind: server}
",
    );
    let routes = &config.bindings[0].routes;
    assert_eq!(routes.iter().map(|route| exit(&config, route)).collect::<Vec<_>>(), ["c", "d"]);
    assert_eq!(routes[0].with, json!({"w": 1}));
    assert_eq!(routes[1].at.to_string(), "bindings.b.exit");
    assert!(routes[1].is_unconditional() && !routes[0].is_unconditional());
}

#[test]
fn guards_matchers_and_vaults_are_resolved() {
    let config = config(
        "
name: a
vaults: {keys: {type: filesystem, options: {keys: {store: k.p12}}}}
guards:
  admin: {type: jwt}
  user: {type: jwt, options: {issuer: i}}
matchers: {canary: {type: percent}}
bindings:
  b:
    type: x
    kind: server
    vault: keys
    routes:
      - guarded: {user: [read, write], admin: []}
        when:
          - path: /beta/*
            matched: {canary: {percent: 10}}
          - path: /
        exit: c
  c: {type: x, kind: server}
",
    );
    let binding = &config.bindings[0];
    assert_eq!(config.vault(binding.vault.unwrap()).options, json!({"keys": {"store": "k.p12"}}));
    let route = &binding.routes[0];
    let guarded: Vec<(&str, &[String])> = route
        .guarded
        .iter()
        .map(|guarded| (config.guard(guarded.guard).name.as_str(), &guarded.roles[..]))
        .collect();
    assert_eq!(guarded, [("user", &["read".to_owned(), "write".to_owned()][..]), ("admin", &[][..])]);
    assert_eq!(route.when[0].conditions, json!({"path": "/beta/*"}));
    let matched = &route.when[0].matched[0];
    assert_eq!(config.matcher(matched.matcher).type_name, "percent");
    assert_eq!(matched.arguments, json!({"percent": 10}));
    assert_eq!(matched.at.to_string(), "bindings.b.routes[0].when[0].matched.canary");
    assert!(route.when[1].matched.is_empty());
}

#[test]
fn documents_are_namespaces_that_can_refer_to_one_another() {
    let config = config(
        "
name: one
guards: {g: {type: jwt}}
bindings:
  a: {type: x, kind: server, exit: 'two:a'}
---
---
name: two
bindings:
  a: {type: y, kind: server, routes: [{guarded: {'one:g': []}, exit: b}]}
  b: {type: y, kind: client}
",
    );
    assert_eq!(config.namespaces.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["one", "two"]);
    let next = config.binding(config.bindings[0].routes[0].exit.unwrap());
    assert_eq!(next.qualified_name(), "two:a");
    assert_eq!(exit(&config, &next.routes[0]), "b");
    assert_eq!(config.guard(next.routes[0].guarded[0].guard).namespace, "one");
    let problem = config.problem(&config.bindings[2].at.key("options").pointer("/port/0"), "x", "y");
    assert_eq!(problem.path, "two: bindings.b.options.port[0]");
    assert_eq!(problem.at.unwrap().line, 11);
}

#[test]
fn a_remote_kind_has_an_entry() {
    let config = config("name: a\nbindings: {b: {type: kafka-grpc, kind: remote_server, entry: e}}\n");
    assert_eq!(config.bindings[0].entry.as_deref(), Some("e"));
    assert!(config.bindings[0].kind.is_remote());
}

#[test]
fn a_name_alone_is_a_file() {
    assert!(config("name: a").bindings.is_empty());
}

#[test]
fn variables_are_put_in_before_anything_is_read() {
    let yaml =
        "name: ${{env.NAME}}\nbindings:\n  b: {type: x, kind: server, options: {port: ${{ env.PORT }}}}\n";
    let mut asked = Vec::new();
    let outcome = parse(&source(yaml), &mut |name| {
        asked.push(name.to_owned());
        Some(if name == "PORT" { "7114" } else { "a" }.to_owned())
    });
    assert_eq!(outcome.config.unwrap().bindings[0].options, json!({"port": 7114}));
    assert_eq!(asked, ["NAME", "PORT"]);
}

#[test]
fn an_unset_variable_is_a_warning_beside_the_configuration() {
    let outcome =
        outcome("name: a\nbindings:\n  b: {type: x, kind: server, options: {host: \"${{env.HOST}}\"}}\n");
    assert_eq!(outcome.config.unwrap().bindings[0].options, json!({"host": ""}));
    let [warning] = outcome.problems.as_slice() else { panic!("one warning") };
    assert!(!warning.is_error());
    assert_eq!(warning.found, "environment variable HOST is not set");
    assert_eq!(warning.at.unwrap().to_string(), "3:47");
}

#[test]
fn comments_and_layout_make_no_difference() {
    let other = HTTP_ECHO.replace("kind: server", "# a comment\n    kind:   server");
    assert_eq!(config(HTTP_ECHO), config(&other));
    assert_ne!(config(HTTP_ECHO), config(&HTTP_ECHO.replace("0.0.0.0", "127.0.0.1")));
}

#[test]
fn nodes_are_located_for_later_checks() {
    let config = config(HTTP_ECHO);
    let options = config.bindings[0].at.key("options");
    let place = |at: &NodePath| config.locate(at).unwrap().to_string();
    assert_eq!(place(&options), "6:5");
    assert_eq!(place(&options.pointer("/port/0")), "9:11");
    assert_eq!(place(&options.key("absent").key("deeper")), "6:5");
    let problem = config.problem(
        &options.key("host"),
        "an address",
        config.describe(&options.key("host"), &json!("x")),
    );
    assert_eq!(
        problem.to_string(),
        "zilla.yaml:7:13: error at bindings.north_tcp_server.options.host\n  expected: an address\n  found:    text \"x\""
    );
    assert_eq!(config.key_problem(&options.key("host"), "", "").at.unwrap().to_string(), "7:7");
}

#[test]
fn bindings_that_no_stream_reaches_are_told() {
    let config = config(HTTP_ECHO);
    assert_eq!(unused_bindings(&config, |binding| binding.type_name == "tcp"), []);
    let [unused] = &unused_bindings(&config, |_| false)[..] else { panic!("one binding") };
    assert_eq!(
        unused.to_string(),
        "zilla.yaml:3:3: warning at bindings.north_tcp_server\n  \
         expected: a binding that some route exits to\n  \
         found:    no exit that leads here\n  \
         help:     no stream comes to `north_tcp_server`: remove it or give it a route"
    );
}
