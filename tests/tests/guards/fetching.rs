//! Keys by URL: `guard_jwt.wasm` and a server of keys that is good, slow, away, too much, or lies.

use crate::issuer::Issuer;
use crate::publisher::{Publisher, Says};
use serde_json::json;
use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use zilla_tests::host::Start;
use zilla_tests::http::HttpClient;
use zilla_tests::{Folder, Host, Ports, command, until};

/// A gateway that lets in whoever has a token.
struct Gate {
    host: Host,
    ports: Ports,
}

/// A document with the keys of these issuers.
fn keys(issuers: &[&Issuer]) -> Says {
    let keys: Vec<_> = issuers.iter().map(|issuer| issuer.jwk()).collect();
    Says::Document(json!({ "keys": keys }).to_string())
}

fn yaml(port: u16, keys: &str, more: &str) -> String {
    format!(
        "name: test
{more}
guards:
  jwt: {{type: jwt, options: {{issuer: issuer, audience: api, keys: {keys}}}}}
bindings:
  north: {{type: tcp, kind: server, options: {{host: 127.0.0.1, port: {port}}}, exit: http}}
  http:
    type: http
    kind: server
    options:
      authorization: {{jwt: {{credentials: {{headers: {{authorization: 'Bearer {{credentials}}'}}}}}}}}
    routes: [{{exit: echo, guarded: {{jwt: []}}}}]
  echo: {{type: echo, kind: server}}
"
    )
}

impl Gate {
    /// With keys from there, and these lines of the file besides.
    #[track_caller]
    fn new(keys: &str, more: &str) -> Self {
        Self::with(Host::with(&["--workers=1"]), keys, more)
    }

    #[track_caller]
    fn with(start: Start, keys: &str, more: &str) -> Self {
        let ports = Ports::one();
        let host = start.start(&yaml(ports.first(), keys, more));
        Self { host, ports }
    }

    #[track_caller]
    fn from(publisher: &Publisher) -> Self {
        Self::new(&url(publisher), "")
    }

    /// The status of a request with a token.
    #[track_caller]
    fn get(&self, token: &str) -> u16 {
        ask(&mut HttpClient::connect(self.ports.first()), token)
    }

    #[track_caller]
    fn wait_until_accepted(&self, token: &str) {
        until("the token is accepted", || self.get(token) == 200);
    }

    #[track_caller]
    fn change(&self, keys: &str, more: &str) {
        let text = yaml(self.ports.first(), keys, more);
        fs::write(self.host.folder().join("zilla.yaml"), text).expect("a folder of its own");
        self.command(&["reload"]);
    }

    #[track_caller]
    fn command(&self, arguments: &[&str]) -> String {
        let control = format!("--control={}", self.host.control().display());
        let output = command::zilla(&[arguments, &[&control]].concat());
        assert_eq!(output.code, Some(0), "{output:?}");
        output.stdout
    }

    #[track_caller]
    fn wait_for_warning(&self, words: &str) {
        let is_it = |line: &zilla_tests::Line| line.message().contains(words);
        let line = self.host.log().wait_for(words, is_it);
        assert_eq!(line.field("guard"), "test:jwt");
    }
}

#[track_caller]
fn ask(client: &mut HttpClient, token: &str) -> u16 {
    client.ask(format!("GET / HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\n\r\n")).head.status
}

fn url(publisher: &Publisher) -> String {
    format!("'http://127.0.0.1:{}/jwks.json'", publisher.port)
}

/// As above, fetched each second.
fn often(port: u16) -> String {
    format!("{{url: 'http://127.0.0.1:{port}/jwks.json', refresh: 1}}")
}

