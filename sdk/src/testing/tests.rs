//! The harness fails a test that should fail, and says why.

use super::stage::{Plugin, Stage};
use super::*;
use crate::bindings::zilla::plugin::types::{FrameFlags, StreamId};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Answers each call with the next of these batches, then with nothing.
struct Canned(Vec<Batch>);

impl Plugin for Canned {
    fn deliver(&mut self, _now: Instant, _frames: &[wit::Frame], _octets: &[u8]) -> Batch {
        if self.0.is_empty() { Batch { frames: vec![], octets: vec![] } } else { self.0.remove(0) }
    }

    fn streams(&self) -> usize {
        0
    }
}

fn frame(stream: StreamId, kind: FrameKind) -> wit::Frame {
    wit::Frame::bare(stream, kind)
}

/// What a test says of a binding that answers an opening like this.
fn verdict(frames: impl IntoIterator<Item = wit::Frame>, octets: &[u8]) -> String {
    let limits = Limits { initial_credit: 4, streams: 3, timers: 1, attributes_octets: 20 };
    let batch = Batch { frames: frames.into_iter().collect(), octets: octets.to_vec() };
    Stage::new(Box::new(Canned(vec![batch])), limits).open(begin()).err().unwrap_or_default()
}

#[track_caller]
fn assert_broken(frames: impl IntoIterator<Item = wit::Frame>, octets: &[u8], rule: &str) {
    let verdict = verdict(frames, octets);
    assert!(verdict.starts_with("the binding broke the contract: "), "{verdict}");
    assert!(verdict.contains(rule), "{verdict}");
}

fn payload(stream: StreamId, octets: u32) -> wit::Frame {
    wit::Frame { payload: octets, ..frame(stream, FrameKind::Data) }
}

#[test]
fn frames_out_of_order_break_the_contract() {
    use FrameKind::{Abort, Begin, Data, End, Flush, Reset, Window};
    assert_eq!(verdict([frame(1, Begin), frame(1, Data), frame(1, End), frame(1, Reset)], b""), "");
    assert_broken([frame(1, Data)], b"", "before begin");
    assert_broken([frame(1, End)], b"", "before begin");
    assert_broken([frame(1, Begin), frame(1, Begin)], b"", "has begun");
    assert_broken([frame(1, Begin), frame(1, End), frame(1, Flush)], b"", "after the end");
    assert_broken([frame(1, Abort), frame(1, Begin)], b"", "after the end");
    assert_broken([frame(1, Reset), frame(1, Window)], b"", "after the end");
    assert_broken([frame(1, Begin), frame(2, Data)], b"", "not open");
    assert_broken([frame(3, Begin)], b"", "not open");
}

#[test]
fn payload_over_the_credit_breaks_the_contract() {
    assert_eq!(verdict([frame(1, FrameKind::Begin), payload(1, 4)], b"1234"), "");
    assert_broken(
        [frame(1, FrameKind::Begin), payload(1, 4), payload(1, 1)],
        b"1234",
        "over the credit of 0",
    );
}

#[test]
fn ids_that_a_plugin_may_not_choose_break_the_contract() {
    let open = |id| wit::Frame { link: 1, ..frame(id, FrameKind::Begin) };
    assert_eq!(verdict([open(2), open(4)], b""), "");
    assert_broken([open(6)], b"", "past limits.streams");
    assert_broken([open(2), open(2)], b"", "an id that is open");
    assert_broken([wit::Frame { link: 9, ..open(2) }], b"", "links to stream 9");
    assert_broken([frame(0, FrameKind::Begin)], b"", "binding itself");
    let close = [frame(2, FrameKind::Abort), frame(2, FrameKind::Reset)];
    assert_eq!(verdict([open(2), close[0], close[1], open(2)], b""), "");
}

#[test]
fn octets_and_attributes_are_where_a_frame_says() {
    let begin = frame(1, FrameKind::Begin);
    assert_broken([begin, payload(1, 2)], b"1", "outside the 1 octets");
    let borrowed = wit::Frame { flags: FrameFlags::BORROWED, ..payload(1, 1) };
    assert_broken([begin, borrowed], b"1", "outside the 0 octets");
    let described = |octets| wit::Frame { attributes: octets, ..begin };
    assert_eq!(verdict([described(8)], b"\x01\0\x01\0\0\0ab"), "");
    assert_broken([described(8)], b"\x01\0\x02\0\0\0ab", "malformed attribute block");
    assert_broken([described(7)], b"\x01\0\x01\0\0\0ab", "malformed attribute block");
    assert_broken([described(21)], &[0; 21], "more than 20 octets");
}

