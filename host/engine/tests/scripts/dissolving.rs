use crate::script::*;

#[test]
fn each_end_knows_the_other() {
    let mut script = Script::open();
    assert_eq!(script.engine.other_end(A, 2), Some((B, 1)));
    assert_eq!(script.engine.other_end(B, 1), Some((A, 2)));
    assert_eq!(script.engine.other_end(A, 4), None);
}

#[test]
fn a_dissolved_stream_is_gone_without_a_word() {
    let mut script = Script::open();
    assert!(script.engine.is_unused(B, 1));
    script.engine.dissolve(B, 1);
    assert_eq!(script.engine.streams(), 0);
    script.recv_nothing(A);
    script.recv_nothing(B);
    // Its ids are free.
    script.connect(A, 2, B, 3);
    script.send(A, [data(2, "a")]);
    assert_eq!(script.recv(B), ["3 data a"]);
}

#[test]
fn a_stream_is_unused_before_it_is_answered_and_after() {
    let mut script = Script::chain();
    script.send(A, [begin(2)]);
    assert_eq!(script.recv(B), ["1 begin"]);
    assert!(script.engine.is_unused(B, 1));
    script.send(B, [begin(1)]);
    assert!(script.engine.is_unused(B, 1));
}

#[test]
fn a_stream_that_carries_anything_is_in_use() {
    for sent in [data(2, "a"), flush(2), end(2), abort(2, 0), reset(2, 0), window(2, 1)] {
        let mut script = Script::open();
        script.send(A, [sent]);
        assert!(!script.engine.is_unused(B, 1));
    }
    let mut script = Script::open();
    assert!(!script.engine.is_unused(A, 4), "no such stream");
}
