//! What a member can take up.

use crate::{CREDIT, Town};
use binding_fan::{HELD_OCTETS_MAX, MESSAGE_PIECES_MAX, WAITING_PIECES_MAX};
use zilla_sdk::testing::*;

#[track_caller]
fn expect_limit(member: &mut Peer) {
    member.recv(abort(CloseCode::Limit));
    member.recv(reset(CloseCode::Limit));
    assert!(member.is_over());
}

#[test]
fn a_message_that_is_too_long_costs_its_sender_the_stream() {
    let mut town = Town::with("{message: 1000}", 2);
    town.members[0].send_all([data(vec![b'a'; 999]).init(), data("a").fin()]);
    assert_eq!(town.exit.recv_any().payload.len(), 1000);
    town.members[0].send_all([data(vec![b'a'; 1000]).init(), data("a")]);
    expect_limit(&mut town.members[0]);
    town.members[1].send(message("fine"));
    town.exit.recv(message("fine"));
}

#[test]
fn a_message_of_one_piece_may_be_as_long_as_a_piece() {
    let mut town = Town::with("{message: 1000}", 1);
    town.members[0].send(message(vec![b'a'; 5000]));
    assert_eq!(town.exit.recv_any().payload.len(), 5000);
}

#[test]
fn a_message_of_too_many_pieces_with_attributes_costs_its_sender_the_stream() {
    let mut town = Town::new(1);
    let piece = || data("a").with([("n", "1")]);
    town.members[0].send(piece().init());
    for _ in 1..MESSAGE_PIECES_MAX {
        town.members[0].send(piece());
    }
    assert!(town.members[0].can_send());
    town.members[0].send(piece());
    expect_limit(&mut town.members[0]);
}

#[test]
fn too_many_small_pieces_that_wait_cost_their_sender_the_stream() {
    let mut town = Town::new(2);
    town.members[1].send_payload(vec![b'x'; CREDIT]);
    for _ in 0..WAITING_PIECES_MAX {
        town.members[0].send(message("a"));
    }
    assert!(town.members[0].can_send());
    town.members[0].send(message("a"));
    expect_limit(&mut town.members[0]);
    assert!(town.members[1].can_send());
    // Those that were whole are heard.
    town.exit.recv_data_all();
    town.exit.send(window(1000));
    town.exit.recv(message("a"));
}

#[test]
fn what_a_group_holds_is_bounded_and_who_goes_past_it_is_reset() {
    let count = HELD_OCTETS_MAX / CREDIT;
    let mut town = Town::new(count + 2);
    town.members[0].send_payload(vec![b'x'; CREDIT]);
    for index in 1..=count {
        town.members[index].send(data(vec![b'x'; CREDIT]));
        assert!(town.members[index].can_send());
    }
    town.members[count + 1].send(data("one octet more"));
    expect_limit(&mut town.members[count + 1]);
    // Who leaves lets go of what it had not said as a whole, and what is sent is no longer held.
    town.exit.recv_data_all();
    town.exit.send(window(CREDIT as u64));
    town.members[1].send(data("again"));
    assert!(town.members[1].can_send());
}

#[test]
fn what_is_gathered_counts_until_its_sender_leaves() {
    const MESSAGE: usize = HELD_OCTETS_MAX / 2;
    let mut town = Town::with(&format!("{{message: {MESSAGE}}}"), 4);
    for member in &mut town.members[..2] {
        member.send(data("").init());
        member.send_payload(vec![b'x'; MESSAGE]);
    }
    town.members[2].send(data("a").init());
    expect_limit(&mut town.members[2]);
    town.members[0].send_all([abort(CloseCode::Cancelled), reset(CloseCode::Cancelled)]);
    town.members[3].send(data("a").init());
    town.members[3].send_all([data("b").fin()]);
    town.exit.recv(message("ab"));
}

#[test]
fn credit_is_given_ahead_for_one_message_only() {
    let mut town = Town::new(2);
    town.members[0].send_payload(vec![b'x'; CREDIT]);
    town.members[1].send(message("waits"));
    town.members[1].send(data(vec![b'y'; 40_000]).init());
    assert_eq!(town.members[1].credit() as usize, CREDIT - 5 - 40_000);
    // It is given back when both are with the exit.
    town.exit.recv_data_all();
    town.members[1].send(data("").fin());
    town.exit.send(window(100_000));
    assert_eq!(town.members[1].credit() as usize, CREDIT);
}

#[test]
fn pieces_that_were_sent_wait_no_longer() {
    let mut town = Town::new(1);
    town.members[0].send_payload(vec![b'x'; CREDIT]);
    for _ in 0..3 {
        for _ in 0..WAITING_PIECES_MAX {
            town.members[0].send(message("a"));
        }
        town.exit.send(window(WAITING_PIECES_MAX as u64));
        town.exit.recv_all();
    }
    assert!(town.members[0].can_send());
}

#[test]
fn who_comes_under_the_id_of_one_who_has_left_is_not_given_its_credit() {
    let mut town = Town::new(2);
    town.members[0].send_payload(vec![b'x'; CREDIT]);
    town.members[1].send(data(vec![b'y'; CREDIT]));
    let id = town.members[1].id();
    town.members[1].send_all([abort(CloseCode::Cancelled), reset(CloseCode::Cancelled)]);
    let next = town.join();
    assert_eq!(town.members[next].id(), id, "hosts reuse ids");
    town.exit.send(window(CREDIT as u64));
    assert_eq!(town.members[next].credit() as usize, CREDIT);
}