#[test]
fn keys_are_fetched_and_tokens_checked_with_them() {
    let (issuer, stranger) = (Issuer::new("one"), Issuer::new("one"));
    let publisher = Publisher::new(keys(&[&issuer]));
    let gate = Gate::from(&publisher);
    gate.wait_until_accepted(&issuer.token("alice", "read", 60));
    assert_eq!(gate.get(&stranger.token("mallory", "read", 60)), 403);
    let status = gate.command(&["status"]);
    for name in ["test:jwt/http", "test:jwt/tcp", "guard test:jwt"] {
        assert!(status.contains(name), "{name}: {status}");
    }
}

#[test]
fn over_tls_a_ca_of_ones_own_is_trusted_by_a_vault() {
    let issuer = Issuer::new("one");
    let publisher = Publisher::secure(keys(&[&issuer]), "localhost");
    let keys_at = format!("{{url: 'https://localhost:{}/', vault: own, trust: [ca]}}", publisher.port);
    let gate = Gate::new(&keys_at, &publisher.vault());
    gate.wait_until_accepted(&issuer.token("alice", "read", 60));
    assert!(gate.command(&["status"]).contains("test:jwt/tls"));
}

#[test]
fn a_server_that_nobody_vouches_for_is_not_believed() {
    let issuer = Issuer::new("one");
    let publisher = Publisher::secure(keys(&[&issuer]), "localhost");
    for (keys_at, more) in [
        // The CAs of the system do not have it.
        (format!("'https://localhost:{}/'", publisher.port), String::new()),
        // It has no certificate for its address.
        (
            format!("{{url: 'https://127.0.0.1:{}/', vault: own, trust: [ca]}}", publisher.port),
            publisher.vault(),
        ),
    ] {
        let gate = Gate::new(&keys_at, &more);
        gate.wait_for_warning("no keys from https://");
        assert_eq!(gate.get(&issuer.token("alice", "read", 60)), 403);
        assert_eq!(publisher.requests(), 0);
    }
}

#[test]
fn a_trust_that_is_not_in_the_vault_is_told_at_the_guard() {
    let publisher = Publisher::secure(Says::Nothing, "localhost");
    for (keys_at, words) in [
        (
            "{url: 'https://localhost/', vault: own, trust: [cb]}",
            "bindings.tls.options.trust[0] of its own bindings",
        ),
        ("{url: 'https://localhost/', vault: other, trust: [ca]}", "bindings.tls.vault of its own bindings"),
    ] {
        let folder = Folder::with_config(&yaml(Ports::one().first(), keys_at, &publisher.vault()));
        let options = command::plugin_options();
        let arguments: Vec<&str> =
            ["check", "zilla.yaml"].into_iter().chain(options.iter().map(String::as_str)).collect();
        let output = command::zilla_in(folder.path(), &arguments);
        assert!(output.stderr.contains("error at guards.jwt"), "{output:?}");
        assert!(output.stderr.contains(words), "{output:?}");
    }
}

#[test]
fn tokens_are_refused_until_a_server_that_was_down_is_up() {
    let issuer = Issuer::new("one");
    // Nobody else gets the port: it is bound, and nobody accepts.
    let held = zilla_tests::upstream::Refusing::new();
    let gate = Gate::new(&often(held.port()), "");
    let token = issuer.token("alice", "read", 60);
    assert_eq!(gate.get(&token), 403);
    gate.wait_for_warning("no keys yet from");
    gate.wait_for_warning("all tokens are refused");
    let port = held.port();
    drop(held);
    let mut listener = None;
    until("the port is free", || {
        listener = TcpListener::bind(("127.0.0.1", port)).ok();
        listener.is_some()
    });
    let _publisher = Publisher::at(listener.unwrap(), keys(&[&issuer]), None, Folder::new());
    gate.wait_until_accepted(&token);
}

#[test]
fn a_slow_server_keeps_nobody_waiting() {
    let issuer = Issuer::new("one");
    let publisher = Publisher::new(Says::Nothing);
    let gate = Gate::from(&publisher);
    until("the request has come", || publisher.requests() == 1);
    assert_eq!(gate.get(&issuer.token("alice", "read", 60)), 403);
    publisher.say(keys(&[&issuer]));
    gate.wait_for_warning("no whole answer within 10000 ms");
    gate.wait_until_accepted(&issuer.token("alice", "read", 60));
}

