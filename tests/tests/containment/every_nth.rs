//! A plugin that traps on every so manieth stream, under load.

use std::sync::atomic::{AtomicUsize, Ordering};
use zilla_tests::client::End;
use zilla_tests::load::Load;
use zilla_tests::{Client, Host, Line, Ports};

/// Streams in all.
const STREAMS: usize = 2_000;

/// Of which every so manieth traps.
const NTH: usize = 7;

/// Threads of clients, and streams that each has at the same time.
const CLIENTS: usize = 4;
const AT_ONCE: usize = 25;

/// A host with one worker: the guest on the first port, an echo of its own on the second.
#[track_caller]
fn host(ports: &Ports, isolation: &str) -> Host {
    let yaml = zilla_tests::config::guest_and_neighbour("trap", ports.first(), ports.last());
    let yaml = yaml.replace("type: trap\n", &format!("type: trap\n    options: {{every: {NTH}}}\n"));
    Host::start(&format!("plugins: {{trap: {{isolation: {isolation}}}}}\n{yaml}"))
}

fn is_trap(line: &Line) -> bool {
    line.is("ERROR", "a plugin trapped, its streams are closed")
}

#[test]
fn with_isolation_of_streams_exactly_every_nth_is_lost() {
    let ports = Ports::range(2);
    let host = host(&ports, "stream");
    let neighbour = Load::of_words(ports.last(), 1);
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                while let numbers = next.fetch_add(AT_ONCE, Ordering::Relaxed)
                    && numbers < STREAMS
                {
                    let mut streams: Vec<(usize, Client)> = (numbers..numbers + AT_ONCE)
                        .map(|number| (number, Client::connect(ports.first())))
                        .collect();
                    streams.iter_mut().for_each(|(number, client)| client.send(format!("{number:06}")));
                    for (number, client) in &mut streams {
                        match number.is_multiple_of(NTH) {
                            true => client.expect_reset(),
                            false => assert_eq!(client.recv(6), format!("{number:06}").as_bytes()),
                        }
                    }
                    // The others are as well as before.
                    for (_, client) in streams.iter_mut().filter(|(number, _)| !number.is_multiple_of(NTH)) {
                        client.echo("and again?");
                        client.end();
                        assert_eq!(client.recv_to_end(), (Vec::new(), End::InOrder));
                    }
                }
            });
        }
    });
    neighbour.expect_unnoticed();
    host.log().wait_for_count("traps", STREAMS.div_ceil(NTH), is_trap);
    let traps = host.log().matching(is_trap);
    assert_eq!(traps.len(), STREAMS.div_ceil(NTH));
    assert!(traps.iter().all(|trap| trap.field("streams") == "1"), "{}", host.log());
    host.expect_echo(ports.first());
}

#[test]
fn with_an_instance_for_each_worker_its_streams_are_lost_together_and_the_next_are_served() {
    /// Each is followed by a successor at once; more would open the breaker.
    const TRAPS: usize = 9;
    let ports = Ports::range(2);
    let host = host(&ports, "worker");
    let neighbour = Load::of_words(ports.last(), 1);
    for round in 0..TRAPS {
        let mut streams: Vec<Client> = (0..AT_ONCE).map(|_| Client::connect(ports.first())).collect();
        streams.iter_mut().for_each(|client| client.echo("000001"));
        streams[round].send(format!("{:06}", round * NTH));
        streams.iter_mut().for_each(Client::expect_reset);
    }
    host.expect_echo(ports.first());
    neighbour.expect_unnoticed();
    host.log().wait_for_count("traps", TRAPS, is_trap);
    let traps = host.log().matching(is_trap);
    assert_eq!(traps.len(), TRAPS);
    assert!(traps.iter().all(|trap| trap.field("streams") == AT_ONCE.to_string()), "{}", host.log());
}
