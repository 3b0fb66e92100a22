//! HTTP/2, asked for by clients that others have written. What is not installed is left out, and says so.

use super::Web;
use std::process::{Command, Stdio};
use zilla_tests::{Folder, command};

/// A host that serves HTTP/2 on its port, and HTTP/1.1 beside it.
fn both() -> Web {
    Web::with("{versions: [http/1.1, h2]}")
}

/// Whether a client can be run, and for curl whether it speaks HTTP/2.
fn has(program: &str) -> bool {
    let version = Command::new(program).arg("--version").stderr(Stdio::null()).output();
    let text = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let is_there = if program == "curl" { text.contains("HTTP2") } else { !text.is_empty() };
    if !is_there {
        eprintln!("left out: {program} is not installed, or does not speak HTTP/2");
    }
    is_there
}

/// What a client prints, who is run with these arguments and the address of the host as the last one.
#[track_caller]
fn run(program: &str, web: &Web, arguments: &[&str]) -> String {
    let mut client = Command::new(program);
    client.args(arguments).arg(format!("http://127.0.0.1:{}/", web.port)).stdin(Stdio::null());
    let output = command::run(&mut client);
    assert_eq!(output.code, Some(0), "{program} {arguments:?}: {output:?}");
    output.stdout
}

#[track_caller]
fn curl(web: &Web, arguments: &[&str]) -> String {
    let usual = ["--silent", "--show-error", "--fail", "--max-time", "20", "--http2-prior-knowledge"];
    run("curl", web, &[&usual, arguments].concat())
}

#[test]
fn a_body_comes_back() {
    if has("curl") {
        let back = curl(&both(), &["--data", "Hello, world", "--write-out", " over %{http_version}"]);
        assert_eq!(back, "Hello, world over 2");
    }
}

#[test]
fn both_versions_are_served_on_one_port() {
    if has("curl") {
        let web = both();
        let version = ["--write-out", "%{http_version}", "--data", ""];
        assert_eq!(curl(&web, &version), "2");
        assert_eq!(run("curl", &web, &[&["--silent", "--http1.1"][..], &version].concat()), "1.1");
        // The offer to upgrade is ignored.
        assert_eq!(run("curl", &web, &[&["--silent", "--http2"][..], &version].concat()), "1.1");
    }
}

#[test]
fn a_head_request_has_no_body() {
    if has("curl") {
        let head = curl(&both(), &["--head", "--header", "x-colour: green"]);
        assert!(head.starts_with("HTTP/2 200") && head.contains("\r\nx-colour: green\r\n"), "{head}");
    }
}

#[test]
fn a_file_of_some_megabytes_comes_back() {
    if has("curl") {
        let (web, folder) = (both(), Folder::new());
        let sent = zilla_tests::random::Random::new(7).octets(10_000_000);
        folder.write("sent", &sent);
        let (from, to) = (folder.join("sent"), folder.join("received"));
        let data = format!("@{}", from.display());
        curl(&web, &["--data-binary", &data, "--output", &to.display().to_string()]);
        assert!(std::fs::read(to).unwrap() == sent);
    }
}

#[test]
fn one_connection_serves_many_requests_at_a_time() {
    if has("nghttp") {
        let found = run("nghttp", &both(), &["--null-out", "--stat", "--multiply=50"]);
        assert_eq!(found.matches(" 200 ").count(), 50, "{found}");
    }
}

#[test]
fn trailers_and_padding_are_understood() {
    if has("nghttp") {
        let (web, folder) = (both(), Folder::new());
        folder.write("sent", b"Hello, world");
        let data = format!("--data={}", folder.join("sent").display());
        let found = run("nghttp", &web, &["--padding=100", "--trailer=x-sum: 12", "--verbose", &data]);
        assert!(found.contains(":status: 200"), "{found}");
        let is_trailer = |line: &str| line.contains("recv (stream_id=") && line.ends_with(" x-sum: 12");
        assert!(found.lines().any(is_trailer), "{found}");
        assert!(!found.contains("RST_STREAM"), "{found}");
    }
}

#[test]
fn many_streams_of_many_connections_are_all_answered() {
    if has("h2load") {
        let (web, folder) = (both(), Folder::new());
        folder.write("sent", zilla_tests::random::Random::new(9).octets(20_000));
        let data = format!("--data={}", folder.join("sent").display());
        for more in [&[][..], &[data.as_str()]] {
            let arguments = [&["-n", "2000", "-c", "10", "-m", "32"][..], more].concat();
            let found = run("h2load", &web, &arguments);
            assert!(found.contains("2000 succeeded, 0 failed, 0 errored"), "{found}");
        }
    }
}
