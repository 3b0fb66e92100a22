//! What credit, attribute limits and the place of octets allow to be sent.

use super::probe::{Act, Event, Probe};
use crate::prelude::*;
use crate::testing::*;

fn open<A: Act>(limits: Limits) -> Peer {
    let mut client = Harness::<Probe<A>>::attach_with("kind: server", limits).unwrap().open(begin());
    client.recv(begun());
    client
}

fn little(initial_credit: u32) -> Limits {
    Limits { initial_credit, ..Limits::default() }
}

/// Writes 10 octets in two goes when asked, the rest as credit comes.
struct Writes;

impl Act for Writes {
    fn act(event: Event<'_>, kept: &mut Vec<u8>, cx: &mut Context<'_>) {
        match event {
            Event::Accept(_) => cx.reply().begin(),
            Event::Data(_) => {
                cx.reply().write(kept, |octets| octets.extend_from_slice(b"01234"));
                cx.reply().write(kept, |octets| octets.extend_from_slice(b"56789"));
            }
            Event::Window => cx.reply().data(kept),
            Event::End => {
                cx.reply().end();
                cx.reply().write(kept, |octets| octets.extend_from_slice(b"late"));
                assert!(kept.is_empty(), "what is written after the end is not kept");
            }
            _ => {}
        }
    }
}

#[test]
fn write_leaves_in_order_what_credit_does_not_allow() {
    let mut client = open::<Writes>(little(3));
    client.send(data("?"));
    client.recv(data("012"));
    client.send(window(4));
    client.recv(data("3456"));
    client.send(window(100));
    client.recv(data("789"));
    client.send(end());
    client.recv(end());
    client.recv_nothing();
}

struct Consumes;

impl Act for Consumes {
    fn act(event: Event<'_>, _kept: &mut Vec<u8>, cx: &mut Context<'_>) {
        match event {
            Event::Accept(_) => cx.reply().begin(),
            Event::Data(data) => cx.request().consume(data.payload.len() as u64),
            _ => {}
        }
    }
}

#[test]
fn consumed_octets_come_back_by_halves() {
    let mut client = open::<Consumes>(little(100));
    client.send(data([0; 49]));
    assert_eq!(client.credit(), 51);
    client.send(data([0; 1]));
    assert_eq!(client.credit(), 100);
}

/// Cuts each payload in two and passes the second half first, under attributes of its own.
struct Swaps;

impl Act for Swaps {
    fn act(event: Event<'_>, _kept: &mut Vec<u8>, cx: &mut Context<'_>) {
        match event {
            Event::Accept(_) => cx.reply().begin(),
            Event::Data(data) => {
                let (head, tail) = data.payload.split_at(data.payload.len() / 2);
                cx.reply().pass(&Data { payload: tail, ..data });
                cx.reply().pass(&Data { payload: head, attributes: Attributes::default(), ..data });
                cx.reply().pass_payload(head);
                cx.reply().pass_payload(tail);
            }
            _ => {}
        }
    }
}

#[test]
fn a_part_of_a_payload_can_be_passed_with_and_without_attributes() {
    let mut client = open::<Swaps>(Limits::default());
    client.send(data("abcd").with([("k", "v")]));
    client.recv(data("cdababcd").with([("k", "v")]));
    client.recv_nothing();
}

struct Pieces;

impl Act for Pieces {
    fn act(event: Event<'_>, kept: &mut Vec<u8>, cx: &mut Context<'_>) {
        match event {
            Event::Accept(_) => {
                cx.reply().begin();
                kept.extend_from_slice(b"message");
            }
            Event::Window => {
                let init = kept.len() == 7;
                let kind = |attributes: &mut AttributesWriter<'_>| attributes.push("kind", "text");
                let taken = if init {
                    cx.reply().piece(kept, true, true, kind)
                } else {
                    cx.reply().piece(kept, false, true, |_| {})
                };
                kept.drain(..taken);
            }
            _ => {}
        }
    }
}

#[test]
fn a_message_begins_and_ends_once_however_it_is_cut() {
    let mut client = open::<Pieces>(little(0));
    client.recv_nothing();
    client.send(window(3));
    client.recv(data("mes").init().with([("kind", "text")]));
    client.send(window(2));
    client.recv(data("sa"));
    client.send(window(9));
    client.recv(data("ge").fin());
}

/// Sends attributes of a length that the first octet received names.
struct Describes;

