//! Who leaves, and what ends with whom.

use crate::{CREDIT, Town};
use binding_fan::{END_MS, Fan, LEAVE_MS};
use zilla_sdk::testing::*;

#[test]
fn a_member_that_ends_hears_its_last_words_and_is_ended_and_others_go_on() {
    let mut town = Town::new(2);
    town.members[0].send_all([data("bye"), end()]);
    town.exit.recv(data("bye"));
    town.exit.send(data("bye"));
    town.all_recv(&data("bye"));
    town.harness.advance(LEAVE_MS - 1);
    town.members[0].recv_nothing();
    town.harness.advance(1);
    town.members[0].recv(end());
    assert!(town.members[0].is_over());
    town.exit.send(data("on"));
    town.members[0].recv_nothing();
    town.members[1].recv(data("on"));
}

#[test]
fn a_member_that_breaks_off_is_over_at_once() {
    for frame in [abort(CloseCode::Cancelled), reset(CloseCode::Cancelled)] {
        let mut town = Town::new(2);
        town.members[0].send(frame);
        assert!(town.members[0].is_over());
        town.exit.send(data("on"));
        town.members[1].recv(data("on"));
        town.exit.recv_nothing();
    }
}

#[test]
fn the_group_ends_with_its_last_member_and_begins_anew_with_the_next() {
    let mut town = Town::new(2);
    for index in [0, 1] {
        town.members[index].send(end());
        town.harness.advance(LEAVE_MS);
        town.members[index].recv(end());
    }
    town.exit.recv(end());
    town.exit.recv(reset(CloseCode::Cancelled));
    assert!(town.exit.is_over());
    assert_eq!(town.harness.streams(), 0);
    let mut next = town.harness.open(begin());
    let mut exit = town.harness.expect_open();
    exit.recv(begin());
    exit.send_all([begun(), data("hello")]);
    next.recv(begun());
    next.recv(data("hello"));
}

#[test]
fn what_the_last_member_said_reaches_the_exit_before_the_end() {
    let mut town = Town::new(1);
    town.members[0].send_payload(vec![b'x'; CREDIT]);
    town.members[0].send_all([data("last words"), end()]);
    town.exit.recv_data_all();
    town.harness.advance(LEAVE_MS);
    town.members[0].recv(end());
    town.exit.recv_nothing();
    town.exit.send(window(100));
    town.exit.recv(data("last words"));
    town.exit.recv(end());
    town.exit.recv(reset(CloseCode::Cancelled));
    assert_eq!(town.harness.streams(), 0);
}

#[test]
fn an_exit_that_does_not_take_the_last_words_is_left() {
    let mut town = Town::new(1);
    town.members[0].send_payload(vec![b'x'; CREDIT]);
    town.members[0].send_all([data("last words"), end()]);
    town.harness.advance(LEAVE_MS);
    town.exit.recv_data_all();
    town.harness.advance(END_MS - 1);
    town.exit.recv_nothing();
    town.harness.advance(1);
    town.exit.recv(abort(CloseCode::Timeout));
    town.exit.recv(reset(CloseCode::Timeout));
    assert_eq!(town.harness.streams(), 0);
}

#[test]
fn the_end_of_the_exit_is_the_end_of_all() {
    let mut town = Town::new(3);
    town.exit.send_all([data("bye"), end_with([("why", "over")])]);
    town.all_recv(&data("bye"));
    for member in &mut town.members {
        member.recv(end_with([("why", "over")]));
        member.recv(reset(CloseCode::Cancelled));
        assert!(member.is_over());
    }
    town.exit.recv(end());
    assert_eq!(town.harness.streams(), 0);
}

#[test]
fn who_comes_while_the_group_ends_is_refused() {
    let mut town = Town::new(1);
    // Somebody has still to take what was said.
    town.exit.send(data(vec![b'x'; CREDIT]));
    town.exit.send_all([data("more"), end()]);
    let mut late = town.harness.open(begin());
    late.recv(abort(CloseCode::Refused));
    late.recv(reset(CloseCode::Refused));
    town.members[0].recv_data_all();
    town.members[0].send(window(100));
    town.members[0].recv(data("more"));
    town.members[0].recv(end());
}

#[test]
fn who_does_not_take_the_end_is_closed_in_time() {
    let mut town = Town::new(2);
    town.exit.send(data(vec![b'x'; CREDIT]));
    town.members[1].send(window(100));
    town.exit.send_all([data("more"), end()]);
    town.members[1].recv_data_all();
    town.members[1].recv(end());
    town.harness.advance(END_MS - 1);
    town.members[0].recv_data_all();
    town.members[0].recv_nothing();
    town.harness.advance(1);
    town.members[0].recv(abort(CloseCode::Timeout));
    assert_eq!(town.harness.streams(), 0);
}

#[test]
fn who_leaves_and_does_not_take_what_is_left_is_closed_in_time() {
    let mut town = Town::new(2);
    town.exit.send(data(vec![b'x'; CREDIT]));
    town.members[1].send(window(100));
    town.exit.send(data("more"));
    town.members[0].send(end());
    town.harness.advance(LEAVE_MS);
    // What comes from now on is not for it.
    town.exit.send(data("news"));
    town.harness.advance(END_MS - 1);
    assert_eq!(town.members[0].recv_data_all().len(), CREDIT);
    town.members[0].recv_nothing();
    town.harness.advance(1);
    town.members[0].recv(abort(CloseCode::Timeout));
    assert!(town.members[0].is_over());

    town.members[1].recv_data_all();
    town.members[1].send(end());
    town.harness.advance(LEAVE_MS);
    town.members[1].recv(end());
    assert_eq!(town.harness.streams(), 0);
}

#[test]
fn codes_of_the_exit_reach_all() {
    for code in [CloseCode::Unreachable, CloseCode::Crashed] {
        let mut town = Town::new(3);
        town.exit.refuse(code);
        town.all_recv(&abort(code));
        town.all_recv(&reset(code));
        assert_eq!(town.harness.streams(), 0);
        town.harness.open(begin());
        town.harness.expect_open();
    }
}

#[test]
fn an_exit_that_is_refused_at_once_refuses() {
    let harness = Harness::<Fan>::attach("{kind: server, exit: echo}").unwrap();
    let mut member = harness.open(begin());
    harness.expect_open().refuse(CloseCode::NoRoute);
    member.recv(abort(CloseCode::NoRoute));
    member.recv(reset(CloseCode::NoRoute));
    assert_eq!(harness.streams(), 0);
}
