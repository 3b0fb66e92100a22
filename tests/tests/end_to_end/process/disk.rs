//! A disk that is full: what cannot be kept is told, and everything else goes on.

use std::fs;
use std::path::PathBuf;
use zilla_tests::command::zilla_in;
use zilla_tests::load::Load;
use zilla_tests::mounts::{mounting, small};
use zilla_tests::plugin::{built, version};
use zilla_tests::{Client, Host, Line, Ports, config, until};

/// A folder as the host sees it.
fn seen_by(host: &Host, folder: &str) -> Vec<PathBuf> {
    let path = host.folder().join(folder);
    let path = format!("/proc/{}/root{}", host.pid(), path.display());
    fs::read_dir(path).unwrap().map(|file| file.unwrap().file_name().into()).collect()
}

#[test]
fn compiled_plugins_that_find_no_room_are_told_and_run() {
    let Some(script) = mounting(&format!("mkdir cache && {}", small("cache", 64))) else { return };
    let ports = Ports::one();
    let host = Host::with(&["-w1"]).cache("cache").after(&script).start(&config::tcp_echo(ports.first()));
    Load::of_words(ports.first(), 2).expect_unnoticed();
    let warnings = host.log().matching(|line| line.field("level") == "WARN");
    assert_eq!(warnings.len(), 1, "{}", host.log());
    assert_eq!(warnings[0].message(), "compiled code is not kept");
    assert!(warnings[0].field("error").contains("No space left on device"), "{}", warnings[0]);
    assert_eq!(seen_by(&host, "cache"), [""; 0].map(PathBuf::from), "half an entry is left");
}

#[test]
fn a_plugin_that_finds_no_room_is_not_swapped_in_and_the_one_in_place_stays() {
    let old = built("echo");
    // Room for one and a half.
    let room = small("plugins", old.len() as u64 * 3 / 2 / 1024);
    let script = format!("{room} && cp old.wasm plugins/binding_echo.wasm");
    let Some(script) = mounting(&script) else { return };
    let ports = Ports::one();
    let start = Host::with(&["-w1"]).plugins("plugins").after(&script).prepared(|folder| {
        fs::create_dir(folder.join("plugins")).unwrap();
        fs::write(folder.join("old.wasm"), built("echo")).unwrap();
        fs::write(folder.join("new.wasm"), version(&built("echo"), 1)).unwrap();
    });
    let host = start.start(&config::tcp_echo(ports.first()));
    let load = Load::of_words(ports.first(), 2);
    let swap = zilla_in(host.folder(), &["plugin", "swap", "new.wasm", "--control=control.sock"]);
    assert_eq!((swap.code, swap.stdout.as_str()), (Some(1), ""));
    assert!(swap.stderr.contains("plugins/binding_echo.wasm: No space left on device"), "{}", swap.stderr);
    assert_eq!(seen_by(&host, "plugins"), [PathBuf::from("binding_echo.wasm")], "half a plugin is left");
    let reload = zilla_in(host.folder(), &["reload", "--control=control.sock"]);
    assert_eq!(reload.stdout, "generation 1: nothing to replace\n", "{reload:?}");
    load.expect_unnoticed();
}

#[test]
fn a_log_that_finds_no_room_is_lost_and_nothing_else() {
    let ports = Ports::range(2);
    let yaml = config::guest_and_neighbour("trap", ports.first(), ports.last());
    let mut host = Host::with(&["-w1", "--log-level=debug"]).after("exec 2>/dev/full").start_unseen(&yaml);
    until("it listens", || Client::try_connect(ports.last()).is_ok());
    let neighbour = Load::of_words(ports.last(), 2);
    for _ in 0..5 {
        let mut guest = Client::connect(ports.first());
        guest.echo("well");
        // A line of the plugin, and two of the host.
        guest.send("panic");
        guest.expect_reset();
    }
    neighbour.expect_unnoticed();
    let reload = zilla_in(host.folder(), &["reload", "--control=control.sock"]);
    assert_eq!(reload.stdout, "generation 1: nothing to replace\n", "{reload:?}");
    host.signal("TERM");
    assert_eq!(host.wait().code(), Some(0));
    assert_eq!(host.log().matching(|_: &Line| true), [], "it was to be lost");
}

#[test]
fn a_log_that_nobody_reads_any_more_is_lost_and_nothing_else() {
    let ports = Ports::range(2);
    let yaml = config::guest_and_neighbour("trap", ports.first(), ports.last());
    // The reader of the pipe ends after one line.
    let script = "mkfifo log; head -n1 <log >/dev/null & exec 2>log";
    let mut host = Host::with(&["-w1", "--log-level=debug"]).after(script).start_unseen(&yaml);
    until("it listens", || Client::try_connect(ports.last()).is_ok());
    let neighbour = Load::of_words(ports.last(), 2);
    for _ in 0..5 {
        let mut guest = Client::connect(ports.first());
        guest.echo("well");
        guest.send("panic");
        guest.expect_reset();
    }
    neighbour.expect_unnoticed();
    host.signal("TERM");
    assert_eq!(host.wait().code(), Some(0));
}
