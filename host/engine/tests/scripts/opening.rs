use crate::script::*;
use zilla_engine::{CloseCode, Frame, FrameKind, Limits, Routing, Rule};

#[test]
fn a_stream_opens_and_is_answered_and_ends_both_ways() {
    let mut script = Script::chain();
    script.send(A, [begin(2).with("path", "/"), data(2, "hi"), end(2).with("t", "1")]);
    assert_eq!(script.recv(B), ["1 begin path=/", "1 data hi", "1 end t=1"]);
    script.send(B, [begin(1).with("s", "200"), data(1, "yo"), end(1)]);
    assert_eq!(script.recv(A), ["2 begin s=200", "2 data yo", "2 end"]);
    script.assert_over();
}

#[test]
fn an_id_is_reused_at_once_while_stale_frames_wait() {
    let mut script = Script::open();
    script.send(B, [data(1, "old"), window(1, 5)]);
    script.send(A, [abort(2, 0), reset(2, 0), begin(2), data(2, "new")]);
    assert_eq!(script.recv(A), [""; 0]);
    assert_eq!(script.recv(B), ["1 abort", "1 reset", "3 begin", "3 data new"]);
    script.send(B, [begin(3), data(3, "fresh")]);
    assert_eq!(script.recv(A), ["2 begin", "2 data fresh"]);
    assert_eq!(script.broken(), []);
}

#[test]
fn an_accepted_id_rests_until_the_batch_that_ended_it_is_answered() {
    let mut script = Script::open();
    script.send(A, [data(2, "x"), abort(2, 0), reset(2, 0)]);
    assert_eq!(script.recv_batch(B), ["1 data x", "1 abort", "1 reset"]);
    script.send(A, [begin(4)]);
    script.send(B, [data(1, "late"), window(1, 1)]);
    assert_eq!(script.recv(B), ["3 begin"]);
    script.recv_nothing(A);
    script.send(A, [abort(4, 0), reset(4, 0), begin(4)]);
    assert_eq!(script.recv(B), ["3 abort", "3 reset", "1 begin"]);
    assert_eq!(script.broken(), []);
}

#[test]
fn no_route_refuses_once_each_way_and_drops_what_was_sent_meanwhile() {
    let mut script = Script::new(limits(), vec![binding(Routing::None, vec![])]);
    script.send(A, [begin(2), data(2, "longer than the credit"), flush(2), window(2, 1), end(2)]);
    let code = CloseCode::NoRoute.value();
    assert_eq!(script.recv(A), [format!("2 abort {code}")]);
    script.send(A, [begin(2)]);
    assert_eq!(script.recv(A), [format!("2 reset {code}"), format!("2 abort {code}")]);
    script.assert_over();
}

#[test]
fn the_limit_of_streams_refuses() {
    let mut script = Script::chain_with(Limits { streams: 3, ..limits() });
    script.send(A, [begin(2), begin(4)]);
    script.send(A, [begin(6)]);
    assert_eq!(script.broken(), [Rule::IllegalId]);
    script.send(B, [begin(2)]);
    let wide = vec![
        binding(Routing::Opened, vec![exit(C)]),
        binding(Routing::Opened, vec![exit(C)]),
        binding(Routing::None, vec![]),
    ];
    let mut script = Script::new(Limits { streams: 3, ..limits() }, wide);
    script.send(A, [begin(2), begin(4)]);
    script.send(B, [begin(2), begin(4)]);
    assert_eq!(script.recv(B), ["4 reset 5", "4 abort 5"]);
    assert_eq!(script.engine.streams_of(C), 3);
    script.send(A, [reset(2, 0), abort(2, 0)]);
    assert_eq!(script.recv(C).len(), 5);
    script.send(B, [begin(4)]);
    assert_eq!(script.recv(C).len(), 1);
}

#[test]
fn a_full_queue_refuses() {
    let mut script = Script::chain_with(Limits { queued_frames: 2, ..limits() });
    script.send(A, [begin(2), begin(4), begin(6)]);
    assert_eq!(script.recv(A), ["6 reset 5", "6 abort 5"]);
    assert_eq!(script.recv(B), ["1 begin", "3 begin"]);
}

#[test]
fn malformed_attributes_refuse_an_opening_and_are_a_violation() {
    let mut script = Script::chain();
    script.engine.handle(A, &[Frame { attributes: 3, ..Frame::new(2, FrameKind::Begin) }], &[], b"abc");
    script.engine.handle(A, &[Frame { attributes: 4, ..Frame::new(4, FrameKind::Begin) }], &[], b"abc");
    assert_eq!(script.broken(), [Rule::Attributes, Rule::OutOfBounds]);
    assert_eq!(script.recv(A), ["2 reset 4", "2 abort 4", "4 reset 4", "4 abort 4"]);
    script.recv_nothing(B);
    script.assert_over();
}

#[test]
fn ids_that_a_binding_may_not_choose_are_violations() {
    let mut script = Script::open();
    script.send(A, [begin(0), begin(3), begin(16), begin(2)]);
    script.send(A, [data(4, "x"), end(5), window(1 << 31, 1)]);
    let unknown = Rule::UnknownStream;
    let illegal = Rule::IllegalId;
    assert_eq!(script.broken(), [illegal, unknown, illegal, Rule::BegunTwice, unknown, unknown, unknown]);
    script.recv_nothing(B);
    script.send(B, [begin(1)]);
    assert_eq!(script.broken(), [Rule::BegunTwice]);
}

#[test]
fn data_before_begin_is_a_violation_and_harms_nobody() {
    let mut script = Script::chain();
    script.send(A, [begin(2)]);
    script.recv(B);
    script.send(B, [data(1, "x"), flush(1), end(1), begin(1), data(1, "y")]);
    assert_eq!(script.broken(), [Rule::NotBegun; 3]);
    assert_eq!(script.recv(A), ["2 begin", "2 data y"]);
}

#[test]
fn only_the_host_signals_and_drains() {
    let mut script = Script::open();
    for stream in [0, 2] {
        let of = |kind| Frame::new(stream, kind);
        script.engine.handle(A, &[of(FrameKind::Signal), of(FrameKind::Drain)], &[], &[]);
    }
    assert_eq!(script.broken(), [Rule::HostOnly; 4]);
    script.engine.drain(7);
    for binding in [A, B, C, D] {
        assert_eq!(script.recv(binding), ["0 drain 7"]);
    }
}
