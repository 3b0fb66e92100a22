use crate::script::*;
use zilla_engine::Limits;
use zilla_engine::limits::{BATCH_FRAMES_MAX, BATCH_OCTETS_MAX};

fn wide() -> Limits {
    Limits { initial_credit: 1 << 22, streams: 1024, queued_frames: 1 << 20, ..limits() }
}

#[test]
fn a_batch_has_at_most_so_many_frames() {
    let mut script = Script::chain_with(wide());
    script.connect(A, 2, B, 1);
    for _ in 0..BATCH_FRAMES_MAX {
        script.send(A, [flush(2), data(2, "x")]);
    }
    assert_eq!(script.recv_batch(B).len(), BATCH_FRAMES_MAX);
    assert_eq!(script.recv_batch(B).len(), BATCH_FRAMES_MAX);
    assert_eq!(script.engine.queued_for(B), 0);
}

#[test]
fn a_batch_has_at_most_so_many_octets_and_one_frame() {
    let mut script = Script::chain_with(wide());
    script.connect(A, 2, B, 1);
    let payload = "x".repeat(BATCH_OCTETS_MAX / 2 + 1);
    for _ in 0..5 {
        script.send(A, [flush(2), data(2, &payload)]);
    }
    let batches: Vec<usize> = (0..4).map(|_| script.recv_batch(B).len()).collect();
    assert_eq!(batches, [4, 4, 2, 0]);
}

#[test]
fn a_busy_binding_does_not_starve_another() {
    let mut script = Script::chain_with(wide());
    script.connect(A, 2, B, 1);
    script.connect(B, 2, C, 1);
    while script.engine.next_ready().is_some() {}
    for _ in 0..2 * BATCH_FRAMES_MAX {
        script.send(A, [flush(2), data(2, "x")]);
    }
    script.send(B, [flush(2)]);
    let mut turns = Vec::new();
    while let Some(binding) = script.engine.next_ready() {
        turns.push((binding, script.recv_batch(binding).len()));
        if binding == C {
            script.send(C, [window(1, 1)]);
        }
    }
    let full = BATCH_FRAMES_MAX;
    assert_eq!(turns, [(B, full), (C, 1), (B, full), (B, full), (B, full), (B, 1)]);
}

#[test]
fn data_is_joined_but_not_across_flags_attributes_or_streams() {
    let mut script = Script::open();
    script.connect(A, 4, B, 3);
    script.send(A, [data(2, "a"), data(2, "b"), data(4, "c"), data(2, "d"), data(2, "e").message()]);
    script.send(A, [data(2, "f"), data(2, "g").with("k", "v"), data(2, "h"), flush(2), data(2, "i")]);
    assert_eq!(
        script.recv(B),
        [
            "1 data ab",
            "3 data c",
            "1 data d",
            "1 data init fin e",
            "1 data f",
            "1 data k=v g",
            "1 data h",
            "1 flush",
            "1 data i"
        ]
    );
}
