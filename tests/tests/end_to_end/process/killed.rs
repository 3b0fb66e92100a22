//! SIGKILL, at any time: what is left behind harms nobody.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use zilla_tests::command::{plugin_options, zilla_in};
use zilla_tests::load::Load;
use zilla_tests::plugin::{built, version};
use zilla_tests::{Host, Line, Ports, config, until};

/// Files in the folder of compiled plugins, by whether they are whole.
fn cache(host: &Host) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let files = fs::read_dir(host.folder().join("cache")).into_iter().flatten().flatten();
    files.map(|file| file.path()).partition(|path| path.extension().is_some_and(|end| end == "code"))
}

fn is_warning(line: &Line) -> bool {
    matches!(line.field("level").as_str(), "WARN" | "ERROR")
}

#[test]
fn a_host_that_is_killed_under_load_is_followed_by_another_at_once() {
    const KILLS: usize = 5;
    let ports = Ports::one();
    let start = Host::with(&["-w2"]).cache("cache");
    let mut host = start.start(&config::http_echo(ports.first()));
    for _ in 0..KILLS {
        let loads = [Load::of_requests(ports.first(), 4), Load::of_first_requests(ports.first(), 4)];
        loads.iter().for_each(|load| load.wait_for_answers(50));
        host.kill();
        assert!(host.control().exists(), "a host that is killed cannot remove its socket");
        host.start_again();
        host.log().wait_for_event("INFO", "started");
        loads.into_iter().for_each(|load| drop(load.end()));
        // The socket of the one before is taken over, and its compiled plugins are as good as they were.
        let status = zilla_in(host.folder(), &["status", "--control=control.sock"]);
        assert!(status.stdout.contains(&format!("pid {}, ", host.pid())), "{status:?}");
        Load::of_requests(ports.first(), 2).expect_unnoticed();
        assert_eq!(host.log().matching(is_warning), []);
    }
}

#[test]
fn a_host_that_is_killed_while_it_compiles_leaves_nothing_that_is_wrong() {
    const KILLS: usize = 8;
    let ports = Ports::one();
    let start = Host::with(&["-w1", "--log-format=json"]).cache("cache").plugins("plugins");
    let start = start.prepared(|folder| {
        fs::create_dir(folder.join("plugins")).unwrap();
        install(folder, 0);
    });
    let mut host = start.start_unseen(&config::http_echo(ports.first()));
    for kill in 1..=KILLS {
        let entries = cache(&host).0.len();
        match kill % 2 {
            // While an entry is written.
            0 => {
                until("an entry is written", || !cache(&host).1.is_empty() || cache(&host).0.len() > entries);
            }
            // Somewhere before, or a little later.
            _ => drop(host.log().wait_for_end_within(Duration::from_millis(9 * kill as u64))),
        }
        host.kill();
        // Another version is compiled anew, and a piece of its entry is told from those that are left.
        install(host.folder(), kill);
        cache(&host).1.iter().for_each(|partial| fs::remove_file(partial).unwrap());
        host.start_again();
    }
    host.log().wait_for_event("INFO", "started");
    Load::of_requests(ports.first(), 2).expect_unnoticed();
    assert_eq!(host.log().matching(is_warning), []);
    // What was kept of any of them is whole.
    assert!(!cache(&host).0.is_empty());
    for number in 0..=KILLS {
        install(host.folder(), number);
        let check =
            zilla_in(host.folder(), &["check", "--plugins=plugins", &plugin_options()[0], "--cache=cache"]);
        assert_eq!((check.code, check.stderr.as_str()), (Some(0), ""), "version {number}");
    }
}

#[test]
fn a_host_that_is_killed_in_the_middle_of_an_entry_leaves_no_half_of_one() {
    /// The kernel's, for a file that grows past the limit of its process.
    const SIGXFSZ: i32 = 25;
    let ports = Ports::one();
    // In units of 512 or 1,024 octets: in any case less than an entry has.
    let start =
        Host::with(&["-w1", "--log-format=json"]).cache("cache").after("[ -e free ] || ulimit -f 200");
    let mut host = start.start_unseen(&config::tcp_echo(ports.first()));
    assert_eq!(host.wait().signal(), Some(SIGXFSZ), "{}", host.log());
    let (entries, partial) = cache(&host);
    assert_eq!((entries.len(), partial.len()), (0, 1), "half an entry has the name of a whole one");
    assert!(fs::metadata(&partial[0]).unwrap().len() > 0);
    fs::write(host.folder().join("free"), "").unwrap();
    host.start_again();
    host.log().wait_for_event("INFO", "started");
    host.expect_echo(ports.first());
    assert_eq!(host.log().matching(is_warning), []);
    assert_eq!(cache(&host).0.len(), 1);
}

fn install(folder: &Path, number: usize) {
    fs::write(folder.join("plugins/binding_http.wasm"), version(&built("http"), number)).unwrap();
}

#[test]
fn damaged_code_is_told_once_each_and_compiled_anew() {
    let ports = Ports::one();
    let mut host = Host::with(&["-w1"]).cache("cache").start(&config::tcp_echo(ports.first()));
    let (entries, _) = cache(&host);
    let whole = fs::read(&entries[0]).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 0x10;
    let shifted = [&whole[..32], &[0], &whole[32..]].concat();
    for damaged in [&whole[..whole.len() / 2], &whole[..33], &flipped, &shifted] {
        host.kill();
        fs::write(&entries[0], damaged).unwrap();
        host.start_again();
        host.log().wait_for_event("INFO", "started");
        host.expect_echo(ports.first());
        let warnings = host.log().matching(is_warning);
        assert_eq!(warnings.len(), 1, "{}", host.log());
        assert_eq!(warnings[0].message(), "a cache entry is damaged, it is compiled anew");
        assert!(fs::read(&entries[0]).unwrap() == whole, "the entry is still damaged");
    }
    // Of one without a digest there is nothing to say.
    for nothing in [&b""[..], &whole[..31]] {
        host.kill();
        fs::write(&entries[0], nothing).unwrap();
        host.start_again();
        host.log().wait_for_event("INFO", "started");
        host.expect_echo(ports.first());
        assert!(fs::read(&entries[0]).unwrap() == whole, "the entry is still damaged");
    }
}
