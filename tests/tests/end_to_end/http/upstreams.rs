//! HTTP/2 to origins: servers that others have written, and another host.

use super::GET;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use zilla_tests::http::HttpClient;
use zilla_tests::random::Random;
use zilla_tests::websocket::{WebSocket, opcode};
use zilla_tests::{Folder, Host, Ports, Server, Upstream, command, config, until};

/// A host with one worker that speaks HTTP/2 to an upstream, with more options of the client.
fn before(upstream: u16, client: &str) -> (Host, Ports) {
    let port = Ports::one();
    let client = format!("versions: [h2]{}{client}", if client.is_empty() { "" } else { ", " });
    (Host::start(&config::http_proxy(&port, upstream, "", &client, "")), port)
}

/// What curl prints, run with these arguments.
#[track_caller]
fn curl(arguments: &[&str]) -> String {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--max-time", "30"]).args(arguments).stdin(Stdio::null());
    let output = command::run(&mut curl);
    assert_eq!(output.code, Some(0), "{arguments:?}: {output:?}");
    output.stdout
}

const VERSIONS: [&str; 2] = ["--http1.1", "--http2-prior-knowledge"];

#[test]
fn each_version_goes_through_each_to_another_host() {
    let (behind, folder) = (Ports::one(), Folder::new());
    let _echo = Host::start(&config::http_echo(&behind));
    let body = Random::new(7).octets(300_000);
    folder.write("body", &body);
    let sent = format!("@{}", folder.join("body").display());
    let got = folder.join("got").display().to_string();
    for back in ["versions: [http/1.1]", "versions: [h2]"] {
        let port = Ports::one();
        let _host = Host::start(&config::http_proxy(&port, behind.first(), "", back, ""));
        for front in VERSIONS {
            let url = format!("http://127.0.0.1:{}/", port.first());
            for _ in 0..2 {
                let told =
                    ["--data-binary", &sent, "--output", &got, "--write-out", "%{http_code} %{http_version}"];
                let told = curl(&[&[front][..], &told, &[&url]].concat());
                assert_eq!(told, if front == "--http1.1" { "200 1.1" } else { "200 2" }, "{front}, {back}");
                assert!(std::fs::read(&got).unwrap() == body, "{front}, {back}");
            }
        }
    }
}

#[test]
fn nginx_serves_many_requests_at_a_time_on_one_connection() {
    let nginx = Server::nginx("http2", "");
    nginx.folder().write("www/file", "hello");
    let (_host, port) = before(nginx.port(), "");
    let mut clients: Vec<HttpClient> = (0..100).map(|_| HttpClient::connect(port.first())).collect();
    for client in &mut clients {
        client.send("GET /file HTTP/1.1\r\nhost: a\r\n\r\n");
    }
    for client in &mut clients {
        assert_eq!(client.response().text(), "hello");
    }
    until("all is logged", || nginx.requests().len() == 100);
    let requests = nginx.requests();
    for [connection, version, status, _] in &requests {
        assert_eq!((&**version, &**status), ("HTTP/2.0", "200"));
        assert_eq!(connection, &requests[0][0]);
    }
}

#[test]
fn large_files_of_nginx_come_whole_and_cost_little_memory() {
    const OCTETS: usize = 64 << 20;
    let nginx = Server::nginx("http2", "");
    nginx.folder().write("www/file", vec![b'x'; OCTETS]);
    let (host, port) = before(nginx.port(), "");
    let url = format!("http://127.0.0.1:{}/file", port.first());
    let before = host.rss_peak_kib();
    for front in VERSIONS {
        let told = curl(&[front, "--output", "/dev/null", "--write-out", "%{size_download}", &url]);
        assert_eq!(told, OCTETS.to_string());
    }
    let grown = host.rss_peak_kib().saturating_sub(before);
    assert!(grown < 16 << 10, "{grown} KiB");
}

#[test]
fn nghttpd_gets_what_is_sent_and_sends_it_back() {
    let nghttpd = Server::nghttpd(&["--echo-upload"]);
    let (_host, port) = before(nghttpd.port(), "");
    let folder = Folder::new();
    let body = Random::new(8).octets(5_000_000);
    folder.write("body", &body);
    let (sent, got) = (folder.join("body").display().to_string(), folder.join("got").display().to_string());
    let url = format!("http://127.0.0.1:{}/", port.first());
    for front in VERSIONS {
        for expect in ["Expect:", "Expect: 100-continue"] {
            let arguments =
                ["--upload-file", &sent, "--request", "POST", "--output", &got, "--header", expect];
            curl(&[&[front][..], &arguments, &[&url]].concat());
            assert!(std::fs::read(&got).unwrap() == body, "{front}, {expect}");
        }
    }
}

#[test]
fn a_restart_of_nginx_costs_no_request() {
    const RESTARTS: usize = 10;
    let nginx = Server::nginx("http2", "");
    nginx.folder().write("www/file", "hello");
    let (_host, port) = before(nginx.port(), "");
    let is_over = AtomicBool::new(false);
    let ask = || {
        let mut client = HttpClient::connect(port.first());
        let mut count = 0;
        while !is_over.load(Ordering::Relaxed) {
            let response = client.ask("GET /file HTTP/1.1\r\nhost: a\r\n\r\n");
            assert_eq!((response.head.status, response.text()), (200, "hello".to_owned()));
            count += 1;
        }
        count
    };
    let asked: usize = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        for restart in 1..=RESTARTS {
            nginx.signal("HUP");
            // Each on connections of its own.
            until("the next workers are asked", || {
                let requests = nginx.requests();
                let mut connections: Vec<_> = requests.iter().map(|request| &request[0]).collect();
                connections.sort();
                connections.dedup();
                connections.len() > restart || clients.iter().any(|client| client.is_finished())
            });
        }
        is_over.store(true, Ordering::Relaxed);
        clients.into_iter().map(|client| client.join().unwrap()).sum()
    });
    assert!(asked > RESTARTS, "{asked}");
    assert!(nginx.requests().iter().all(|request| request[2] == "200"));
}

#[test]
fn an_origin_that_speaks_http1_is_not_taken_for_one_of_http2() {
    let upstream = Upstream::new();
    let (host, port) = before(upstream.port(), "timeouts: {response-ms: 5000}");
    let mut client = HttpClient::connect(port.first());
    client.send(GET);
    let mut origin = upstream.accept();
    assert!(origin.recv(24) == b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    origin.send("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(client.response().head.status, 502);
    host.log().wait_for("why", |line| line.message().contains("frame"));
}

#[test]
fn a_websocket_goes_over_http2_to_another_host() {
    let behind = Ports::one();
    let _echo = Host::start(&config::ws_echo(&behind, ""));
    let port = Ports::one();
    let client = "versions: [h2], upgrade: [websocket]";
    let yaml = config::http_proxy(&port, behind.first(), "upgrade: [websocket]", client, "");
    let host = Host::start(&yaml);
    let mut sockets: Vec<WebSocket> = (0..10).map(|_| WebSocket::connect(port.first())).collect();
    let mut random = Random::new(9);
    for octets in [1, 125, 65_536, 1 << 20] {
        for socket in &mut sockets {
            socket.expect_echo(opcode::BINARY, random.octets(octets));
        }
    }
    for socket in sockets {
        socket.close(1000);
    }
    // All of them shared the one connection that is left.
    until("one connection is left", || host.connections() == 1);
}
