//! A binding with one instance, on one worker, and streams that come to all of them. The guest is `everyone`.

use std::collections::BTreeSet;
use zilla_tests::client::End;
use zilla_tests::random::Random;
use zilla_tests::{Client, Host, Ports, until, zilla};

/// Connections of which, with certainty enough, some come to each of [`WORKERS`] workers.
const MANY: usize = 64;

const WORKERS: &str = "--workers=4";

/// Memory that clients which do not read may cost: two credits of 64 KiB each are 8 MiB, the rest are buffers that four
/// workers keep for reuse. Without a bound it would be gigabytes.
const UNREAD_KIB: u64 = 64 << 10;

fn everyone(ports: &Ports) -> String {
    let (near, far) = (ports.at(0), ports.at(1));
    format!(
        "name: test
bindings:
  north: {{type: tcp, kind: server, options: {{host: 127.0.0.1, port: {near}}}, exit: everyone}}
  everyone: {{type: everyone, kind: server}}
  south: {{type: tcp, kind: server, options: {{host: 127.0.0.1, port: {far}}}, exit: echo}}
  echo: {{type: echo, kind: server}}
"
    )
}

fn many(port: u16) -> Vec<Client> {
    (0..MANY).map(|_| Client::connect(port)).collect()
}

/// Which instance a stream came to, and as the how manieth.
#[track_caller]
fn who(client: &mut Client) -> (String, usize) {
    client.send("who?");
    let line = String::from_utf8(client.recv(24)).unwrap();
    let (origin, number) = line.trim_end().split_once(' ').unwrap();
    (origin.to_owned(), number.parse().unwrap())
}

#[test]
fn streams_of_all_workers_come_to_one_instance() {
    let ports = Ports::range(2);
    let _host = Host::with(&[WORKERS]).start(&everyone(&ports));
    let mut clients = many(ports.first());
    let told: Vec<_> = clients.iter_mut().map(who).collect();
    let origins: BTreeSet<_> = told.iter().map(|(origin, _)| origin).collect();
    let numbers: BTreeSet<_> = told.iter().map(|(_, number)| *number).collect();
    assert_eq!(origins.len(), 1, "there is one instance");
    assert_eq!(numbers, (1..=MANY).collect(), "it has seen each of them");
    clients.iter_mut().for_each(|client| client.echo("and they are served"));
}

#[test]
fn a_stream_that_crosses_is_counted_once() {
    let ports = Ports::range(2);
    let host = Host::with(&[WORKERS]).start(&everyone(&ports));
    let mut clients = many(ports.first());
    clients.iter_mut().for_each(|client| client.echo("here"));
    let status = || {
        let output = zilla(&["status", "--json", "--control", host.control().to_str().unwrap()]);
        serde_json::from_str::<serde_json::Value>(&output.stdout).unwrap()
    };
    let row = status()["pipelines"][0].clone();
    assert_eq!(row["streams"], MANY, "{row}");
    let binding = row["bindings"].as_array().unwrap().iter().find(|row| row["type"] == "everyone").unwrap();
    assert!(binding["worker"].as_u64().is_some_and(|worker| worker < 4), "{binding}");
    drop(clients);
    until("no stream is open", || status()["pipelines"][0]["streams"] == 0);
}

#[test]
fn octets_come_back_from_another_worker_as_they_were_sent() {
    const OCTETS: usize = 64 << 20;
    let ports = Ports::range(2);
    let _host = Host::with(&[WORKERS]).start(&everyone(&ports));
    let sent = Random::new(1).octets(OCTETS);
    // One of four would be on the home worker by chance alone, all of them hardly ever.
    for round in 0..4 {
        let mut client = Client::connect(ports.first());
        let mut writer = client.share();
        let received = std::thread::scope(|scope| {
            scope.spawn(|| {
                writer.send(&sent);
                writer.end();
            });
            client.recv_to_end()
        });
        assert!(received.0 == sent, "other octets came back in round {round}: {}", received.0.len());
        assert_eq!(received.1, End::InOrder);
    }
}

