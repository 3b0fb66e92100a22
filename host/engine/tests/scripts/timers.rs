use crate::script::*;
use zilla_engine::{FrameKind, Rule};

#[test]
fn a_timer_signals_once_and_never_early() {
    let mut script = Script::open();
    script.send(A, [timer(2, 7, 100)]);
    assert_eq!(script.engine.next_deadline(), Some(100));
    script.engine.advance(99);
    script.recv_nothing(A);
    script.engine.advance(100);
    script.engine.advance(200);
    assert_eq!(script.recv(A), ["2 signal link=7"]);
    assert_eq!((script.engine.timers(), script.engine.next_deadline()), (0, None));
}

#[test]
fn the_same_token_replaces_and_0_cancels() {
    let mut script = Script::open();
    script.send(A, [timer(2, 1, 10), timer(2, 2, 10), timer(2, 1, 20), timer(2, 2, 0), timer(2, 9, 0)]);
    assert_eq!(script.engine.timers(), 1);
    script.engine.advance(10);
    script.recv_nothing(A);
    script.engine.advance(20);
    assert_eq!(script.recv(A), ["2 signal link=1"]);
    assert_eq!(script.broken(), []);
}

#[test]
fn each_end_has_as_many_timers_as_the_limit() {
    let mut script = Script::open();
    script.send(A, [timer(2, 1, 10), timer(2, 2, 10), timer(2, 3, 10), timer(2, 1, 11)]);
    script.send(B, [timer(1, 1, 10), timer(1, 2, 10)]);
    script.send(B, [timer(0, 1, 10), timer(0, 2, 10), timer(0, 3, 10)]);
    assert_eq!(script.broken(), [Rule::TooManyTimers; 2]);
    assert_eq!(script.engine.timers(), 6);
}

#[test]
fn timers_of_one_deadline_signal_in_the_order_in_which_they_were_set() {
    let mut script = Script::open();
    script.connect(A, 4, B, 3);
    script.send(A, [timer(4, 1, 10), timer(2, 2, 10), timer(0, 3, 10), timer(2, 1, 9)]);
    script.engine.advance(10);
    assert_eq!(script.recv(A), ["2 signal link=1", "4 signal link=1", "2 signal link=2", "0 signal link=3"]);
}

#[test]
fn timers_and_signals_are_gone_with_their_stream() {
    let mut script = Script::open();
    script.send(A, [timer(2, 1, 10), timer(2, 2, 20)]);
    script.engine.advance(10);
    script.send(A, [end(2), reset(2, 0)]);
    assert_eq!(script.engine.timers(), 0);
    script.recv_nothing(A);
    script.engine.advance(100);
    script.recv_nothing(A);
    script.send(A, [timer(2, 1, 10)]);
    assert_eq!(script.engine.take_violations().first[0].frame, FrameKind::Timer);
}
