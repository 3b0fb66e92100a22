//! What operators are shown of guards and matchers.

use crate::site::Site;
use serde_json::Value;
use zilla_tests::command::{Output, plugin_options, zilla};

const BOTH: &str = "guards: {g: {type: say}}\nmatchers: {m: {type: word}}";

#[track_caller]
fn status(site: &Site, more: &[&str]) -> Output {
    let control = format!("--control={}", site.host.control().display());
    let arguments = ["status", &control].into_iter().chain(more.iter().copied());
    let output = zilla(&arguments.collect::<Vec<_>>());
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    output
}

#[test]
fn the_status_of_a_pipeline_has_those_that_it_asks() {
    let site = Site::new(BOTH, &["when: [{matched: {m: {starts: a}}}], guarded: {g: []}"]);
    let status_of: Value = serde_json::from_str(&status(&site, &["--json"]).stdout).expect("JSON");
    let pipeline = &status_of["pipelines"][0];
    for (key, name, type_name) in [("guards", "test:g", "say"), ("matchers", "test:m", "word")] {
        let part = &pipeline[key][0];
        assert_eq!((part["name"].as_str(), part["type"].as_str()), (Some(name), Some(type_name)));
        assert_eq!(part["digest"].as_str().map(str::len), Some(64));
    }
    let text = status(&site, &[]).stdout;
    for row in ["guard test:g", "matcher test:m"] {
        assert!(text.contains(row), "{row}: {text}");
    }
}

#[track_caller]
fn plugin(arguments: &[&str]) -> String {
    let options = plugin_options();
    let options = options.iter().map(String::as_str);
    let all = ["plugin"].into_iter().chain(arguments.iter().copied()).chain(options);
    let output = zilla(&all.collect::<Vec<_>>());
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    output.stdout
}

#[test]
fn plugins_of_each_concept_are_listed_and_inspected() {
    let list = plugin(&["list"]);
    for (type_name, concept) in [("say", "guard"), ("word", "matcher"), ("ask", "binding")] {
        let row = list.lines().find(|line| line.split_whitespace().next() == Some(type_name));
        assert_eq!(row.and_then(|row| row.split_whitespace().nth(1)), Some(concept), "{list}");
    }
    let file = |name: &str| xtask::plugins::built().guests_dir.join(name).display().to_string();
    for (name, concept, schemas) in [
        ("guard_say.wasm", "guard", &["options"][..]),
        ("matcher_word.wasm", "matcher", &["options", "arguments"]),
    ] {
        let json: Value = serde_json::from_str(&plugin(&["inspect", "--json", &file(name)])).expect("JSON");
        assert_eq!(json["concept"], concept);
        assert!(schemas.iter().all(|schema| json[*schema].is_object()), "{json}");
        let text = plugin(&["inspect", &file(name)]);
        assert!(text.contains(&format!("concept:  {concept}\n")) && text.contains("\noptions:  {"), "{text}");
    }
}
