//! Who floods is who pays: limits of a binding that several others can meet.

use crate::script::*;
use zilla_engine::{BindingIndex, CloseCode, Limits, Routing};

const FRAMES_MAX: usize = 6400;
/// Who sends to D: A, B and C, which exit to it, and D itself.
const SENDERS: usize = 4;
/// What each may always have waiting there.
const SHARE: usize = FRAMES_MAX / 8 / SENDERS;
const REST: usize = FRAMES_MAX - SENDERS * SHARE;
/// What one alone can have there.
const ALONE: usize = SHARE + REST / 8 * 7;

/// A, B and C each with a stream 2 to D, where they are 1, 3 and 5. All are answered and nothing waits.
fn fan_in() -> Script {
    let opener = || binding(Routing::Opened, vec![exit(D)]);
    let bindings = vec![opener(), opener(), opener(), binding(Routing::None, vec![])];
    let limits =
        Limits { queued_frames: FRAMES_MAX as u32, initial_credit: 100_000, streams: 64, ..limits() };
    let mut script = Script::new(limits, bindings);
    [(A, 1), (B, 3), (C, 5)].into_iter().for_each(|(opener, id)| script.connect(opener, 2, D, id));
    script
}

fn flood(script: &mut Script, from: BindingIndex) {
    script.send(from, vec![flush(2); 2 * FRAMES_MAX]);
    assert_eq!(script.recv(from), ["2 reset 5", "2 abort 5"]);
}

fn count(lines: &[String], of: &str) -> usize {
    lines.iter().filter(|line| *line == of).count()
}

#[test]
fn a_lone_sender_has_its_share_and_seven_eighths_of_the_rest() {
    let mut script = fan_in();
    flood(&mut script, A);
    let alone = count(&script.recv(D), "1 flush");
    assert_eq!(alone, ALONE);
    assert!(alone >= FRAMES_MAX * 3 / 4);
}

#[test]
fn a_flood_closes_its_own_stream_and_its_neighbour_goes_on() {
    let mut script = fan_in();
    flood(&mut script, A);
    for _ in 0..SHARE / 2 {
        script.send(B, [data(2, "x").message(), flush(2)]);
    }
    script.recv_nothing(B);
    let lines = script.recv(D);
    assert_eq!((count(&lines, "3 data init fin x"), count(&lines, "3 flush")), (SHARE / 2, SHARE / 2));
    assert_eq!(count(&lines, "1 abort 5"), 1);
    assert_eq!(script.engine.take_limits_met().len(), 1);
}

#[test]
fn a_flood_leaves_an_eighth_of_the_rest_beyond_the_share() {
    let mut script = fan_in();
    flood(&mut script, A);
    script.send(B, vec![flush(2); SHARE + REST / 8 / 2]);
    script.recv_nothing(B);
}

#[test]
fn two_floods_leave_a_third_sender_its_share() {
    let mut script = fan_in();
    // Both have all that they can get, with a stream after the other.
    for _ in 0..8 {
        for flooder in [A, B] {
            script.send(flooder, vec![flush(2); 2 * FRAMES_MAX]);
            script.recv(flooder);
            script.send(flooder, [begin(2)]);
            script.recv(flooder);
        }
    }
    script.engine.take_limits_met();
    script.send(C, vec![flush(2); SHARE]);
    script.recv_nothing(C);
    assert_eq!(script.engine.take_limits_met(), []);
    assert_eq!(count(&script.recv(D), "5 flush"), SHARE);
}

#[test]
fn all_senders_together_keep_to_the_limit() {
    let mut script = fan_in();
    for flooder in [A, B, C] {
        flood(&mut script, flooder);
    }
    let lines = script.recv(D);
    let flushes = lines.iter().filter(|line| line.ends_with("flush")).count();
    assert!(flushes <= FRAMES_MAX, "{flushes}");
    assert_eq!(lines.len(), flushes + 3 * 2, "each stream is aborted and reset");
}

#[test]
fn what_is_taken_may_be_sent_again() {
    let mut script = fan_in();
    for _ in 0..100 {
        script.send(A, vec![flush(2); SHARE + REST / 2]);
        script.send(B, vec![flush(2); SHARE]);
        script.recv(D);
    }
    script.recv_nothing(A);
    script.recv_nothing(B);
}

#[test]
fn a_flood_leaves_a_neighbour_its_openings_and_what_it_reads_from_a_socket() {
    let mut script = fan_in();
    flood(&mut script, A);
    script.send(B, [begin(4)]);
    for _ in 0..SHARE / 2 {
        assert_eq!(script.engine.room(B, 2, 1).map(|room| room.len()), Some(1));
        script.engine.read(B, 2, 1);
        script.send(B, [flush(2)]);
    }
    script.recv_nothing(B);
    assert_eq!(count(&script.recv(D), "3 flush"), SHARE / 2);
}

#[test]
fn a_flood_leaves_its_peer_its_timers() {
    let mut script = fan_in();
    script.send(D, [timer(1, 1, 5)]);
    script.send(A, vec![flush(2); ALONE]);
    script.engine.advance(5);
    script.recv_nothing(A);
    assert_eq!(count(&script.recv(D), "1 signal link=1"), 1);
}

#[test]
fn nothing_waits_for_the_successor_of_a_receiver_that_fails() {
    let mut script = fan_in();
    flood(&mut script, A);
    script.engine.fail(D, CloseCode::Crashed);
    script.recv(B);
    script.send(B, [begin(2)]);
    script.send(B, vec![flush(2); FRAMES_MAX / 2]);
    script.recv_nothing(B);
    assert_eq!(script.recv(D).len(), 1 + FRAMES_MAX / 2);
}

#[test]
fn openings_of_one_leave_its_neighbours_theirs() {
    let mut script = fan_in();
    let streams = script.engine.limits().streams;
    let ids = (2..streams).map(|index| 2 * index);
    script.send(A, ids.clone().map(begin));
    let refused = script.recv(A).len() / 2;
    // Of 64, a share of 2 for each of three openers, and 7/8 of the other 58.
    assert_eq!(script.engine.streams_of(D), 2 + 53);
    assert_eq!(refused, 62 - 52);
    script.send(B, [begin(4), begin(6), begin(8)]);
    script.send(C, [begin(4), begin(6)]);
    script.recv_nothing(B);
    script.recv_nothing(C);
    script.send(A, ids.flat_map(|id| [abort(id, 0), reset(id, 0)]));
    script.recv(D);
    script.send(B, (5..40).map(|index| begin(2 * index)));
    script.recv_nothing(B);
}

#[test]
fn one_opener_has_all_the_streams_of_its_exit() {
    let mut script = Script::chain_with(Limits { streams: 1000, queued_frames: 6400, ..limits() });
    script.send(A, (1..1000).map(|index| begin(2 * index)));
    script.recv_nothing(A);
    assert_eq!(script.engine.streams_of(B), 999);
}
