//! Through the host and out of it again: a `tcp` server whose streams go to a `tcp` client.

use super::many;
use zilla_tests::client::End;
use zilla_tests::random::Random;
use zilla_tests::{Client, Host, Ports, Upstream, config, until};

/// Memory that a host may grow by for other reasons than the one a test looks for.
const SLACK_KIB: u64 = 8 << 10;

/// A host with one worker in front of an upstream.
fn before(upstream: u16) -> (Host, Ports) {
    let port = Ports::one();
    (Host::start(&config::tcp_proxy(&port, upstream)), port)
}

#[test]
fn octets_go_to_the_upstream_and_come_back() {
    let (_host, port) = before(Upstream::echo());
    for octets in [1, 1_000, 65_536, 1_000_000] {
        let sent = Random::new(octets as u64).octets(octets);
        let mut client = Client::connect(port.first());
        let mut writer = client.share();
        let received = std::thread::scope(|scope| {
            scope.spawn(|| writer.send(&sent));
            client.recv(octets)
        });
        assert!(received == sent, "other octets came back for {octets}");
    }
}

#[test]
fn a_quarter_of_a_gigabyte_goes_through_intact_and_stays_nowhere() {
    const BLOCKS: usize = 256;
    let (host, port) = before(Upstream::echo());
    let block = Random::new(1).octets(1 << 20);
    let mut client = Client::connect(port.first());
    client.echo("warm");
    let before = host.rss_kib();
    let mut writer = client.share();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            (0..BLOCKS).for_each(|_| writer.send(&block));
            writer.end();
        });
        for index in 0..BLOCKS {
            assert!(client.recv(block.len()) == block, "block {index} has changed");
        }
    });
    assert_eq!(client.recv_to_end(), (Vec::new(), End::InOrder));
    let grown = host.rss_peak_kib().saturating_sub(before);
    assert!(grown < SLACK_KIB, "{grown} KiB of 256 MiB stayed in the host");
}

#[test]
fn a_client_that_ends_first_still_hears_the_upstream() {
    let upstream = Upstream::new();
    let (host, port) = before(upstream.port());
    let connections = host.connections();
    let mut client = Client::connect(port.first());
    client.send("question");
    client.end();
    let mut server = upstream.accept();
    assert_eq!(server.recv_to_end(), (b"question".to_vec(), End::InOrder));
    server.send("answer");
    assert_eq!(client.recv(6), b"answer");
    server.end();
    assert_eq!(client.recv_to_end(), (Vec::new(), End::InOrder));
    until("both connections are closed", || host.connections() <= connections);
}

#[test]
fn an_upstream_that_ends_first_still_hears_the_client() {
    let upstream = Upstream::new();
    let (host, port) = before(upstream.port());
    let connections = host.connections();
    let mut client = Client::connect(port.first());
    let mut server = upstream.accept();
    server.send("greeting");
    server.end();
    assert_eq!(client.recv_to_end(), (b"greeting".to_vec(), End::InOrder));
    client.send("reply");
    assert_eq!(server.recv(5), b"reply");
    client.end();
    assert_eq!(server.recv_to_end(), (Vec::new(), End::InOrder));
    until("both connections are closed", || host.connections() <= connections);
}

#[test]
fn an_upstream_that_speaks_first_is_heard() {
    let port = Upstream::new().into_echo(|socket| {
        use std::io::Write as _;
        socket.write_all(b"220 ready").unwrap();
    });
    let (_host, port) = before(port);
    let mut client = Client::connect(port.first());
    assert_eq!(client.recv(9), b"220 ready");
    client.echo("and echoes");
}

#[test]
fn an_upstream_that_is_reset_resets_the_client() {
    let upstream = Upstream::new();
    let (host, port) = before(upstream.port());
    let connections = host.connections();
    let mut client = Client::connect(port.first());
    let mut server = upstream.accept();
    client.send("a");
    assert_eq!(server.recv(1), b"a");
    server.reset();
    client.expect_reset();
    until("both connections are closed", || host.connections() <= connections);
}

#[test]
fn a_client_that_is_reset_resets_the_upstream() {
    let upstream = Upstream::new();
    let (host, port) = before(upstream.port());
    let connections = host.connections();
    let mut client = Client::connect(port.first());
    let mut server = upstream.accept();
    client.send("a");
    assert_eq!(server.recv(1), b"a");
    client.reset();
    server.expect_reset();
    until("both connections are closed", || host.connections() <= connections);
}

#[test]
fn a_peer_that_does_not_read_stops_the_other_one_and_costs_no_memory() {
    let upstream = Upstream::new();
    let (host, port) = before(upstream.port());
    let sent = Random::new(2).octets(1 << 20);
    for to_upstream in [true, false] {
        let client = Client::connect(port.first());
        let server = upstream.accept();
        let (mut writer, mut reader) = if to_upstream { (client, server) } else { (server, client) };
        writer.send("warm");
        assert_eq!(reader.recv(4), b"warm");
        let before = host.rss_kib();
        let taken = writer.fill(&sent);
        let grown = host.rss_kib().saturating_sub(before);
        assert!(grown < SLACK_KIB, "a peer that does not read costs {grown} KiB");
        let received = reader.recv(taken);
        assert!(received.iter().zip(sent.iter().cycle()).all(|(one, other)| one == other));
    }
}

#[test]
fn a_thousand_connections_go_through_at_once() {
    const CONNECTIONS: usize = 1_000;
    zilla_tests::limits::raise_descriptors();
    let upstream = Upstream::new();
    let (host, port) = before(upstream.port());
    let before = host.connections();
    let mut pairs = Vec::new();
    for number in 0..CONNECTIONS {
        let mut client = Client::connect(port.first());
        client.send(format!("{number:08}"));
        pairs.push(client);
    }
    let mut servers: Vec<Client> = (0..CONNECTIONS).map(|_| upstream.accept()).collect();
    for server in &mut servers {
        let number = server.recv(8);
        server.send(number);
    }
    for (number, client) in pairs.iter_mut().enumerate() {
        assert_eq!(client.recv(8), format!("{number:08}").as_bytes());
    }
    assert_eq!(host.connections() - before, 2 * CONNECTIONS);
    drop((pairs, servers));
    until("all are closed", || host.connections() <= before);
}

#[test]
fn connections_that_come_and_go_leave_memory_and_descriptors_as_they_were() {
    const CONNECTIONS: usize = 1_000;
    let (host, port) = before(Upstream::echo());
    let grown = many::grown_by_rounds(&host, port.first(), CONNECTIONS, 2);
    assert!(grown < 2_000, "{} connections left {grown} KiB behind", 2 * CONNECTIONS);
}
