use crate::script::*;
use zilla_engine::{Frame, FrameKind, Rule, limits::CREDIT_MAX};

#[test]
fn credit_is_exact() {
    let mut script = Script::open();
    script.send(A, [data(2, "0123456789")]);
    assert_eq!(script.engine.credit(A, 2), 0);
    script.send(B, [window(1, 3)]);
    assert_eq!(script.engine.credit(A, 2), 3);
    assert_eq!(script.engine.credit(B, 1), 10);
    script.send(A, [data(2, "abc"), data(2, "")]);
    assert_eq!(script.broken(), []);
    script.send(A, [data(2, "d")]);
    assert_eq!(script.broken(), [Rule::CreditExceeded]);
    assert_eq!(script.recv(B), ["1 data 0123456789abc", "1 abort 4", "1 reset 4"]);
    assert_eq!(script.recv(A), ["2 window 3", "2 reset 4", "2 abort 4"]);
    script.assert_over();
}

#[test]
fn credit_saturates() {
    let mut script = Script::open();
    script.send(B, [window(1, u64::MAX)]);
    script.send(B, [window(1, u64::MAX), window(1, 0)]);
    assert_eq!(script.engine.credit(A, 2), CREDIT_MAX);
    assert_eq!(script.recv(A), [format!("2 window {}", CREDIT_MAX - 10)]);
}

#[test]
fn credit_may_come_before_the_answer() {
    let mut script = Script::chain();
    script.send(A, [begin(2), window(2, 5)]);
    assert_eq!(script.recv(B), ["1 begin", "1 window 5"]);
    assert_eq!(script.engine.credit(B, 1), 15);
}

#[test]
fn credit_on_credit_is_one_frame() {
    let mut script = Script::open();
    script.send(B, [window(1, 1), window(1, 2), data(1, "x"), window(1, 4)]);
    assert_eq!(script.recv(A), ["2 window 3", "2 data x", "2 window 4"]);
}

#[test]
fn what_a_kind_does_not_have_is_ignored() {
    let mut script = Script::open();
    let odd = Frame { offset: 99, payload: 99, attributes: 99, ..Frame::new(1, FrameKind::Window) };
    script.engine.handle(B, &[Frame { value: 1, ..odd }], &[], &[]);
    script.engine.handle(B, &[Frame { offset: 99, ..Frame::new(1, FrameKind::Flush) }], &[], &[]);
    script.engine.handle(B, &[Frame { payload: 99, ..Frame::new(1, FrameKind::End) }], &[], &[]);
    assert_eq!(script.broken(), []);
    assert_eq!(script.recv(A), ["2 window 1", "2 flush", "2 end"]);
}

#[test]
fn a_challenge_goes_against_the_data() {
    let mut script = Script::open();
    script.send(A, [challenge(2).with("realm", "x")]);
    script.send(B, [challenge(1)]);
    assert_eq!(script.recv(A), ["2 challenge"]);
    assert_eq!(script.recv(B), ["1 challenge realm=x"]);
}

#[test]
fn a_borrowed_frame_points_into_what_was_given() {
    let mut script = Script::open();
    let mut frame = Frame { offset: 1, payload: 2, ..Frame::new(1, FrameKind::Data) };
    frame.flags.borrowed = true;
    script.engine.handle(B, &[frame], b"given", b"returned");
    assert_eq!(script.recv(A), ["2 data iv"]);
    frame.offset = 4;
    script.engine.handle(B, &[frame], b"given", b"returned");
    assert_eq!(script.broken(), [Rule::OutOfBounds]);
}
