//! What operators type, and what others send to the control socket.

use crate::support::site::Site;
use crate::support::yaml::{echo, file, moody, web};
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;
use zilla_tests::load::Load;
use zilla_tests::plugin::{built, file_name, in_mood, version};
use zilla_tests::{Client, Folder, PATIENCE, Ports, zilla};

/// A host without a watch: nothing but commands changes it.
#[track_caller]
fn site(chain: &str) -> Site {
    Site::with(&["--no-watch"]).start(&file(&[chain.to_owned()]))
}

/// Sends octets to the control socket, and then FIN; what comes back.
#[track_caller]
fn send(site: &Site, octets: &[u8]) -> String {
    let mut socket = UnixStream::connect(site.socket()).expect("the host takes commands");
    socket.set_read_timeout(Some(PATIENCE)).expect("a time that is not zero");
    // The host need not read more than it takes.
    let _ = socket.write_all(octets);
    let _ = socket.shutdown(std::net::Shutdown::Write);
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn a_good_plugin_is_swapped_in_and_its_file_put_in_place() {
    let ports = Ports::range(2);
    let site =
        Site::with(&["--no-watch"]).start(&file(&[web("near", ports.at(0)), echo("far", ports.at(1))]));
    let load = Load::of_requests(ports.at(0), 2);
    let files = || fs::read_dir(site.path("plugins")).expect("it is there").count();
    let before = files();
    let component = version(&built("http"), 1);
    fs::write(site.path("anything.wasm"), &component).expect("a folder of its own");
    // A path of the command's own folder.
    let output = zilla_tests::command::run(
        site.command(&["plugin", "swap", "anything.wasm"]).current_dir(site.path("").as_path()),
    );
    assert_eq!(
        (output.code, output.stdout.as_str(), output.stderr.as_str()),
        (Some(0), "generation 2: 1 pipelines started, 1 drain\n", "")
    );
    assert!(fs::read(site.plugin("http")).expect("it is there") == component);
    assert_eq!(files(), before, "something is left behind");
    // The files say what runs.
    assert_eq!(site.reload(), "generation 2: nothing to replace\n");
    load.expect_unnoticed();
}

#[test]
fn a_broken_plugin_is_not_swapped_in_and_the_file_in_place_is_untouched() {
    let port = Ports::one();
    let site = site(&moody("near", &port));
    let mut stream = Client::connect(port.first());
    let good = fs::read(site.plugin("moody")).expect("it is there");
    let new = site.path("new.wasm");
    for (component, reason) in [
        (&good[..good.len() / 2], "expected a WebAssembly component"),
        (&b"no plugin"[..], "expected a WebAssembly component"),
        (&in_mood("panics")[..], "not in this mood"),
        (&in_mood("stumbles")[..], "it stumbles over the first step"),
        (&in_mood("refuses")[..], "expected: a better day"),
        (&built("unknown_import")[..], "other:thing/api@1.2.3"),
    ] {
        fs::write(&new, component).expect("a folder of its own");
        let output = site.zilla(&["plugin", "swap", &new.display().to_string()]);
        assert_eq!((output.code, output.stdout.as_str()), (Some(1), ""), "{output:?}");
        assert!(output.stderr.contains(reason), "expected {reason:?}: {}", output.stderr);
        // The file that was offered, and not the one that is in its place still.
        assert!(output.stderr.contains("/new.wasm"), "{}", output.stderr);
        assert!(fs::read(site.plugin("moody")).expect("it is there") == good, "{reason}");
        let status = site.status();
        assert!(status.last_error().contains(reason), "{:#}", status.0);
        assert_eq!(status.generation(), 1);
        stream.echo("still here");
    }
    let output = site.zilla(&["plugin", "swap", &site.path("missing.wasm").display().to_string()]);
    assert_eq!(output.code, Some(1));
    assert!(output.stderr.contains("missing.wasm: No such file"), "{output:?}");
    assert_eq!(site.reload(), "generation 1: nothing to replace\n");
    assert_eq!(site.status().last_error(), "");
}

#[test]
fn a_type_that_is_not_installed_yet_is_installed_by_a_swap() {
    let ports = Ports::range(2);
    let site = site(&echo("near", ports.at(0)));
    fs::remove_file(site.plugin("moody")).expect("it is there");
    let yaml = file(&[echo("near", ports.at(0)), moody("far", ports.at(1))]);
    site.configure(&yaml);
    assert!(site.expect_refusal().contains("no plugin of this type"));
    fs::write(site.path("new.wasm"), built("moody")).expect("a folder of its own");
    let output = site.zilla(&["plugin", "swap", &site.path("new.wasm").display().to_string()]);
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{}", site.host.log());
    assert!(site.path("plugins").join(file_name("moody")).is_file());
    site.host.expect_echo(ports.at(1));
    assert_eq!(site.status().names(), ["test:near", "test:far"]);
}

#[test]
fn a_swap_removes_what_a_killed_one_has_left_behind() {
    let port = Ports::one();
    let site = site(&echo("near", &port));
    let make = |name: &str, age_s: u64| {
        let path = site.path("plugins").join(name);
        let file = fs::File::create(&path).expect("a folder of its own");
        let now = file.metadata().and_then(|metadata| metadata.modified()).expect("it was just made");
        file.set_modified(now - Duration::from_secs(age_s)).expect("it is our own");
        path
    };
    let abandoned = make("binding_echo.4711.partial", 3_700);
    let others = [
        make("binding_http.4711.partial", 3_000),
        make("notes.partial", 3_700),
        make("notes.mine.partial", 3_700),
        make(".4711.partial", 3_700),
    ];
    fs::write(site.path("new.wasm"), version(&built("echo"), 1)).expect("a folder of its own");
    site.zilla(&["plugin", "swap", &site.path("new.wasm").display().to_string()]);
    assert_eq!(site.status().generation(), 2);
    assert!(!abandoned.exists());
    for other in others {
        assert!(other.exists(), "{}", other.display());
    }
}

/// A line of script that starts a host which the modes of files bind; none if that cannot be had, as root.
fn bound_by_modes() -> Option<&'static str> {
    if fs::metadata("/proc/self").is_ok_and(|own| own.uid() != 0) {
        return Some("");
    }
    let tried = std::process::Command::new("setpriv").args(["--bounding-set=-dac_override", "true"]).status();
    let is_possible = tried.is_ok_and(|status| status.success());
    is_possible.then_some("exec setpriv --bounding-set=-dac_override \"$0\" \"$@\"")
}

