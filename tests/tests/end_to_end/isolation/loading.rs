//! Files that are no plugin, or not the one that they say: refused by name, before any socket opens.

use std::path::Path;
use zilla_tests::command::{check, plugin_options, zilla_in};
use zilla_tests::{Folder, Host, Output, Ports, config};

/// What a configuration with a guest is told. The folder of the guests is left out.
#[track_caller]
fn refusal(guest: &str) -> String {
    let output = check(&config::guest_and_neighbour(guest, 1, 2));
    assert_eq!((output.code, output.stdout.as_str()), (Some(1), ""), "{output:?}");
    let guests = &xtask::plugins::built().guests_dir;
    output.stderr.replace(&guests.display().to_string(), "GUESTS").replace("./zilla.yaml", "zilla.yaml")
}

/// What is found at the type of the guest.
#[track_caller]
fn found(guest: &str) -> String {
    let refusal = refusal(guest);
    let found = refusal.lines().find_map(|line| line.trim_start().strip_prefix("found:"));
    found.unwrap_or_else(|| panic!("nothing was found: {refusal}")).trim().to_owned()
}

#[test]
fn a_file_that_says_another_type_than_its_name_is_refused_with_both() {
    assert_eq!(found("lie"), "GUESTS/binding_lie.wasm: by its own word it is of type `truth`");
}

#[test]
fn an_import_that_is_not_granted_is_refused_by_its_name() {
    assert_eq!(
        found("unknown_import"),
        "GUESTS/binding_unknown_import.wasm: expected imports of zilla:plugin only, found the import \
         `other:thing/api@1.2.3`, which is not granted"
    );
}

#[test]
fn a_component_of_another_world_is_refused_with_its_exports() {
    assert_eq!(
        found("wrong_world"),
        "GUESTS/binding_wrong_world.wasm: expected an export of zilla:plugin@0.1: binding-exports, \
         guard-exports or matcher-exports; found other:thing/api@1.2.3"
    );
}

#[test]
fn a_component_that_keeps_state_in_another_way_than_the_contract_is_refused() {
    assert_eq!(
        found("wrong_state"),
        "GUESTS/binding_wrong_state.wasm: expected `save` and `restore` as state-exports of zilla:plugin@0.1 has \
         them, found: failed to convert function to given type: type mismatch with results: expected `list` found \
         `string`"
    );
}

#[test]
fn a_component_that_traps_when_it_is_asked_what_it_is_is_refused() {
    let found = found("undescribed");
    let expected = "GUESTS/binding_undescribed.wasm: expected a description, found: ";
    assert!(found.starts_with(expected) && found.contains("unreachable"), "{found}");
}

#[test]
fn what_is_refused_opens_no_socket() {
    let ports = Ports::range(2);
    let yaml = config::guest_and_neighbour("unknown_import", ports.first(), ports.last());
    let mut host = Host::with(&[]).start_unseen(&yaml);
    assert_eq!(host.wait().code(), Some(1));
    assert_eq!(host.log().matching(|line| line.text.contains("listening")), []);
    host.log().wait_for("the import", |line| line.text.contains("other:thing/api@1.2.3"));
}

/// Checks a configuration with a file as the only plugin of type `x`.
#[track_caller]
fn with_file(content: &[u8]) -> Output {
    let folder = Folder::with_config(&config::guest_and_neighbour("x", 1, 2));
    folder.write("binding_x.wasm", content);
    let [plugins, _, cache] = plugin_options();
    zilla_in(folder.path(), &["check", "--plugins=.", &plugins, &cache])
}

#[test]
fn a_file_that_is_no_component_is_refused() {
    let module = b"\0asm\x01\0\0\0";
    let whole = std::fs::read(xtask::plugins::built().dir.join("binding_echo.wasm")).unwrap();
    for content in [&b""[..], b"#!/bin/sh\n", module, &whole[..whole.len() / 2]] {
        let output = with_file(content);
        assert_eq!(output.code, Some(1), "{output:?}");
        let expected = "binding_x.wasm: expected a WebAssembly component, found: ";
        assert!(output.stderr.contains(expected), "{}", output.stderr);
    }
}

#[test]
fn the_first_folder_that_has_a_type_wins() {
    let folder = Folder::with_config(&config::guest_and_neighbour("echo", 1, 2));
    folder.write("binding_echo.wasm", "not the one that was built");
    let [plugins, _, cache] = plugin_options();
    let here = format!("--plugins={}", folder.path().display());
    let check = |first: &str, second: &str| {
        zilla_in(Path::new(folder.path()), &["check", first, second, &cache]).code
    };
    assert_eq!((check(&plugins, &here), check(&here, &plugins)), (Some(0), Some(1)));
}
