//! The examples are what they say: each runs, and its `verify.sh` passes.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use xtask::setup;
use zilla_tests::command::{self, run};
use zilla_tests::files::root;
use zilla_tests::{Host, Ports};

/// Where a `zilla.yaml` has a command that shows it at work: see `xtask/src/run.rs`.
const TRY: &str = "# try: ";

/// Folders of `examples/`, by whether they have a `zilla.yaml`.
fn folders(with_config: bool) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join("examples")).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> =
        entries.filter(|path| path.is_dir() && path.join("zilla.yaml").is_file() == with_config).collect();
    folders.sort();
    folders
}

/// Ports that a configuration listens on: numbers below a `port:` outside of `routes`.
fn ports_of(yaml: &str) -> BTreeSet<u16> {
    let mut ports = BTreeSet::new();
    let mut lines = yaml.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(value) = line.trim().strip_prefix("port:") else { continue };
        ports.extend(value.trim().parse::<u16>());
        while let Some(item) = lines.peek().and_then(|line| line.trim().strip_prefix("- ")) {
            ports.extend(item.trim().parse::<u16>());
            lines.next();
        }
    }
    ports
}

/// The configuration with other ports, the first for the lowest.
fn on_ports(yaml: &str, ports: &BTreeSet<u16>, free: &Ports) -> String {
    let other = |number: &str| ports.iter().position(|port| port.to_string() == number);
    // Number by number: a free port may begin as one that is yet to be replaced.
    let runs = yaml.split_inclusive(|c: char| !c.is_ascii_digit());
    let replaced = runs.map(|run| {
        let number = run.trim_end_matches(|c: char| !c.is_ascii_digit());
        match other(number) {
            Some(index) => format!("{}{}", free.at(index), &run[number.len()..]),
            None => run.to_owned(),
        }
    });
    replaced.collect()
}

/// Runs an example on free ports, and its `verify.sh` against it.
#[track_caller]
fn verify(folder: &Path) {
    let name = folder.display();
    let yaml = fs::read_to_string(folder.join("zilla.yaml")).unwrap();
    let ports = ports_of(&yaml);
    let free = Ports::range(ports.len() as u16);
    let mut start = Host::with(&["--workers=1"]);
    let setup = folder.join(setup::SCRIPT);
    if setup.is_file() {
        start = start.set_up(setup);
    }
    let host = start.start(&on_ports(&yaml, &ports, &free));
    let address = format!("127.0.0.1:{}", free.first());
    let mut script = Command::new("bash");
    script.arg(folder.join("verify.sh")).current_dir(host.folder());
    script.env("ADDRESS", &address).env("ZILLA", command::program()).env("ZILLA_CONTROL", host.control());
    script.env("TLS", host.folder().join("tls"));
    let output = run(&mut script);
    assert_eq!(output.code, Some(0), "{name}: {}{}", output.stdout, output.stderr);
}

#[test]
fn every_example_runs_and_passes_its_own_check() {
    let examples = folders(true);
    assert!(examples.len() >= 3, "{examples:?}");
    for folder in examples {
        eprintln!("{}", folder.display());
        verify(&folder);
    }
}

#[test]
fn a_free_port_that_is_the_next_to_be_replaced_stays() {
    let free = Ports::range(2);
    let [lower, higher] = [free.first() - 1, free.first()];
    let yaml = |ports: [u16; 2]| format!("port:\n- {}\n- {}\nkeys: x.p12\n", ports[0], ports[1]);
    let replaced = on_ports(&yaml([lower, higher]), &BTreeSet::from([lower, higher]), &free);
    assert_eq!(replaced, yaml([free.at(0), free.at(1)]));
}

#[test]
fn every_example_says_what_it_is() {
    for folder in folders(true).into_iter().chain(folders(false)) {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let readme = fs::read_to_string(folder.join("README.md")).unwrap_or_default();
        assert!(readme.contains(&name), "{} has no README.md that names it", folder.display());
    }
}

#[test]
fn every_example_that_runs_shows_how_to_try_and_to_verify_it() {
    for folder in folders(true) {
        let yaml = fs::read_to_string(folder.join("zilla.yaml")).unwrap();
        assert!(yaml.starts_with(TRY), "{} has no line {TRY:?}", folder.display());
        let script = folder.join("verify.sh");
        let text = fs::read_to_string(&script).unwrap_or_default();
        let is_strict = text.starts_with("#!/usr/bin/env bash\n") && text.contains("\nset -euo pipefail\n");
        assert!(is_strict, "{} goes on after an error", script.display());
    }
}
