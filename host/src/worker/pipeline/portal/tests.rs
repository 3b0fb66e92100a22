//! Streams between two workers, played by one thread: an opener on one, a binding at home on the other.

use super::{Away, Home, Portal};
use crate::worker::crossing::{BATCHES_MAX, Bell, link};
use std::sync::Arc;
use zilla_engine::{
    Batch, Binding, BindingIndex, CloseCode, Engine, Flags, Frame, FrameKind, Limits, Quota, Route, Routing,
    Session, attributes,
};

const OPENER: BindingIndex = BindingIndex(0);
const AWAY: BindingIndex = BindingIndex(1);
const BINDING: BindingIndex = BindingIndex(0);
const HOME: BindingIndex = BindingIndex(1);

const CREDIT: usize = 96 * 1024;

/// One worker: an engine, a binding that the test plays, and a portal.
struct Worker {
    engine: Engine,
    played: BindingIndex,
    at: BindingIndex,
    portal: Portal,
}

struct Stage {
    away: Worker,
    home: Worker,
}

/// What a binding was given: kind, `value`, attributes, payload, flags.
type Given = (FrameKind, u64, Vec<u8>, Vec<u8>, (bool, bool));

impl Stage {
    fn new() -> Self {
        Self::with(Limits::default().quota())
    }

    fn with(quota: Quota) -> Self {
        let (one, other) = link(&Bell::default(), &Bell::default());
        let binding = |routing, exit| {
            let routes =
                Option::map_or(exit, Vec::new(), |exit| vec![Route { exit: Some(exit), ..Route::default() }]);
            Binding { routing, routes, quota: Some(quota) }
        };
        let engine = |bindings| Engine::new(Limits::default(), bindings);
        let nowhere = || binding(Routing::None, None);
        Self {
            away: Worker {
                engine: engine(vec![binding(Routing::Opened, Some(AWAY)), nowhere()]),
                played: OPENER,
                at: AWAY,
                portal: Portal::Away(Away::new(AWAY, one)),
            },
            home: Worker {
                engine: engine(vec![nowhere(), binding(Routing::Opened, Some(BINDING))]),
                played: BINDING,
                at: HOME,
                portal: Portal::Home(Home::new(HOME, BINDING, quota.streams, vec![other])),
            },
        }
    }

    /// Lets all cross that can.
    fn cross(&mut self) {
        for _ in 0..4 {
            for worker in [&mut self.away, &mut self.home] {
                worker.send();
                worker.portal.receive(&mut worker.engine);
            }
        }
    }

    /// Has the opener send frames, and says what the binding gets.
    fn there(&mut self, frames: &[Frame], octets: &[u8]) -> Vec<Given> {
        self.away.play(frames, octets);
        self.cross();
        self.home.given()
    }

    /// Has the binding send frames, and says what the opener gets.
    fn back(&mut self, frames: &[Frame], octets: &[u8]) -> Vec<Given> {
        self.home.play(frames, octets);
        self.cross();
        self.away.given()
    }

    /// Opens a stream, and answers it.
    fn open(&mut self, id: u32) {
        self.there(&[Frame::new(id, FrameKind::Begin)], &[]);
    }

    fn streams(&self) -> (usize, usize) {
        (self.away.engine.streams(), self.home.engine.streams())
    }
}

impl Worker {
    fn play(&mut self, frames: &[Frame], octets: &[u8]) {
        self.engine.handle(self.played, frames, &[], octets);
        assert_eq!(self.engine.take_violations().count, 0);
    }

    /// Gives the portal what waits for it, unless it is blocked.
    fn send(&mut self) {
        let mut batch = Batch::default();
        while !self.portal.holds_up(self.at) {
            self.engine.take(self.at, &mut batch);
            if batch.is_empty() {
                break;
            }
            self.portal.deliver(&batch, &mut self.engine);
            assert_eq!(self.engine.take_violations().count, 0, "a portal keeps the rules");
        }
    }

    fn given(&mut self) -> Vec<Given> {
        let (mut batch, mut given) = (Batch::default(), Vec::new());
        loop {
            self.engine.take(self.played, &mut batch);
            if batch.is_empty() {
                return given;
            }
            given.extend(batch.frames.iter().map(|frame| {
                let (attributes, payload) = frame.cut(batch.octets()).unwrap();
                let flags = (frame.flags.init, frame.flags.fin);
                (frame.kind, frame.value, attributes.to_vec(), payload.to_vec(), flags)
            }));
        }
    }
}

