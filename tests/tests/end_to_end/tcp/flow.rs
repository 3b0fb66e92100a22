//! Octets both ways, as fast as the slower side, and no faster.

use zilla_tests::random::Random;
use zilla_tests::{Client, Host, Ports, config, until};

/// Memory that a test may find the host to have grown by for other reasons than the one it looks for.
const SLACK_KIB: u64 = 8 << 10;

#[test]
fn octets_come_back_as_they_were_sent() {
    let port = Ports::one();
    let _host = Host::start(&config::tcp_echo(&port));
    let mut client = Client::connect(port.first());
    let mut random = Random::new(1);
    for octets in [1, 2, 1_000, 65_535, 65_536, 65_537, 1_000_000] {
        let sent = random.octets(octets);
        let mut writer = client.share();
        let received = std::thread::scope(|scope| {
            scope.spawn(|| writer.send(&sent));
            client.recv(octets)
        });
        assert!(received == sent, "other octets came back for {octets}");
    }
}

#[test]
fn a_client_that_never_reads_is_stopped_and_costs_no_memory() {
    let port = Ports::one();
    let host = Host::start(&config::tcp_echo(&port));
    host.expect_echo(port.first());
    let before = host.rss_kib();
    let sent = Random::new(2).octets(1 << 20);
    let mut clients: Vec<Client> = (0..20).map(|_| Client::connect_narrow(port.first())).collect();
    let accepted: Vec<usize> = std::thread::scope(|scope| {
        let filling: Vec<_> = clients.iter_mut().map(|client| scope.spawn(|| client.fill(&sent))).collect();
        filling.into_iter().map(|thread| thread.join().expect("a client that is stopped")).collect()
    });
    let grown = host.rss_kib().saturating_sub(before);
    assert!(grown < SLACK_KIB, "20 clients that do not read cost {grown} KiB");

    // And nothing was lost: what was taken comes back when it is asked for.
    let received = clients[0].recv(accepted[0]);
    assert!(received.iter().zip(sent.iter().cycle()).all(|(one, other)| one == other));
    host.expect_echo(port.first());
}

#[test]
fn a_slow_reader_gets_everything_and_holds_up_nobody() {
    const OCTETS: usize = 2 << 20;
    let port = Ports::one();
    let host = Host::start(&config::tcp_echo(&port));
    let mut slow = Client::connect_narrow(port.first());
    let sent = Random::new(3).octets(OCTETS);
    let mut writer = slow.share();
    let mut neighbour = Client::connect(port.first());
    std::thread::scope(|scope| {
        scope.spawn(|| writer.send(&sent));
        let mut received = Vec::new();
        let mut random = Random::new(4);
        while received.len() < OCTETS {
            let octets = (1 + random.below(20_000)).min(OCTETS - received.len());
            received.extend(slow.recv(octets));
            neighbour.echo("meanwhile");
        }
        assert!(received == sent);
    });
    drop(host);
}

#[test]
fn two_hundred_connections_move_octets_at_the_same_time() {
    const OCTETS: usize = 200_000;
    let port = Ports::one();
    let host = Host::start(&config::tcp_echo(&port));
    let mut clients: Vec<Client> = (0..200).map(|_| Client::connect(port.first())).collect();
    let sent = Random::new(5).octets(OCTETS);
    std::thread::scope(|scope| {
        for shard in clients.chunks_mut(25) {
            let sent = &sent;
            scope.spawn(move || {
                for piece in sent.chunks(40_000) {
                    shard.iter_mut().for_each(|client| client.send(piece));
                    for client in &mut *shard {
                        assert!(client.recv(piece.len()) == piece);
                    }
                }
            });
        }
    });
    drop(clients);
    host.expect_echo(port.first());
}

#[test]
fn an_idle_connection_costs_little_memory() {
    const CONNECTIONS: usize = 1_000;
    let port = Ports::one();
    let host = Host::start(&config::tcp_echo(&port));
    let connect = || -> Vec<Client> {
        let mut clients: Vec<Client> = (0..CONNECTIONS).map(|_| Client::connect(port.first())).collect();
        clients.iter_mut().for_each(|client| client.echo("once"));
        clients
    };
    let connections = host.connections();
    let first = connect();
    let before = host.rss_kib();
    let second = connect();
    let each = host.rss_kib().saturating_sub(before) * 1024 / CONNECTIONS as u64;
    assert!(each < 6 << 10, "an idle connection costs {each} octets");
    drop((first, second));
    until("the host closes connections that were left", || host.connections() <= connections);
}
