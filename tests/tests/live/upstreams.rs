//! What `tcp` and `http` clients connect to, and options of sockets, changed while connections go on.

use crate::support::site::Site;
use crate::support::yaml::{echo, file, tcp};
use std::net::Ipv4Addr;
use zilla_tests::http::HttpClient;
use zilla_tests::load::Load;
use zilla_tests::{Client, Ports, Upstream, config, until};

/// How often the upstream is another one, under load.
const TURNS: usize = 8;

/// `tcp` to a `tcp` client.
fn proxy(port: u16, upstream: u16) -> String {
    let client = format!(
        "  out:\n    type: tcp\n    kind: client\n    options: {{host: 127.0.0.1, port: {upstream}}}\n"
    );
    tcp("near", port, "out") + &client
}

#[test]
fn connections_go_on_to_where_they_went_and_new_ones_go_elsewhere() {
    let (port, one, two) = (Ports::one(), Upstream::new(), Upstream::new());
    let site = Site::with(&["--no-watch"]).start(&file(&[proxy(port.first(), one.port())]));
    let mut old = Client::connect(port.first());
    let mut old_upstream = one.accept();
    site.configure(&file(&[proxy(port.first(), two.port())]));
    site.reload();
    let mut new = Client::connect(port.first());
    let mut new_upstream = two.accept();
    for (client, server) in [(&mut old, &mut old_upstream), (&mut new, &mut new_upstream)] {
        client.send("question");
        assert_eq!(server.recv(8), b"question");
        server.send("answer");
        assert_eq!(client.recv(6), b"answer");
    }
    assert!(one.try_accept().is_none(), "a new connection goes to the old upstream");
    old.end();
    old_upstream.expect_end();
    old_upstream.end();
    old.expect_end();
    site.wait_until_drained();
    new.send("still here");
    assert_eq!(new_upstream.recv(10), b"still here");
}

#[test]
fn an_upstream_that_changes_under_load_costs_no_connection() {
    let (port, upstreams) = (Ports::one(), [Upstream::echo(), Upstream::echo()]);
    let site = Site::with(&["--no-watch"]).start(&file(&[proxy(port.first(), upstreams[0])]));
    let load = Load::of_connections(port.first(), 4);
    for turn in 1..=TURNS {
        load.wait_for_answers(50);
        site.configure(&file(&[proxy(port.first(), upstreams[turn % 2])]));
        site.reload();
    }
    load.wait_for_answers(50);
    let tally = load.end();
    assert_eq!((tally.failed, &tally.reasons), (0, &Vec::new()));
}

#[test]
fn options_of_a_listener_that_stays_are_those_of_the_last_file() {
    let port = Ports::one();
    let yaml =
        |options: &str| file(&[echo("near", port.first())]).replace("{host", &format!("{{{options}host"));
    let site = Site::with(&["--no-watch"]).start(&yaml(""));
    let mut old = Client::connect(port.first());
    old.echo("without a limit");

    site.configure(&yaml("connections: 1, excess: reset, "));
    site.reload();
    let mut new = Client::connect(port.first());
    new.echo("the only one");
    Client::expect_reset_at(Ipv4Addr::LOCALHOST.into(), port.first());
    old.echo("still without a limit");
    drop((old, new));
    site.wait_until_drained();

    site.configure(&yaml("idle-timeout: 300ms, "));
    site.reload();
    let mut idle = Client::connect(port.first());
    let mut other = Client::connect(port.first());
    other.echo("no longer one alone");
    idle.expect_reset();
    other.expect_reset();
    until("all are closed", || site.host.connections() == 0);
}

/// Receives the head of a request without a body, and answers it.
fn answer(upstream: &mut Client) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.extend(upstream.recv(1));
    }
    upstream.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
}

#[test]
fn connections_of_a_http_proxy_last_no_longer_than_what_is_asked_on_them() {
    const GET: &str = "GET / HTTP/1.1\r\nhost: test\r\n\r\n";
    for is_terminated in [false, true] {
        let (port, upstream) = (Ports::one(), Upstream::new());
        let yaml = |options: &str| config::http_proxy(&port, upstream.port(), options, "", "");
        let site = Site::with(&["--no-watch"]).workers(1).start(&yaml(""));
        // Two exchanges, one of which is over: its connections are kept, on both sides.
        let [mut idle, mut busy] = [HttpClient::connect(port.first()), HttpClient::connect(port.first())];
        idle.send(GET);
        let mut idle_upstream = upstream.accept();
        busy.send(GET);
        let mut busy_upstream = upstream.accept();
        answer(&mut idle_upstream);
        assert_eq!(idle.response().head.field("connection"), None);
        if is_terminated {
            site.host.signal("TERM");
        } else {
            site.configure(&yaml("via: next"));
            site.reload();
        }
        // Neither is for the other generation, nor for another request of this one.
        idle_upstream.expect_end();
        answer(&mut busy_upstream);
        let last = busy.response();
        assert_eq!((last.text().as_str(), last.head.field("connection")), ("ok", Some("close")));
        busy.expect_end();
        busy_upstream.expect_end();
        idle.expect_end();
        if !is_terminated {
            let mut next = HttpClient::connect(port.first());
            next.send(GET);
            answer(&mut upstream.accept());
            assert_eq!(next.response().head.field("via"), Some("1.1 next"));
        }
    }
}
