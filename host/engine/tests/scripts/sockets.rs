use crate::script::*;
use zilla_engine::Limits;

fn read(script: &mut Script, payload: &[u8]) {
    let room = script.engine.room(A, 2, 100).expect("there is credit");
    room[..payload.len()].copy_from_slice(payload);
    script.engine.read(A, 2, payload.len());
}

#[test]
fn what_is_read_is_data_and_takes_credit() {
    let mut script = Script::open();
    read(&mut script, b"abc");
    read(&mut script, b"def");
    script.send(A, [flush(2)]);
    read(&mut script, b"gh");
    assert_eq!(script.engine.room(A, 2, 100).map(|room| room.len()), Some(2));
    assert_eq!(script.engine.room(A, 2, 1).map(|room| room.len()), Some(1));
    script.engine.read(A, 2, 0);
    assert_eq!(script.recv(B), ["1 data abcdef", "1 flush", "1 data gh"]);
    read(&mut script, b"ij");
    assert!(script.engine.room(A, 2, 100).is_none());
    assert!(script.engine.room(A, 4, 100).is_none());
}

#[test]
fn nothing_is_read_for_a_direction_that_is_over() {
    let mut script = Script::open();
    script.send(B, [reset(1, 0)]);
    assert!(script.engine.room(A, 2, 100).is_none());
    let mut script = Script::open();
    script.send(A, [end(2)]);
    assert!(script.engine.room(A, 2, 100).is_none());
}

#[test]
fn what_is_read_is_moved_along_a_run() {
    let mut script = Script::open();
    script.connect(B, 2, C, 1);
    read(&mut script, b"ab");
    script.send(B, [forward(1, 2, 5)]);
    read(&mut script, b"cd");
    script.recv_nothing(B);
    assert_eq!(script.engine.room(A, 2, 100).map(|room| room.len()), Some(1), "what the run has left");
    read(&mut script, b"e");
    read(&mut script, b"fg");
    assert_eq!(script.recv(B), ["1 forward link=2", "1 data fg"]);
    assert_eq!(script.recv(C), ["1 data abcde"]);
    assert_eq!(script.engine.credit(A, 2), 8);
}

#[test]
fn what_is_read_goes_behind_all_runs_at_once() {
    let mut script = Script::open();
    script.connect(B, 2, C, 1);
    script.connect(C, 2, D, 1);
    script.send(B, [forward(1, 2, 16)]);
    script.send(C, [forward(1, 2, 100), data(2, "1234")]);
    assert_eq!(
        script.engine.room(A, 2, 100).map(|room| room.len()),
        Some(6),
        "what the last link has credit for"
    );
    read(&mut script, b"abcdef");
    assert_eq!(script.recv(D), ["1 data 1234abcdef"]);
    let credit = |script: &mut Script| [A, B, C].map(|binding| script.engine.credit(binding, 2));
    assert_eq!(credit(&mut script), [10, 10, 0]);
    assert_eq!(script.engine.room(A, 2, 100).map(|room| room.len()), Some(10), "the rest is held");
    read(&mut script, b"ghi");
    script.recv_nothing(D);
    script.send(D, [window(1, 10)]);
    assert_eq!(script.recv(D), ["1 data ghi"]);
    read(&mut script, b"jklmnop");
    assert_eq!(script.recv(D), ["1 data jklmnop"]);
    assert_eq!(script.recv(A), ["2 window 16"]);
    assert!(script.recv(B).contains(&"1 forward link=2".into()), "its run is over");
    read(&mut script, b"q");
    assert_eq!(script.recv(B), ["1 data q"]);
    assert_eq!(script.broken(), []);
}

#[test]
fn a_full_queue_closes_what_is_read() {
    let mut script = Script::chain_with(Limits { queued_frames: 4, ..limits() });
    script.connect(A, 2, B, 1);
    script.send(A, [flush(2), data(2, "a").message(), flush(2), flush(2)]);
    read(&mut script, b"b");
    assert_eq!(script.recv(B)[4..], ["1 abort 5", "1 reset 5"]);
    assert_eq!(script.recv(A), ["2 reset 5", "2 abort 5"]);
}
