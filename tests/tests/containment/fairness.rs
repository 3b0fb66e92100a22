//! A binding with as much to do as it takes, and what is left to the others on its worker.
//!
//! A turn of a pipeline ends after [`TURN_BATCHES`] batches, whatever else it has to do; then sockets are looked at, and
//! the other pipelines have theirs. So a request that comes while one runs is read after it, and answered in the turns
//! that follow: until then the busy pipeline has had the rest of one turn and one more at most.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use zilla_tests::load::Load;
use zilla_tests::{Client, Host, Ports, config};

/// Batches of a turn; of a stream that goes to and fro between two bindings, each has one after the other.
const TURN_BATCHES: u64 = 256;

/// Turns that a busy pipeline may have while a request waits: the rest of one, and one more.
const TURNS_MAX: u64 = 2;

#[test]
fn a_pipeline_without_rest_gets_two_turns_at_most_while_a_request_waits() {
    const REQUESTS: u64 = 500;
    let ports = Ports::range(2);
    let yaml = config::guest_and_neighbour("flood", ports.first(), ports.last());
    let yaml =
        yaml.replace("type: flood\n    kind: server\n", "type: flood\n    kind: server\n    exit: yard\n");
    let host = Host::start(&(yaml + "  yard:\n    type: echo\n    kind: server\n"));
    let mut busy = Client::connect(ports.first());
    busy.echo("bounce");
    let mut count = || -> u64 {
        busy.echo("count?");
        String::from_utf8(busy.recv(20)).unwrap().parse().unwrap()
    };
    let mut quiet = Client::connect(ports.last());
    quiet.echo("good morning");
    let first = count();
    let (mut last, mut turns) = (first, Vec::new());
    for _ in 0..REQUESTS {
        // Two requests wait one after the other: the quiet one's, and the one that is answered with the count.
        quiet.echo("and now?");
        let now = count();
        turns.push(now - last);
        last = now;
    }
    turns.sort_unstable();
    // Half of the batches of a turn are those of the binding that counts, the others its peer's.
    let bound = 2 * TURNS_MAX * TURN_BATCHES / 2;
    let (least, half) = (turns[0], turns[turns.len() / 2]);
    eprintln!(
        "between two answers {least} batches at least, {half} for half of them, {} in all",
        last - first
    );
    // While the thread of this test waits for a processor, the host goes on: that is in all but the least of them.
    assert!((1..=bound).contains(&least), "{least} batches between two answers, at most {bound} expected");
    drop(host);
}

#[test]
fn a_few_connections_are_served_beside_many_that_pump() {
    const PUMPS: usize = 32;
    const REQUESTS: u64 = 1_000;
    let ports = Ports::range(2);
    let host = Host::start(&config::guest_and_neighbour("echo", ports.first(), ports.last()));
    let serve = |what: &str| {
        let begin = Instant::now();
        let load = Load::of_words(ports.last(), 2);
        load.wait_for_answers(REQUESTS);
        let tally = load.expect_unnoticed();
        let rate = tally.answers as f64 / begin.elapsed().as_secs_f64();
        eprintln!("{what}: {rate:.0} answers a second, longest gap {:.1?}", tally.longest_gap);
    };
    serve("alone");
    let (is_over, pumped) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..PUMPS {
            scope.spawn(|| pump(Client::connect(ports.first()), &is_over, &pumped));
        }
        zilla_tests::until("all pump", || pumped.load(Ordering::Relaxed) > (PUMPS << 20) as u64);
        let before = pumped.load(Ordering::Relaxed);
        serve("beside 32 connections that pump");
        is_over.store(true, Ordering::Relaxed);
        assert!(pumped.load(Ordering::Relaxed) > before, "nothing was pumped meanwhile");
    });
    host.expect_echo(ports.first());
}

/// Writes as much as the connection takes and reads what comes back, until it is over.
fn pump(mut client: Client, is_over: &AtomicBool, pumped: &AtomicU64) {
    let octets = vec![b'x'; 64 << 10];
    let mut received = vec![0; 64 << 10];
    client.set_write_patience(Duration::from_millis(1));
    while !is_over.load(Ordering::Relaxed) {
        // What is not taken now is tried again; what comes back makes room.
        if client.write_some(&octets).is_ok() {
            pumped.fetch_add(client.recv_some(&mut received).unwrap() as u64, Ordering::Relaxed);
        } else if let Ok(some) = client.recv_some(&mut received) {
            pumped.fetch_add(some as u64, Ordering::Relaxed);
        }
    }
}
