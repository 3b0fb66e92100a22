//! Frames that no well-behaved plugin sends.

use super::neighbour::Street;
use std::collections::BTreeMap;
use zilla_tests::client::End;
use zilla_tests::{Client, Line};

/// Waits for the line about a broken rule.
#[track_caller]
fn wait_for_rule(street: &Street, rule: &str) -> Line {
    street.host.log().wait_for(rule, |line| is_about(line, rule))
}

fn is_about(line: &Line, rule: &str) -> bool {
    line.is("WARN", "a plugin broke the rules of frames")
        && line.field("binding") == "test:guest"
        && line.field("rule") == rule
}

/// Memory that a flood may find the host to have grown by.
const FLOOD_KIB_MAX: u64 = 96 << 10;

#[test]
fn payload_past_the_credit_never_reaches_a_peer() {
    let street = Street::new("overrun");
    let mut bystander = street.guest();
    street.disturb(|| {
        let mut guest = street.guest();
        guest.send("overrun");
        guest.expect_reset();
    });
    // It was no trap: the instance and its other streams go on.
    bystander.echo("still there");
    wait_for_rule(&street, "the payload exceeds the credit");
}

#[test]
fn a_forgery_that_harms_nobody_is_dropped_and_named() {
    let street = Street::with_exit("forge");
    let mut guest = street.guest();
    let mut told = BTreeMap::<_, usize>::new();
    for (forgery, rule) in [
        ("data on a foreign id", "the stream is not open"),
        ("end of a foreign id", "the stream is not open"),
        ("window on a foreign id", "the stream is not open"),
        ("data on 0", "the stream is not open"),
        ("begin on an odd id", "the stream is not open"),
        ("begin on a huge id", "an opened stream needs a free even id below twice the streams limit"),
        ("begin on 0", "an opened stream needs a free even id below twice the streams limit"),
        ("begin twice", "the direction has begun already"),
        ("a signal", "only the host sends this kind of frame"),
        ("a drain", "only the host sends this kind of frame"),
        ("a forward to nowhere", "the link cannot be forwarded to"),
        ("nine timers", "the stream has as many timers as it may have"),
    ] {
        guest.echo(forgery);
        guest.echo("well?");
        let times = told.entry(rule).or_default();
        *times += 1;
        let is_it = |line: &Line| is_about(line, rule) && line.field("count") == "1";
        street.host.log().wait_for_count(forgery, *times, is_it);
    }
    street.disturb(|| guest.echo("well!"));
}

#[test]
fn a_forgery_that_endangers_its_peer_closes_its_own_stream() {
    let street = Street::with_exit("forge");
    let mut bystander = street.guest();
    for (forgery, rule) in [
        ("a payload out of bounds", "attributes or payload lie outside the octets"),
        ("a length out of bounds", "attributes or payload lie outside the octets"),
        ("attributes out of bounds", "attributes or payload lie outside the octets"),
        ("borrowed out of bounds", "attributes or payload lie outside the octets"),
        ("malformed attributes", "the attribute block is malformed or too long"),
        ("attributes with a tail", "the attribute block is malformed or too long"),
        ("long attributes", "the attribute block is malformed or too long"),
    ] {
        street.disturb(|| {
            let mut guest = street.guest();
            guest.send(forgery);
            let (received, end) = guest.recv_to_end();
            assert!(forgery.as_bytes().starts_with(&received), "{}", received.escape_ascii());
            assert_eq!(end, End::Reset);
        });
        wait_for_rule(&street, rule);
        bystander.echo(forgery.to_uppercase());
    }
}

/// Says one word to the guest, and expects that it is answered.
fn flood(guest: &mut Client, word: &str) {
    guest.echo(word);
    guest.echo("well?");
}

#[test]
fn a_flood_of_credit_moves_nothing_but_what_there_is() {
    let street = Street::with_exit("flood");
    street.disturb(|| flood(&mut street.guest(), "windows"));
}

#[test]
fn a_flood_of_timers_is_a_few_signals() {
    let street = Street::with_exit("flood");
    street.disturb(|| flood(&mut street.guest(), "timers"));
}

#[test]
fn a_flood_of_nonsense_is_one_line_of_the_log() {
    let street = Street::with_exit("flood");
    street.disturb(|| flood(&mut street.guest(), "rubbish"));
    let line = wait_for_rule(&street, "the stream is not open");
    assert_eq!(line.field("count"), "100000");
    let is_broken = |line: &Line| line.is("WARN", "a plugin broke the rules of frames");
    assert_eq!(street.host.log().matching(is_broken).len(), 1);
}

#[test]
fn a_flood_of_streams_ends_at_the_limit() {
    let street = Street::with_exit("flood");
    let before = street.host.rss_kib();
    street.disturb(|| flood(&mut street.guest(), "opens"));
    wait_for_rule(&street, "an opened stream needs a free even id below twice the streams limit");
    let peak = street.host.rss_peak_kib().saturating_sub(before);
    assert!(peak < FLOOD_KIB_MAX, "the host grew by {peak} KiB");
}

#[test]
fn a_flood_of_advisories_closes_its_own_stream_at_the_limit() {
    let street = Street::with_exit("flood");
    for word in ["flushes", "challenges"] {
        let before = street.host.rss_kib();
        street.disturb(|| {
            let mut guest = street.guest();
            guest.send(word);
            let (received, _) = guest.recv_to_end();
            assert!(word.as_bytes().starts_with(&received));
        });
        let peak = street.host.rss_peak_kib().saturating_sub(before);
        assert!(peak < FLOOD_KIB_MAX, "the host grew by {peak} KiB");
    }
    let is_met = |line: &Line| line.is("WARN", "a limit was met");
    assert_eq!(street.host.log().wait_for("a limit", is_met).field("limit"), "queued-frames");
}
