//! A plugin that never returns, and how long its neighbour on the same worker waits for it.
//!
//! A worker looks at all sockets, then gives each pipeline its turn. A call that does not return is stopped, which costs
//! the instance all its streams, so a turn of a pipeline has at most one such call. A neighbour's request that comes
//! during one is read after it, and served in the turns that follow: it waits for the rest of that call and for one more at
//! most, whoever's turn is first. With `isolation: stream` each stream of a batch may be such a call, until the breaker
//! ends it.
//!
//! Calls are counted, not timed: the log has a line at the end of each, with its time.

use std::time::{Duration, Instant, SystemTime};
use zilla_tests::{Client, Host, Line, Ports, config};

/// Calls over their budget in a row, at the last of which the breaker opens.
const LOOPS_MAX: usize = 10;

/// Calls over their budget that a neighbour's request may wait for.
const WAITS_MAX: usize = 2;

/// A request of the neighbour: when it was sent, and when its answer was there.
type Request = (u64, u64);

/// A time of the day in µs, as the log has it.
#[expect(clippy::disallowed_methods, reason = "it is compared with the times of another process")]
fn now_us() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    now.as_micros() as u64 % DAY_US
}

const DAY_US: u64 = 24 * 60 * 60 * 1_000_000;

/// The time of the day in µs in a line: `2026-01-02T03:04:05.678901Z`.
fn time_us(line: &Line) -> u64 {
    let time = line.field("timestamp");
    let number = |from: usize, to: usize| time[from..to].parse::<u64>().expect("digits");
    ((number(11, 13) * 60 + number(14, 16)) * 60 + number(17, 19)) * 1_000_000 + number(20, 26)
}

/// How many lines came during each request, at most.
fn most_during(requests: &[Request], lines: &[Line]) -> usize {
    // From midnight to midnight, so that a test that begins before it may end after it.
    let since = |from: u64, to: u64| (to + DAY_US - from) % DAY_US;
    let during = |(sent, answered): &Request| {
        lines.iter().filter(|line| since(*sent, time_us(line)) <= since(*sent, *answered)).count()
    };
    requests.iter().map(during).max().unwrap_or_default()
}

fn is_trap(line: &Line) -> bool {
    line.is("ERROR", "a plugin trapped, its streams are closed")
}

/// Asks without a pause until it is over.
fn ask(neighbour: &mut Client, mut is_over: impl FnMut(usize) -> bool) -> (Vec<Request>, Vec<Duration>) {
    let (mut requests, mut waits) = (Vec::new(), Vec::new());
    while !is_over(requests.len()) {
        let (sent, begin) = (now_us(), Instant::now());
        neighbour.echo("all quiet?");
        waits.push(begin.elapsed());
        requests.push((sent, now_us()));
    }
    waits.sort_unstable();
    (requests, waits)
}

fn tell(what: &str, waits: &[Duration]) {
    let at = |share: usize| waits[(waits.len() * share / 100).min(waits.len() - 1)];
    eprintln!(
        "{what}: {} answers, p50 {:.1?}, p99 {:.1?}, longest {:.1?}",
        waits.len(),
        at(50),
        at(99),
        at(100)
    );
}

#[test]
fn a_neighbour_waits_for_two_calls_that_do_not_return_at_most() {
    const GUESTS: usize = 3;
    const STREAMS: usize = 8;
    let ports = Ports::range(1 + GUESTS as u16);
    let mut yaml = config::tcp_echo(ports.at(0));
    for index in 0..GUESTS {
        let port = ports.at(1 + index);
        yaml += &format!(
            "  north{index}: {{type: tcp, kind: server, options: {{port: {port}}}, exit: guest{index}}}\n"
        );
        yaml += &format!("  guest{index}: {{type: trap, kind: server}}\n");
    }
    let host = Host::start(&yaml);
    let mut neighbour = Client::connect(ports.at(0));
    let (_, alone) = ask(&mut neighbour, |answers| answers == 2_000);
    tell("alone", &alone);
    let (requests, waits) = std::thread::scope(|scope| {
        // One plugin after the other: none of them has its breaker opened.
        let looping = scope.spawn(|| {
            for guest in 0..GUESTS {
                for _ in 1..LOOPS_MAX {
                    let mut streams: Vec<Client> =
                        (0..STREAMS).map(|_| Client::connect(ports.at(1 + guest))).collect();
                    streams.iter_mut().for_each(|stream| stream.echo("well"));
                    for stream in &mut streams {
                        // One that came later than the call is gone with it.
                        let _ = stream.try_send("spin");
                    }
                    streams.iter_mut().for_each(Client::expect_reset);
                }
            }
        });
        ask(&mut neighbour, |_| looping.is_finished())
    });
    tell("beside a plugin that loops on each stream", &waits);
    host.log().wait_for_count("traps", GUESTS * (LOOPS_MAX - 1), is_trap);
    let traps = host.log().matching(is_trap);
    assert_eq!(traps.len(), GUESTS * (LOOPS_MAX - 1));
    for trap in &traps {
        assert_eq!(trap.field("reason"), "call-budget: a call took longer than 50 ms");
    }
    let most = most_during(&requests, &traps);
    assert!((1..=WAITS_MAX).contains(&most), "a request waited for {most} calls that do not return");
    assert!(requests.len() >= traps.len() / WAITS_MAX);
}

#[test]
fn with_isolation_of_streams_the_breaker_ends_a_batch_of_calls_that_do_not_return() {
    const STREAMS: usize = 32;
    let ports = Ports::range(2);
    let yaml = config::guest_and_neighbour("trap", ports.first(), ports.last());
    let host = Host::start(&format!("plugins: {{trap: {{isolation: stream}}}}\n{yaml}"));
    let mut neighbour = Client::connect(ports.last());
    neighbour.echo("well");
    let mut streams: Vec<Client> = (0..STREAMS).map(|_| Client::connect(ports.first())).collect();
    streams.iter_mut().for_each(|stream| stream.echo("well"));
    let (requests, waits) = std::thread::scope(|scope| {
        let looping = scope.spawn(|| {
            for stream in &mut streams {
                // One that came later than the call is gone with it.
                let _ = stream.try_send("spin");
            }
            streams.iter_mut().for_each(Client::expect_reset);
        });
        ask(&mut neighbour, |_| looping.is_finished())
    });
    tell("beside 32 streams that loop at once, each with an instance", &waits);
    // The others are reset when the breaker opens. What the log says of it may come later than the resets.
    let is_pause = |line: &Line| line.message().starts_with("breaker: ");
    host.log().wait_for("the breaker opens", is_pause);
    let traps = host.log().matching(is_trap);
    assert_eq!(traps.len(), LOOPS_MAX);
    assert!(most_during(&requests, &traps) <= LOOPS_MAX);
    assert_eq!(host.log().matching(is_pause).len(), 1);
    zilla_tests::until("the pause is over", || {
        let Ok(mut guest) = Client::try_connect(ports.first()) else { return false };
        guest.try_send("well") && guest.recv_some(&mut [0; 4]).is_ok_and(|octets| octets > 0)
    });
}
