use crate::script::*;
use zilla_engine::Rule;

/// A opened 2 to B, which knows it as 1 and opened 2 to C, which knows it as 1.
fn open() -> Script {
    let mut script = Script::open();
    script.connect(B, 2, C, 1);
    script
}

#[test]
fn a_run_is_moved_without_entering() {
    let mut script = open();
    script.send(B, [forward(1, 2, 6)]);
    script.send(A, [data(2, "abc"), data(2, "def")]);
    assert_eq!(script.recv(C), ["1 data abcdef"]);
    assert_eq!(script.recv(B), ["1 forward link=2"]);
    assert_eq!(script.recv(A), ["2 window 6"]);
    assert_eq!((script.engine.credit(A, 2), script.engine.credit(B, 2)), (10, 4));
    script.send(A, [data(2, "mine")]);
    assert_eq!(script.recv(B), ["1 data mine"]);
}

#[test]
fn a_run_ends_inside_a_frame() {
    let mut script = open();
    script.send(B, [forward(1, 2, 2)]);
    script.send(A, [data(2, "abcde").message(), flush(2), data(2, "f"), end(2)]);
    assert_eq!(script.recv(C), ["1 data ab"]);
    assert_eq!(script.recv(B), ["1 forward link=2", "1 data fin cde", "1 flush", "1 data f", "1 end"]);
    assert_eq!(script.engine.credit(A, 2), 6);
}

#[test]
fn a_run_takes_what_waits_in_the_inbox_first() {
    let mut script = open();
    script.send(A, [data(2, "ab"), flush(2), data(2, "cd")]);
    script.send(B, [forward(1, 2, 5)]);
    script.send(A, [data(2, "ef"), end(2)]);
    assert_eq!(script.recv(B), ["1 flush", "1 forward link=2", "1 data f", "1 end"]);
    assert_eq!(script.recv(C), ["1 data abcde"]);
    assert_eq!(script.engine.credit(B, 2), 5);
}

#[test]
fn what_the_link_has_no_credit_for_is_held_and_moved_with_its_windows() {
    let mut script = open();
    script.send(B, [data(2, "01234567"), forward(1, 2, 6)]);
    script.send(A, [data(2, "abcdef"), data(2, "gh").message(), flush(2), end(2)]);
    assert_eq!(script.recv(C), ["1 data 01234567ab"]);
    script.recv_nothing(B);
    assert_eq!(script.engine.credit(A, 2), 2, "what was moved is not half of the initial credit");
    script.send(C, [window(1, 3)]);
    assert_eq!(script.recv(C), ["1 data cde"]);
    assert_eq!(script.recv(B), ["2 window 3"]);
    script.send(C, [window(1, 3)]);
    assert_eq!(script.recv(C), ["1 data f"]);
    assert_eq!(script.recv(B), ["2 window 3", "1 forward link=2", "1 data init fin gh", "1 flush", "1 end"]);
    assert_eq!(script.recv(A), [""; 0], "a sender that has ended needs no credit");
    assert_eq!(script.engine.credit(B, 2), 2);
}

#[test]
fn credit_comes_back_only_as_octets_move() {
    let mut script = open();
    script.send(B, [forward(1, 2, 1000)]);
    script.send(A, [data(2, "0123456789")]);
    assert_eq!(script.engine.credit(A, 2), 10);
    script.send(A, [data(2, "0123456789")]);
    assert_eq!(script.engine.credit(A, 2), 0);
    script.send(C, [window(1, 5)]);
    assert_eq!(script.engine.credit(A, 2), 5);
    script.send(A, [data(2, "012345")]);
    assert_eq!(script.broken(), [Rule::CreditExceeded]);
}

#[test]
fn credit_comes_back_in_halves_and_the_rest_with_the_end_of_the_run() {
    let mut script = open();
    script.send(B, [forward(1, 2, 9)]);
    script.send(A, [data(2, "012")]);
    script.recv_nothing(A);
    script.send(A, [data(2, "34")]);
    assert_eq!(script.recv(A), ["2 window 5"]);
    script.send(A, [data(2, "567")]);
    script.recv_nothing(A);
    script.send(A, [data(2, "8")]);
    assert_eq!(script.recv(A), ["2 window 4"]);
    assert_eq!(script.recv(B), ["1 forward link=2"]);
    assert_eq!(script.engine.credit(A, 2), 10);
}

