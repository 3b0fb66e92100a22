//! More connections than usual, and more than there can be.

use std::time::Instant;
use zilla_tests::limits::raise_descriptors;
use zilla_tests::random::Random;
use zilla_tests::{Client, Host, Ports, config, until};

/// Connections that come, are echoed once and go in one way or another: a round of them to warm up, then more. How many
/// KiB the host grew by in these.
pub(super) fn grown_by_rounds(host: &Host, port: u16, connections: usize, rounds: u64) -> u64 {
    let others = host.connections();
    let round = |seed| {
        let mut random = Random::new(seed);
        for _ in 0..connections {
            let mut client = Client::connect(port);
            client.echo(random.octets(100));
            match random.below(3) {
                0 => client.reset(),
                1 => client.end(),
                _ => {}
            }
        }
        until("the host closes all of them", || host.connections() <= others);
        host.rss_kib()
    };
    let before = round(1);
    (2..2 + rounds).map(round).max().unwrap_or_default().saturating_sub(before)
}

#[test]
fn five_thousand_connections_are_served_at_once() {
    // This process and others of its tests need some for themselves.
    let connections = 5_000.min(raise_descriptors().saturating_sub(3_500));
    assert!(connections >= 500, "this machine lets a process have too few file descriptors");
    let port = Ports::one();
    let host = Host::start(&config::tcp_echo(&port));
    let mut clients: Vec<Client> = (0..connections).map(|_| Client::connect(port.first())).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        client.send(format!("{number:08}"));
    }
    for (number, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.recv(8), format!("{number:08}").as_bytes());
    }
    assert_eq!(host.connections(), connections);
}

#[test]
fn a_host_without_descriptors_pauses_says_so_and_goes_on() {
    const PAUSE_MS: u128 = 100;
    let port = Ports::one();
    let start = Instant::now();
    let host = Host::with(&["-w1"]).after("ulimit -n 64").start(&config::tcp_echo(&port));
    let mut clients: Vec<Client> = (0..100).map(|_| Client::connect(port.first())).collect();
    let is_pause = |line: &zilla_tests::Line| line.is("WARN", "accepting pauses");
    host.log().wait_for_count("pauses", 3, is_pause);
    // Those that were accepted are served, the others wait in the kernel.
    clients[0].echo("accepted");
    let pause = &host.log().matching(is_pause)[0];
    assert_eq!(pause.field("binding"), "test:north");
    assert!(pause.field("error").contains("Too many open files"), "{pause}");

    // As some leave, the others are accepted.
    while let Some(mut last) = clients.pop() {
        clients.truncate(clients.len().saturating_sub(10));
        last.send("waited");
        if clients.is_empty() {
            assert_eq!(last.recv(6), b"waited");
        }
    }
    let mut more: Vec<Client> = (0..20).map(|_| Client::connect(port.first())).collect();
    more.iter_mut().for_each(|client| client.echo("after"));
    let pauses = host.log().matching(is_pause).len() as u128;
    let most = start.elapsed().as_millis() / PAUSE_MS + 1;
    assert!(pauses <= most, "{pauses} lines for at most {most} pauses");
}
