//! Through the host to an origin: `tcp` to `http` to a `http` client, and its connections by a `tcp` client.

use super::GET;
use std::process::{Command, Stdio};
use zilla_tests::http::HttpClient;
use zilla_tests::random::Random;
use zilla_tests::upstream::{Refusing, Silent};
use zilla_tests::{Client, Folder, Host, Ports, Upstream, command, config, until};

/// What an origin gets of [`GET`].
const SENT: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

const NOTHING: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// A host with one worker in front of an upstream, with options of the server and of the client.
fn before(upstream: u16, server: &str, client: &str) -> (Host, Ports) {
    let port = Ports::one();
    (Host::start(&config::http_proxy(&port, upstream, server, client, "")), port)
}

#[track_caller]
fn expect_sent(origin: &mut Client, request: &str) {
    assert_eq!(String::from_utf8_lossy(&origin.recv(request.len())), request);
}

#[test]
fn clients_share_a_connection_to_the_origin() {
    let upstream = Upstream::new();
    let (_host, port) = before(upstream.port(), "", "");
    let mut origin = None;
    for number in 0..20 {
        let mut client = HttpClient::connect(port.first());
        client.send(GET);
        let origin = origin.get_or_insert_with(|| upstream.accept());
        expect_sent(origin, SENT);
        origin.send(format!("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{number:02}"));
        assert_eq!(client.response().text(), format!("{number:02}"));
    }
    assert!(upstream.try_accept().is_none());
}

#[test]
fn an_origin_that_refuses_is_a_502_and_one_that_never_connects_a_504() {
    let refusing = Refusing::new();
    let (_host, port) = before(refusing.port(), "", "");
    assert_eq!(HttpClient::connect(port.first()).ask(GET).head.status, 502);
    let silent = Silent::new();
    let port = Ports::one();
    let _host = Host::start(&config::http_proxy(&port, silent.port(), "", "", ", connect-timeout: 200ms"));
    assert_eq!(HttpClient::connect(port.first()).ask(GET).head.status, 504);
}

#[test]
fn an_origin_that_speaks_nonsense_or_not_at_all_is_not_passed_on() {
    let upstream = Upstream::new();
    let (_host, port) = before(upstream.port(), "", "timeouts: {response-ms: 200}");
    for (answer, status) in [
        ("SSH-2.0-OpenSSH\r\n\r\n", 502),
        ("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", 502),
        ("", 504),
    ] {
        let mut client = HttpClient::connect(port.first());
        client.send(GET);
        let mut origin = upstream.accept();
        origin.send(answer);
        assert_eq!(client.response().head.status, status, "{answer:?}");
        origin.recv_to_end();
    }
}

#[test]
fn a_connection_that_the_origin_has_closed_costs_no_request() {
    let upstream = Upstream::new();
    let (host, port) = before(upstream.port(), "", "");
    let mut client = HttpClient::connect(port.first());
    for _ in 0..20 {
        client.send(GET);
        let mut origin = upstream.accept();
        expect_sent(&mut origin, SENT);
        origin.send(NOTHING);
        assert_eq!(client.response().head.status, 200);
        // The next request comes before, with or after the end.
        origin.end();
    }
    drop(client);
    until("all connections are closed", || host.connections() == 0);
}

#[test]
fn the_request_ends_when_the_client_leaves() {
    let upstream = Upstream::new();
    let (_host, port) = before(upstream.port(), "", "");
    let mut client = Client::connect(port.first());
    client.send(GET);
    let mut origin = upstream.accept();
    expect_sent(&mut origin, SENT);
    // One that only ends its own direction may still wait for the response.
    client.reset();
    origin.expect_end();
}

#[test]
fn an_idle_connection_is_closed_in_time() {
    let upstream = Upstream::new();
    let (_host, port) = before(upstream.port(), "", "timeouts: {idle-ms: 100}");
    let mut client = HttpClient::connect(port.first());
    client.send(GET);
    let mut origin = upstream.accept();
    expect_sent(&mut origin, SENT);
    origin.send(NOTHING);
    assert_eq!(client.response().head.status, 200);
    origin.expect_end();
}

