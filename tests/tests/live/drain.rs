//! What was begun on one generation ends on it, or at the limit.

use crate::support::site::{Asked, Site, Status};
use crate::support::yaml::{echo, file, web};
use std::time::{Duration, Instant};
use zilla_tests::client::End;
use zilla_tests::http::HttpClient;
use zilla_tests::plugin::{built, version};
use zilla_tests::{Client, Ports, until};

const LIMIT_REPORT: &str = "drain: the limit is met, what is left is closed";

/// A host with one chain, and versions of its echo.
struct Draining {
    site: Site,
    port: Ports,
    versions: usize,
}

impl Draining {
    #[track_caller]
    fn start(arguments: &[&str]) -> Self {
        let port = Ports::one();
        let site = Site::with(&[&["--no-watch"], arguments].concat()).start(&file(&[echo("near", &port)]));
        Self { site, port, versions: 0 }
    }

    /// A stream that is known to be open.
    #[track_caller]
    fn stream(&self) -> Client {
        let mut stream = Client::connect(self.port.first());
        stream.echo("here");
        stream
    }

    /// Puts the next version of the echo where the host finds it.
    fn install(&mut self) {
        self.versions += 1;
        self.site.install("echo", &version(&built("echo"), self.versions));
    }

    /// A swap that begins at once.
    #[track_caller]
    fn swap(&mut self) {
        self.install();
        assert!(self.site.reload().contains("1 pipelines started, 1 drain"));
    }

    /// A swap that has to wait: the connection on which its end is told.
    #[track_caller]
    fn swap_later(&mut self) -> Asked {
        self.install();
        self.site.ask("{\"command\":\"reload\"}")
    }

    #[track_caller]
    fn wait_until_pending(&self) -> Status {
        self.site.wait_for_status("what is pending", |status| !status.0["pending"].is_null())
    }
}

#[test]
fn a_response_that_has_begun_ends_on_its_own_generation() {
    let port = Ports::one();
    let site = Site::with(&["--no-watch"]).start(&file(&[web("near", &port)]));
    let mut client = HttpClient::connect(port.first());
    client.send("POST /long HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n5\r\nbegun\r\n");
    let head = client.head();
    assert_eq!(head.status, 200);
    for number in 1..=2 {
        site.install("http", &version(&built("http"), number));
        let before = site.status().generation();
        if number == 1 {
            site.reload();
            let status = site.status();
            // The client's stream and the one to the echo.
            assert_eq!((status.generation(), status.draining()), (before + 1, vec![(before, 2)]));
        }
        client.send("6\r\n, more\r\n");
    }
    client.send("5\r\n, end\r\n0\r\n\r\n");
    let mut body = Vec::new();
    client.read_body(&head, |piece| body.extend_from_slice(piece));
    assert_eq!(body.escape_ascii().to_string(), "begun, more, more, end");
    // It was the last one of its connection.
    client.expect_end();
    site.wait_until_drained();
    assert!(site.host.log().matching(|line| line.is("WARN", LIMIT_REPORT)).is_empty());
}

#[test]
fn a_connection_that_waits_is_told_to_leave_with_its_next_response() {
    let port = Ports::one();
    let site = Site::with(&["--no-watch"]).start(&file(&[web("near", &port)]));
    let request = "POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 4\r\n\r\nword";
    let mut client = HttpClient::connect(port.first());
    assert_eq!(client.ask(request).head.field("connection"), None);
    site.install("http", &version(&built("http"), 1));
    site.reload();
    let last = client.ask(request);
    assert_eq!((last.text().as_str(), last.head.field("connection")), ("word", Some("close")));
    client.expect_end();
    site.wait_until_drained();
}