#[track_caller]
fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a folder of its own");
}

#[test]
fn a_swap_replaces_the_file_in_use_or_tells_which_folder_it_may_not_write_to() {
    let Some(script) = bound_by_modes() else {
        eprintln!("left out: as root, every folder can be written to");
        return;
    };
    let (folder, port) = (Folder::new(), Ports::one());
    let later = folder.join("later");
    let site = Site::with(&["--no-watch", &format!("--plugins={}", later.display())]).after(script).start_in(
        folder,
        &file(&[moody("near", &port)]),
        |folder| {
            let moved = fs::create_dir(&later).and_then(|()| {
                fs::rename(folder.join("plugins").join(file_name("moody")), later.join(file_name("moody")))
            });
            moved.expect("a folder of its own");
        },
    );
    let (earlier, in_use, new) =
        (site.path("plugins"), later.join(file_name("moody")), site.path("new.wasm"));
    let (good, component) = (built("moody"), version(&built("moody"), 1));
    let files = || [&later, &earlier].map(|folder| fs::read_dir(folder).expect("it is there").count());
    let before = files();
    fs::write(&new, &component).expect("a folder of its own");
    let swap = || site.zilla(&["plugin", "swap", &new.display().to_string()]);
    let refused = |way_out: &str| {
        let output = swap();
        let expected = format!(
            "error: {}: expected a directory that the host can write to, found: Permission denied (os error 13)\n  \
             help: let the host write to {}, or {way_out}\n",
            in_use.display(),
            later.display()
        );
        assert_eq!((output.code, output.stderr), (Some(1), expected));
        assert!(fs::read(&in_use).expect("it is there") == good, "it was replaced");
    };

    set_mode(&later, 0o555);
    refused(&format!(
        "put the file into {}, which is searched earlier and which it can write to",
        earlier.display()
    ));
    set_mode(&earlier, 0o555);
    refused("start it with `--plugins` of a directory that it can write to");
    assert_eq!(files(), before, "something is left behind");
    assert_eq!(site.status().generation(), 1);

    set_mode(&earlier, 0o755);
    set_mode(&later, 0o755);
    assert_eq!(swap().stdout, "generation 2: 1 pipelines started, 1 drain\n");
    assert!(fs::read(&in_use).expect("it is there") == component, "the file in use is the old one");
    assert_eq!(files(), before, "another file was written");
}