fn attribute(name: &str) -> Vec<u8> {
    let mut block = Vec::new();
    attributes::push(&mut block, name.as_bytes(), b"value");
    block
}

fn data(stream: u32, payload: usize) -> Frame {
    Frame { payload: payload as u32, ..Frame::new(stream, FrameKind::Data) }
}

fn with(kind: FrameKind, stream: u32, value: u64) -> Frame {
    Frame { value, ..Frame::new(stream, kind) }
}

fn bare(kind: FrameKind, value: u64) -> Given {
    (kind, value, Vec::new(), Vec::new(), (false, false))
}

#[test]
fn every_kind_of_frame_crosses_as_it_is_both_ways() {
    let mut stage = Stage::new();
    let block = attribute("a");
    let octets = [block.as_slice(), b"payload"].concat();
    let carrying =
        |kind, stream, value| Frame { attributes: block.len() as u32, ..with(kind, stream, value) };
    let given = stage.there(&[carrying(FrameKind::Begin, 2, 0)], &block);
    assert_eq!(given, [(FrameKind::Begin, 0, block.clone(), Vec::new(), (false, false))]);
    // The first stream that a binding accepts is 1.
    let given = stage.back(&[carrying(FrameKind::Begin, 1, 0)], &block);
    assert_eq!(given, [(FrameKind::Begin, 0, block.clone(), Vec::new(), (false, false))]);

    for (stream, is_there) in [(2, true), (1, false)] {
        let flags = Flags { init: true, fin: false, borrowed: false };
        let piece = Frame { flags, payload: 7, ..carrying(FrameKind::Data, stream, 0) };
        let last = Frame { flags: Flags { init: false, fin: true, borrowed: false }, ..data(stream, 0) };
        let frames = [
            piece,
            last,
            carrying(FrameKind::Flush, stream, 0),
            carrying(FrameKind::Challenge, stream, 0),
            with(FrameKind::Window, stream, 99),
            carrying(FrameKind::End, stream, 0),
        ];
        // What answers a direction is of no use once that is over.
        let is_of_use = |kind| is_there || !matches!(kind, FrameKind::Challenge | FrameKind::Window);
        let frames: Vec<_> = frames.into_iter().filter(|frame| is_of_use(frame.kind)).collect();
        let given = match is_there {
            true => stage.there(&frames, &octets),
            false => stage.back(&frames, &octets),
        };
        let plain = |kind| (kind, 0, block.clone(), Vec::new(), (false, false));
        let expected = [
            (FrameKind::Data, 0, block.clone(), b"payload".to_vec(), (true, false)),
            (FrameKind::Data, 0, Vec::new(), Vec::new(), (false, true)),
            plain(FrameKind::Flush),
            plain(FrameKind::Challenge),
            bare(FrameKind::Window, 99),
            plain(FrameKind::End),
        ];
        let expected = expected.into_iter().filter(|(kind, ..)| is_of_use(*kind));
        assert_eq!(given, expected.collect::<Vec<_>>());
    }
    assert_eq!(stage.streams(), (0, 0));
}

#[test]
fn sessions_cross_and_are_over_at_home_as_well() {
    let mut stage = Stage::new();
    let session = Arc::new(Session {
        number: 1,
        guard: "n:g".into(),
        identity: "alice".into(),
        roles: vec!["read".into()],
        attributes: Vec::new(),
        expires_unix_ms: Some(100),
        challenge_unix_ms: Some(50),
        credentials: None,
    });
    let granted = stage.away.engine.authorizations().grant(&session, || 1).unwrap();
    let begin = |stream| with(FrameKind::Begin, stream, granted);
    let given = stage.there(&[begin(2), begin(4), Frame::new(6, FrameKind::Begin)], &[]);
    let numbers: Vec<u64> = given.iter().map(|(_, number, ..)| *number).collect();
    assert!(numbers[0] != 0 && numbers[0] != granted && numbers[0] == numbers[1] && numbers[2] == 0);
    let copy = Session { challenge_unix_ms: None, ..Session::clone(&session) };
    assert_eq!(stage.home.engine.authorizations().sessions(numbers[0]), [Arc::new(copy)]);
    stage.home.engine.expire(100);
    let unauthorized = CloseCode::Unauthorized.value();
    let [abort, reset] = [FrameKind::Abort, FrameKind::Reset].map(|kind| bare(kind, unauthorized));
    assert_eq!(stage.home.given(), [abort.clone(), reset.clone(), abort, reset]);
    assert_eq!(stage.streams().1, 3, "the portal is yet to know");
    stage.cross();
    assert_eq!(stage.away.given().len(), 4);
    assert_eq!(stage.streams(), (1, 1));
}