#[test]
fn a_stuck_stream_is_closed_at_the_limit() {
    const LIMIT: Duration = Duration::from_millis(700);
    let mut draining = Draining::start(&["--drain-ms=700"]);
    let mut stuck = draining.stream();
    let start = Instant::now();
    draining.swap();
    stuck.echo("it goes on until then");
    assert_eq!(stuck.recv_to_end(), (Vec::new(), End::Reset));
    assert!(start.elapsed() >= LIMIT, "closed after {:?}", start.elapsed());
    let told = draining.site.host.log().wait_for_event("WARN", LIMIT_REPORT);
    assert_eq!((told.field("pipeline").as_str(), told.field("connections").as_str()), ("test:near", "1"));
    draining.site.wait_until_drained();
    draining.stream().echo("the next one is well");
}

#[test]
fn a_third_generation_waits_until_the_first_has_drained() {
    let mut draining = Draining::start(&["--drain-ms=600000"]);
    let mut first = draining.stream();
    draining.swap();
    let mut second = draining.stream();
    assert!(draining.site.status().0["pending"].is_null());
    let mut third = draining.swap_later();
    let status = draining.wait_until_pending();
    assert_eq!((status.generation(), status.draining()), (2, vec![(1, 1)]));
    assert_eq!(status.0["pending"], serde_json::json!({"generation": 3, "reason": "reload"}));
    let table = draining.site.zilla(&["status"]).stdout;
    let line = "\npending: generation 3 (reload), when an earlier one has drained\n";
    assert!(table.ends_with(line), "{table}");
    first.echo("the first");
    second.echo("the second");
    // A stream that opens now is one of the second.
    let mut late = draining.stream();
    assert_eq!(draining.site.status().draining(), [(1, 1)]);
    first.end();
    first.expect_end();
    assert_eq!(third.answer(), "{\"ok\":\"generation 3: 1 pipelines started, 1 drain\"}\n");
    let status = draining.site.status();
    assert_eq!((status.generation(), status.draining()), (3, vec![(2, 2)]));
    assert!(status.0["pending"].is_null() && status.0["loading"].is_null(), "{:#}", status.0);
    second.echo("the second");
    late.echo("the second, too");
    draining.stream().echo("the third");
}

#[test]
fn a_third_generation_waits_no_longer_than_the_limit() {
    let mut draining = Draining::start(&["--drain-ms=500"]);
    let mut first = draining.stream();
    draining.swap();
    let mut second = draining.stream();
    let mut third = draining.swap_later();
    first.expect_reset();
    assert!(third.answer().contains("generation 3: 1 pipelines started, 1 drain"));
    // The second has its own time, from now on.
    second.expect_reset();
    draining.stream().echo("the third");
}

#[test]
fn of_changes_that_wait_only_the_last_is_applied() {
    let mut draining = Draining::start(&["--drain-ms=600000"]);
    let mut first = draining.stream();
    draining.swap();
    let mut last = draining.swap_later();
    for _ in 0..3 {
        let mut earlier = std::mem::replace(&mut last, draining.swap_later());
        assert!(earlier.answer().contains("a later change is applied instead"));
    }
    first.end();
    first.expect_end();
    assert!(last.answer().contains("generation 3: 1 pipelines started, 1 drain"));
    let status = draining.site.status();
    let component = version(&built("echo"), draining.versions);
    assert_eq!(status.digests("echo"), [digest(&draining, &component)]);
}

#[test]
fn a_broken_change_after_one_that_waits_is_told_and_applies_nothing() {
    let mut draining = Draining::start(&["--drain-ms=600000"]);
    let mut first = draining.stream();
    draining.swap();
    let mut waiting = draining.swap_later();
    assert_eq!(draining.wait_until_pending().generation(), 2);
    draining.site.install("echo", b"no plugin");
    let told = draining.site.expect_refusal();
    assert!(told.contains("expected a WebAssembly component"), "{told}");
    assert!(waiting.answer().contains("a later change is refused instead"));
    first.end();
    first.expect_end();
    draining.site.wait_until_drained();
    // What the files say now is an error, whatever they said meanwhile.
    let status = draining.site.status();
    assert_eq!(status.generation(), 2);
    assert!(status.last_error().contains("expected a WebAssembly component"), "{:#}", status.0);
    draining.install();
    draining.site.reload();
    assert_eq!(draining.site.status().last_error(), "");
}

