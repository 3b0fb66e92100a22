//! What is said about options that their schema does not allow.

use serde_json::{Value, json};

use super::config;
use crate::{Checked, Problem, check_schema, parse, render};

fn tcp() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "TcpOptions",
        "type": "object",
        "properties": {
            "host": {"type": "string", "minLength": 1, "description": "Address to listen on.\nMore."},
            "port": {
                "description": "Ports to listen on.",
                "anyOf": [{"$ref": "#/$defs/Port"}, {"type": "array", "items": {"$ref": "#/$defs/Port"}}],
            },
            "backlog": {"type": ["integer", "null"], "format": "uint16", "minimum": 0, "maximum": 65535},
            "version": {"$ref": "#/$defs/Version"},
            "ratio": {"type": "number", "exclusiveMinimum": 0, "multipleOf": 0.5},
            "names": {"type": "array", "items": {"type": "string", "pattern": "^[a-z]+$"}, "maxItems": 2, "uniqueItems": true},
            "fixed": {"const": "this"},
            "nothing": false,
            "table": {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 1,
                      "propertyNames": {"maxLength": 3}},
            "key": {"oneOf": [
                {"type": "object", "properties": {"kind": {"const": "file"}, "path": {"type": "string"}},
                 "required": ["kind", "path"], "additionalProperties": false},
                {"type": "object", "properties": {"kind": {"const": "vault"}, "alias": {"type": "string"}},
                 "required": ["kind", "alias"], "additionalProperties": false},
            ]},
        },
        "required": ["port"],
        "additionalProperties": false,
        "$defs": {
            "Port": {"anyOf": [
                {"type": "integer", "minimum": 1, "maximum": 65535},
                {"type": "string", "pattern": "^\\d+(-\\d+)?$", "examples": ["7000-7010"]},
            ]},
            "Version": {"enum": ["http/1.1", "h2"], "type": "string"},
        },
    })
}

/// The problems of a binding with these options on its fourth line.
fn problems(options: &str) -> Vec<Problem> {
    let config = config(&format!(
        "name: a\nbindings:\n  b: {{type: tcp, kind: server}}\n  c: {{options: {options}, type: tcp, kind: server}}\n"
    ));
    let binding = &config.bindings[1];
    check_schema(&config, &binding.at.key("options"), &binding.options, &tcp()).unwrap().problems
}

#[track_caller]
fn says(options: &str, expected: &str) {
    let said: Vec<String> = problems(options).iter().map(ToString::to_string).collect();
    assert_eq!(said.join("\n"), expected.trim());
}

#[test]
fn a_number_out_of_its_range() {
    says(
        "{port: 1, backlog: 70000}",
        r"
zilla.yaml:4:35: error at bindings.c.options.backlog
  expected: an integer from 0 to 65535
  found:    the number 70000
",
    );
    says(
        "{port: 1, backlog: -1.5}",
        r"
zilla.yaml:4:35: error at bindings.c.options.backlog
  expected: an integer from 0 to 65535
  found:    the number -1.5
",
    );
    says(
        "{port: 1, ratio: 0}",
        r"
zilla.yaml:4:33: error at bindings.c.options.ratio
  expected: a number above 0 and a multiple of 0.5
  found:    the number 0
",
    );
}

#[test]
fn a_port_that_is_none() {
    says(
        "{port: 0}",
        r#"
zilla.yaml:4:23: error at bindings.c.options.port
  expected: an integer from 1 to 65535, text such as "7000-7010", or a list of those
  found:    the number 0
  help:     `port`: Ports to listen on.
"#,
    );
    says(
        "{port: x}",
        r#"
zilla.yaml:4:23: error at bindings.c.options.port
  expected: an integer from 1 to 65535, text such as "7000-7010", or a list of those
  found:    text "x"
  help:     `port`: Ports to listen on.
"#,
    );
    says(
        "{port: {}}",
        r#"
zilla.yaml:4:17: error at bindings.c.options.port
  expected: an integer from 1 to 65535, text such as "7000-7010", or a list of those
  found:    an empty mapping
  help:     `port`: Ports to listen on.
"#,
    );
    says(
        "{port: null}",
        r#"
zilla.yaml:4:17: error at bindings.c.options.port
  expected: an integer from 1 to 65535, text such as "7000-7010", or a list of those
  found:    nothing
  help:     `port`: Ports to listen on.
"#,
    );
}

#[test]
fn an_item_of_a_list_is_told_alone() {
    says(
        "{port: [1, x, 2]}",
        r#"
zilla.yaml:4:27: error at bindings.c.options.port[1]
  expected: an integer from 1 to 65535 or text such as "7000-7010"
  found:    text "x"
"#,
    );
}