#[test]
fn a_session_that_is_renewed_is_renewed_at_home_as_well() {
    let mut stage = Stage::new();
    let session = |number, expires| {
        Arc::new(Session {
            number,
            guard: "n:g".into(),
            identity: "alice".into(),
            roles: vec!["read".into()],
            attributes: Vec::new(),
            expires_unix_ms: Some(expires),
            challenge_unix_ms: Some(50),
            credentials: None,
        })
    };
    let granted = stage.away.engine.authorizations().grant(&session(1, 100), || 1).unwrap();
    let other = stage.away.engine.authorizations().grant(&session(2, 100), || 2).unwrap();
    let given = stage.there(&[with(FrameKind::Begin, 2, granted), with(FrameKind::Begin, 4, other)], &[]);
    let numbers: Vec<u64> = given.iter().map(|(_, number, ..)| *number).collect();

    stage.away.engine.authorizations().renew_copies(1, &session(3, 200));
    let renewed = stage.away.engine.authorizations().take_renewed();
    stage.away.portal.renew(&renewed);
    stage.cross();
    let copy = Session { challenge_unix_ms: None, ..Session::clone(&session(3, 200)) };
    assert_eq!(stage.home.engine.authorizations().sessions(numbers[0]), [Arc::new(copy)]);
    // Whoever has a copy of that copy is told next.
    assert_eq!(stage.home.engine.authorizations().take_renewed().into_keys().collect::<Vec<_>>(), [1]);

    stage.home.engine.expire(100);
    assert_eq!(stage.home.given().len(), 2, "the other session is over");
    assert!(stage.home.engine.authorizations().sessions(numbers[1]).is_empty());
    stage.home.engine.expire(199);
    assert_eq!(stage.home.given().len(), 0);
    stage.home.engine.expire(200);
    assert_eq!(stage.home.given().len(), 2);
}

#[test]
fn codes_of_abort_and_reset_are_kept() {
    for code in [CloseCode::Refused.value(), CloseCode::Timeout.value(), 77] {
        let mut stage = Stage::new();
        stage.open(2);
        let ends = |stream| [with(FrameKind::Abort, stream, code), with(FrameKind::Reset, stream, code)];
        let given = [bare(FrameKind::Abort, code), bare(FrameKind::Reset, code)];
        assert_eq!(stage.there(&ends(2), &[]), given);
        assert_eq!(stage.streams(), (0, 0));
        stage.open(2);
        assert_eq!(stage.back(&ends(1), &[]), given);
        assert_eq!(stage.streams(), (0, 0));
    }
}

#[test]
fn payload_under_way_is_what_the_receiver_has_granted() {
    let mut stage = Stage::new();
    stage.open(2);
    let octets = vec![7; CREDIT];
    assert_eq!(stage.there(&[data(2, CREDIT)], &octets)[0].3.len(), CREDIT);
    // Not one octet more, until it is granted: the opener would break the rules.
    stage.away.engine.handle(OPENER, &[data(2, 1)], &[], &octets);
    assert_eq!(stage.away.engine.take_violations().count, 1);

    stage.open(4);
    assert_eq!(stage.there(&[data(4, CREDIT)], &octets)[0].3.len(), CREDIT);
    // The first stream has ended, and its name with it: the second is 3.
    let stream = 3;
    assert_eq!(
        stage.back(&[with(FrameKind::Window, stream, 10)], &[]).last(),
        Some(&bare(FrameKind::Window, 10))
    );
    assert_eq!(stage.there(&[data(4, 10)], &octets)[0].3.len(), 10);
}

#[test]
fn frames_without_payload_wait_at_their_sender_once_the_link_is_full() {
    const ROUNDS: usize = 4 * BATCHES_MAX;
    let mut stage = Stage::new();
    stage.open(2);
    // The home does not look: each round is a batch, as long as there is room.
    for _ in 0..ROUNDS {
        stage.away.play(&[Frame::new(2, FrameKind::Flush)], &[]);
        stage.away.send();
    }
    assert!(stage.away.portal.holds_up(AWAY));
    // One batch more than the link has room for is in the hands of the portal.
    let waiting = ROUNDS - BATCHES_MAX - 1;
    assert_eq!(stage.away.engine.queued_for(AWAY), waiting);
    assert!(!stage.away.portal.is_over(), "something is still to cross");

    stage.cross();
    let given = stage.home.given();
    assert_eq!(given, vec![bare(FrameKind::Flush, 0); ROUNDS]);
    assert!(!stage.away.portal.holds_up(AWAY));
    stage.away.portal.receive(&mut stage.away.engine);
    assert_eq!(stage.away.engine.queued_for(AWAY), 0);
}

