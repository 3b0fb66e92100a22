//! `zilla plugin list` and `zilla plugin inspect`.

use serde_json::Value;
use zilla_tests::command::{Output, plugin_options, zilla, zilla_in};
use zilla_tests::{Folder, config};

#[track_caller]
fn plugin(arguments: &[&str]) -> Output {
    let options = plugin_options();
    let options = options.iter().map(String::as_str);
    zilla(&["plugin"].into_iter().chain(arguments.iter().copied()).chain(options).collect::<Vec<_>>())
}

fn file(name: &str) -> String {
    xtask::plugins::built().dir.join(name).display().to_string()
}

fn guest(name: &str) -> String {
    xtask::plugins::built().guests_dir.join(name).display().to_string()
}

#[test]
fn the_list_has_every_plugin_with_its_file_and_those_that_cannot_be_used() {
    let output = plugin(&["list"]);
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    let row = |type_name: &str| -> Vec<&str> {
        let line = output.stdout.lines().find(|line| line.split_whitespace().next() == Some(type_name));
        line.unwrap_or_else(|| panic!("no {type_name} in:\n{}", output.stdout)).split_whitespace().collect()
    };
    assert_eq!(row("tcp")[1..3], ["binding", "server,client"]);
    assert_eq!(row("tcp").last(), Some(&"(native)"));
    let plugins =
        [("echo", "server", file("binding_echo.wasm")), ("http", "server,client", file("binding_http.wasm"))];
    for (type_name, kinds, file) in plugins {
        assert_eq!((row(type_name)[1], row(type_name)[2]), ("binding", kinds));
        assert_eq!(row(type_name).last(), Some(&file.as_str()));
    }
    assert_eq!([row("echo")[4], row("counter")[4]], ["-", "state"]);
    assert_eq!(row("unknown_import")[2], "unusable");
    assert!(row("unknown_import").join(" ").contains("`other:thing/api@1.2.3`, which is not granted"));
    assert!(output.stdout.contains(&format!("looked in:\n  {}\n", xtask::plugins::built().dir.display())));
}

#[test]
fn a_folder_that_is_missing_is_listed_as_such() {
    let output = zilla(&["plugin", "list", "--plugins=/nowhere/at/all", "--no-cache"]);
    assert!(output.stdout.contains("  /nowhere/at/all (missing)\n"), "{}", output.stdout);
}

#[test]
fn a_plugin_is_shown_with_its_kinds_options_and_imports() {
    let output = plugin(&["inspect", &file("binding_http.wasm")]);
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    for part in [
        "type:     http\n",
        "concept:  binding\n",
        "imports:  zilla:plugin/",
        "exports:  zilla:plugin/binding-exports@0.1.0\n",
        "kind:     server\n",
        "routes:   on the streams that it opens\n",
        "\"header-read-ms\"",
    ] {
        assert!(output.stdout.contains(part), "{part:?} is missing from:\n{}", output.stdout);
    }
}

#[test]
fn a_plugin_is_shown_to_programs_as_json() {
    let json = |name: &str| -> Value {
        let output = plugin(&["inspect", "--json", &file(name)]);
        assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
        serde_json::from_str(&output.stdout).unwrap()
    };
    let http = json("binding_http.wasm");
    assert_eq!((&http["type"], &http["concept"]), (&"http".into(), &"binding".into()));
    let octets = std::fs::metadata(file("binding_http.wasm")).unwrap().len();
    assert_eq!(http["size"], octets);
    assert_eq!(http["sha256"].as_str().map(str::len), Some(64));
    assert_eq!(http["kinds"][0]["kind"], "server");
    assert!(http["kinds"][0]["options"]["properties"]["timeouts"].is_object());
    assert!(http["kinds"][0]["when"].is_object());
    let echo = json("binding_echo.wasm");
    assert_eq!((&echo["kinds"][0]["when"], &echo["kinds"][0]["with"]), (&Value::Null, &Value::Null));
}

#[test]
fn a_plugin_is_shown_to_keep_state_or_none() {
    for (file, text, value) in [
        (guest("binding_counter.wasm"), "state:    is handed over when it is replaced\n", true),
        (file("binding_http.wasm"), "state:    none\n", false),
    ] {
        let output = plugin(&["inspect", &file]);
        assert!(output.stdout.contains(text), "{}", output.stdout);
        let output = plugin(&["inspect", "--json", &file]);
        let json: Value = serde_json::from_str(&output.stdout).unwrap();
        assert_eq!(json["state"], value);
    }
}

#[test]
fn a_file_that_is_refused_is_shown_with_its_imports() {
    let output = plugin(&["inspect", &guest("binding_unknown_import.wasm")]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(1), ""));
    let path = guest("binding_unknown_import.wasm");
    let expected = format!(
        "error: {path}: expected imports of zilla:plugin only, found the import `other:thing/api@1.2.3`, which is \
         not granted\n  imports: "
    );
    assert!(output.stderr.starts_with(&expected), "{}", output.stderr);
    assert!(output.stderr.contains("other:thing/api@1.2.3\n"), "{}", output.stderr);
}

#[test]
fn a_file_that_is_missing_is_named() {
    let output = plugin(&["inspect", "/nowhere.wasm"]);
    assert_eq!(output.code, Some(1));
    let expected =
        "error: /nowhere.wasm: expected a readable file, found: No such file or directory (os error 2)\n";
    assert_eq!(output.stderr, expected);
}

#[test]
fn a_file_is_read_once() {
    let folder = Folder::with_config(&config::tcp_echo(1));
    let pipe = folder.join("binding_echo.wasm");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.is_ok_and(|status| status.success()), "there is no pipe at {}", pipe.display());
    let component = std::fs::read(file("binding_echo.wasm")).unwrap();
    // Whoever opens the pipe a second time waits for a second writer, and there is none.
    let writer = std::thread::spawn(move || std::fs::write(pipe, component));
    let plugins = format!("--plugins={}", folder.path().display());
    let output = zilla_in(folder.path(), &["check", &plugins, "--no-cache"]);
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    writer.join().expect("a writer does not panic").unwrap();
}