#[test]
fn fields_that_a_kind_does_not_have_break_the_contract() {
    use FrameKind::{Begin, Drain, End, Reset, Signal, Timer, Window};
    assert_broken([frame(1, Signal)], b"", "only the host");
    assert_broken([frame(0, Drain)], b"", "only the host");
    assert_broken([frame(1, Begin), wit::Frame { payload: 1, ..frame(1, End) }], b"1", "only data");
    assert_broken([wit::Frame { payload: 1, ..frame(1, Window) }], b"1", "neither attributes nor payload");
    assert_broken([wit::Frame { value: 12, ..frame(1, Reset) }], b"", "no close code");
    assert_broken([wit::Frame { flags: FrameFlags::FIN, ..frame(1, Begin) }], b"", "init and fin");
    let timer = |token| wit::Frame { link: token, value: 5_000, ..frame(1, Timer) };
    assert_eq!(verdict([timer(1), timer(1)], b""), "");
    assert_broken([timer(1), timer(2)], b"", "limits.timers");
}

#[test]
fn a_binding_that_never_rests_is_found() {
    struct Restless;
    impl Plugin for Restless {
        fn deliver(&mut self, now: Instant, _frames: &[wit::Frame], _octets: &[u8]) -> Batch {
            let timer = wit::Frame { value: now.monotonic_ms, ..frame(0, FrameKind::Timer) };
            Batch { frames: vec![timer], octets: vec![] }
        }

        fn streams(&self) -> usize {
            0
        }
    }
    let opened = Stage::new(Box::new(Restless), Limits::default()).open(begin());
    assert!(opened.unwrap_err().contains("not come to rest"));
}

/// What a script that fails says.
fn failure(script: impl FnOnce(&mut Peer)) -> String {
    let answer = [frame(1, FrameKind::Begin), payload(1, 2)];
    let batch = Batch { frames: answer.to_vec(), octets: b"hi".to_vec() };
    let mut stage =
        Stage::new(Box::new(Canned(vec![batch])), Limits { initial_credit: 4, ..Limits::default() });
    let key = stage.open(begin()).unwrap();
    let mut peer = Peer { stage: Rc::new(RefCell::new(stage)), key };
    let panic = catch_unwind(AssertUnwindSafe(|| script(&mut peer))).unwrap_err();
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[test]
fn a_failure_shows_what_was_expected_what_was_found_and_the_frames() {
    let said = failure(|peer| {
        peer.recv(begun());
        peer.recv(data("ho"));
    });
    let shown = "\
on stream 1: expected data 2 octets \"ho\"
   found data 2 octets \"hi\"

the frames so far:
call 1 at 1000 ms
 → 1 begin
 ← 1 begin
 ← 1 data 2 octets \"hi\"
";
    assert_eq!(said, shown);
    assert!(failure(|peer| peer.recv_nothing()).contains("expected nothing\n   found begin"));
    assert!(failure(|peer| peer.recv(end())).contains("expected end\n   found begin"));
    let missed = failure(|peer| {
        peer.recv_all();
        peer.recv(window(1));
    });
    assert!(missed.contains("expected window 1\n   found nothing"), "{missed}");
}

#[test]
fn a_script_that_no_peer_could_play_fails() {
    assert!(failure(|peer| peer.send(data("12345"))).contains("5 octets exceed the peer's credit of 4"));
    assert!(failure(|peer| peer.send(begin())).contains("the peer has begun"));
    assert!(failure(|peer| peer.send_all([end(), data("late")])).contains("has ended its direction"));
    assert!(failure(|peer| peer.send(Frame::new(FrameKind::Drain))).contains("no peer sends"));
    assert!(failure(|peer| peer.send_payload("12345")).contains("no credit for the last 1 octets"));
}

#[test]
fn payload_is_received_however_it_was_cut() {
    let mut stage = Stage::new(Box::new(Canned(vec![])), Limits::default());
    let key = stage.open(begin()).unwrap();
    for piece in [data("ab").init(), data("cd"), data("ef").fin(), data("gh")] {
        stage.tracks[key].hand(piece);
    }
    let mut peer = Peer { stage: Rc::new(RefCell::new(stage)), key };
    peer.recv(data("abc").init());
    peer.recv(data("d"));
    peer.recv(data("ef").fin());
    assert_eq!(peer.recv_text(), "gh");
    peer.recv_nothing();
}