#[test]
fn the_status_tells_what_runs() {
    let ports = Ports::range(2);
    let site =
        Site::with(&["--no-watch"]).start(&file(&[web("near", ports.at(0)), echo("far", ports.at(1))]));
    let mut stream = Client::connect(ports.at(1));
    stream.echo("open");
    let status = site.status();
    assert_eq!(status.0["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(status.0["pid"], site.host.pid());
    assert_eq!(status.0["workers"], 2);
    assert_eq!(status.0["config"], site.path("zilla.yaml").display().to_string());
    let far = status.pipeline("far");
    assert_eq!((&far["state"], &far["streams"]), (&"current".into(), &1.into()));
    assert_eq!(far["connections"], 1);
    // One on each worker.
    assert_eq!(far["bindings"][1]["instances"], 2);
    assert!(far["bindings"][0]["instances"].is_null(), "tcp is no plugin: {far}");
    assert_eq!(far["listens"], serde_json::json!([format!("127.0.0.1:{}", ports.at(1))]));
    let types: Vec<_> = status.pipeline("near")["bindings"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| (row["type"].as_str(), row["kind"].as_str(), row["digest"].is_string()))
        .collect();
    let server = Some("server");
    assert_eq!(
        types,
        [(Some("tcp"), server, false), (Some("http"), server, true), (Some("echo"), server, true)]
    );

    // The same for people.
    site.install("echo", b"no plugin");
    site.expect_refusal();
    let table = site.zilla(&["status"]).stdout;
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0][..2], ["zilla", concat!(env!("CARGO_PKG_VERSION"), ",")], "{table}");
    let columns = "PIPELINE STATE GENERATION STREAMS CONNECTIONS LISTENS BINDING PLUGIN INSTANCES KEEPS";
    assert_eq!(lines[2].join(" "), columns);
    let near = format!("127.0.0.1:{}", ports.at(0));
    assert_eq!(lines[3], ["test:near", "current", "1", "0", "0", &near, "test:near", "tcp", "(native)"]);
    let http = &status.digests("http")[0][..12];
    assert_eq!(lines[4], ["test:near_http", "http", env!("CARGO_PKG_VERSION"), http, "2"]);
    assert!(table.contains("\nlast error, not applied:\n"), "{table}");
    assert!(table.contains("binding_echo.wasm: expected a WebAssembly component"), "{table}");
}

#[test]
fn commands_to_a_place_where_no_host_is_say_so() {
    let folder = Folder::new();
    let path = folder.join("nobody.sock").display().to_string();
    let new = folder.join("new.wasm").display().to_string();
    fs::write(&new, "").expect("a folder of its own");
    for arguments in
        [&["status"][..], &["status", "--json"], &["reload"], &["stop"], &["plugin", "swap", &new]]
    {
        let control = format!("--control={path}");
        let arguments: Vec<&str> = arguments.iter().copied().chain([control.as_str()]).collect();
        let output = zilla(&arguments);
        assert_eq!((output.code, output.stdout.as_str()), (Some(1), ""), "{output:?}");
        let expected = format!("error: no host answers at {path}: ");
        assert!(output.stderr.starts_with(&expected), "{output:?}");
    }
}

#[test]
fn a_second_host_does_not_take_the_socket_of_the_first() {
    let ports = Ports::range(2);
    let site = site(&echo("near", ports.at(0)));
    let far = file(&[echo("far", ports.at(1))]);
    let mut second = Site::with(&[]).control(site.socket()).start_unseen(&far);
    assert_eq!(second.host.wait().code(), Some(1));
    let log = second.host.log().to_string();
    assert!(log.contains("zilla.sock: another host answers there"), "{log}");
    assert_eq!(site.status().0["pid"], site.host.pid());
}

