//! Tokens over the wire: `guard_jwt.wasm` behind `http`, whose routes it guards.

use crate::issuer::{Issuer, unix_seconds};
use serde_json::json;
use std::process::{Command, Stdio};
use zilla_tests::host::Start;
use zilla_tests::http::HttpClient;
use zilla_tests::{Host, Ports, command};

/// A gateway whose routes ask for roles.
struct Web {
    host: Host,
    port: Ports,
    issuer: Issuer,
}

/// Each route says in `x-route` which it was; what exits to `echo` is what the client has sent.
const ROUTES: &str = r#"
      - {exit: echo, guarded: {jwt: [admin]}, with: {headers: {overrides: {x-route: admin}}}}
      - exit: echo
        guarded: {jwt: []}
        when: [{headers: {":path": "/own*"}}]
        with: {headers: {overrides: {x-route: own, x-user: "${guarded['jwt'].identity}"}}}
      - {exit: echo, when: [{headers: {":path": "/open*"}}], with: {headers: {overrides: {x-route: open}}}}
"#;

fn yaml(port: u16, issuer: &Issuer, options: &str) -> String {
    let key = issuer.jwk();
    format!(
        "name: test
guards:
  jwt: {{type: jwt, options: {{issuer: issuer, audience: api, keys: [{key}]{options}}}}}
bindings:
  north: {{type: tcp, kind: server, options: {{host: 127.0.0.1, port: {port}}}, exit: http}}
  http:
    type: http
    kind: server
    options:
      authorization: {{jwt: {{credentials: {{headers: {{authorization: 'Bearer {{credentials}}'}}}}}}}}
    routes:{ROUTES}
  echo: {{type: echo, kind: server}}
"
    )
}

impl Web {
    fn new() -> Self {
        Self::with(Host::with(&["--workers", "1"]), "")
    }

    #[track_caller]
    fn with(start: Start, options: &str) -> Self {
        let (port, issuer) = (Ports::one(), Issuer::new("one"));
        let host = start.start(&yaml(port.first(), &issuer, options));
        Self { host, port, issuer }
    }

    /// The status and the route of a GET.
    #[track_caller]
    fn get(&self, path: &str, token: Option<&str>) -> (u16, String) {
        let mut client = HttpClient::connect(self.port.first());
        let response = client.ask(format!("GET {path} HTTP/1.1\r\nhost: a\r\n{}\r\n", bearer(token)));
        (response.head.status, response.head.field("x-route").unwrap_or_default().to_owned())
    }

    /// What curl says of a request: the status, and `www-authenticate`.
    #[track_caller]
    fn curl(&self, version: &str, path: &str, token: Option<&str>) -> String {
        let mut command = Command::new("curl");
        command.args(["--silent", "--show-error", "--max-time", "20", version, "--output", "/dev/null"]);
        command.args(["--write-out", "%{http_version} %{http_code} %header{www-authenticate}"]);
        if let Some(token) = token {
            command.args(["--oauth2-bearer", token]);
        }
        command.arg(format!("http://127.0.0.1:{}{path}", self.port));
        let output = command::run(command.stdin(Stdio::null()));
        assert_eq!(output.code, Some(0), "{output:?}");
        output.stdout.trim_end().to_owned()
    }
}

fn bearer(token: Option<&str>) -> String {
    token.map_or_else(String::new, |token| format!("authorization: Bearer {token}\r\n"))
}

#[test]
fn curl_is_told_what_its_credentials_are_worth_in_both_versions() {
    let web = Web::new();
    let token = web.issuer.token("alice", "read", 60);
    let stranger = Issuer::new("one").token("alice", "admin", 60);
    for (option, version) in [("--http1.1", "1.1"), ("--http2-prior-knowledge", "2")] {
        for (path, token, expected) in [
            ("/own", Some(&token), "200"),
            ("/own", None, "401 Bearer"),
            ("/own", Some(&stranger), "403"),
            ("/other", Some(&token), "404"),
            ("/other", None, "401 Bearer"),
            ("/other", Some(&stranger), "403"),
            ("/open", None, "200"),
            ("/open", Some(&stranger), "200"),
        ] {
            let said = web.curl(option, path, token.map(String::as_str));
            assert_eq!(said, format!("{version} {expected}"), "{path}");
        }
    }
}

#[test]
fn requests_fall_through_exactly_as_routes_are_written() {
    let web = Web::new();
    let admin = web.issuer.token("root", "read admin", 60);
    let user = web.issuer.token("alice", "read", 60);
    let roleless = web.issuer.sign(&json!({"iss": "issuer", "aud": "api", "sub": "bob"}));
    let expired = web.issuer.token("alice", "admin", -1);
    for (path, token, status, route) in [
        ("/own", Some(&admin), 200, "admin"),
        ("/open", Some(&admin), 200, "admin"),
        ("/any", Some(&admin), 200, "admin"),
        ("/own", Some(&user), 200, "own"),
        ("/open", Some(&user), 200, "open"),
        ("/any", Some(&user), 404, ""),
        ("/own", Some(&roleless), 200, "own"),
        ("/open", Some(&expired), 200, "open"),
        ("/own", Some(&expired), 403, ""),
        ("/own", None, 401, ""),
        ("/open", None, 200, "open"),
    ] {
        assert_eq!(web.get(path, token.map(String::as_str)), (status, route.to_owned()), "{path} {token:?}");
    }
}

