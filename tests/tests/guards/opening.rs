//! Guards that open streams: through bindings of their own, which live and end with them.

use crate::site::{Asker, Site, yaml};
use serde_json::{Value, json};
use std::fs;
use zilla_tests::{Client, Folder, Host, Ports, Upstream, command, until};

/// The line of a file that has a guard with these bindings of its own.
fn guard(bindings: &Value, exit: &str) -> String {
    let options = json!({"bindings": bindings.to_string(), "exit": exit});
    format!("guards: {{g: {{type: inquire, options: {options}}}}}")
}

fn tcp(port: u16) -> Value {
    json!({"type": "tcp", "kind": "client", "options": {"host": "127.0.0.1", "port": port}})
}

/// A guard that is told by a server whom to accept.
fn told_by(server: &Upstream) -> String {
    guard(&json!({"tcp": tcp(server.port())}), "tcp")
}

/// What the host says of a session: the attribute of that name.
const SAYS: &str = "guarded: {g: []}, with: {streams: \"${guarded['g'].attributes.streams}\"}";

/// Asks until somebody is accepted: what a server says arrives at some time.
#[track_caller]
fn wait_for(client: &mut Asker, name: &str) {
    until("somebody is accepted", || client.tell(&format!("ask g {name}")) == "granted");
}

#[test]
fn a_guard_opens_streams_and_is_told_by_a_server_whom_to_accept() {
    let server = Upstream::new();
    let site = Site::new(&told_by(&server), &["guarded: {g: []}"]);
    let mut connection = server.accept();
    let mut client = site.client();
    client.expect("ask g alice", "rejected");
    connection.send("+ali");
    connection.send("ce\n");
    wait_for(&mut client, "alice");
    client.expect("open", "opened");
    client.expect_open();
    client.expect("ask g bob", "rejected");
    assert!(server.try_accept().is_none(), "one stream is enough");
}

#[test]
fn status_shows_whose_bindings_they_are() {
    let server = Upstream::new();
    let site = Site::new(&told_by(&server), &["guarded: {g: []}"]);
    let _connection = server.accept();
    let output = command::run(
        command::command(&["status", "--control", &control(&site.host)]).stdin(std::process::Stdio::null()),
    );
    assert!(output.stdout.contains("test:g/tcp"), "{}", output.stdout);
    let output =
        command::run(&mut command::command(&["status", "--json", "--control", &control(&site.host)]));
    let status: Value = serde_json::from_str(&output.stdout).unwrap();
    let pipelines = status["pipelines"].as_array().unwrap();
    let own = pipelines.iter().find(|pipeline| pipeline["name"] == "test:g").unwrap();
    assert_eq!((&own["streams"], &own["guards"][0]["type"]), (&json!(1), &json!("inquire")), "{own}");
}

fn control(host: &Host) -> String {
    host.control().display().to_string()
}

#[test]
fn a_stream_that_is_over_is_opened_anew_when_the_guard_is_asked() {
    let server = Upstream::new();
    let site = Site::new(&told_by(&server), &[SAYS]);
    drop(server.accept());
    let mut client = site.client();
    let mut connection = None;
    until("another stream", || {
        client.tell("ask g nobody");
        connection = server.try_accept();
        connection.is_some()
    });
    connection.unwrap().send("+alice\n");
    wait_for(&mut client, "alice");
}

#[test]
fn a_trap_over_a_stream_ends_it_and_its_successor_opens_its_own() {
    let server = Upstream::new();
    let site = Site::new(&told_by(&server), &["guarded: {g: []}"]);
    for (word, reason) in [("panic", "the server said so"), ("spin", "call-budget")] {
        let mut connection = server.accept();
        connection.send(format!("{word}\n"));
        let trap = site.host.log().wait_for("the trap", |line| line.field("reason").contains(reason));
        assert_eq!(trap.field("guard"), "test:g");
        connection.recv_to_end();
    }
    let mut connection = server.accept();
    connection.send("+alice\n");
    wait_for(&mut site.client(), "alice");
}

#[test]
fn a_trap_over_credentials_ends_its_streams_too() {
    let server = Upstream::new();
    let site = Site::new(&told_by(&server), &["guarded: {g: []}"]);
    let mut connection = server.accept();
    connection.send("+alice\n");
    let mut client = site.client();
    wait_for(&mut client, "alice");
    client.expect("ask g panic", "unavailable");
    connection.recv_to_end();
    server.accept().send("+bob\n");
    wait_for(&mut client, "bob");
}

#[test]
fn one_that_traps_again_and_again_gets_a_pause_and_is_called_after_it() {
    let server = Upstream::new();
    let site = Site::new(&told_by(&server), &["guarded: {g: []}"]);
    let is_pause = |line: &zilla_tests::Line| line.message().starts_with("breaker: ");
    while site.host.log().matching(is_pause).is_empty() {
        server.accept().send("panic\n");
        let mut next = None;
        until("a pause or a stream", || {
            next = next.take().or_else(|| server.try_accept());
            next.is_some() || !site.host.log().matching(is_pause).is_empty()
        });
        if let Some(mut next) = next {
            next.send("panic\n");
        }
    }
    site.client().tell("ask g nobody");
    // Nobody asks it any more: it is called when the pause is over.
    server.accept().send("+alice\n");
    wait_for(&mut site.client(), "alice");
}

