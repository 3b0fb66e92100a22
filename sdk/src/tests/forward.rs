//! Runs of payload that the host moves; see [`Context::forward`].

use super::probe::{Act, Event, Probe};
use super::relay::Relay;
use crate::prelude::*;
use crate::testing::*;

/// A client and the exit of a relay, both begun.
fn relay(limits: Limits) -> (Harness<Relay>, Peer, Peer) {
    let harness = Harness::<Relay>::attach_with("kind: proxy", limits).unwrap();
    let mut client = harness.open(begin());
    let mut exit = harness.expect_open();
    exit.recv(begin());
    exit.send(begun());
    client.recv(begun());
    (harness, client, exit)
}

fn little() -> Limits {
    Limits { initial_credit: 10, ..Limits::default() }
}

fn run(octets: u64) -> Frame {
    flush([("run", octets.to_string())])
}

fn done() -> Frame {
    flush([("run", "done")])
}

#[test]
fn a_run_does_not_enter_the_plugin() {
    let (harness, mut client, mut exit) = relay(little());
    client.send(run(8));
    client.send(data("12345"));
    assert_eq!(client.credit(), 10, "the host gives back what it moved");
    exit.recv(data("12345"));
    client.send(data("678rest"));
    exit.recv(data("678"));
    exit.recv(done());
    exit.recv(data("re"));
    let moved = harness.transcript().lines().filter(|line| line.contains('⇒')).count();
    assert_eq!(moved, 2);
}

#[test]
fn what_came_with_the_same_call_goes_along_the_run() {
    let (_harness, mut client, mut exit) = relay(Limits::default());
    client.send_all([data("a"), run(6), data("123"), data("456b"), end()]);
    exit.recv(data("a123456"));
    exit.recv(done());
    exit.recv(data("b"));
    exit.recv(end());
}

#[test]
fn what_came_with_the_same_call_waits_for_credit() {
    let (harness, mut client, mut exit) = relay(little());
    client.send(data("01234567"));
    client.send_all([run(100), data("89ab"), flush([("a", "1")]), data("cdef"), end()]);
    exit.recv(data("0123456789"));
    exit.recv_nothing();
    exit.send(window(4));
    exit.recv(data("abcd"));
    exit.recv_nothing();
    exit.send(window(4));
    exit.recv(data("ef"));
    exit.recv(end());
    let transcript = harness.transcript();
    assert!(!transcript.contains("forward"), "it never became the host's: {transcript}");
}

#[test]
fn a_run_waits_for_credit_in_the_host() {
    let (_harness, mut client, mut exit) = relay(little());
    client.send(run(15));
    client.send(data("0123456789"));
    client.send(data("abcdefgh"));
    exit.recv(data("0123456789"));
    exit.recv_nothing();
    exit.send(window(20));
    exit.recv(data("abcde"));
    exit.recv(done());
    exit.recv(data("fgh"));
}

#[test]
fn a_run_is_cut_short_when_its_sender_ends() {
    let (_harness, mut client, mut exit) = relay(little());
    client.send(run(15));
    client.send_all([data("abc"), end()]);
    exit.recv(data("abc"));
    exit.recv(end());
    exit.recv_nothing();
}

#[test]
fn an_abort_does_not_wait_for_credit() {
    let (harness, mut client, mut exit) = relay(little());
    client.send(run(30));
    client.send(data("0123456789"));
    client.send(data("abc"));
    client.send(abort(CloseCode::Timeout));
    exit.recv(data("0123456789"));
    exit.recv(abort(CloseCode::Timeout));
    assert!(
        harness
            .transcript()
            .ends_with(" → 1 forward 20\n → 1 data 3 octets \"abc\"\n → 1 abort Timeout\n ← 2 abort Timeout")
    );
}

#[test]
fn an_abort_in_the_same_call_does_not_wait_for_credit() {
    let (_harness, mut client, mut exit) = relay(little());
    client.send(data("01234567"));
    client.send_all([run(30), data("89abc"), abort(CloseCode::Timeout)]);
    exit.recv(data("0123456789"));
    exit.recv(abort(CloseCode::Timeout));
}

/// Forwards 9 octets from the accepted to an opened stream, tries to send there meanwhile, and writes down
/// what it gets.
struct Forwards;

impl Act for Forwards {
    fn act(event: Event<'_>, kept: &mut Vec<u8>, cx: &mut Context<'_>) {
        let (accepted, exit) = (cx.accepted(), cx.opened().first().copied());
        match (event, exit) {
            (Event::Accept(_), _) => {
                cx.reply().begin();
                cx.open(|_| {}).unwrap();
            }
            (Event::Data(data), Some(exit)) if kept.is_empty() => {
                kept.push(b':');
                assert!(cx.forward(accepted, exit, 9));
                assert!(!cx.forward(accepted, exit, 9), "one run at a time");
                assert!(!cx.forward(accepted, accepted, 0), "nothing is no run");
                assert_eq!(cx.to(exit).data_slice(b"between"), 0);
                cx.to(exit).flush_with(|_| {});
                match data.payload.as_slice() {
                    b"end" => cx.to(exit).end_with(|attributes| attributes.push("sum", "1")),
                    b"abort" => cx.to(exit).abort(CloseCode::Cancelled),
                    b"reset" => cx.request().reset(CloseCode::Cancelled),
                    _ => {}
                }
            }
            (Event::Data(data), _) => kept.extend_from_slice(&data.payload),
            (Event::Window, Some(exit)) if kept == b":" => {
                assert_eq!(cx.to(exit).credit(), 0);
            }
            (Event::Forwarded(missing), _) => {
                kept.extend_from_slice(format!(" missing {missing} ").as_bytes());
                let said = std::mem::replace(kept, b":".to_vec());
                cx.reply().data_slice(&said);
            }
            (Event::End, _) => {
                cx.reply().data_slice(&std::mem::take(kept));
                cx.reply().end();
                cx.close(CloseCode::Cancelled);
            }
            _ => {}
        }
    }
}