impl Act for Describes {
    fn act(event: Event<'_>, _kept: &mut Vec<u8>, cx: &mut Context<'_>) {
        let long = |attributes: &mut AttributesWriter<'_>| attributes.push("n", [0; 100]);
        match event {
            Event::Accept(begin) if begin.attributes.is_empty() => cx.reply().begin_with(long),
            Event::Accept(_) => cx.reply().begin(),
            Event::Data(_) => {
                assert_eq!(cx.open(long), Err(OpenError::AttributesTooLong));
                assert!(cx.open(|attributes| attributes.push("n", "short")).is_ok());
                cx.reply().flush_with(long);
                cx.request().challenge_with(long);
                cx.reply().end_with(long);
            }
            _ => {}
        }
    }
}

#[test]
fn attributes_over_the_limit_are_not_sent() {
    let limits = Limits { attributes_octets: 100, ..Limits::default() };
    let harness = Harness::<Probe<Describes>>::attach_with("kind: server", limits).unwrap();
    harness.open(begin()).recv(abort(CloseCode::Limit));
    let mut client = harness.open(begin_with([("a", "b")]));
    client.recv(begun());
    client.send(data("?"));
    harness.expect_open().recv(begin_with([("n", "short")]));
    client.recv(abort(CloseCode::Limit));
    client.recv_nothing();
}

/// Appends as many octets as it is told, whatever the credit; of nothing, it says so.
struct Appends;

impl Act for Appends {
    fn act(event: Event<'_>, _: &mut Vec<u8>, cx: &mut Context<'_>) {
        match event {
            Event::Accept(_) => cx.reply().begin(),
            Event::Data(data) => {
                let asked = data.payload.first().copied().map_or(0, usize::from);
                let written = if asked == 9 { crate::Written::Nothing } else { crate::Written::Last };
                let sent = cx.reply().piece_with(
                    true,
                    |attributes| attributes.push("type", "text"),
                    |octets, credit| {
                        octets.extend(std::iter::repeat_n(credit as u8, asked));
                        written
                    },
                );
                assert_eq!(sent.is_some(), asked != 9);
            }
            _ => {}
        }
    }
}

#[test]
fn what_is_appended_as_a_piece_is_cut_at_the_credit() {
    let mut client = open::<Appends>(little(5));
    let piece = |payload: &[u8]| message(payload).with([("type", "text")]);
    client.send(data([2]));
    client.recv(piece(&[5, 5]));
    client.send(data([9]));
    client.recv_nothing();
    client.send(data([4]));
    client.recv(piece(&[3, 3, 3]));
    client.send(data([0]));
    client.recv(piece(&[]));
    assert_eq!(client.granted(), 0);
}

/// Sends what it gets as a message with an attribute, staged once and sent twice, then a part of it as far as credit
/// goes. Asked again, it tries what was staged then.
struct Stages;

thread_local! {
    static STAGED: std::cell::Cell<Option<crate::Staged>> = const { std::cell::Cell::new(None) };
}

impl Act for Stages {
    fn act(event: Event<'_>, _kept: &mut Vec<u8>, cx: &mut Context<'_>) {
        match event {
            Event::Accept(_) => cx.reply().begin(),
            Event::Data(data) => {
                if let Some(old) = STAGED.take() {
                    assert!(!cx.is_staged(old));
                    assert_eq!(cx.reply().staged(old, 0, false, false), 0, "its call is over");
                    return;
                }
                let mut block = Vec::new();
                AttributesWriter::new(&mut block).push("a", "b");
                let staged = cx.stage(Attributes::new(&block), &data.payload).unwrap();
                STAGED.set(Some(staged));
                assert_eq!(cx.reply().staged(staged, 0, true, true), 4);
                assert_eq!(cx.reply().staged(staged, 0, true, true), 4);
                assert_eq!(cx.reply().staged(staged, 1, true, true), 2, "there is no more credit");
                assert_eq!(cx.reply().staged(staged, 3, true, true), 0);
                assert!(
                    cx.stage(Attributes::new(&vec![0; 1 << 17]), b"").is_none(),
                    "the host takes no such block"
                );
            }
            Event::Window => {
                let staged = STAGED.get().filter(|staged| cx.is_staged(*staged));
                assert_eq!(staged, None);
            }
            _ => {}
        }
    }
}

#[test]
fn what_is_staged_goes_out_any_number_of_times_within_its_call() {
    let mut client = open::<Stages>(little(10));
    client.send(data("0123"));
    for _ in 0..2 {
        client.recv(data("0123").init().fin().with([("a", "b")]));
    }
    // Neither the beginning of the message nor its end.
    client.recv(data("12"));
    client.send(window(4));
    client.send(data("again"));
    client.recv_nothing();
}