#[test]
fn what_is_no_set_of_keys_is_refused_and_the_old_ones_are_kept() {
    let issuer = Issuer::new("one");
    let publisher = Publisher::new(keys(&[&issuer]));
    let gate = Gate::new(&often(publisher.port), "");
    gate.wait_until_accepted(&issuer.token("alice", "read", 60));
    let answer = |head: &str, body: &str| {
        Says::Octets(format!("HTTP/1.1 {head}\r\nconnection: close\r\n\r\n{body}").into_bytes())
    };
    let mut cut = String::from("200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000");
    let _ = write!(cut, "\r\nx-more: {}", "y".repeat(100));
    for (says, words) in [
        (Says::Flood, "a document of more than 262144 octets"),
        (answer("404 Not Found", ""), "the status 404"),
        (answer("301 Moved Permanently\r\nlocation: http://127.0.0.1/", ""), "redirections are not followed"),
        (answer("200 OK\r\ncontent-type: text/html", "<html>"), "the content type `text/html`"),
        (answer(&cut, "{\"keys\": ["), "breaks the rules of its protocol"),
        (answer("200 OK\r\ncontent-type: application/json", "{\"keys\": []}"), "no key"),
        (Says::Octets(b"not http".to_vec()), "no keys from"),
        (Says::Octets(Vec::new()), "no keys from"),
    ] {
        // Each failure is told anew after a success.
        publisher.say(keys(&[&issuer]));
        let before = publisher.requests();
        until("it is asked", || publisher.requests() > before);
        let told = gate.host.log().matching(|line| line.message().contains(words)).len();
        publisher.say(says);
        until(words, || gate.host.log().matching(|line| line.message().contains(words)).len() > told);
        assert_eq!(gate.get(&issuer.token("bob", "read", 60)), 200, "{words}");
    }
}

#[test]
fn keys_rotate_under_load_without_a_request_refused() {
    let (one, two) = (Issuer::new("one"), Issuer::new("two"));
    let publisher = Publisher::new(keys(&[&one]));
    let gate = Gate::new(&often(publisher.port), "");
    gate.wait_until_accepted(&one.token("alice", "read", 600));
    let load = Load::start(gate.ports.first(), &one);
    // The new key is published before it is used.
    publisher.say(keys(&[&one, &two]));
    gate.wait_until_accepted(&two.token("alice", "read", 600));
    let next = Load::start(gate.ports.first(), &two);
    load.end();
    publisher.say(keys(&[&two]));
    let mut number = 0;
    until("the old key's tokens are refused", || {
        number += 1;
        gate.get(&one.token(&format!("bob{number}"), "read", 600)) == 403
    });
    next.end();
}

#[test]
fn a_key_that_is_not_known_is_fetched_without_waiting_for_the_refresh() {
    let (one, two) = (Issuer::new("one"), Issuer::new("two"));
    let publisher = Publisher::new(keys(&[&one]));
    let gate = Gate::from(&publisher);
    gate.wait_until_accepted(&one.token("alice", "read", 60));
    publisher.say(keys(&[&one, &two]));
    gate.wait_until_accepted(&two.token("alice", "read", 60));
    assert_eq!(publisher.requests(), 2);
}

#[test]
fn a_reload_that_does_not_touch_the_guard_fetches_nothing() {
    let issuer = Issuer::new("one");
    let publisher = Publisher::new(keys(&[&issuer]));
    let gate = Gate::from(&publisher);
    gate.wait_until_accepted(&issuer.token("alice", "read", 60));
    publisher.say(Says::Nothing);
    gate.change(&url(&publisher), "plugins: {http: {call-budget: 60ms}}");
    // The plugins of its own bindings have changed: it is a new one, which has the keys of the old one.
    assert_eq!(gate.get(&issuer.token("bob", "read", 60)), 200);
    until("it asks for itself", || publisher.requests() == 2);
    gate.change(&url(&publisher), "plugins: {http: {call-budget: 60ms}, echo: {call-budget: 60ms}}");
    assert_eq!(gate.get(&issuer.token("carol", "read", 60)), 200);
    assert_eq!(publisher.requests(), 2);
}

