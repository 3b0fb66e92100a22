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
