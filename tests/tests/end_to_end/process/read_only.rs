//! Folders that the host cannot write to: it says in a line what it could not do, and serves.

use std::fs;
use zilla_tests::command::zilla_in;
use zilla_tests::load::Load;
use zilla_tests::mounts::{mounting, read_only};
use zilla_tests::plugin::{built, version};
use zilla_tests::{Host, Line, Ports, config};

fn warnings(host: &Host) -> Vec<Line> {
    host.log().matching(|line| matches!(line.field("level").as_str(), "WARN" | "ERROR"))
}

#[test]
fn a_cache_that_cannot_be_written_to_is_told_in_one_line() {
    let Some(script) = mounting(&format!("mkdir -m 700 cache && {}", read_only("cache"))) else { return };
    let ports = Ports::one();
    let host = Host::with(&["-w1"]).cache("cache").after(&script).start(&config::tcp_echo(ports.first()));
    Load::of_words(ports.first(), 2).expect_unnoticed();
    let warnings = warnings(&host);
    assert_eq!(warnings.len(), 1, "{}", host.log());
    assert_eq!(warnings[0].message(), "compiled code is not kept");
    assert!(warnings[0].field("error").contains("Read-only file system"), "{}", warnings[0]);
}

#[test]
fn a_cache_that_cannot_be_made_is_told_in_one_line() {
    let Some(script) = mounting(&format!("mkdir above && {}", read_only("above"))) else { return };
    let ports = Ports::one();
    let start = Host::with(&["-w1"]).cache("above/cache").after(&script);
    let host = start.start(&config::tcp_echo(ports.first()));
    Load::of_words(ports.first(), 2).expect_unnoticed();
    let warnings = warnings(&host);
    assert_eq!(warnings.len(), 1, "{}", host.log());
    assert_eq!(warnings[0].message(), "compiled plugins are not kept");
    assert!(warnings[0].field("error").contains("Read-only file system"), "{}", warnings[0]);
}

#[test]
fn a_plugin_is_not_swapped_in_where_it_cannot_be_written_to() {
    let Some(script) = mounting(&read_only("plugins")) else { return };
    let ports = Ports::one();
    let start = Host::with(&["-w1"]).plugins("plugins").after(&script).prepared(|folder| {
        fs::create_dir(folder.join("plugins")).unwrap();
        fs::write(folder.join("plugins/binding_echo.wasm"), built("echo")).unwrap();
        fs::write(folder.join("new.wasm"), version(&built("echo"), 1)).unwrap();
    });
    let host = start.watching().start(&config::tcp_echo(ports.first()));
    let load = Load::of_words(ports.first(), 2);
    let swap = zilla_in(host.folder(), &["plugin", "swap", "new.wasm", "--control=control.sock"]);
    assert_eq!((swap.code, swap.stdout.as_str()), (Some(1), ""));
    let refusal =
        "plugins/binding_echo.wasm: expected a directory that the host can write to, found: Read-only";
    assert!(swap.stderr.contains(refusal), "{}", swap.stderr);
    assert_eq!(fs::read_dir(host.folder().join("plugins")).unwrap().count(), 1);
    load.expect_unnoticed();
    // The refusal is the only thing there is to say.
    assert_eq!(warnings(&host).len(), 1, "{}", host.log());
}

#[test]
fn a_configuration_that_cannot_be_written_to_is_served_and_followed() {
    let Some(script) = mounting(&read_only("etc")) else { return };
    let ports = Ports::one();
    let start = Host::with(&["-w1", "--config=etc/zilla.yaml"]).after(&script).prepared(|folder| {
        fs::create_dir(folder.join("etc")).unwrap();
        fs::rename(folder.join("zilla.yaml"), folder.join("etc/zilla.yaml")).unwrap();
    });
    let host = start.watching().start(&config::tcp_echo(ports.first()));
    let load = Load::of_words(ports.first(), 2);
    // It is read-only for the host; others may publish what it is to follow.
    let http = config::http_echo(ports.first());
    fs::write(host.folder().join("etc/new"), http).unwrap();
    fs::rename(host.folder().join("etc/new"), host.folder().join("etc/zilla.yaml")).unwrap();
    host.log().wait_for_event("INFO", "applied");
    load.expect_unnoticed();
    Load::of_requests(ports.first(), 2).expect_unnoticed();
    assert_eq!(warnings(&host), []);
}

#[test]
fn a_socket_that_cannot_be_made_at_the_default_place_is_told_in_one_line() {
    let Some(script) = mounting(&format!("mkdir run && {}", read_only("run"))) else { return };
    let ports = Ports::one();
    let start = Host::with(&["-w1"]).with_default_control().variable("XDG_RUNTIME_DIR", "run").after(&script);
    let host = start.start(&config::tcp_echo(ports.first()));
    Load::of_words(ports.first(), 2).expect_unnoticed();
    let warnings = warnings(&host);
    assert_eq!(warnings.len(), 1, "{}", host.log());
    assert_eq!(warnings[0].message(), "no control socket, `zilla status` cannot reach this host");
}
