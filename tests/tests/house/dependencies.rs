//! Who may depend on whom.

use crate::source::expect_none;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use xtask::paths::Workspace;
use zilla_tests::files::root;

/// One crate of the workspace.
struct Member {
    /// Where it is, below the root.
    folder: String,
    /// What it depends on outside of its tests.
    needs: BTreeSet<String>,
}

/// The workspace, as cargo reads it.
fn members() -> BTreeMap<String, Member> {
    let mut command = xtask::cargo::native(&Workspace::current(), "metadata");
    command.args(["--no-deps", "--format-version=1", "--offline"]).stderr(Stdio::inherit());
    let output = command.output().unwrap();
    assert!(output.status.success());
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let member = |package: &Value| {
        let manifest = text(&package["manifest_path"]);
        let below = manifest.strip_prefix(&root().display().to_string()).unwrap_or(&manifest).to_owned();
        let dependencies = package["dependencies"].as_array().into_iter().flatten();
        let needs =
            dependencies.filter(|needed| text(&needed["kind"]) != "dev").map(|needed| text(&needed["name"]));
        let folder = below.trim_start_matches('/').trim_end_matches("/Cargo.toml").to_owned();
        (text(&package["name"]), Member { folder, needs: needs.collect() })
    };
    metadata["packages"].as_array().unwrap().iter().map(member).collect()
}

/// Everything that a crate needs outside of its tests, at any depth, on this machine.
fn everything_below(name: &str) -> BTreeSet<String> {
    tree(name, &[])
}

/// The same where it is a component.
fn everything_below_in_wasm(name: &str) -> BTreeSet<String> {
    tree(name, &["--target", xtask::toolchain::TARGET])
}

fn tree(name: &str, more: &[&str]) -> BTreeSet<String> {
    let mut command = xtask::cargo::native(&Workspace::current(), "tree");
    command.args(["-p", name, "--edges=normal", "--prefix=none", "--offline"]);
    command.args(more).stderr(Stdio::inherit());
    let output = command.output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let names = text.lines().filter_map(|line| line.split_whitespace().next());
    names.filter(|found| *found != name).map(str::to_owned).collect()
}

/// Crates that read, write, wait or run WebAssembly.
const IMPURE: [&str; 12] = [
    "async-std",
    "futures",
    "hyper",
    "libc",
    "mio",
    "nix",
    "rustix",
    "rustls",
    "smol",
    "socket2",
    "tokio",
    "wasmtime",
];

#[test]
fn the_engine_does_no_io() {
    let below = everything_below("zilla-engine");
    let wrong: Vec<String> = below.into_iter().filter(|name| IMPURE.contains(&name.as_str())).collect();
    expect_none("zilla-engine is pure state", &wrong);
}

#[test]
fn the_engine_and_the_readers_of_files_are_nobodys_relatives() {
    let members = members();
    for name in ["zilla-engine", "zilla-config", "zilla-vault"] {
        let own: Vec<String> =
            members[name].needs.iter().filter(|needed| members.contains_key(*needed)).cloned().collect();
        expect_none(&format!("{name} depends on no other crate of the workspace"), &own);
    }
}

#[test]
fn the_host_knows_no_plugin_and_not_how_they_are_written() {
    let members = members();
    let below = everything_below("zilla-host");
    let is_foreign = |name: &String| {
        name == "zilla-sdk" || members.get(name).is_some_and(|member| !member.folder.starts_with("host"))
    };
    let wrong: Vec<String> = below.into_iter().filter(is_foreign).collect();
    expect_none("built-in plugins are files like any other", &wrong);
}

#[test]
fn the_sdk_knows_no_host() {
    let below = everything_below("zilla-sdk");
    let wrong: Vec<String> =
        below.into_iter().filter(|name| name.starts_with("zilla-") || name == "wasmtime").collect();
    expect_none("zilla-sdk depends on the contract alone", &wrong);
}

#[test]
fn plugins_depend_on_the_sdk_and_never_on_one_another() {
    let members = members();
    let mut wrong = Vec::new();
    let mut count = 0;
    for (name, member) in &members {
        let is_plugin = ["plugins/", "examples/"].iter().any(|parent| member.folder.starts_with(parent));
        if !is_plugin {
            continue;
        }
        count += 1;
        for needed in &member.needs {
            if members.contains_key(needed) && needed != "zilla-sdk" {
                wrong.push(format!("{name} on {needed}"));
            }
        }
        let below = everything_below_in_wasm(name);
        wrong.extend(
            below
                .iter()
                .filter(|below| IMPURE.contains(&below.as_str()))
                .map(|below| format!("{name} on {below}")),
        );
    }
    assert!(count >= 2, "there are no plugins");
    expect_none("a plugin depends on zilla-sdk and on pure crates", &wrong);
}

#[test]
fn guests_depend_on_the_sdk_and_on_what_they_have_in_common() {
    let members = members();
    let mut wrong = Vec::new();
    for (name, member) in members.iter().filter(|(_, member)| member.folder.starts_with("tests/guests/")) {
        let foreign = member.needs.iter().filter(|needed| members.contains_key(*needed));
        let is_known = |needed: &&String| ["zilla-sdk", "guest-reflection"].contains(&needed.as_str());
        wrong.extend(foreign.filter(|needed| !is_known(needed)).map(|needed| format!("{name} on {needed}")));
    }
    expect_none("a guest is a plugin, and a bad one", &wrong);
}

#[test]
fn the_task_runner_builds_in_seconds() {
    expect_none("xtask depends on nothing", &members()["xtask"].needs.iter().cloned().collect::<Vec<_>>());
}