/// The plugin of the guard, in a folder of the host's own.
const PLUGIN: &str = "own/guard_jwt.wasm";

#[test]
fn swaps_of_the_guard_under_load_keep_its_keys_and_refuse_no_request() {
    let issuer = Issuer::new("one");
    let publisher = Publisher::new(keys(&[&issuer]));
    let start = Host::with(&["--workers=2"]).plugins("own").prepared(|folder| {
        fs::create_dir(folder.join("own")).unwrap();
        fs::copy(xtask::plugins::built().dir.join("guard_jwt.wasm"), folder.join(PLUGIN)).unwrap();
    });
    let gate = Gate::with(start, &url(&publisher), "");
    until("both workers have keys", || {
        let is_it = |line: &zilla_tests::Line| line.message().contains("1 keys from");
        gate.host.log().matching(is_it).len() == 2
    });
    // What a new instance knows, it has from the old one.
    publisher.say(Says::Nothing);
    let load = Load::start(gate.ports.first(), &issuer);
    let component = fs::read(gate.host.folder().join(PLUGIN)).unwrap();
    let file = gate.host.folder().join("guard_jwt.wasm");
    for number in 0..3 {
        fs::write(&file, zilla_tests::plugin::version(&component, number)).unwrap();
        let told = gate.command(&["plugin", "swap", &file.display().to_string()]);
        assert!(told.contains("2 pipelines started, 2 drain"), "{told}");
    }
    load.end();
    gate.change(&url(&publisher), "plugins: {jwt: {state: 0}}");
    assert_eq!(gate.get(&issuer.token("alice", "read", 60)), 403, "there was another way to the keys");
}

#[test]
fn fetches_leave_nothing_behind() {
    let issuer = Issuer::new("one");
    let publisher = Publisher::new(keys(&[&issuer]));
    let gate = Gate::new(&often(publisher.port), "");
    gate.wait_until_accepted(&issuer.token("alice", "read", 60));
    until("some were", || publisher.requests() >= 5);
    until("none is left", || gate.host.connections() == 0);
    let descriptors = || fs::read_dir(format!("/proc/{}/fd", gate.host.pid())).unwrap().count();
    let before = descriptors();
    until("more were", || publisher.requests() >= 10);
    until("as many are open as before", || descriptors() <= before);
}

/// A client that asks without a pause, each time with a new token, and is never refused.
struct Load {
    is_over: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<usize>,
}

impl Load {
    fn start(port: u16, issuer: &Issuer) -> Self {
        let is_over = Arc::<AtomicBool>::default();
        let tokens: Vec<_> = (0..200).map(|n| issuer.token(&format!("user{n}"), "read", 600)).collect();
        let told = Arc::clone(&is_over);
        let thread = std::thread::spawn(move || {
            let mut asked = 0;
            while !told.load(Ordering::SeqCst) || asked == 0 {
                let mut client = HttpClient::connect(port);
                for _ in 0..10 {
                    let response = client.ask(format!(
                        "GET / HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\n\r\n",
                        tokens[asked % tokens.len()]
                    ));
                    assert_eq!(response.head.status, 200, "after {asked}");
                    asked += 1;
                    if response.head.field("connection") == Some("close") {
                        break;
                    }
                }
            }
            asked
        });
        Self { is_over, thread }
    }

    /// Ends it. It has asked, and nothing was refused.
    #[track_caller]
    fn end(self) {
        self.is_over.store(true, Ordering::SeqCst);
        let asked = self.thread.join().expect("no request is refused");
        assert!(asked > 0);
    }
}