#[test]
fn a_sender_that_ends_early_ends_the_run() {
    let mut script = open();
    script.send(B, [forward(1, 2, 6)]);
    script.send(A, [data(2, "abc"), end(2).with("t", "1")]);
    assert_eq!(script.recv(C), ["1 data abc"]);
    assert_eq!(script.recv(B), ["1 forward link=2 3", "1 end t=1"]);
    script.send(B, [forward(1, 2, 6)]);
    script.recv_batch(B);
    script.send(B, [forward(1, 2, 6)]);
    assert_eq!(script.broken(), [Rule::AfterEnd]);
}

#[test]
fn a_sender_that_aborts_ends_the_run_and_what_is_held_comes_back() {
    let mut script = open();
    script.send(B, [data(2, "012345678"), forward(1, 2, 6)]);
    script.send(A, [data(2, "abc"), abort(2, 3)]);
    assert_eq!(script.recv(C), ["1 data 012345678a"]);
    assert_eq!(script.recv(B), ["1 forward link=2 5", "1 data bc", "1 abort 3"]);
}

#[test]
fn a_link_that_closes_ends_the_run_and_what_is_held_comes_back() {
    for by_peer in [true, false] {
        let mut script = open();
        script.send(B, [data(2, "0123456789"), forward(1, 2, 6)]);
        script.send(A, [data(2, "abc"), end(2)]);
        if by_peer {
            script.send(C, [reset(1, 9)]);
        } else {
            script.send(B, [end(2)]);
        }
        let mut got = script.recv(B);
        if by_peer {
            assert_eq!(got.remove(0), "2 reset 9");
        }
        assert_eq!(got, ["1 forward link=2 6", "1 data abc", "1 end"]);
        assert_eq!(script.broken(), []);
    }
}

#[test]
fn a_link_that_cannot_be_sent_on_answers_at_once() {
    let mut script = open();
    script.send(C, [reset(1, 9)]);
    script.send(B, [forward(1, 2, 6), forward(1, 2, 0)]);
    assert_eq!(script.recv(B), ["2 reset 9", "1 forward link=2 6", "1 forward link=2"]);
    script.send(B, [forward(1, 2, 6)]);
    assert_eq!(script.broken(), [], "it was told while its frames were taken");
    script.recv(B);
    script.send(B, [forward(1, 2, 6), forward(1, 4, 6)]);
    assert_eq!(script.broken(), [Rule::Forward; 2]);
    assert_eq!(script.recv(B), ["1 forward link=2 6", "1 forward link=4 6"]);
}

#[test]
fn one_run_at_a_time_on_either_stream() {
    let mut script = open();
    script.connect(A, 4, B, 3);
    script.send(B, [forward(1, 2, 1)]);
    script.send(B, [forward(1, 2, 6)]);
    script.send(B, [forward(3, 2, 6)]);
    assert_eq!(script.broken(), [Rule::Forward; 2]);
    assert_eq!(script.recv(B), ["3 forward link=2 6"]);
}

#[test]
fn a_receiver_that_resets_ends_the_run() {
    let mut script = open();
    script.send(B, [data(2, "0123456789"), forward(1, 2, 6)]);
    script.send(A, [data(2, "abc")]);
    script.send(B, [reset(1, 9)]);
    assert_eq!(script.recv(B), ["1 forward link=2 6"]);
    assert_eq!(script.recv(A), ["2 reset 9"]);
    script.connect(A, 4, B, 3);
    script.send(B, [forward(3, 2, 1)]);
    script.send(C, [window(1, 5)]);
    script.send(A, [data(4, "x")]);
    assert_eq!(script.recv(B), ["2 window 5", "3 forward link=2"]);
    assert_eq!(script.broken(), []);
}

#[test]
fn a_failed_binding_leaves_no_run_behind() {
    let mut script = open();
    script.send(B, [data(2, "0123456789"), forward(1, 2, 6)]);
    script.send(A, [data(2, "abc")]);
    script.engine.fail(B, zilla_engine::CloseCode::Crashed);
    assert_eq!(script.recv(A), ["2 reset 7", "2 abort 7"]);
    assert_eq!(script.recv(C), ["1 data 0123456789", "1 abort 7", "1 reset 7"]);
    script.recv_nothing(B);
    script.assert_over();
}