#[test]
fn a_reload_that_does_not_touch_the_guard_keeps_its_stream_and_what_it_knows() {
    let server = Upstream::new();
    let site = Site::new(&told_by(&server), &["guarded: {g: []}"]);
    let mut connection = server.accept();
    connection.send("+alice\n");
    let mut client = site.client();
    wait_for(&mut client, "alice");
    let routes = ["guarded: {g: []}, with: {x: y}"];
    fs::write(site.host.folder().join("zilla.yaml"), yaml(site.ports.first(), &told_by(&server), &routes))
        .unwrap();
    reload(&site.host);
    site.client().expect("ask g alice", "granted");
    connection.send("+bob\n");
    wait_for(&mut site.client(), "bob");
    assert!(server.try_accept().is_none(), "the guard has opened another stream");
}

#[test]
fn a_guard_that_changes_hands_over_what_it_knows_and_ends_its_stream() {
    let server = Upstream::new();
    let site = Site::new(&told_by(&server), &["guarded: {g: []}"]);
    let mut connection = server.accept();
    connection.send("+alice\n");
    wait_for(&mut site.client(), "alice");
    let other = guard(&json!({"other": tcp(server.port())}), "other");
    let routes = ["guarded: {g: []}"];
    fs::write(site.host.folder().join("zilla.yaml"), yaml(site.ports.first(), &other, &routes)).unwrap();
    reload(&site.host);
    // At once, before its server can have told it.
    site.client().expect("ask g alice", "granted");
    connection.recv_to_end();
    let mut connection = server.accept();
    connection.send("-alice\n+bob\n");
    wait_for(&mut site.client(), "bob");
    site.client().expect("ask g alice ", "rejected");
}

#[track_caller]
fn reload(host: &Host) {
    let output = command::run(&mut command::command(&["reload", "--control", &control(host)]));
    assert_eq!(output.code, Some(0), "{output:?}");
}

#[test]
fn a_guard_goes_with_who_asks_it() {
    let server = Upstream::new();
    let site = Site::new(&told_by(&server), &["guarded: {g: []}"]);
    let mut connection = server.accept();
    let without = yaml(site.ports.first(), "", &["when: [{}]"]).replace(", when: [{}]", "");
    fs::write(site.host.folder().join("zilla.yaml"), without).unwrap();
    reload(&site.host);
    connection.recv_to_end();
    until("the guard's connection is closed", || site.host.connections() == 0);
}

/// What `zilla check` says of a guard with these bindings.
#[track_caller]
fn refused(more: &str) -> String {
    let folder = Folder::with_config(&yaml(Ports::one().first(), more, &["guarded: {g: []}"]));
    let options = command::plugin_options();
    let mut arguments = vec!["check", "zilla.yaml"];
    arguments.extend(options.iter().map(String::as_str));
    let output = command::run(command::command(&arguments).current_dir(folder.path()));
    assert_eq!(output.code, Some(1), "{output:?}");
    output.stderr
}

#[test]
fn what_is_wrong_with_own_bindings_is_told_at_the_guard_with_its_place() {
    let with = |bindings: Value| refused(&guard(&bindings, "tcp"));
    for (bindings, words) in [
        (
            json!({"tcp": {"type": "tcp", "kind": "client", "options": {"prot": 1}}}),
            "bindings.tcp.options.prot of its own bindings",
        ),
        (json!({"tcp": {"type": "tpc", "kind": "client"}}), "a type that a plugin serves"),
        (json!({"tcp": tcp(1), "x": {"type": "say", "kind": "client"}}), "bindings.x.type of its own"),
        (json!({"other": tcp(1)}), "the name of one of its own bindings to open streams to"),
        (
            json!({"tcp": {"type": "tls", "kind": "client", "exit": "north"}}),
            "at bindings.tcp.exit of its own bindings",
        ),
        (
            json!({"tcp": {"type": "tls", "kind": "client", "vault": "v", "exit": "t"}, "t": tcp(1)}),
            "bindings.tcp.vault",
        ),
        (
            json!({"tcp": tcp(1), "l": {"type": "tcp", "kind": "server", "options": {"host": "127.0.0.1", "port": 1}, "exit": "tcp"}}),
            "bindings of its own that do not listen",
        ),
        (json!([]), "own bindings"),
    ] {
        let said = with(bindings.clone());
        assert!(said.contains("error at guards.g"), "{bindings}: {said}");
        assert!(said.contains(words) && said.contains("guard_inquire.wasm"), "{bindings}: {said}");
    }
}

#[test]
fn the_limits_of_its_type_hold_for_the_streams_of_a_guard() {
    let server = Upstream::new();
    let more = format!("{}\nplugins: {{inquire: {{streams: 1, memory: 8MiB}}}}", told_by(&server));
    // Of one stream, the first is id 2 and not below twice the limit: none can be opened.
    let site = Site::new(&more, &["guarded: {g: []}"]);
    site.client().expect("ask g alice", "rejected");
    assert!(server.try_accept().is_none());
}

#[test]
fn many_generations_leave_no_connection_behind() {
    let server = Upstream::new();
    let site = Site::new(&told_by(&server), &["guarded: {g: []}"]);
    let mut connection: Client = server.accept();
    for round in 0..10 {
        let name = format!("tcp{round}");
        let other = guard(&json!({ &name: tcp(server.port()) }), &name);
        let text = yaml(site.ports.first(), &other, &["guarded: {g: []}"]);
        fs::write(site.host.folder().join("zilla.yaml"), text).unwrap();
        reload(&site.host);
        let next = server.accept();
        connection.recv_to_end();
        connection = next;
    }
    until("one connection is left", || site.host.connections() == 1);
}
