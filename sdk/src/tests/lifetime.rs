//! How long streams and their ids live.

use super::probe::{Act, Event, Probe};
use super::relay::Relay;
use crate::prelude::*;
use crate::testing::*;

/// Opens a stream when accepting, and writes what it gets there to the accepted stream, whatever became of it.
struct Tail;

impl Act for Tail {
    fn act(event: Event<'_>, _kept: &mut Vec<u8>, cx: &mut Context<'_>) {
        match event {
            Event::Accept(_) => {
                cx.reply().begin();
                cx.open(|_| {}).unwrap();
            }
            Event::End if cx.stream() == cx.accepted() => cx.reply().end(),
            Event::Data(data) => {
                cx.reply().pass(&data);
                cx.request().window(7);
                cx.timer(1, 5_000);
            }
            Event::Abort => cx.close(CloseCode::Cancelled),
            _ => {}
        }
    }
}

fn begun_exit(harness: &Harness<impl Binding>) -> Peer {
    let mut exit = harness.expect_open();
    exit.recv(begin());
    exit.send(begun());
    exit
}

#[test]
fn a_stream_does_not_reach_the_next_one_of_its_id() {
    let harness = Harness::<Probe<Tail>>::attach("kind: server").unwrap();
    let mut first = harness.open(begin());
    let mut exit = begun_exit(&harness);
    first.send(end());
    assert!(first.is_over());
    let mut second = harness.open(begin());
    assert_eq!(second.id(), first.id());
    second.recv(begun());
    exit.send(data("late"));
    exit.send(abort(CloseCode::Timeout));
    second.recv_nothing();
    assert_eq!(second.credit(), 65_536);
    assert!(second.can_send() && !second.is_over());
    harness.advance(10_000);
}

#[test]
fn an_id_is_reused_from_the_next_call_on() {
    let harness = Harness::<Relay>::attach("kind: proxy").unwrap();
    let mut first = harness.open(begin());
    let mut exit = harness.expect_open();
    let second = harness.batch(|| {
        first.send_all([abort(CloseCode::Cancelled), reset(CloseCode::Cancelled)]);
        let second = harness.open(begin());
        // These name the exit of the first, although its id is over by the time they are handled.
        exit.send_all([begun(), data("stale"), window(1 << 20)]);
        second
    });
    let exits = [exit.id(), harness.expect_open().id(), {
        let _third = harness.open(begin());
        harness.expect_open().id()
    }];
    assert_eq!(exits, [2, 4, 2]);
    assert!(first.is_over() && !second.is_over());
}

#[test]
fn a_thousand_streams_come_and_go_and_nothing_is_kept() {
    let harness = Harness::<Relay>::attach("kind: proxy").unwrap();
    for _ in 0..1_000 {
        let mut client = harness.open(begin());
        let mut exit = harness.expect_open();
        exit.recv_begin();
        exit.send_all([begun(), end()]);
        client.send(end());
        assert_eq!((client.id(), exit.id()), (1, 2));
    }
    assert_eq!(harness.streams(), 0);
}

#[test]
fn past_its_limit_an_instance_opens_nothing() {
    let limits = Limits { streams: 3, ..Limits::default() };
    let harness = Harness::<Relay>::attach_with("kind: proxy", limits).unwrap();
    let _open = [harness.open(begin()), harness.open(begin())];
    let mut third = harness.open(begin());
    third.recv(abort(CloseCode::Limit));
    third.recv(reset(CloseCode::Limit));
    assert!(third.is_over());
    assert_eq!(harness.streams(), 2);
}

struct Refuses;

impl Act for Refuses {
    fn act(event: Event<'_>, kept: &mut Vec<u8>, cx: &mut Context<'_>) {
        assert!(matches!(event, Event::Accept(_)), "a refused stream has no events: {event:?}");
        cx.open(|_| {}).unwrap();
        kept.push(b'x');
    }
}

#[test]
fn a_refused_stream_takes_those_it_opened_along() {
    let harness = Harness::<Probe<Refuses>>::attach("kind: server").unwrap();
    let mut client = harness.open(begin());
    client.recv(abort(CloseCode::Limit));
    client.recv(reset(CloseCode::Limit));
    let mut exit = harness.expect_open();
    exit.recv(begin());
    exit.recv(abort(CloseCode::Limit));
    exit.recv(reset(CloseCode::Limit));
    assert!(client.is_over() && exit.is_over());
    assert_eq!(harness.streams(), 0);
}

struct ClosesAtOnce;

impl Act for ClosesAtOnce {
    fn act(event: Event<'_>, _kept: &mut Vec<u8>, cx: &mut Context<'_>) {
        assert!(matches!(event, Event::Accept(_)), "a closed stream has no events: {event:?}");
        cx.close(CloseCode::Unreachable);
        assert_eq!(cx.open(|_| {}), Err(OpenError::AcceptedIsOver));
        cx.timer(1, 5_000);
        cx.reply().begin();
        assert_eq!(cx.reply().data_slice(b"late"), 0);
    }
}

#[test]
fn nothing_follows_close() {
    let harness = Harness::<Probe<ClosesAtOnce>>::attach("kind: server").unwrap();
    let mut client = harness.open(begin());
    client.recv(abort(CloseCode::Unreachable));
    client.recv(reset(CloseCode::Unreachable));
    client.recv_nothing();
    harness.expect_no_open();
    assert_eq!(harness.streams(), 0);
}

/// The defaults of [`Stream`].
struct Bare;

struct BareStream;

impl Stream for BareStream {}

impl Binding for Bare {
    const TYPE: &'static str = "bare";
    const KINDS: &'static [Kind] = &[Kind::Server];
    type Options = NoOptions;
    type Stream = BareStream;

    fn attach(_config: BindingConfig<NoOptions>) -> Result<Self, ConfigError> {
        Ok(Self)
    }

    fn accept(&mut self, _begin: Begin<'_>, _cx: &mut Context<'_>) -> Result<BareStream, Reset> {
        Ok(BareStream)
    }
}

#[test]
fn the_defaults_of_a_stream_close() {
    let harness = Harness::<Bare>::attach("kind: server").unwrap();
    let mut client = harness.open(begin());
    client.send(data("?"));
    client.recv(reset(CloseCode::Refused));
    let mut client = harness.open(begin());
    client.send(end());
    client.recv(abort(CloseCode::Refused));
    assert!(client.is_over());
    let mut client = harness.open(begin());
    client.send(reset(CloseCode::Timeout));
    client.recv(reset(CloseCode::Cancelled));
    assert!(client.is_over());
}

#[test]
fn a_refused_opening_is_reset_then_aborted() {
    let harness = Harness::<Relay>::attach("kind: proxy").unwrap();
    let mut client = harness.open(begin());
    harness.expect_open().refuse(CloseCode::NoRoute);
    client.recv(reset(CloseCode::NoRoute));
    client.recv(abort(CloseCode::NoRoute));
    assert!(client.is_over());
}