#[test]
fn room_in_a_link_has_the_portal_in_turn_again() {
    let mut stage = Stage::new();
    stage.open(2);
    for _ in 0..=BATCHES_MAX + 1 {
        stage.away.play(&[Frame::new(2, FrameKind::Flush)], &[]);
        stage.away.send();
    }
    // It is named, and passed over while it is blocked.
    while stage.away.engine.next_ready().is_some() {}
    assert!(!stage.away.engine.is_ready());
    stage.home.portal.receive(&mut stage.home.engine);
    stage.away.portal.receive(&mut stage.away.engine);
    assert_eq!(stage.away.engine.next_ready(), Some(AWAY));
}

#[test]
fn a_binding_whose_link_is_full_waits_and_is_in_turn_again_with_room() {
    let mut stage = Stage::new();
    stage.open(2);
    stage.back(&[Frame::new(1, FrameKind::Begin)], &[]);
    for _ in 0..=BATCHES_MAX {
        assert!(!stage.home.portal.holds_up(BINDING));
        stage.home.play(&[Frame::new(1, FrameKind::Flush)], &[]);
        stage.home.send();
    }
    assert!(stage.home.portal.holds_up(BINDING) && stage.home.portal.holds_up(HOME));
    assert!(!stage.home.portal.holds_up(BindingIndex(7)), "nobody else waits");
    // Something comes for it meanwhile, and it is passed over.
    stage.away.play(&[Frame::new(2, FrameKind::Flush)], &[]);
    stage.away.send();
    stage.home.portal.receive(&mut stage.home.engine);
    while stage.home.engine.next_ready().is_some() {}
    stage.away.portal.receive(&mut stage.away.engine);
    stage.home.portal.receive(&mut stage.home.engine);
    assert!(!stage.home.portal.holds_up(BINDING));
    assert_eq!(stage.home.engine.next_ready(), Some(BINDING));
    assert_eq!(stage.home.given(), [bare(FrameKind::Flush, 0)]);
}

#[test]
fn a_binding_does_not_wait_for_a_worker_that_is_lost() {
    let mut stage = Stage::new();
    stage.open(2);
    stage.back(&[Frame::new(1, FrameKind::Begin)], &[]);
    for _ in 0..=BATCHES_MAX {
        stage.home.play(&[Frame::new(1, FrameKind::Flush)], &[]);
        stage.home.send();
    }
    assert!(stage.home.portal.holds_up(BINDING));
    drop(stage.away);
    stage.home.portal.receive(&mut stage.home.engine);
    assert!(!stage.home.portal.holds_up(BINDING));
    assert!(stage.home.portal.is_over());
}

#[test]
fn who_sends_past_a_full_link_is_closed_at_the_limit_of_the_binding() {
    const FRAMES_MAX: u32 = 100;
    let mut stage = Stage::with(Quota { queued_frames: FRAMES_MAX, ..Limits::default().quota() });
    stage.open(2);
    for _ in 0..BATCHES_MAX as u32 + 2 * FRAMES_MAX {
        stage.away.engine.handle(OPENER, &[Frame::new(2, FrameKind::Flush)], &[], &[]);
        stage.away.send();
    }
    let met = stage.away.engine.take_limits_met();
    assert_eq!(met.iter().map(|met| (met.binding, met.limit)).collect::<Vec<_>>(), [(AWAY, "queued-frames")]);
    let limit = CloseCode::Limit.value();
    let ends = |given: &[Given]| given.iter().filter(|(_, value, ..)| *value == limit).count();
    assert_eq!(ends(&stage.away.given()), 2, "the opener is told");
    stage.cross();
    assert_eq!(ends(&stage.home.given()), 2, "and so is the binding");
    assert_eq!(stage.streams(), (0, 0));
}

