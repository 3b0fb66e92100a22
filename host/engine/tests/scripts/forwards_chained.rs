use crate::script::*;
use zilla_engine::{Limits, limits::FORWARDS_CHAINED_MAX};

#[test]
fn credit_at_the_far_end_moves_what_is_held_along_the_whole_chain() {
    let mut script = Script::open();
    script.connect(B, 2, C, 1);
    script.connect(C, 2, D, 1);
    script.send(B, [forward(1, 2, 100)]);
    script.send(C, [forward(1, 2, 100)]);
    for _ in 0..3 {
        script.send(A, [data(2, "0123456789")]);
    }
    assert_eq!(script.recv(D), ["1 data 0123456789"]);
    assert_eq!(script.engine.credit(A, 2), 0);
    script.send(D, [window(1, 12)]);
    assert_eq!(script.recv(D), ["1 data 012345678901"]);
    assert_eq!(script.engine.credit(A, 2), 10, "all that A's direction held has moved on");
    script.send(A, [end(2)]);
    script.send(D, [window(1, 12)]);
    assert_eq!(script.recv(D), ["1 data 23456789"]);
    let told = script.recv(B);
    assert!(told.contains(&"1 forward link=2 70".into()) && told.contains(&"1 end".into()), "{told:?}");
    assert_eq!(script.broken(), []);
}

#[test]
fn one_octet_of_credit_at_a_time_moves_everything() {
    let mut script = Script::chain_with(Limits { initial_credit: 40_000, ..limits() });
    script.connect(A, 2, B, 1);
    script.connect(B, 2, C, 1);
    script.connect(C, 2, D, 1);
    script.send(B, [forward(1, 2, 1 << 40)]);
    script.send(C, [forward(1, 2, 1 << 40)]);
    let payload = "0123456789".repeat(4000);
    script.send(A, [data(2, &payload), data(2, &payload)]);
    script.send(A, [data(2, &payload)]);
    for _ in 0..1000 {
        script.send(D, [window(1, 1)]);
    }
    script.recv(D);
    script.send(D, [window(1, 80_000)]);
    assert_eq!(script.recv(D)[0].len(), "1 data ".len() + 79_000);
}

#[test]
fn a_circle_of_forwards_is_refused() {
    let mut script = Script::open();
    script.send(B, [forward(1, 1, u64::MAX)]);
    script.send(A, [forward(2, 2, u64::MAX)]);
    assert_eq!(script.recv(A), [format!("2 forward link=2 {}", u64::MAX)]);
    script.send(A, [data(2, "echo")]);
    assert_eq!(script.recv(A), ["2 data echo"]);
}

#[test]
fn a_chain_has_at_most_so_many_links() {
    let mut script = Script::chain_with(Limits { streams: 100, ..limits() });
    let count = FORWARDS_CHAINED_MAX as u32;
    for index in 0..=count {
        script.connect(A, 2 * (index + 1), B, 2 * index + 1);
    }
    // Every second hop is B's echo of a stream, the others go from A's reply to its next stream.
    for index in 0..=count / 2 {
        script.send(B, [forward(2 * index + 1, 2 * index + 1, 100)]);
        script.send(A, [forward(2 * (index + 1), 2 * (index + 2), 100)]);
    }
    assert_eq!(script.recv(B), [format!("{} forward link={} 100", count + 1, count + 1)]);
    script.send(A, [data(2, "all the w")]);
    assert_eq!(script.recv(B)[0], format!("{} data all the w", count + 1));
    assert_eq!(script.broken(), []);
}
