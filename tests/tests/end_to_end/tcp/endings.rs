//! How connections end, and what is left of them.

use super::many;
use zilla_tests::client::End;
use zilla_tests::random::Random;
use zilla_tests::{Client, Host, Ports, config, until};

#[test]
fn a_client_that_ends_first_gets_everything_back_and_then_an_end() {
    let port = Ports::one();
    let _host = Host::start(&config::tcp_echo(&port));
    let sent = Random::new(1).octets(300_000);
    let mut client = Client::connect(port.first());
    let mut writer = client.share();
    let received = std::thread::scope(|scope| {
        scope.spawn(|| {
            writer.send(&sent);
            writer.end();
        });
        client.recv_to_end()
    });
    assert!(received == (sent, End::InOrder));
}

#[test]
fn a_host_that_ends_first_has_its_octets_read_before_the_connection_is_gone() {
    let port = Ports::one();
    let yaml = config::tcp_echo(&port).replace(
        "type: echo\n    kind: server",
        "type: hello\n    kind: server\n    options: {greeting: Hello!}",
    );
    let host = Host::start(&yaml);
    let connections = host.connections();
    let mut client = Client::connect(port.first());
    assert_eq!(client.recv(6), b"Hello!");
    // The other direction is still the client's.
    assert_eq!(client.recv_to_end(), (Vec::new(), End::InOrder));
    client.end();
    until("the host closes a connection that has ended both ways", || host.connections() <= connections);
}

#[test]
fn a_peer_that_is_refused_still_gets_the_answer() {
    // `hello` refuses what its clients say: octets that are never read must not destroy the greeting.
    let port = Ports::one();
    let greeting = "x".repeat(1_000);
    let options = format!("type: hello\n    kind: server\n    options: {{greeting: {greeting}}}");
    let _host = Host::start(&config::tcp_echo(&port).replace("type: echo\n    kind: server", &options));
    for _ in 0..50 {
        let mut client = Client::connect(port.first());
        client.send([0; 1_000]);
        client.try_send([0; 1_000]);
        assert_eq!(client.recv_to_end(), (greeting.clone().into_bytes(), End::InOrder));
    }
}

#[test]
fn a_connection_that_is_reset_amid_its_octets_leaves_nothing_behind() {
    let port = Ports::one();
    let host = Host::start(&config::tcp_echo(&port));
    let mut neighbour = Client::connect(port.first());
    neighbour.echo("before");
    let connections = host.connections();
    for round in 0..200 {
        let mut client = Client::connect(port.first());
        client.send(vec![round as u8; 50_000]);
        client.recv(1_000);
        client.reset();
        neighbour.echo("meanwhile");
    }
    until("the host closes connections that were reset", || host.connections() <= connections);
    neighbour.echo("after");
    assert_eq!(host.log().matching(|line| line.field("level") != "INFO"), []);
}

#[test]
fn a_client_that_leaves_without_a_word_leaves_nothing_behind() {
    let port = Ports::one();
    let host = Host::start(&config::tcp_echo(&port));
    let connections = host.connections();
    let clients: Vec<Client> = (0..500).map(|_| Client::connect(port.first())).collect();
    until("all are accepted", || host.connections() >= connections + clients.len());
    drop(clients);
    until("all are closed", || host.connections() <= connections);
}

#[test]
fn connections_that_come_and_go_leave_memory_and_descriptors_as_they_were() {
    const CONNECTIONS: usize = 2_000;
    let port = Ports::one();
    let host = Host::start(&config::tcp_echo(&port));
    let grown = many::grown_by_rounds(&host, port.first(), CONNECTIONS, 3);
    // An octet that each of 6,000 connections left behind would not be seen, half a kilobyte is.
    assert!(grown < 3_000, "{} connections left {grown} KiB behind", 3 * CONNECTIONS);
}
