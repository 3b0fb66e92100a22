//! Everything that is there is tested, and shown.

use crate::source::{expect_none, files};
use std::fs;
use xtask::paths::Workspace;
use xtask::plugins::{Role, Selection, find};
use zilla_tests::files::root;

#[test]
fn every_guest_is_used_by_a_test() {
    let tests: String = files(&["tests/tests"]).into_iter().map(|file| file.text).collect();
    let mut wrong = Vec::new();
    for found in find(&Workspace::current(), &Selection::All).unwrap() {
        let name = found.library.split_once('_').map_or(&*found.library, |(_, name)| name);
        let uses = [format!("\"{name}\""), format!("type: {name}"), format!("{}.wasm", found.library)];
        if found.role == Role::Guest && !uses.iter().any(|used| tests.contains(used)) {
            wrong.push(found.folder.display().to_string());
        }
    }
    expect_none("a guest that no test meets is dead", &wrong);
}

#[test]
fn every_plugin_has_tests_of_its_own_and_against_the_host() {
    let live: String = files(&["tests/tests"]).into_iter().map(|file| file.text).collect();
    let mut wrong = Vec::new();
    let plugins = find(&Workspace::current(), &Selection::Plugins).unwrap();
    for found in plugins.iter().filter(|found| found.folder.starts_with(root().join("plugins"))) {
        let folder = found.folder.strip_prefix(root()).unwrap().to_str().unwrap();
        let own: usize = files(&[folder]).iter().map(|file| file.text.matches("#[test]").count()).sum();
        if own < 5 || !live.contains(&format!("{}.wasm", found.library)) {
            wrong.push(format!("{folder}: {own} tests of its own"));
        }
    }
    expect_none("a plugin has tests of its own, and some as a component", &wrong);
}

#[test]
fn the_map_of_the_house_shows_every_room() {
    let Ok(readme) = fs::read_to_string(root().join("README.md")) else {
        eprintln!("left out: there is no README.md");
        return;
    };
    let mut wrong = Vec::new();
    for entry in fs::read_dir(root()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_room = entry.path().is_dir() && !name.starts_with('.') && name != "target";
        if is_room && !readme.contains(&format!("{name}/")) {
            wrong.push(name);
        }
    }
    expect_none("README.md names each folder of the workspace", &wrong);
}

#[test]
fn no_test_is_ignored() {
    let mut wrong = Vec::new();
    for file in files(&["host", "sdk", "plugins", "tests/tests", "tests/src"]) {
        for (index, line) in file.text.lines().enumerate() {
            let is_rule = file.path.ends_with("coverage.rs");
            if !is_rule && line.trim_start().starts_with("#[ignore") {
                wrong.push(format!("{}:{}: {}", file.path.display(), index + 1, line.trim()));
            }
        }
    }
    expect_none("a test runs or is not there", &wrong);
}

#[test]
fn the_architecture_names_files_that_are_there() {
    let host = root().join("host");
    let text = fs::read_to_string(host.join("ARCHITECTURE.md")).unwrap();
    let named: Vec<&str> = text.split('`').filter(|name| name.ends_with(".rs")).collect();
    assert!(named.len() > 10, "{named:?}");
    let is_missing = |name: &&str| !host.join(name).is_file() && !root().join(name).is_file();
    let wrong: Vec<String> = named.into_iter().filter(is_missing).map(str::to_owned).collect();
    expect_none("whoever follows the page finds each file", &wrong);
}