#[test]
fn an_unknown_and_a_missing_key() {
    says(
        "{prot: 1}",
        r#"
zilla.yaml:4:17: error at bindings.c.options.prot
  expected: one of the keys `host`, `port`, `backlog`, `version`, `ratio`, `names`, `fixed`, `nothing`, `table` or `key`
  found:    `prot`
  help:     did you mean `port`?
zilla.yaml:4:7: error at bindings.c.options
  expected: the key `port`: an integer from 1 to 65535, text such as "7000-7010", or a list of those
  found:    no `port`
  help:     `port`: Ports to listen on.
"#,
    );
}

#[test]
fn absent_options_miss_what_is_required() {
    says(
        "",
        r#"
zilla.yaml:4:7: error at bindings.c.options
  expected: the key `port`: an integer from 1 to 65535, text such as "7000-7010", or a list of those
  found:    no `port`
  help:     `port`: Ports to listen on.
"#,
    );
}

#[test]
fn text_and_what_its_author_says_about_it() {
    says(
        "{port: 1, host: 5}",
        r"
zilla.yaml:4:32: error at bindings.c.options.host
  expected: text that is not empty
  found:    the number 5
  help:     `host`: Address to listen on.
",
    );
    says(
        "{port: 1, host: ''}",
        r#"
zilla.yaml:4:32: error at bindings.c.options.host
  expected: text that is not empty
  found:    text "" of 0 characters
  help:     `host`: Address to listen on.
"#,
    );
}

#[test]
fn a_constant_that_is_none() {
    says(
        "{port: 1, version: htp/1.1}",
        r#"
zilla.yaml:4:35: error at bindings.c.options.version
  expected: one of `http/1.1` or `h2`
  found:    text "htp/1.1"
  help:     did you mean `http/1.1`?
"#,
    );
    says(
        "{port: 1, fixed: that}",
        r#"
zilla.yaml:4:33: error at bindings.c.options.fixed
  expected: `this`
  found:    text "that"
"#,
    );
}

#[test]
fn a_list_and_its_items() {
    says(
        "{port: 1, names: [a, B, a]}",
        r#"
zilla.yaml:4:26: error at bindings.c.options.names
  expected: a list of at most 2 items, each item text that matches `^[a-z]+$`
  found:    a list of 3 items
zilla.yaml:4:26: error at bindings.c.options.names
  expected: a list without repetitions
  found:    an item that is in it twice
zilla.yaml:4:37: error at bindings.c.options.names[1]
  expected: text that matches `^[a-z]+$`
  found:    text "B"
"#,
    );
}

#[test]
fn a_key_that_may_not_be_there() {
    says(
        "{port: 1, nothing: 1}",
        r"
zilla.yaml:4:26: error at bindings.c.options.nothing
  expected: nothing here
  found:    the number 1
",
    );
}

#[test]
fn a_mapping_of_anything() {
    says(
        "{port: 1, table: {abcd: x}}",
        r#"
zilla.yaml:4:40: error at bindings.c.options.table.abcd
  expected: an integer
  found:    text "x"
zilla.yaml:4:34: error at bindings.c.options.table.abcd
  expected: a key that is text of at most 3 characters
  found:    `abcd`
"#,
    );
    says(
        "{port: 1, table: {}}",
        r"
zilla.yaml:4:26: error at bindings.c.options.table
  expected: a mapping of at least 1 key
  found:    a mapping of 0 keys
",
    );
}

#[test]
fn alternatives_that_a_constant_tells_apart() {
    says(
        "{port: 1, key: {kind: fil, path: x}}",
        r#"
zilla.yaml:4:38: error at bindings.c.options.key.kind
  expected: one of `file` or `vault`
  found:    text "fil"
  help:     did you mean `file`?
"#,
    );
    says(
        "{port: 1, key: {kind: file, pth: x}}",
        r"
zilla.yaml:4:26: error at bindings.c.options.key
  expected: the key `path`: text
  found:    no `path`
zilla.yaml:4:44: error at bindings.c.options.key.pth
  expected: one of the keys `kind` or `path`
  found:    `pth`
  help:     did you mean `path`?
",
    );
    says(
        "{port: 1, key: {}}",
        r"
zilla.yaml:4:26: error at bindings.c.options.key
  expected: the key `kind`: one of `file` or `vault`
  found:    no `kind`
",
    );
    says(
        "{port: 1, key: 5}",
        r"
zilla.yaml:4:31: error at bindings.c.options.key
  expected: a mapping
  found:    the number 5
",
    );
}

