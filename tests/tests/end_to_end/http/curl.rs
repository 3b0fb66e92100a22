//! A client that others have written.

use super::Web;
use std::process::{Command, Stdio};
use zilla_tests::{Folder, command};

/// Runs curl with these arguments and the address of the host as the last one.
#[track_caller]
fn curl(web: &Web, arguments: &[&str]) -> String {
    curl_after("true", web, arguments)
}

/// The same with what a command prints as its standard input.
#[track_caller]
fn curl_after(input: &str, web: &Web, arguments: &[&str]) -> String {
    let script = format!("{input} | curl --silent --show-error --fail --max-time 20 \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, "curl"]).args(arguments).arg(format!("http://127.0.0.1:{}/", web.port));
    let output = command::run(command.stdin(Stdio::null()));
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{arguments:?}: {output:?}");
    output.stdout
}

#[test]
fn a_body_comes_back() {
    let web = Web::start();
    assert_eq!(curl(&web, &["--data", "Hello, world"]), "Hello, world");
}

#[test]
fn http_1_0_is_answered() {
    let web = Web::start();
    assert_eq!(curl(&web, &["--http1.0", "--data", "Hello, world"]), "Hello, world");
}

#[test]
fn a_head_request_has_no_body() {
    let web = Web::start();
    let head = curl(&web, &["--head", "--header", "x-colour: green"]);
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("\r\nx-colour: green\r\n"), "{head}");
}

#[test]
fn an_upload_of_unknown_length_is_chunked_both_ways() {
    let web = Web::start();
    let back = curl_after("seq 1 100000", &web, &["--upload-file", "-", "--include"]);
    // Mostly, curl waits to be told to go on.
    let back = back.strip_prefix("HTTP/1.1 100 Continue\r\n\r\n").unwrap_or(&back);
    let (head, body) = back.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("transfer-encoding: chunked"), "{head}");
    let expected: String = (1..=100_000).map(|number| format!("{number}\n")).collect();
    assert!(body == expected, "{} octets came back", body.len());
}

#[test]
fn a_file_of_some_megabytes_comes_back() {
    let web = Web::start();
    let folder = Folder::new();
    let sent = zilla_tests::random::Random::new(7).octets(10_000_000);
    folder.write("sent", &sent);
    let (from, to) = (folder.join("sent"), folder.join("received"));
    let data = format!("@{}", from.display());
    curl(&web, &["--data-binary", &data, "--output", &to.display().to_string()]);
    assert!(std::fs::read(to).unwrap() == sent);
}

#[test]
fn it_is_told_to_continue() {
    let web = Web::start();
    let back = curl(
        &web,
        &["--header", "Expect: 100-continue", "--expect100-timeout", "20", "--data", "x", "--include"],
    );
    assert!(back.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"), "{back}");
}

#[test]
fn one_connection_serves_many_requests() {
    let web = Web::start();
    let address = format!("http://127.0.0.1:{}/", web.port);
    let counted = curl(&web, &["--write-out", "%{num_connects}", "--data", "", &address, &address, &address]);
    assert_eq!(counted, "1000");
}
