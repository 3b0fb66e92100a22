//! The messages, word for word: they are what an operator has when something is wrong.

use super::{outcome, source};
use crate::{parse, render};

/// Asserts what a refused file is told, the lines of the file aside.
#[track_caller]
fn says(yaml: &str, expected: &str) {
    let outcome = outcome(yaml);
    assert!(outcome.config.is_none());
    let said: Vec<String> = outcome.problems.iter().map(ToString::to_string).collect();
    assert_eq!(said.join("\n"), expected.trim());
}

#[test]
fn an_empty_file_is_refused() {
    says(
        "",
        r"
zilla.yaml:1:1: error
  expected: a mapping with a `name` and `bindings`
  found:    nothing
",
    );
}

#[test]
fn a_file_of_comments_is_refused() {
    says(
        "# nothing\n",
        r"
zilla.yaml:2:1: error
  expected: a mapping with a `name` and `bindings`
  found:    nothing
",
    );
}

#[test]
fn a_list_is_not_a_file() {
    says(
        "- name: a\n",
        r"
zilla.yaml:1:1: error
  expected: a mapping with the keys of a file
  found:    a list
",
    );
}

#[test]
fn a_file_has_a_name() {
    says(
        "bindings: {}\n",
        r"
zilla.yaml:1:1: error
  expected: the key `name`: what this namespace is called
  found:    no `name`
",
    );
}

#[test]
fn a_name_starts_with_a_letter() {
    says(
        "\
name: 9a
bindings:
  -b: {type: x, kind: server}
",
        r"
zilla.yaml:1:7: error at name
  expected: a name: a letter, then letters, digits, `.`, `_` or `-`
  found:    `9a`
zilla.yaml:3:3: error at bindings.-b
  expected: a name: a letter, then letters, digits, `.`, `_` or `-`
  found:    `-b`
",
    );
}

#[test]
fn unknown_keys_of_a_file_are_refused() {
    says(
        "\
name: a
namespace: b
bindngs: {}
foo: 1
",
        r"
zilla.yaml:2:1: error at namespace
  expected: a key of a file: `name`, `plugins`, `vaults`, `guards`, `matchers` or `bindings`
  found:    `namespace`
  help:     did you mean `name`?
zilla.yaml:3:1: error at bindngs
  expected: a key of a file: `name`, `plugins`, `vaults`, `guards`, `matchers` or `bindings`
  found:    `bindngs`
  help:     did you mean `bindings`?
zilla.yaml:4:1: error at foo
  expected: a key of a file: `name`, `plugins`, `vaults`, `guards`, `matchers` or `bindings`
  found:    `foo`
",
    );
}