#[test]
fn an_edit_that_changes_nothing_does_not_wait() {
    let mut draining = Draining::start(&["--drain-ms=600000"]);
    let mut first = draining.stream();
    draining.swap();
    draining.site.configure(&format!("# a comment\n{}", file(&[echo("near", &draining.port)])));
    assert_eq!(draining.site.reload(), "generation 2: nothing to replace\n");
    first.echo("still here");
}

#[test]
fn a_host_that_is_terminated_while_a_generation_drains_ends_when_all_have() {
    let mut draining = Draining::start(&["--drain-ms=600000"]);
    let mut first = draining.stream();
    draining.swap();
    let mut second = draining.stream();
    draining.site.host.signal("TERM");
    draining.site.host.log().wait_for_event("INFO", "draining");
    until("the listener is closed", || Client::try_connect(draining.port.first()).is_err());
    for mut stream in [&mut first, &mut second].into_iter().map(|stream| stream.share()) {
        stream.echo("to the end");
    }
    let status = draining.site.status();
    assert_eq!(status.draining(), [(1, 1), (2, 1)]);
    first.end();
    first.expect_end();
    second.echo("the last one");
    second.end();
    second.expect_end();
    assert_eq!(draining.site.host.wait().code(), Some(0));
    assert!(!draining.site.socket().exists(), "the control socket is left behind");
}

#[test]
fn a_host_that_is_terminated_twice_ends_at_once() {
    let mut draining = Draining::start(&["--drain-ms=600000"]);
    let mut first = draining.stream();
    draining.swap();
    draining.site.host.signal("TERM");
    draining.site.host.log().wait_for_event("INFO", "draining");
    draining.site.host.signal("TERM");
    assert_eq!(draining.site.host.wait().code(), Some(0));
    first.expect_end();
}

#[test]
fn whoever_waits_for_a_change_is_told_when_the_host_ends_instead() {
    let mut draining = Draining::start(&["--drain-ms=600000"]);
    let _first = draining.stream();
    draining.swap();
    let mut waiting = draining.swap_later();
    assert_eq!(draining.wait_until_pending().generation(), 2);
    draining.site.host.signal("TERM");
    assert_eq!(waiting.answer(), "{\"error\":\"the host is ending\"}\n");
}

#[test]
fn a_host_that_is_told_to_stop_answers_drains_and_ends() {
    for _ in 0..5 {
        let mut draining = Draining::start(&[]);
        let mut stream = draining.stream();
        let output = draining.site.zilla(&["stop"]);
        assert_eq!((output.code, output.stdout.as_str()), (Some(0), "draining\n"), "{output:?}");
        stream.echo("not yet");
        // A second one is no error, and no haste.
        assert_eq!(draining.site.zilla(&["stop"]).stdout, "draining\n");
        let refused = draining.site.expect_refusal();
        assert!(refused.contains("the host is ending"), "{refused}");
        stream.echo("not yet");
        stream.end();
        stream.expect_end();
        assert_eq!(draining.site.host.wait().code(), Some(0));
    }
}

#[test]
fn a_host_without_streams_that_is_told_to_stop_answers_before_it_is_gone() {
    for _ in 0..10 {
        let mut draining = Draining::start(&[]);
        let output = draining.site.zilla(&["stop"]);
        assert_eq!((output.code, output.stdout.as_str()), (Some(0), "draining\n"), "{output:?}");
        assert_eq!(draining.site.host.wait().code(), Some(0));
    }
}

/// The digest of a file as the host tells it.
fn digest(draining: &Draining, component: &[u8]) -> String {
    let path = draining.site.path("digest.wasm");
    std::fs::write(&path, component).expect("a folder of its own");
    let output = zilla_tests::zilla(&["plugin", "inspect", "--json", &path.display().to_string()]);
    let json: serde_json::Value = serde_json::from_str(&output.stdout).expect("JSON");
    json["sha256"].as_str().expect("a digest").to_owned()
}
