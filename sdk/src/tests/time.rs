//! Timers and drain.

use super::probe::{Act, Event, Probe};
use crate::prelude::*;
use crate::testing::*;

/// Sets timers when accepting, and says which are due and when.
struct Clock;

impl Act for Clock {
    fn act(event: Event<'_>, _kept: &mut Vec<u8>, cx: &mut Context<'_>) {
        let now_ms = cx.now().monotonic_ms;
        match event {
            Event::Accept(_) => {
                cx.reply().begin();
                for (token, after_ms) in [(1, 300), (2, 100), (3, 200), (4, 50), (1, 150)] {
                    cx.timer(token, now_ms + after_ms);
                }
                cx.cancel_timer(4);
            }
            Event::Signal(token) => {
                let line = format!("{token} at {now_ms}, ");
                cx.reply().data_slice(line.as_bytes());
                if token == 2 {
                    cx.timer(5, now_ms);
                }
            }
            Event::Drain => cx.reply().end(),
            Event::End => cx.reply().end(),
            _ => {}
        }
    }
}

#[test]
fn timers_are_due_in_the_order_of_their_deadlines() {
    let harness = Harness::<Probe<Clock>>::attach("kind: server").unwrap();
    let start_ms = harness.now().monotonic_ms;
    let mut client = harness.open(begin());
    client.recv(begun());
    harness.advance(99);
    client.recv_nothing();
    harness.advance(901);
    let at = |token: u32, ms: u64| format!("{token} at {}, ", start_ms + ms);
    client.recv(data([at(2, 100), at(5, 100), at(1, 150), at(3, 200)].concat()));
    client.recv_nothing();
    assert_eq!(harness.now().monotonic_ms, start_ms + 1_000);
}

#[test]
fn timers_end_with_their_stream() {
    let harness = Harness::<Probe<Clock>>::attach("kind: server").unwrap();
    let mut first = harness.open(begin());
    first.send(end());
    assert!(first.is_over());
    let mut second = harness.open(begin());
    assert_eq!(second.id(), first.id());
    second.recv(begun());
    second.send(end());
    harness.advance(1_000);
    second.recv(end());
    second.recv_nothing();
}

#[test]
fn drain_reaches_every_stream() {
    let harness = Harness::<Probe<Clock>>::attach("kind: server").unwrap();
    let mut clients = [harness.open(begin()), harness.open(begin())];
    harness.drain();
    for client in &mut clients {
        client.recv(begun());
        client.recv(end());
    }
}

/// Has a timer of its own, which no stream ends.
struct Ticking {
    ticks: u8,
}

struct Tick;

impl Stream for Tick {}

impl Binding for Ticking {
    const TYPE: &'static str = "ticking";
    const KINDS: &'static [Kind] = &[Kind::Server];
    type Options = NoOptions;
    type Stream = Tick;

    fn attach(_config: BindingConfig<NoOptions>) -> Result<Self, ConfigError> {
        Ok(Self { ticks: 0 })
    }

    /// Says how often the timer came, and sets it if it is not set.
    fn accept(&mut self, _begin: Begin<'_>, cx: &mut Context<'_>) -> Result<Tick, Reset> {
        cx.reply().begin();
        cx.reply().data_slice(&[self.ticks]);
        let now_ms = cx.now().monotonic_ms;
        cx.binding().timer(7, now_ms + 100);
        cx.binding().timer(8, now_ms + 50);
        cx.binding().cancel_timer(8);
        Ok(Tick)
    }

    fn on_signal(&mut self, token: u32, cx: &mut BindingContext<'_>) {
        assert_eq!(token, 7);
        self.ticks += 1;
        if self.ticks < 3 {
            cx.timer(token, cx.now().monotonic_ms + 100);
        }
    }
}

#[test]
fn timers_of_the_binding_end_with_no_stream() {
    let harness = Harness::<Ticking>::attach("kind: server").unwrap();
    let mut client = harness.open(begin());
    client.recv(begun());
    client.recv(data([0]));
    client.send_all([abort(CloseCode::Cancelled), reset(CloseCode::Cancelled)]);
    assert_eq!(harness.streams(), 0);
    for (ms, ticks) in [(99, 0), (100, 1), (500, 3)] {
        harness.advance(ms);
        let mut client = harness.open(begin());
        client.recv(begun());
        client.recv(data([ticks]));
    }
}
