//! Signals: the first lets streams end, within a limit; the second does not.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use zilla_tests::http::HttpClient;
use zilla_tests::{Client, Host, Ports, config, until};

/// Longer than it takes to stop, much shorter than the limits here.
const SOON: Duration = Duration::from_secs(20);

/// A limit that no test waits for.
const NEVER: &str = "--drain-ms=600000";

/// A client whose request is half sent.
#[track_caller]
fn half_a_request(port: &Ports) -> HttpClient {
    let mut client = HttpClient::connect(port.first());
    client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhello");
    client
}

#[track_caller]
fn wait_until_nobody_listens(port: &Ports) {
    until("new connections are refused", || Client::try_connect(port.first()).is_err());
}

#[test]
fn a_request_on_its_way_is_answered_and_new_connections_are_refused() {
    for signal in ["TERM", "INT"] {
        let port = Ports::one();
        let mut host = Host::with(&["-w1", NEVER]).start(&config::http_echo(&port));
        let mut client = half_a_request(&port);
        assert_eq!(client.head().status, 200);
        host.signal(signal);
        let draining = host.log().wait_for_event("INFO", "draining");
        assert_eq!(draining.field("reason"), format!("SIG{signal}"));
        wait_until_nobody_listens(&port);
        assert!(host.is_running());
        client.send("world");
        let (rest, end) = client.client().recv_to_end();
        assert!(rest.ends_with(b"world") && end == zilla_tests::client::End::InOrder, "{rest:?} {end:?}");
        assert_eq!(host.wait().code(), Some(0));
        host.log().wait_for_event("INFO", "stopped");
    }
}

#[test]
fn clients_that_are_idle_are_let_go() {
    let port = Ports::one();
    let yaml = config::http_echo_with(&port, "{timeouts: {drain-idle-ms: 10}}");
    let mut host = Host::with(&["-w1", NEVER]).start(&yaml);
    let mut idle: Vec<HttpClient> = (0..50).map(|_| HttpClient::connect(port.first())).collect();
    for client in &mut idle {
        assert_eq!(client.ask(super::super::http::GET).head.status, 200);
    }
    host.signal("TERM");
    idle.iter_mut().for_each(HttpClient::expect_end);
    assert_eq!(host.wait().code(), Some(0));
}

#[test]
fn a_host_without_streams_stops_at_once() {
    let port = Ports::one();
    let mut host = Host::with(&["-w2", NEVER]).start(&config::tcp_echo(&port));
    host.signal("TERM");
    assert_eq!(host.wait().code(), Some(0));
}

#[test]
fn what_is_left_at_the_limit_is_closed_with_a_warning() {
    let port = Ports::one();
    let mut host = Host::with(&["-w1", "--drain-ms=300"]).start(&config::tcp_echo(&port));
    let mut stuck = Client::connect(port.first());
    stuck.echo("stuck");
    let start = Instant::now();
    host.signal("TERM");
    assert_eq!(host.wait().code(), Some(0));
    assert!(Duration::from_millis(300) <= start.elapsed() && start.elapsed() < SOON, "{:?}", start.elapsed());
    stuck.expect_end();
    host.log()
        .wait_for("the limit", |line| line.field("level") == "WARN" && line.message().contains("limit"));
}

#[test]
fn a_second_signal_stops_at_once() {
    for (first, second) in [("TERM", "TERM"), ("INT", "INT"), ("TERM", "INT")] {
        let port = Ports::one();
        let mut host = Host::with(&["-w1", NEVER]).start(&config::tcp_echo(&port));
        let mut stuck = Client::connect(port.first());
        stuck.echo("stuck");
        host.signal(first);
        host.log().wait_for_event("INFO", "draining");
        host.signal(second);
        let stopping = host.log().wait_for_event("WARN", "stopping at once");
        assert_eq!(stopping.field("signal"), format!("SIG{second}"));
        assert_eq!(host.wait().code(), Some(0));
        stuck.expect_end();
    }
}

#[test]
fn a_drain_under_load_loses_no_request() {
    let port = Ports::one();
    // However late a client asks again, it is told to close.
    let yaml = config::http_echo_with(&port, "{timeouts: {drain-idle-ms: 60000}}");
    let mut host = Host::with(&["-w2", NEVER]).start(&yaml);
    let total = AtomicUsize::new(0);
    let answered: usize = std::thread::scope(|scope| {
        let ask = || {
            let mut client = HttpClient::connect(port.first());
            let mut answered = 0;
            loop {
                let response = client.ask(super::super::http::post("a request"));
                assert_eq!(response.text(), "a request");
                answered += 1;
                if response.head.field("connection") == Some("close") {
                    client.expect_end();
                    return answered;
                }
                // Once: a second signal would not wait.
                if total.fetch_add(1, Ordering::Relaxed) == 400 {
                    host.signal("TERM");
                }
            }
        };
        let asking: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
        asking.into_iter().map(|thread| thread.join().expect("every request is answered")).sum()
    });
    assert!(answered > 400);
    assert_eq!(host.wait().code(), Some(0));
}

/// How long a peer may keep its connection open after it was ended both ways.
const LINGER: Duration = Duration::from_secs(2);

/// A client that was refused, has read why, and does not leave.
#[track_caller]
fn lingering(port: &Ports) -> HttpClient {
    let mut client = HttpClient::connect(port.first());
    client.send("this is no request\r\n\r\n");
    let (answer, end) = client.client().recv_to_end();
    assert!(answer.starts_with(b"HTTP/1.1 400 ") && end == zilla_tests::client::End::InOrder, "{end:?}");
    client
}

#[test]
fn clients_that_linger_are_not_waited_for_beyond_their_time() {
    let port = Ports::one();
    let mut host = Host::with(&["-w1", NEVER]).start(&config::http_echo(&port));
    let start = Instant::now();
    let clients: Vec<HttpClient> = (0..20).map(|_| lingering(&port)).collect();
    assert_eq!(host.connections(), clients.len());
    host.signal("TERM");
    assert_eq!(host.wait().code(), Some(0));
    assert!(start.elapsed() >= LINGER, "nobody lingered: {:?}", start.elapsed());
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
}

#[test]
fn clients_that_linger_are_not_waited_for_beyond_the_limit() {
    let port = Ports::one();
    let mut host = Host::with(&["-w1", "--drain-ms=200"]).start(&config::http_echo(&port));
    let _clients: Vec<HttpClient> = (0..20).map(|_| lingering(&port)).collect();
    host.signal("TERM");
    assert_eq!(host.wait().code(), Some(0));
    // Where they had gone before the limit, nothing would be told of it.
    let told = host.log().wait_for("the limit", |line| line.message().contains("the limit is met"));
    assert_eq!((told.field("streams").as_str(), told.field("connections").as_str()), ("0", "20"));
}

#[test]
fn clients_that_linger_are_not_waited_for_after_a_second_signal() {
    let took = || {
        let port = Ports::one();
        let mut host = Host::with(&["-w1", NEVER]).start(&config::http_echo(&port));
        let start = Instant::now();
        let _client = lingering(&port);
        host.signal("TERM");
        host.log().wait_for_event("INFO", "draining");
        host.signal("TERM");
        assert_eq!(host.wait().code(), Some(0));
        start.elapsed()
    };
    // On a busy machine once may not do.
    let took: Vec<Duration> = (0..5).map(|_| took()).collect();
    assert!(took.iter().any(|took| *took < LINGER), "{took:?}");
}