#[test]
fn streams_end_as_they_would_on_one_worker() {
    let ports = Ports::range(2);
    let _host = Host::with(&[WORKERS]).start(&everyone(&ports));
    for mut client in many(ports.first()) {
        client.send("half");
        assert_eq!(client.recv(4), b"half");
        client.end();
        assert_eq!(client.recv_to_end(), (Vec::new(), End::InOrder));
    }
    for mut client in many(ports.first()) {
        client.send("close");
        client.expect_reset();
    }
}

#[test]
fn clients_that_do_not_read_cost_no_memory_across_workers() {
    let ports = Ports::range(2);
    let host = Host::with(&[WORKERS]).start(&everyone(&ports));
    let mut clients: Vec<Client> = (0..MANY).map(|_| Client::connect_narrow(ports.first())).collect();
    clients.iter_mut().for_each(|client| client.echo("here"));
    let sent = Random::new(2).octets(1 << 20);
    let before = host.rss_kib();
    std::thread::scope(|scope| {
        for client in &mut clients {
            scope.spawn(|| {
                client.set_write_patience(std::time::Duration::from_millis(500));
                let mut taken = 0;
                while let Ok(octets) = client.write_some(&sent[taken % sent.len()..]) {
                    taken += octets;
                    assert!(taken < 48 << 20, "{taken} octets were taken from a client that reads none");
                }
            });
        }
    });
    let grown = host.rss_kib().saturating_sub(before);
    assert!(grown < UNREAD_KIB, "{MANY} clients that do not read cost {grown} KiB");
    // Nobody else waits for them.
    Client::connect(ports.first()).echo("neighbour");
    host.expect_echo(ports.at(1));
}

#[test]
fn a_trap_closes_the_streams_of_all_workers_and_nothing_else() {
    let ports = Ports::range(2);
    let host = Host::with(&[WORKERS]).start(&everyone(&ports));
    let mut neighbour = Client::connect(ports.at(1));
    for round in 0..3 {
        let mut clients = many(ports.first());
        clients.iter_mut().for_each(|client| client.echo("here"));
        clients[round].send("panic");
        clients.iter_mut().for_each(Client::expect_reset);
        host.log().wait_for_count("traps", round + 1, |line| {
            line.is("ERROR", "a plugin trapped, its streams are closed")
                && line.field("streams") == MANY.to_string()
        });
        neighbour.echo("as ever");
    }
}

#[test]
fn one_instance_for_each_stream_is_refused_of_what_sees_all_of_them() {
    let ports = Ports::range(2);
    let yaml = format!("{}plugins: {{everyone: {{isolation: stream}}}}\n", everyone(&ports));
    let mut host = Host::with(&[WORKERS]).start_unseen(&yaml);
    assert!(!host.wait().success());
    let log = host.log().to_string();
    assert!(log.contains("plugins.everyone.isolation"), "{log}");
    assert!(log.contains("`worker`: `everyone` server has one instance, which sees all streams"), "{log}");
}

#[test]
fn a_host_that_is_told_to_end_waits_for_streams_that_cross_and_no_longer_than_it_may() {
    let ports = Ports::range(2);
    let mut host = Host::with(&[WORKERS, "--drain-ms=60000"]).start(&everyone(&ports));
    let mut clients = many(ports.first());
    clients.iter_mut().for_each(|client| client.echo("before"));
    host.signal("TERM");
    host.log().wait_for_event("INFO", "draining");
    clients.iter_mut().for_each(|client| client.echo("while it drains"));
    for mut client in clients {
        client.end();
        assert_eq!(client.recv_to_end(), (Vec::new(), End::InOrder));
    }
    assert!(host.wait().success());

    let mut host = Host::with(&[WORKERS, "--drain-ms=300"]).start(&everyone(&ports));
    let mut clients = many(ports.first());
    clients.iter_mut().for_each(|client| client.echo("before"));
    host.signal("TERM");
    clients.iter_mut().for_each(Client::expect_reset);
    assert!(host.wait().success());
}