#[test]
fn the_exit_is_told_who_it_is() {
    let web = Web::new();
    let mut client = HttpClient::connect(web.port.first());
    let token = web.issuer.token("alice", "read", 60);
    let response = client.ask(format!("GET /own HTTP/1.1\r\nhost: a\r\n{}\r\n", bearer(Some(&token))));
    assert_eq!(response.head.field("x-user"), Some("alice"));
}

#[test]
fn a_token_that_expires_ends_what_it_has_opened() {
    let web = Web::new();
    let token = web.issuer.token("alice", "read", 2);
    let mut client = HttpClient::connect(web.port.first());
    let head = format!(
        "POST /own HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n{}\r\n",
        bearer(Some(&token))
    );
    client.send(head);
    assert_eq!(client.head().status, 200);
    let mut client = client.into_client();
    client.send("4\r\nhalf\r\n");
    assert_eq!(client.recv(9), b"4\r\nhalf\r\n");
    let (rest, _end) = client.recv_to_end();
    assert!(!rest.ends_with(b"0\r\n\r\n"), "what is cut off looks whole: {}", rest.escape_ascii());
    assert_eq!(web.get("/own", Some(&token)).0, 403);
}

#[test]
fn newer_credentials_keep_open_what_older_ones_have_opened() {
    let web = Web::with(Host::with(&["--workers", "1"]), ", challenge: 3600");
    let (port, expires) = (web.port.first(), unix_seconds() + 3);
    let mut client = HttpClient::connect(port);
    let older = web.issuer.token("alice", "read", 3);
    let head = format!(
        "POST /own HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n{}\r\n",
        bearer(Some(&older))
    );
    client.send(head);
    assert_eq!(client.head().status, 200);
    let newer = web.issuer.token("alice", "read", 60);
    let renewed = HttpClient::connect(port).ask(format!(
        "POST /any HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-challenge-response\r\ncontent-length: 0\r\n{}\r\n",
        bearer(Some(&newer))
    ));
    assert_eq!(renewed.head.status, 204);
    let mut client = client.into_client();
    // What goes on for long enough has outlived the older token.
    while unix_seconds() <= expires + 1 {
        client.send("4\r\npart\r\n");
        assert_eq!(client.recv(9), b"4\r\npart\r\n");
        std::thread::yield_now();
    }
    assert_eq!(web.get("/own", Some(&older)).0, 403);
}

#[test]
fn no_line_of_the_log_has_a_token_however_much_is_logged() {
    let web = Web::with(Host::with(&["--workers", "1", "--log-level", "trace"]), "");
    let good = web.issuer.token("alice", "read", 60);
    let bad = Issuer::new("one").token("mallory", "read", 60);
    assert_eq!(web.get("/own", Some(&good)).0, 200);
    assert_eq!(web.get("/own", Some(&bad)).0, 403);
    let refused = |line: &zilla_tests::Line| line.message().starts_with("credentials are not accepted");
    let line = web.host.log().wait_for("the refusal", refused);
    assert_eq!(line.message(), "credentials are not accepted: the signature is not that of the key");
    for token in [&good, &bad] {
        let parts: Vec<&str> = token.split('.').collect();
        let shown = web.host.log().matching(|line| {
            let text = format!("{line:?}");
            parts[1..].iter().any(|part| text.contains(part))
        });
        assert_eq!(shown.len(), 0, "{shown:?}");
    }
}

#[test]
fn keys_are_rotated_under_a_running_host() {
    let web = Web::with(Host::with(&["--workers", "1"]).watching(), "");
    let mut kept = HttpClient::connect(web.port.first());
    let token = web.issuer.token("alice", "read", 60);
    let request = |token: &str| format!("GET /own HTTP/1.1\r\nhost: a\r\n{}\r\n", bearer(Some(token)));
    assert_eq!(kept.ask(request(&token)).head.status, 200);
    let next = Issuer::new("two");
    let newer = next.token("alice", "read", 60);
    std::fs::write(web.host.folder().join("zilla.yaml"), yaml(web.port.first(), &next, "")).unwrap();
    let deadline = std::time::Instant::now() + zilla_tests::PATIENCE;
    while web.get("/own", Some(&newer)).0 != 200 {
        assert!(std::time::Instant::now() < deadline, "the new key is not taken up");
    }
    assert_eq!(web.get("/own", Some(&token)).0, 403);
}

#[test]
fn what_is_wrong_with_a_guard_is_told_with_its_place() {
    let issuer = Issuer::new("one");
    let port = Ports::one();
    let wrong = yaml(port.first(), &issuer, "").replace("crv\":\"Ed25519", "crv\":\"Ed448");
    let folder = zilla_tests::Folder::with_config(&wrong);
    let options = command::plugin_options();
    let mut arguments = vec!["check", "zilla.yaml"];
    arguments.extend(options.iter().map(String::as_str));
    let mut command = command::command(&arguments);
    let output = command::run(command.current_dir(folder.path()));
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.stderr.contains("error at guards.jwt.options.keys[0].crv"), "{}", output.stderr);
    assert!(output.stderr.contains("guard_jwt.wasm"), "{}", output.stderr);
}