#[test]
fn octets_go_both_ways_after_an_upgrade() {
    let upstream = Upstream::new();
    let (_host, port) = before(upstream.port(), "upgrade: [websocket]", "upgrade: [websocket]");
    let mut client = Client::connect(port.first());
    let ask = "GET / HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n";
    client.send(ask);
    let mut origin = upstream.accept();
    expect_sent(&mut origin, ask);
    let switched = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
    origin.send(switched);
    expect_sent(&mut client, switched);
    let octets = Random::new(3).octets(1_000_000);
    for (from, to) in [(&client, &origin), (&origin, &client)] {
        let (mut from, mut to) = (from.share(), to.share());
        let received = std::thread::scope(|scope| {
            scope.spawn(|| from.send(&octets));
            to.recv(octets.len())
        });
        assert!(received == octets);
    }
    client.end();
    assert!(origin.recv_to_end().0.is_empty());
    origin.send("last");
    assert_eq!(client.recv(4), b"last");
    origin.end();
    assert!(client.recv_to_end().0.is_empty());
}

#[test]
fn a_quarter_of_a_gigabyte_goes_through_intact_and_stays_nowhere() {
    const BLOCKS: usize = 256;
    /// Memory that a host may grow by for other reasons than the one that is looked for.
    const SLACK_KIB: u64 = 16 << 10;
    let upstream = Upstream::new();
    let (host, port) = before(upstream.port(), "", "");
    let block = Random::new(1).octets(1 << 20);
    let length = BLOCKS << 20;
    let mut client = HttpClient::connect(port.first());
    client.send(GET);
    let mut origin = upstream.accept();
    expect_sent(&mut origin, SENT);
    origin.send(NOTHING);
    assert_eq!(client.response().head.status, 200);
    let before = host.rss_kib();
    client.send(format!("PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n"));
    expect_sent(&mut origin, &format!("PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n"));
    let mut writer = client.client().share();
    std::thread::scope(|scope| {
        scope.spawn(|| (0..BLOCKS).for_each(|_| writer.send(&block)));
        for index in 0..BLOCKS {
            assert!(origin.recv(block.len()) == block, "block {index} has changed on its way to the origin");
        }
    });
    origin.send(format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n"));
    let mut writer = origin.share();
    std::thread::scope(|scope| {
        scope.spawn(|| (0..BLOCKS).for_each(|_| writer.send(&block)));
        let head = client.head();
        let mut received = 0;
        client.read_body(&head, |octets| {
            let at = received % block.len();
            let (first, rest) = octets.split_at(octets.len().min(block.len() - at));
            assert!(
                block[at..].starts_with(first) && block.starts_with(&rest[..rest.len().min(block.len())])
            );
            received += octets.len();
        });
        assert_eq!(received, length);
    });
    let grown = host.rss_peak_kib().saturating_sub(before);
    assert!(grown < SLACK_KIB, "{grown} KiB of 512 MiB stayed in the host");
}

#[test]
fn curl_waits_for_the_origin_to_go_on() {
    let upstream = Upstream::new();
    let (_host, port) = before(upstream.port(), "expect: pass, via: zilla", "");
    let folder = Folder::new();
    folder.write("sent", Random::new(7).octets(2_000_000));
    let script = format!(
        "curl --silent --show-error --max-time 20 --expect100-timeout 20 --header 'Expect: 100-continue' --include \
         --upload-file {} http://127.0.0.1:{port}/",
        folder.join("sent").display()
    );
    let mut curl = Command::new("sh");
    curl.args(["-c", &script]).stdin(Stdio::null());
    let asked = std::thread::spawn(move || command::run(&mut curl));
    let mut origin = upstream.accept();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.extend(origin.recv(1));
    }
    let head = String::from_utf8(head).unwrap();
    assert!(
        head.contains("\r\nexpect: 100-continue\r\n") && head.contains("\r\nvia: 1.1 zilla\r\n"),
        "{head}"
    );
    origin.send("HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(origin.recv(2_000_000).len(), 2_000_000);
    origin.send("HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\nok");
    let output = asked.join().unwrap();
    assert!(output.stdout.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\n"), "{output:?}");
    assert!(output.stdout.ends_with("ok"), "{output:?}");
}
