//! Messages keep their flags and attributes, and are not mixed.

use crate::{CREDIT, Town};
use zilla_sdk::testing::*;

#[test]
fn flags_and_attributes_are_kept_both_ways() {
    let mut town = Town::new(2);
    let text = message("hello").with([("type", "text")]);
    town.members[0].send(text.clone());
    town.exit.recv(text.clone());
    town.exit.send(text.clone());
    town.all_recv(&text);
    town.exit.send(message(""));
    town.all_recv(&message(""));
}

#[test]
fn a_message_in_pieces_goes_out_when_it_is_whole() {
    let mut town = Town::new(2);
    town.members[0].send(data("one ").init().with([("type", "text")]));
    town.exit.recv_nothing();
    // Nobody waits for it.
    town.members[1].send(message("quick"));
    town.exit.recv(message("quick"));
    town.members[0].send_all([data("and "), data("the same").fin()]);
    town.exit.recv(data("one and the same").init().fin().with([("type", "text")]));
}

#[test]
fn pieces_with_attributes_of_their_own_keep_them() {
    let mut town = Town::new(1);
    let pieces = [data("a").init().with([("n", "1")]), data("b").with([("n", "2")]), data("c").fin()];
    town.members[0].send_all(pieces.clone());
    town.exit.recv(pieces[0].clone());
    town.exit.recv(data("bc").fin().with([("n", "2")]));
    town.exit.send_all(pieces.clone());
    town.members[0].recv(pieces[0].clone());
    town.members[0].recv(data("bc").fin().with([("n", "2")]));
}

#[test]
fn messages_are_not_mixed_while_the_exit_takes_little() {
    let mut town = Town::new(3);
    town.members[0].send_payload(vec![b'x'; CREDIT]);
    town.exit.recv_all();
    let words = ["aaaaaaaa", "bbbbbbbb"];
    town.members[1].send(data("aaaa").init());
    town.members[2].send(data("bbbb").init());
    town.members[1].send(data("aaaa").fin());
    town.members[2].send(data("bbbb").fin());
    for word in words {
        town.exit.send(window(3));
        town.exit.recv(data(&word[..3]).init());
        town.exit.send(window(5));
        town.exit.recv(data(&word[3..]).fin());
    }
    town.exit.recv_nothing();
}

#[test]
fn a_message_longer_than_the_credit_is_gathered() {
    let mut town = Town::new(1);
    let octets: Vec<u8> = (0..200_000_u32).map(|octet| octet as u8).collect();
    let (head, rest) = octets.split_at(CREDIT);
    town.members[0].send(data(head).init());
    town.members[0].send_payload(rest);
    town.members[0].send(data("").fin());
    town.exit.grant_all();
    let mut received = Vec::new();
    while received.len() < octets.len() {
        let piece = town.exit.recv_any();
        assert_eq!(piece.kind, FrameKind::Data);
        received.extend(piece.payload);
    }
    assert!(received == octets);
}

#[test]
fn a_message_that_is_never_finished_is_never_sent() {
    let mut town = Town::new(2);
    town.members[0].send_all([data("half").init(), abort(CloseCode::Cancelled), reset(CloseCode::Cancelled)]);
    town.members[1].send(message("whole"));
    town.exit.recv(message("whole"));
    town.exit.recv_nothing();
}

#[test]
fn who_joins_in_the_middle_of_a_message_gets_the_next_one() {
    let mut town = Town::new(1);
    town.exit.send(data("first ").init());
    let late = town.join();
    town.exit.send_all([data("half").fin(), message("second")]);
    town.members[0].recv(data("first half").init().fin());
    town.members[0].recv(message("second"));
    town.members[late].recv(message("second"));
    town.all_recv_nothing();
}

#[test]
fn two_beginnings_of_one_message_are_a_violation() {
    let mut town = Town::new(2);
    town.members[0].send_all([data("a").init(), data("b").init()]);
    town.members[0].recv(abort(CloseCode::Violation));
    town.members[0].recv(reset(CloseCode::Violation));
    town.members[1].send(message("and on"));
    town.exit.recv(message("and on"));
}
