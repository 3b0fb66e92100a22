//! What a hostile binding cannot make grow.

use crate::script::*;
use zilla_engine::{CloseCode, Limits, Routing, limits};

/// Frames that wait for a binding at most: see [`Limits::queued_frames`].
fn waiting_max(limits: &Limits) -> usize {
    2 * (limits.queued_frames + 8 * limits.streams) as usize
}

/// Of the 64 frames that may wait for one binding of the chain, those that one sender alone can have there.
const FROM_ONE: usize = 53;

#[test]
fn credit_by_the_octet_is_joined_or_closes_the_stream() {
    let mut script = Script::open();
    script.connect(A, 4, B, 3);
    script.send(B, (0..10_000).map(|_| window(1, 1)));
    assert_eq!(script.engine.queued_for(A), 1);
    script.send(B, (0..10_000).map(|index| window(1 + index % 2 * 2, 1)));
    assert!(script.engine.queued_for(A) <= waiting_max(&limits()));
    assert_eq!(script.recv(A).last().unwrap(), "2 abort 5");
    assert_eq!(script.broken(), []);
}

#[test]
fn advisories_and_challenges_close_the_stream() {
    for flood in [flush(2), challenge(2), data(2, "").message()] {
        let mut script = Script::open();
        script.send(A, vec![flood; 10_000]);
        assert_eq!(script.engine.queued_for(B), FROM_ONE + 2);
        assert_eq!(script.recv(A), ["2 reset 5", "2 abort 5"]);
        assert_eq!(script.recv(B)[FROM_ONE..], ["1 abort 5", "1 reset 5"]);
        script.assert_over();
    }
}

#[test]
fn timers_and_their_signals_are_limited() {
    let mut script = Script::open();
    for now in 1..10_000 {
        script.send(A, [timer(2, 1, now), timer(2, 2, now), timer(2, 3, now), timer(2, 4, now)]);
        assert!(script.engine.timers() <= 2);
        script.engine.advance(now);
    }
    assert!(script.engine.queued_for(A) <= waiting_max(&limits()));
    assert_eq!(script.recv(A)[FROM_ONE..], ["2 reset 5", "2 abort 5"]);
}

#[test]
fn openings_that_are_abandoned_leave_nothing() {
    let refusing = || Script::new(limits(), vec![binding(Routing::None, vec![])]);
    for mut script in [refusing(), Script::chain()] {
        for _ in 0..10_000 {
            script.send(A, [begin(2), timer(2, 1, 5), abort(2, 0), reset(2, 0)]);
            assert!(script.engine.queued_for(A) <= waiting_max(&limits()));
        }
        assert!(script.engine.streams() <= limits().streams as usize);
        assert_eq!(script.engine.timers(), 0);
        script.recv(A);
    }
}

#[test]
fn openings_that_are_answered_and_abandoned_leave_nothing() {
    let mut script = Script::chain();
    for _ in 0..5_000 {
        script.send(A, [begin(2)]);
        let opened = script.recv(B);
        let id = opened.last().unwrap().split(' ').next().unwrap().parse().unwrap();
        script.send(B, [begin(id), data(id, "x"), end(id), reset(id, 0)]);
        script.send(A, [abort(2, 0), reset(2, 0)]);
        assert!(script.engine.queued_for(A) <= waiting_max(&limits()));
    }
    script.recv_nothing(A);
    script.recv(B);
    script.assert_over();
}

#[test]
fn forwards_that_move_nothing_close_the_stream() {
    let mut script = Script::open();
    script.send(B, vec![forward(1, 1, 5); 1]);
    script.recv(B);
    script.send(B, [begin(2)]);
    script.send(B, vec![forward(1, 2, 0); 10_000]);
    assert!(script.engine.queued_for(B) <= waiting_max(&limits()));
    script.broken();
    let mut script = Script::open();
    script.send(B, vec![forward(1, 1, 0); 10_000]);
    assert!(script.engine.queued_for(B) <= waiting_max(&limits()));
    assert_eq!(script.recv(A), ["2 reset 5", "2 abort 5"]);
}

#[test]
fn frames_behind_a_run_are_limited() {
    let mut script = Script::open();
    script.connect(B, 2, C, 1);
    script.send(B, [data(2, "0123456789"), forward(1, 2, 1)]);
    script.send(A, [data(2, "x")]);
    script.send(A, vec![flush(2); limits::FORWARD_FRAMES_BEHIND_MAX + 1]);
    assert_eq!(script.recv(A), ["2 reset 5", "2 abort 5"]);
    script.send(A, [flush(2)]);
    script.engine.fail(B, CloseCode::Crashed);
    script.recv(C);
    script.recv(A);
    assert_eq!(script.engine.streams(), 0);
}

#[test]
fn ids_stay_dense() {
    let mut script = Script::chain();
    for round in 0..1000 {
        let ids = (1..8).map(|index| 2 * index);
        script.send(A, ids.clone().map(begin));
        for line in script.recv(B).iter().filter(|line| line.ends_with("begin")) {
            let id: u32 = line.split(' ').next().unwrap().parse().unwrap();
            assert!(id < 4 * limits().streams, "round {round}: {line}");
        }
        script.send(A, ids.flat_map(|id| [abort(id, 0), reset(id, 0)]));
    }
    script.recv(B);
    script.assert_over();
}