#[test]
fn what_the_schema_allows_is_no_problem() {
    for options in
        ["{port: 1}", "{port: [1, 7000-7010], host: a, version: h2, key: {kind: file, path: p}, backlog: ~}"]
    {
        assert_eq!(problems(options), []);
    }
}

#[test]
fn a_value_from_the_environment_is_named_and_not_shown() {
    let yaml = "name: a\nbindings:\n  b:\n    type: tcp\n    kind: server\n    options:\n      port: ${{env.PORT}}\n";
    let source = super::source(yaml);
    let config = parse(&source, &mut |_| Some("hidden".to_owned())).config.unwrap();
    let binding = &config.bindings[0];
    let problems =
        check_schema(&config, &binding.at.key("options"), &binding.options, &tcp()).unwrap().problems;
    assert_eq!(problems[0].found, "text from the environment variable PORT");
    assert!(render(&source, &problems).contains("7 |       port: ${{env.PORT}}\n  |             ^\n"));
}

#[test]
fn a_schema_that_is_none_is_its_authors_mistake() {
    let config = config("name: a");
    let refused =
        |schema: Value| check_schema(&config, &config.namespaces[0].at, &Value::Null, &schema).unwrap_err();
    assert_eq!(
        refused(json!({"properties": {"a": {"pattern": "("}}})).to_string(),
        "the schema is not valid at /properties/a/pattern: \"(\" is not a \"regex\""
    );
    assert_eq!(refused(json!(5)).at, "");
    assert!(refused(json!({"$ref": "#/nothing"})).message.contains("/nothing"));
    assert!(refused(json!({"$ref": "http://127.0.0.1:1/x"})).message.contains("Retrieval is disabled"));
}

#[test]
fn a_schema_of_itself_comes_to_an_end() {
    let config = config("name: a");
    let check =
        |schema: Value| check_schema(&config, &config.namespaces[0].at, &json!({"a": {"a": 1}}), &schema);
    assert_eq!(check(json!({"$ref": "#"})), Ok(Checked::default()));
    let tree = json!({"type": "object", "additionalProperties": {"$ref": "#"}});
    assert_eq!(check(tree).unwrap().problems[0].expected, "a mapping");
}

/// What is said of options with references to the guards `staff` and `other:admins`, of a schema with a map by guard, a
/// list of them and a mixed value; and the guards that they name.
fn references(options: &str) -> (String, Vec<String>) {
    let schema = json!({
        "type": "object",
        "properties": {
            "by": {"type": "object", "propertyNames": {"format": "guard"}, "additionalProperties": {"type": "integer"}},
            "list": {"type": "array", "items": {"$ref": "#/$defs/Guard"}},
            "any": {"anyOf": [{"$ref": "#/$defs/Guard"}, {"type": "boolean"}]},
        },
        "additionalProperties": false,
        "$defs": {"Guard": {"type": "string", "format": "guard"}},
    });
    let config = config(&format!(
        "name: a\nguards: {{staff: {{type: t}}}}\nbindings:\n  c: {{options: {options}, type: t, kind: server}}\n\
         ---\nname: other\nguards: {{admins: {{type: t}}}}\n"
    ));
    let binding = &config.bindings[0];
    let checked = check_schema(&config, &binding.at.key("options"), &binding.options, &schema).unwrap();
    let said: Vec<String> = checked.problems.iter().map(ToString::to_string).collect();
    (said.join("\n"), checked.guards)
}

#[test]
fn names_of_guards_are_references() {
    let (said, guards) = references("{by: {staff: 1}, list: ['other:admins', 'a:staff'], any: true}");
    assert_eq!((said.as_str(), guards), ("", vec!["a:staff".to_owned(), "other:admins".to_owned()]));
    assert_eq!(references("{list: []}"), (String::new(), Vec::new()));
}

#[test]
fn a_name_that_no_guard_has() {
    let says = |options: &str, expected: &str| assert_eq!(references(options).0, expected, "{options}");
    says(
        "{by: {stff: 1}}",
        "zilla.yaml:4:22: error at bindings.c.options.by.stff\n  expected: the name of a guard\n  \
         found:    stff\n  help:     did you mean `staff`?",
    );
    says(
        "{list: [staff, admins]}",
        "zilla.yaml:4:31: error at bindings.c.options.list[1]\n  expected: the name of a guard\n  \
         found:    admins\n  help:     did you mean `other:admins`?",
    );
    says(
        "{list: [5]}",
        "zilla.yaml:4:24: error at bindings.c.options.list[0]\n  expected: the name of a guard\n  \
         found:    the number 5",
    );
    says(
        "{any: stff}",
        "zilla.yaml:4:22: error at bindings.c.options.any\n  expected: the name of a guard or `true` or `false`\n  \
         found:    text \"stff\"",
    );
}
