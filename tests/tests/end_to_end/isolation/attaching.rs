//! Plugins that do not take their configuration.

use std::time::{Duration, Instant};
use zilla_tests::command::{check, plugin_options};

/// What a configuration is told whose guest does this with it.
#[track_caller]
fn told(how: &str, when: &str) -> String {
    let output = check(&format!(
        "name: test
bindings:
  north:
    type: tcp
    kind: server
    options: {{port: 1}}
    exit: guest
  guest:
    type: attach
    kind: server
    options: {{how: {how}}}
    routes:
      - {when}
        exit: south
  south:
    type: echo
    kind: server
"
    ));
    assert_eq!((output.code, output.stdout.as_str()), (Some(1), ""), "{output:?}");
    output.stderr.replace(&xtask::plugins::built().guests_dir.display().to_string(), "GUESTS")
}

/// The last line before the place in the file.
const SERVED_BY: &str = "\n  help:     `attach` is served by GUESTS/binding_attach.wasm\n";

#[test]
fn a_refusal_is_told_at_its_place() {
    let told = told("refuse", "when: [{word: green}]");
    assert_eq!(
        told.lines().take(4).collect::<Vec<_>>(),
        [
            "zilla.yaml:13:23: error at bindings.guest.routes[0].when[0].word",
            "  expected: a better word",
            "  found:    green",
            SERVED_BY.trim_matches('\n')
        ],
        "{told}"
    );
}

#[test]
fn a_refusal_of_an_option_is_told_at_the_option() {
    let told = told("refuse", "when: []");
    assert!(told.starts_with("zilla.yaml:11:20: error at bindings.guest.options.how\n"), "{told}");
}

#[test]
fn a_panic_is_told_with_its_text() {
    let told = told("panic", "when: [{word: green}]");
    assert!(told.contains("expected: a plugin that takes its configuration\n"), "{told}");
    assert!(told.contains("a trap: ") && told.contains("the options said so"), "{told}");
    assert!(told.contains(SERVED_BY), "{told}");
}

#[test]
fn a_plugin_that_does_not_return_is_stopped() {
    // They may have to be built first.
    plugin_options();
    let start = Instant::now();
    let told = told("spin", "when: [{word: green}]");
    assert!(told.contains("call-budget: a call took longer than 2000 ms"), "{told}");
    assert!(told.contains(SERVED_BY), "{told}");
    assert!(start.elapsed() < Duration::from_secs(20), "it took {:?}", start.elapsed());
}

#[test]
fn a_route_that_cannot_be_evaluated_is_told_with_its_test() {
    let told = told("nonsense", "when: [{word: green}]");
    assert!(told.contains("expected: a route that `attach` compiles\n"), "{told}");
    assert!(told.contains("`nowhere` for `source`: no block of addresses"), "{told}");
    assert!(told.contains(SERVED_BY), "{told}");
}