#[test]
fn a_socket_that_a_killed_host_has_left_behind_is_replaced() {
    let ports = Ports::range(2);
    let mut site = site(&echo("near", ports.at(0)));
    site.host.signal("KILL");
    site.host.wait();
    assert!(site.socket().exists());
    let second = Site::with(&[]).control(site.socket()).start(&file(&[echo("far", ports.at(1))]));
    assert_eq!(site.status().0["pid"], second.host.pid());
}

#[test]
fn a_file_at_the_place_of_the_socket_is_not_removed() {
    let (folder, port) = (Folder::new(), Ports::one());
    folder.write("precious", "a thing of value");
    let near = file(&[echo("near", &port)]);
    let mut site = Site::with(&[]).control(folder.join("precious")).start_unseen(&near);
    assert_eq!(site.host.wait().code(), Some(1));
    let log = site.host.log().to_string();
    assert!(log.contains("precious: there is a file that is no socket"), "{log}");
    assert_eq!(fs::read_to_string(folder.join("precious")).expect("it is there"), "a thing of value");
}

#[test]
fn the_socket_is_for_its_user_alone() {
    let port = Ports::one();
    let site = site(&echo("near", &port));
    let mode = fs::metadata(site.socket()).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn garbage_on_the_socket_is_refused_and_changes_nothing() {
    let port = Ports::one();
    let site = site(&echo("near", &port));
    for garbage in [
        &b"\n"[..],
        b"status\n",
        b"{}\n",
        b"{\"command\":\"destroy\"}\n",
        b"{\"command\":\"swap\"}\n",
        b"{\"command\":\"status\",\"more\":1}\n",
        b"{\"command\":\"reload\",\"file\":\"new.wasm\"}\n",
        b"{\"command\":\"stop\",\"limit\":0}\n",
        b"{\"command\":\"swap\",\"file\":\"new.wasm\",\"more\":1}\n",
        b"[[[[[[[[[[[[[[[[[[[[\n",
        b"GET / HTTP/1.1\r\nhost: test\r\n\r\n",
    ] {
        let answer = send(&site, garbage);
        let json: serde_json::Value = serde_json::from_str(&answer).expect("an answer in JSON");
        let error = json["error"].as_str().unwrap_or_default();
        assert!(error.starts_with("expected a command, found: "), "{}: {answer}", garbage.escape_ascii());
    }
    let answer = send(&site, b"{\"command\":\"status\",\"more\":1}\n");
    assert!(answer.contains("unknown field `more`"), "{answer}");
    // Nothing, and no text, is not worth an answer.
    for garbage in [&b""[..], b"\xff\xfe\xfd\n", b"\0\0\0\0"] {
        let answer = send(&site, garbage);
        assert!(!answer.contains("ok"), "{answer}");
    }
    assert_eq!(site.status().generation(), 1);
    site.host.expect_echo(port.first());
}

#[test]
fn a_command_without_end_is_refused_at_its_limit() {
    let port = Ports::one();
    let site = site(&echo("near", &port));
    let before = site.host.rss_kib();
    for _ in 0..20 {
        let answer = send(&site, &vec![b' '; 4 << 20]);
        assert!(answer.is_empty() || answer.contains("expected a command"), "{answer}");
    }
    // 80 MiB were on their way, and 64 KiB of each are taken.
    let grown = site.host.rss_kib().saturating_sub(before);
    assert!(grown < 16 << 10, "{grown} KiB more");
    assert_eq!(site.status().generation(), 1);
}

#[test]
fn clients_that_send_nothing_keep_nobody_waiting() {
    let port = Ports::one();
    let site = site(&echo("near", &port));
    let silent: Vec<_> =
        (0..50).map(|_| UnixStream::connect(site.socket()).expect("room for one more")).collect();
    assert_eq!(site.reload(), "generation 1: nothing to replace\n");
    drop(silent);
    // Whoever leaves before the answer comes is no trouble either.
    for _ in 0..50 {
        let mut hasty = UnixStream::connect(site.socket()).expect("room for one more");
        hasty.write_all(b"{\"command\":\"status\"}\n").expect("the host reads");
    }
    assert_eq!(site.reload(), "generation 1: nothing to replace\n");
}