#[test]
fn what_is_not_served_is_refused() {
    says(
        "\
name: a
stores: {}
catalogs: {}
telemetry:
  metrics: [http.request.size]
bindings:
  b:
    type: http
    kind: server
    telemetry: {metrics: [\"http.*\"]}
    catalog: {c: []}
",
        r#"
zilla.yaml:2:1: error at stores
  expected: a file without `stores`
  found:    `stores`, which is not served by this version
  help:     remove it: to ignore it would not do what the file says
zilla.yaml:3:1: error at catalogs
  expected: a file without `catalogs`
  found:    `catalogs`, which is not served by this version
  help:     remove it: to ignore it would not do what the file says
zilla.yaml:4:1: error at telemetry
  expected: a file without `telemetry`
  found:    `telemetry`, which is not served by this version
  help:     remove it: to ignore it would not do what the file says
zilla.yaml:10:5: error at bindings.b.telemetry
  expected: a binding without `telemetry`
  found:    `telemetry`, which is not served by this version
  help:     remove it: to ignore it would not do what the file says
zilla.yaml:11:5: error at bindings.b.catalog
  expected: a binding without `catalog`
  found:    `catalog`, which is not served by this version
  help:     remove it: to ignore it would not do what the file says
"#,
    );
}

#[test]
fn nothing_is_not_a_mapping() {
    says(
        "\
name: a
bindings:
",
        r"
zilla.yaml:2:1: error at bindings
  expected: a mapping of bindings by name
  found:    nothing
  help:     leave the key out, or indent what belongs to it
",
    );
}

#[test]
fn a_binding_is_a_mapping() {
    says(
        "\
name: a
bindings:
  b: tcp
",
        r#"
zilla.yaml:3:6: error at bindings.b
  expected: a mapping with the keys of a binding
  found:    text "tcp"
"#,
    );
}

#[test]
fn a_binding_has_a_type_and_a_kind() {
    says(
        "\
name: a
bindings:
  b:
    options: {}
",
        r"
zilla.yaml:3:3: error at bindings.b
  expected: the key `type`: the plugin to use
  found:    no `type`
zilla.yaml:3:3: error at bindings.b
  expected: the key `kind`: which side of the protocol it is
  found:    no `kind`
",
    );
}

#[test]
fn unknown_keys_of_a_binding_are_refused() {
    says(
        "\
name: a
bindings:
  b: {type: tcp, kind: server, option: {}}
",
        r"
zilla.yaml:3:32: error at bindings.b.option
  expected: a key of a binding: `type`, `kind`, `entry`, `vault`, `options`, `routes` or `exit`
  found:    `option`
  help:     did you mean `options`?
",
    );
}

#[test]
fn unknown_kinds_are_refused() {
    says(
        "\
name: a
bindings:
  b: {type: tcp, kind: sever}
",
        r"
zilla.yaml:3:24: error at bindings.b.kind
  expected: a kind: `server`, `client`, `proxy`, `remote_server`, `remote_client`, `cache_client` or `cache_server`
  found:    sever
  help:     did you mean `server`?
",
    );
}

#[test]
fn a_type_is_text() {
    says(
        "\
name: a
bindings:
  b: {type: [tcp], kind: true}
",
        r"
zilla.yaml:3:7: error at bindings.b.type
  expected: text
  found:    a list
zilla.yaml:3:26: error at bindings.b.kind
  expected: text
  found:    true
",
    );
}

#[test]
fn options_are_a_mapping() {
    says(
        "\
name: a
bindings:
  b: {type: tcp, kind: server, options: [host]}
",
        r"
zilla.yaml:3:32: error at bindings.b.options
  expected: a mapping
  found:    a list
",
    );
}

#[test]
fn a_remote_kind_needs_an_entry() {
    says(
        "\
name: a
bindings:
  b: {type: kafka-grpc, kind: remote_server}
",
        r"
zilla.yaml:3:3: error at bindings.b
  expected: the key `entry`: what a remote_server serves
  found:    no `entry`
",
    );
}

#[test]
fn no_other_kind_has_an_entry() {
    says(
        "\
name: a
bindings:
  b: {type: tcp, kind: client, entry: e}
",
        r"
zilla.yaml:3:32: error at bindings.b.entry
  expected: no `entry` on a client
  found:    `entry`
  help:     only a remote_server or a remote_client has one
",
    );
}

#[test]
fn an_unknown_exit_is_refused() {
    says(
        "\
name: a
bindings:
  north_tcp_server:
    type: tcp
    kind: server
    exit: north_http_serer
  north_http_server: {type: http, kind: server}
",
        r"
zilla.yaml:6:11: error at bindings.north_tcp_server.exit
  expected: the name of a binding
  found:    north_http_serer
  help:     did you mean `north_http_server`?
",
    );
}

#[test]
fn an_exit_into_another_namespace_is_qualified() {
    says(
        "\
name: one
bindings:
  b: {type: tcp, kind: server, exit: c}
---
name: two
bindings:
  c: {type: echo, kind: server, exit: 'three:d'}
",
        r"
zilla.yaml:3:38: error at bindings.b.exit
  expected: the name of a binding
  found:    c
  help:     did you mean `two:c`?
zilla.yaml:7:39: error at two: bindings.c.exit
  expected: the name of a binding
  found:    three:d
  help:     known here: `c` and `one:b`
",
    );
}

#[test]
fn unknown_guards_matchers_and_vaults_are_refused() {
    says(
        "\
name: a
guards: {jwt: {type: jwt}}
bindings:
  b:
    type: http
    kind: server
    vault: keys
    routes:
      - guarded: {jwtt: []}
        when: [{matched: {canary: {percent: 1}}}]
",
        r"
zilla.yaml:7:12: error at bindings.b.vault
  expected: the name of a vault
  found:    keys
  help:     there is no vault here
zilla.yaml:9:19: error at bindings.b.routes[0].guarded.jwtt
  expected: the name of a guard
  found:    jwtt
  help:     did you mean `jwt`?
zilla.yaml:10:27: error at bindings.b.routes[0].when[0].matched.canary
  expected: the name of a matcher
  found:    canary
  help:     there is no matcher here
",
    );
}

#[test]
fn routes_are_a_list_of_mappings() {
    says(
        "\
name: a
bindings:
  b: {type: tcp, kind: server, routes: {exit: c}}
  c: {type: tcp, kind: server, routes: [c]}
",
        r#"
zilla.yaml:3:32: error at bindings.b.routes
  expected: a list of routes
  found:    a mapping
zilla.yaml:4:41: error at bindings.c.routes[0]
  expected: a mapping with the keys of a route
  found:    text "c"
"#,
    );
}

#[test]
fn when_is_a_list_of_mappings() {
    says(
        "\
name: a
bindings:
  b: {type: tcp, kind: server, routes: [{when: {port: 1}}, {when: [port]}]}
",
        r#"
zilla.yaml:3:42: error at bindings.b.routes[0].when
  expected: a list of conditions
  found:    a mapping
zilla.yaml:3:68: error at bindings.b.routes[1].when[0]
  expected: a mapping of conditions
  found:    text "port"
"#,
    );
}

#[test]
fn guarded_is_a_mapping_of_lists_of_text() {
    says(
        "\
name: a
guards: {g: {type: jwt}}
bindings:
  b: {type: tcp, kind: server, routes: [{guarded: [g]}, {guarded: {g: r}}, {guarded: {g: [1]}}]}
",
        r#"
zilla.yaml:4:42: error at bindings.b.routes[0].guarded
  expected: a mapping of roles by guard
  found:    a list
zilla.yaml:4:71: error at bindings.b.routes[1].guarded.g
  expected: a list of roles
  found:    text "r"
zilla.yaml:4:91: error at bindings.b.routes[2].guarded.g[0]
  expected: a role as text
  found:    the number 1
"#,
    );
}

#[test]
fn matched_and_with_are_mappings() {
    says(
        "\
name: a
bindings:
  b: {type: tcp, kind: server, routes: [{when: [{matched: m}], with: 5}]}
",
        r#"
zilla.yaml:3:59: error at bindings.b.routes[0].when[0].matched
  expected: a mapping of arguments by matcher
  found:    text "m"
zilla.yaml:3:70: error at bindings.b.routes[0].with
  expected: a mapping
  found:    the number 5
"#,
    );
}

#[test]
fn unknown_keys_of_a_route_are_refused() {
    says(
        "\
name: a
bindings:
  b: {type: tcp, kind: server, routes: [{wen: [], exit: c}]}
  c: {type: tcp, kind: server}
",
        r"
zilla.yaml:3:42: error at bindings.b.routes[0].wen
  expected: a key of a route: `when`, `guarded`, `with` or `exit`
  found:    `wen`
  help:     did you mean `when`?
",
    );
}

#[test]
fn unreachable_routes_are_refused() {
    says(
        "\
name: a
bindings:
  b:
    type: tcp
    kind: server
    routes:
      - exit: c
      - when: [{port: 1}]
        exit: c
    exit: c
  c: {type: echo, kind: server}
",
        r"
zilla.yaml:8:9: error at bindings.b.routes[1]
  expected: a route that a stream can take
  found:    an unreachable route: routes[0] takes every stream before it
zilla.yaml:10:11: error at bindings.b.exit
  expected: a route that a stream can take
  found:    an unreachable route: routes[0] takes every stream before it
",
    );
}

#[test]
fn an_empty_condition_takes_everything() {
    says(
        "\
name: a
bindings:
  b: {type: tcp, kind: server, routes: [{when: [{port: 1}, {}], exit: c}], exit: c}
  c: {type: echo, kind: server}
",
        r"
zilla.yaml:3:82: error at bindings.b.exit
  expected: a route that a stream can take
  found:    an unreachable route: routes[0] takes every stream before it
",
    );
}

#[test]
fn a_cycle_of_exits_is_refused() {
    says(
        "\
name: a
bindings:
  a: {type: x, kind: proxy, exit: b}
  b: {type: x, kind: proxy, routes: [{exit: a}]}
  c: {type: x, kind: proxy, exit: c}
",
        r"
zilla.yaml:4:45: error at bindings.b.routes[0].exit
  expected: exits that do not come back
  found:    a cycle: a -> b -> a
zilla.yaml:5:35: error at bindings.c.exit
  expected: exits that do not come back
  found:    a cycle: c -> c
",
    );
}

#[test]
fn a_cycle_through_another_namespace_is_refused() {
    says(
        "\
name: one
bindings:
  a: {type: x, kind: proxy, exit: 'two:b'}
---
name: two
bindings:
  b: {type: x, kind: proxy, exit: 'one:a'}
",
        r"
zilla.yaml:7:35: error at two: bindings.b.exit
  expected: exits that do not come back
  found:    a cycle: a -> two:b -> a
",
    );
}

#[test]
fn two_namespaces_have_two_names() {
    says(
        "\
name: a
---
name: a
",
        r"
zilla.yaml:3:7: error at a: name
  expected: a name that no other document has
  found:    `a` again
  help:     each document of a file is a namespace of its own: give it another name
",
    );
}

#[test]
fn a_later_document_without_a_name_is_counted() {
    says(
        "\
name: a
---
---
bindings: {b: 1}
",
        r"
zilla.yaml:4:1: error at document 3
  expected: the key `name`: what this namespace is called
  found:    no `name`
zilla.yaml:4:15: error at document 3: bindings.b
  expected: a mapping with the keys of a binding
  found:    the number 1
",
    );
}

#[test]
fn a_component_has_a_type_and_options() {
    says(
        "\
name: a
vaults: {v: {}}
guards: {g: {type: jwt, options: x, kind: y}}
matchers: [m]
",
        r#"
zilla.yaml:2:10: error at vaults.v
  expected: the key `type`: the plugin to use
  found:    no `type`
zilla.yaml:3:34: error at guards.g.options
  expected: a mapping
  found:    text "x"
zilla.yaml:3:37: error at guards.g.kind
  expected: a key of a guard: `type` or `options`
  found:    `kind`
zilla.yaml:4:1: error at matchers
  expected: a mapping of matchers by name
  found:    a list
"#,
    );
}

#[test]
fn two_equal_keys_are_refused() {
    says(
        "\
name: a
bindings:
  b: {type: x, kind: server}
  b: {type: y, kind: server}
",
        r"
zilla.yaml:4:3: error at bindings.b
  expected: each key once in a mapping
  found:    `b` again, first at 3:3
  help:     the first one would be lost: remove one of them
",
    );
}

#[test]
fn tags_and_merge_keys_are_refused() {
    says(
        "\
name: a
bindings:
  b: &b {type: !x y, kind: server}
  c:
    <<: *b
    type: y
    kind: client
",
        r#"
zilla.yaml:3:16: error at bindings.b.type
  expected: a value without a tag
  found:    the tag `!x`
  help:     put the text in quotes if it starts with `!`
zilla.yaml:5:5: error at bindings.c["<<"]
  expected: a mapping without a merge key
  found:    `<<`
  help:     write the keys out: this version does not merge
"#,
    );
}

#[test]
fn numbers_without_a_value_are_refused() {
    says(
        "\
name: a
vaults:
  v: {type: x, options: {a: .inf, b: .nan, c: 99999999999999999999}}
",
        r"
zilla.yaml:3:29: error at vaults.v.options.a
  expected: a finite number
  found:    inf
  help:     put it in quotes if it is text
zilla.yaml:3:38: error at vaults.v.options.b
  expected: a finite number
  found:    NaN
  help:     put it in quotes if it is text
zilla.yaml:3:47: error at vaults.v.options.c
  expected: an integer of 64 bits
  found:    99999999999999999999
  help:     put it in quotes if it is text
",
    );
}

#[test]
fn a_key_is_text() {
    says(
        "\
name: a
? [b, c]
: d
",
        r"
zilla.yaml:2:3: error
  expected: text as a key
  found:    a list or a mapping
",
    );
}

#[test]
fn a_tab_is_not_an_indentation() {
    says(
        "\
name: a
bindings:
	b: 1
",
        r"
zilla.yaml:3:1: error
  expected: well-formed YAML
  found:    found character that cannot start any token, while scanning for the next token
  help:     there is a tab: YAML is indented with spaces
",
    );
}

#[test]
fn a_bracket_that_is_not_closed_is_found_again() {
    says(
        "\
name: a
bindings:
  b: {type: x, kind: server
  c: 1
",
        r"
zilla.yaml:4:4: error
  expected: well-formed YAML
  found:    did not find expected ',' or '}', while parsing a flow mapping that begins at 3:6
  help:     a bracket is not closed, or a comma is missing
",
    );
}

#[test]
fn a_quote_that_is_not_closed_is_found_again() {
    says(
        "\
name: \"a
bindings: {}
",
        r#"
zilla.yaml:3:1: error
  expected: well-formed YAML
  found:    found unexpected end of stream, while scanning a quoted scalar that begins at 1:7
  help:     a quote is not closed
"#,
    );
}

#[test]
fn a_colon_in_text_is_explained() {
    says(
        "name: a: b\n",
        r"
zilla.yaml:1:8: error
  expected: well-formed YAML
  found:    mapping values are not allowed in this context
  help:     quote text that contains `: `, and check the indentation
",
    );
}

#[test]
fn bad_indentation_is_explained() {
    says(
        "\
name: a
 bindings: {}
x:
  y: 1
 z: 2
",
        r"
zilla.yaml:2:10: error
  expected: well-formed YAML
  found:    mapping values are not allowed in this context
  help:     quote text that contains `: `, and check the indentation
",
    );
}

#[test]
fn an_alias_needs_an_anchor() {
    says(
        "\
name: a
bindings: *b
",
        r"
zilla.yaml:2:11: error
  expected: well-formed YAML
  found:    unknown anchor
  help:     an alias `*x` needs an `&x` before it; quote text that starts with `*`
",
    );
}

#[test]
fn a_control_character_is_refused() {
    says(
        "name: a\u{7}\n",
        r"
zilla.yaml:1:8: error
  expected: printable text
  found:    the character U+0007
",
    );
}

#[test]
fn a_problem_is_shown_with_its_line() {
    let yaml = "\
name: a
bindings:
  north_tcp_server:
    type: tcp
    kind: server
    options:
      port: ${{env.PORT}}
    exit: north_http_serer
  north_http_server:
    type: http
    kind: server
";
    let expected = "\
zilla.yaml:7:13: warning
  expected: an environment variable that is set
  found:    environment variable PORT is not set
  help:     nothing was put in its place
  |
7 |       port: ${{env.PORT}}
  |             ^

zilla.yaml:8:11: error at bindings.north_tcp_server.exit
  expected: the name of a binding
  found:    north_http_serer
  help:     did you mean `north_http_server`?
  |
8 |     exit: north_http_serer
  |           ^

1 error, 1 warning
";
    assert_eq!(render(&source(yaml), &outcome(yaml).problems), expected);
}

#[test]
fn places_are_those_of_the_text_as_written() {
    let yaml = "\u{feff}name: ${{env.NAME}}\nbindings: # ${{env.LINES}}\n  ${{env.NAME}}: {type: ${{env.NAME}}, kind: sever}\n";
    let env = |name: &str| Some(if name == "LINES" { "x\n\n" } else { "a-long-name" }.to_owned());
    let outcome = parse(&source(yaml), &mut { env });
    let [problem] = outcome.problems.as_slice() else { panic!("one problem: {:?}", outcome.problems) };
    assert_eq!(problem.at.unwrap().to_string(), "3:46");
    assert_eq!(problem.path, "bindings.a-long-name.kind");
}

#[test]
fn a_value_from_the_environment_is_not_shown() {
    let yaml = "\
name: a
vaults:
  v: {type: \"${{env.SECRET}}\", options: ${{env.SECRET}}}
  w: {type: x, options: x ${{env.SECRET}}}
  x: {type: 5, options: [\"${{env.SECRET}}\"]}
  y:
    type: ${{env.PIN}}
  z:
    type: ${{env.EMPTY}}
";
    let mut env = |name: &str| {
        Some(match name {
            "SECRET" => "correct horse".to_owned(),
            "PIN" => "0x7fff".to_owned(),
            _ => String::new(),
        })
    };
    let outcome = parse(&source(yaml), &mut env);
    let found: Vec<&str> = outcome.problems.iter().map(|problem| problem.found.as_str()).collect();
    assert_eq!(
        found,
        [
            "text from the environment variable SECRET",
            "text from the environment variable SECRET",
            "the number 5",
            "a list",
            "a number from the environment variable PIN",
            "nothing: the environment variable EMPTY is empty",
        ]
    );
    assert!(!render(&source(yaml), &outcome.problems).contains("horse"));
}