fn forwards() -> (Harness<Probe<Forwards>>, Peer, Peer) {
    let harness = Harness::<Probe<Forwards>>::attach_with("kind: server", little()).unwrap();
    let mut client = harness.open(begin());
    client.recv(begun());
    client.send(window(1_000));
    let mut exit = harness.expect_open();
    exit.recv(begin());
    (harness, client, exit)
}

#[test]
fn nothing_is_sent_where_a_run_goes() {
    let (_harness, mut client, mut exit) = forwards();
    client.send(data("?"));
    exit.send(window(5));
    client.send(data("12345"));
    exit.send(window(5));
    client.send(data("6789"));
    exit.recv(data("123456789"));
    client.recv(data(": missing 0 "));
}

#[test]
fn an_end_waits_for_the_run() {
    let (_harness, mut client, mut exit) = forwards();
    client.send(data("end"));
    exit.recv_nothing();
    client.send(data("1234567"));
    client.send(data("89"));
    exit.recv(data("123456789"));
    exit.recv(end_with([("sum", "1")]));
}

#[test]
fn an_end_is_not_sent_behind_a_run_that_is_cut_short() {
    let (_harness, mut client, mut exit) = forwards();
    client.send(data("end"));
    client.send_all([data("123"), end()]);
    exit.recv(data("123"));
    client.recv(data(": missing 6 :"));
    client.recv(end());
    exit.recv(abort(CloseCode::Cancelled));
}

#[test]
fn what_was_not_moved_comes_as_data_when_the_peer_resets() {
    let (_harness, mut client, mut exit) = forwards();
    client.send(data("?"));
    client.send_all([data("123456")]);
    exit.recv(data("123456"));
    exit.send(reset(CloseCode::Refused));
    client.recv(data(": missing 3 "));
    client.send_all([data("789"), end()]);
    client.recv(data(":789"));
}

#[test]
fn a_run_to_a_stream_that_the_plugin_aborts_is_over() {
    let (_harness, mut client, mut exit) = forwards();
    client.send_all([data("abort"), data("12345")]);
    exit.recv(abort(CloseCode::Cancelled));
    client.recv(data(": missing 9 "));
    client.send(end());
    client.recv(data(":12345"));
}

#[test]
fn resetting_a_run_before_the_host_has_it_frees_the_other_stream() {
    let (_harness, mut client, mut exit) = forwards();
    client.send_all([data("reset"), data("12345")]);
    client.recv(reset(CloseCode::Cancelled));
    client.recv_nothing();
    exit.recv_nothing();
}

/// Aborts where a run goes when the accepted stream gets credit.
struct AbortsLater;

impl Act for AbortsLater {
    fn act(event: Event<'_>, kept: &mut Vec<u8>, cx: &mut Context<'_>) {
        let (accepted, exit) = (cx.accepted(), cx.opened().first().copied());
        match (event, exit) {
            (Event::Accept(_), _) => {
                cx.reply().begin();
                cx.open(|_| {}).unwrap();
            }
            (Event::Data(_), Some(exit)) if kept.is_empty() => {
                kept.push(b':');
                assert!(cx.forward(accepted, exit, 99));
            }
            (Event::Data(data), _) => {
                cx.reply().pass_payload(data.payload);
            }
            (Event::Window, Some(exit)) if cx.stream() == accepted && !kept.is_empty() => {
                cx.to(exit).abort(CloseCode::Limit);
            }
            (Event::End, _) if cx.stream() == accepted => cx.reply().end(),
            _ => {}
        }
    }
}

#[test]
fn what_the_sdk_held_comes_back_when_the_plugin_aborts_the_other_stream() {
    let harness = Harness::<Probe<AbortsLater>>::attach_with("kind: server", little()).unwrap();
    let mut client = harness.open(begin());
    let mut exit = harness.expect_open();
    client.send(data("1"));
    client.recv(begun());
    client.send(data("2"));
    // The credit of the exit is used up by the host's part of the run.
    client.send(data("345678901"));
    exit.recv(begin());
    exit.recv(data("2345678901"));
    client.send(data("ab"));
    client.send(window(10));
    exit.recv(abort(CloseCode::Limit));
    client.recv(data("ab"));
}

/// A one-call run whose end the host has given while it still waits for credit.
#[test]
fn an_id_that_the_host_reuses_gives_up_what_is_held_of_it() {
    let (harness, mut client, mut exit) = relay(little());
    client.send(data("0123456789"));
    exit.recv(data("0123456789"));
    client.send_all([run(9), data("abc"), end()]);
    exit.recv_nothing();
    exit.send(end());
    client.recv(end());
    let mut next = harness.open(begin());
    assert_eq!(next.id(), client.id(), "for the host, the stream is over");
    exit.send(window(10));
    exit.recv(data("abc"));
    exit.recv(end());
    harness.expect_open().send(begun());
    next.recv(begun());
    assert_eq!(harness.streams(), 1);
}
