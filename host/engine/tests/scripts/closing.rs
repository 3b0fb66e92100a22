use crate::script::*;
use zilla_engine::{CloseCode, Rule};

#[test]
fn either_way_half_closes_alone() {
    let mut script = Script::open();
    script.send(A, [end(2)]);
    assert_eq!(script.recv(B), ["1 end"]);
    script.send(B, [data(1, "more"), end(1)]);
    assert_eq!(script.recv(A), ["2 data more", "2 end"]);
    script.assert_over();
    let mut script = Script::open();
    script.send(B, [end(1)]);
    assert_eq!(script.recv(A), ["2 end"]);
    script.send(A, [data(2, "more"), end(2)]);
    assert_eq!(script.recv(B), ["1 data more", "1 end"]);
    script.assert_over();
}

#[test]
fn nothing_follows_an_end() {
    let mut script = Script::open();
    script.send(A, [end(2), data(2, "x"), flush(2), end(2), abort(2, 0)]);
    assert_eq!(script.broken(), [Rule::AfterEnd; 4]);
    assert_eq!(script.recv(B), ["1 end"]);
    script.send(B, [reset(1, 0)]);
    assert_eq!(script.broken(), [], "it was told with the batch that it answers");
    script.recv_batch(B);
    script.send(B, [reset(1, 0), window(1, 1), challenge(1)]);
    assert_eq!(script.broken(), [Rule::AfterEnd; 3]);
    script.recv_nothing(A);
}

#[test]
fn a_reset_that_crosses_data_blames_nobody() {
    let mut script = Script::open();
    script.send(B, [reset(1, 9)]);
    script.send(A, [data(2, "crossing"), flush(2), data(2, "more than the credit is")]);
    assert_eq!(script.recv(A), ["2 reset 9"]);
    script.recv_nothing(B);
    assert_eq!(script.broken(), []);
    script.send(B, [end(1)]);
    assert_eq!(script.recv(A), ["2 end"]);
    script.assert_over();
}

#[test]
fn an_end_in_the_batch_that_is_answered_blames_nobody() {
    let mut script = Script::open();
    script.send(B, [window(1, 5), data(1, "x"), reset(1, 9), abort(1, 9)]);
    assert_eq!(script.recv(A), ["2 window 5", "2 data x", "2 reset 9", "2 abort 9"]);
    script.send(A, [data(2, "y"), window(2, 1), flush(2), timer(2, 1, 5), begin(2), data(2, "z")]);
    assert_eq!(script.recv(B), ["3 begin", "3 data z"]);
    assert_eq!((script.broken(), script.engine.timers()), (vec![], 0));
}

#[test]
fn a_reset_that_crosses_an_end_is_not_delivered() {
    let mut script = Script::open();
    script.send(B, [reset(1, 9)]);
    script.send(A, [end(2)]);
    script.recv_nothing(A);
    script.recv_nothing(B);
    script.send(B, [abort(1, 3)]);
    assert_eq!(script.recv(A), ["2 abort 3"]);
    script.assert_over();
}

#[test]
fn bad_octets_close_a_stream_towards_both_ends() {
    for broken in [data(2, "01234567890"), data(2, "").with("name", &"v".repeat(64))] {
        let mut script = Script::open();
        script.send(A, [data(2, "ok"), broken]);
        assert_eq!(script.broken().len(), 1);
        assert_eq!(script.recv(B), ["1 data ok", "1 abort 4", "1 reset 4"]);
        assert_eq!(script.recv(A), ["2 reset 4", "2 abort 4"]);
        script.assert_over();
    }
}

#[test]
fn a_failed_binding_ends_its_streams_once_and_its_successor_gets_nothing_old() {
    let mut script = Script::open();
    script.connect(B, 2, C, 1);
    script.send(A, [data(2, "old")]);
    script.send(C, [data(1, "old"), end(1)]);
    script.send(B, [timer(1, 1, 5), timer(0, 1, 5)]);
    script.send(A, [timer(2, 1, 5)]);
    script.engine.fail(B, CloseCode::Crashed);
    assert_eq!(script.engine.timers(), 1);
    script.recv_nothing(B);
    assert_eq!(script.recv(A), ["2 reset 7", "2 abort 7"]);
    assert_eq!(script.recv(C), ["1 abort 7"], "the reply had ended");
    assert_eq!((script.engine.streams_of(B), script.engine.streams()), (0, 0));
    script.send(A, [begin(2)]);
    assert_eq!(script.recv(B).len(), 1);
    script.engine.fail(B, CloseCode::Crashed);
    script.recv(A);
    script.assert_over();
}

#[test]
fn closing_all_ends_each_direction_once() {
    let mut script = Script::open();
    script.send(A, [begin(4), end(2)]);
    script.engine.close_all(CloseCode::Drained);
    script.engine.close_all(CloseCode::Drained);
    assert_eq!(script.recv(A), ["2 reset 8", "2 abort 8", "4 reset 8", "4 abort 8"][1..]);
    assert_eq!(script.recv(B), ["3 begin", "1 end", "1 reset 8", "3 abort 8", "3 reset 8"]);
    script.assert_over();
}
