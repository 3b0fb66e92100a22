//! Guards that open streams.

use crate::Frame as WitFrame;
use crate::prelude::*;
use crate::testing::*;
use serde_json::json;

/// Opens as many streams as it was asked for, and keeps what comes on each.
#[derive(Debug, Default)]
struct Listener {
    wanted: usize,
    heard: Vec<(StreamId, String)>,
    signals: Vec<(StreamId, u32)>,
    failed: usize,
    is_drained: bool,
}

impl Guard for Listener {
    const TYPE: &'static str = "listener";
    type Options = NoOptions;

    fn attach(_: GuardConfig<NoOptions>) -> Result<Self, ConfigError> {
        Ok(Self { wanted: 1, ..Self::default() })
    }

    fn authorize(&mut self, credentials: Credentials<'_>, _: Instant) -> Result<Session, Refused> {
        self.wanted += credentials.as_str().and_then(|text| text.parse::<usize>().ok()).unwrap_or_default();
        Err("nobody".into())
    }
}

impl OutboundGuard for Listener {
    fn outbound(&self) -> Option<Outbound> {
        Some(Outbound { bindings: json!({"a": {"type": "tcp", "kind": "client"}}), exit: "a".into() })
    }

    fn on_turn(&mut self, cx: &mut Context<'_>) {
        for _ in 0..std::mem::take(&mut self.wanted) {
            match cx.open(|attributes| attributes.push("name", "value")) {
                Ok(stream) => {
                    cx.timer_on(stream, 1, cx.now().monotonic_ms + 10);
                    cx.timer(2, cx.now().monotonic_ms + 20);
                }
                Err(_) => self.failed += 1,
            }
        }
    }
}

impl Stream for Listener {
    fn on_data(&mut self, data: Data<'_>, cx: &mut Context<'_>) {
        self.heard.push((cx.stream(), String::from_utf8_lossy(&data.payload).into_owned()));
        let (from, accepted) = (cx.stream(), cx.accepted());
        assert_eq!(accepted, 0);
        cx.from(from).consume(data.payload.len() as u64);
        assert!(!cx.forward(from, from, 1), "there are no runs");
        cx.later();
    }

    fn on_signal(&mut self, token: u32, cx: &mut Context<'_>) {
        self.signals.push((cx.stream(), token));
    }

    fn on_later(&mut self, _: &mut Context<'_>) {
        panic!("every call ends with `on_turn`");
    }

    fn on_drain(&mut self, cx: &mut Context<'_>) {
        self.is_drained = cx.drain_deadline_ms().is_some();
        cx.close(CloseCode::Drained);
    }
}

fn guard() -> OutboundHarness<Listener> {
    OutboundHarness::attach("").unwrap()
}

#[test]
fn it_opens_streams_on_nobodys_behalf_and_is_told_which_one_has_news() {
    let guard = guard();
    assert_eq!(guard.outbound().map(|own| own.exit.as_str()), Some("a"));
    let mut first = guard.expect_open();
    assert_eq!((first.link(), first.attribute("name").as_deref()), (None, Some("value")));
    assert!(guard.authorize("2").is_err());
    let (mut second, third) = (guard.expect_open(), guard.expect_open());
    assert_eq!([first.id(), second.id(), third.id()], [2, 4, 6]);
    second.send_all([begin(), data("b")]);
    first.send_all([begin(), data("a")]);
    let heard = guard.with_guard(|guard| guard.heard.clone());
    assert_eq!(heard, [(4, "b".to_owned()), (2, "a".to_owned())]);
}

#[test]
fn what_is_over_is_forgotten_and_its_id_is_used_again() {
    let guard = guard();
    let mut stream = guard.expect_open();
    stream.send_all([begin(), end()]);
    assert!(stream.is_over());
    assert_eq!(guard.streams(), 0);
    assert!(guard.authorize("1").is_err());
    assert_eq!(guard.expect_open().id(), 2);
}

#[test]
fn timers_are_of_a_stream_or_of_the_guard() {
    let guard = guard();
    let _stream = guard.expect_open();
    guard.advance(30);
    assert_eq!(guard.with_guard(|guard| guard.signals.clone()), [(2, 1), (0, 2)]);
}

#[test]
fn it_opens_no_more_than_its_limit() {
    let limits = Limits { streams: 3, ..Limits::default() };
    let guard = OutboundHarness::<Listener>::attach_with("", limits).unwrap();
    assert!(guard.authorize("5").is_err());
    assert_eq!(guard.with_guard(|guard| guard.failed), 4);
    assert_eq!(guard.streams(), 2);
}

#[test]
fn a_drain_is_told_once_and_all_can_be_closed() {
    let guard = guard();
    let stream = guard.expect_open();
    guard.drain();
    assert!(stream.is_over() && guard.with_guard(|guard| guard.is_drained));
}

#[test]
fn frames_of_streams_that_it_has_not_are_passed_over() {
    let guard = guard();
    let mut frame = WitFrame::bare(7, FrameKind::Begin);
    for (stream, kind) in
        [(7, FrameKind::Begin), (8, FrameKind::Data), (0, FrameKind::Data), (2, FrameKind::End)]
    {
        (frame.stream, frame.kind) = (stream, kind);
        assert!(guard.deliver(&[frame], &[]).frames.is_empty(), "{stream} {kind:?}");
    }
    (frame.stream, frame.kind, frame.payload) = (2, FrameKind::Data, 100);
    assert!(
        guard.deliver(&[frame], b"less").frames.is_empty(),
        "what points outside of the octets is dropped"
    );
    assert!(guard.with_guard(|guard| guard.heard.is_empty()));
}