#[test]
fn a_frame_under_way_does_not_meet_the_next_stream_of_its_place() {
    let mut stage = Stage::new();
    stage.open(2);
    // The binding answers, and while that is under way the opener leaves and opens another.
    stage.home.play(&[Frame::new(1, FrameKind::Begin), data(1, 3)], b"old");
    stage.home.send();
    let code = CloseCode::Cancelled.value();
    stage.away.play(&[with(FrameKind::Abort, 2, code), with(FrameKind::Reset, 2, code)], &[]);
    stage.away.send();
    stage.away.play(&[Frame::new(2, FrameKind::Begin)], &[]);
    stage.away.send();
    stage.cross();
    assert_eq!(stage.away.given(), []);
    let kinds: Vec<_> = stage.home.given().into_iter().map(|(kind, ..)| kind).collect();
    assert_eq!(kinds, [FrameKind::Abort, FrameKind::Reset, FrameKind::Begin]);
    assert_eq!(stage.streams(), (1, 1));
}

#[test]
fn an_opening_past_the_streams_of_the_binding_is_refused_with_limit() {
    let mut stage = Stage::with(Quota { streams: 4, ..Limits::default().quota() });
    let limit = CloseCode::Limit.value();
    for id in [2, 4, 6] {
        assert_eq!(stage.there(&[Frame::new(id, FrameKind::Begin)], &[]).len(), 1);
    }
    stage.there(&[with(FrameKind::Abort, 2, 0), with(FrameKind::Reset, 2, 0)], &[]);
    assert_eq!(
        stage.there(&[Frame::new(2, FrameKind::Begin)], &[]).len(),
        1,
        "what has ended counts no more"
    );
    // The opener itself may have four ids: of a fourth stream, only the home can tell that it is too many.
    let mut crowded = Stage::with(Quota { streams: 4, ..Limits::default().quota() });
    let Portal::Home(home) = &mut crowded.home.portal else { return };
    home.streams_max = 3;
    for id in [2, 4] {
        crowded.open(id);
    }
    assert_eq!(crowded.there(&[Frame::new(6, FrameKind::Begin)], &[]), []);
    assert_eq!(crowded.away.given(), [bare(FrameKind::Reset, limit), bare(FrameKind::Abort, limit)]);
    assert_eq!(crowded.home.engine.take_limits_met()[0].limit, "streams");
    assert_eq!(crowded.streams(), (2, 2));
}

#[test]
fn streams_end_with_the_worker_at_the_other_end() {
    for (is_draining, code) in [(false, CloseCode::Crashed), (true, CloseCode::Drained)] {
        let given = [bare(FrameKind::Abort, code.value()), bare(FrameKind::Reset, code.value())];
        let lose = |mut stage: Stage, is_home_lost: bool| {
            stage.open(2);
            if is_draining {
                stage.away.engine.drain(0);
                stage.cross();
                stage.home.engine.drain(0);
                stage.cross();
                stage.away.given();
                stage.home.given();
            }
            let (mut kept, lost) = match is_home_lost {
                true => (stage.away, stage.home),
                false => (stage.home, stage.away),
            };
            drop(lost);
            kept.portal.receive(&mut kept.engine);
            assert!(kept.portal.is_over());
            let given = kept.given();
            assert_eq!(kept.engine.streams(), 0);
            given
        };
        let mut ends = lose(Stage::new(), true);
        ends.sort_by_key(|(kind, ..)| *kind == FrameKind::Reset);
        assert_eq!(ends, given);
        assert_eq!(lose(Stage::new(), false), given);
    }
}

#[test]
fn a_stream_to_a_home_that_is_lost_is_reset_at_once() {
    let mut stage = Stage::new();
    drop(stage.home);
    stage.away.portal.receive(&mut stage.away.engine);
    stage.away.play(&[Frame::new(2, FrameKind::Begin)], &[]);
    stage.away.send();
    let codes: Vec<_> = stage.away.given().into_iter().map(|(_, value, ..)| value).collect();
    assert_eq!(codes, [CloseCode::Crashed.value(); 2]);
    assert_eq!(stage.away.engine.streams(), 0);
}

#[test]
fn a_home_waits_for_those_whose_streams_it_has() {
    let mut stage = Stage::new();
    assert!(stage.home.portal.is_listening(), "a stream may come at any time");
    stage.open(2);
    stage.away.engine.drain(0);
    stage.cross();
    assert!(!stage.home.portal.is_listening(), "the other worker accepts no more");
    assert!(!stage.home.portal.is_over(), "but it has a stream");
    assert_eq!(stage.home.portal.doubles(), 1);
    drop(stage.away);
    stage.home.portal.receive(&mut stage.home.engine);
    assert!(stage.home.portal.is_over());
    assert_eq!(stage.home.portal.doubles(), 0);
}
