//! What has no flags is passed as it comes.

use crate::{CREDIT, EXIT, Town, bare};
use zilla_sdk::testing::*;

#[test]
fn what_one_member_says_goes_to_the_exit_and_what_that_says_to_all() {
    let mut town = Town::new(3);
    town.members[1].send(data("hello"));
    town.exit.recv(data("hello"));
    town.exit.send(data("world"));
    town.all_recv(&data("world"));
    town.exit.send(flush([("id", "1")]));
    town.all_recv(&flush([("id", "1")]));
    town.members[2].send(flush([("id", "2")]));
    town.exit.recv(flush([("id", "2")]));
}

#[test]
fn members_of_another_route_are_another_group() {
    let harness =
        Harness::<binding_fan::Fan>::attach("{kind: server, routes: [{exit: a}, {exit: b}]}").unwrap();
    let frame = |stream, route| zilla_sdk::Frame { link: route, ..bare(stream, FrameKind::Begin) };
    let answer = harness.deliver(&[frame(1, 0), frame(3, 1), frame(5, 0), frame(7, 1)], &[]);
    let opened: Vec<_> = answer.frames.iter().map(|frame| (frame.stream, frame.link)).collect();
    assert_eq!(opened, [(2, 1), (4, 3)], "one stream for each route, on behalf of who came first");
    assert_eq!(harness.streams(), 2);
}

#[test]
fn one_payload_is_in_the_answer_once_for_any_number_of_members() {
    const MEMBERS: u32 = 100;
    let harness = Harness::<binding_fan::Fan>::attach("{kind: server, exit: echo}").unwrap();
    let begins: Vec<_> = (0..MEMBERS).map(|index| bare(index << 1 | 1, FrameKind::Begin)).collect();
    harness.deliver(&begins, &[]);
    harness.deliver(&[bare(EXIT, FrameKind::Begin)], &[]);
    let payload = [7; 1000];
    let answer =
        harness.deliver(&[zilla_sdk::Frame { payload: 1000, ..bare(EXIT, FrameKind::Data) }], &payload);
    let data = answer.frames.iter().filter(|frame| frame.kind == FrameKind::Data);
    let places: Vec<_> = data.map(|frame| (frame.offset, frame.payload)).collect();
    assert_eq!(places, [(0, 1000); MEMBERS as usize]);
    assert_eq!(answer.octets, payload);
}

#[test]
fn pieces_wait_in_the_order_in_which_they_came_while_the_exit_takes_none() {
    let mut town = Town::new(3);
    town.members[0].send_payload(vec![b'x'; CREDIT]);
    assert_eq!(town.exit.recv_data_all().len(), CREDIT);
    town.members[1].send(data("one "));
    town.members[2].send(data("two "));
    town.members[1].send_all([data("three "), data("four ")]);
    town.exit.recv_nothing();
    // In the middle of a piece, nobody else is heard.
    town.exit.send(window(2));
    town.exit.recv(data("on"));
    town.exit.send(window(1000));
    town.exit.recv(data("e two three four "));
}

#[test]
fn a_member_is_given_credit_back_as_the_exit_takes() {
    let mut town = Town::new(2);
    town.members[0].send_payload(vec![b'x'; CREDIT]);
    assert_eq!(town.members[0].credit(), CREDIT as u64, "all of it was passed on");
    town.members[1].send(data(vec![b'y'; CREDIT]));
    assert_eq!(town.members[1].credit(), 0, "nothing of it was");
    town.exit.recv_all();
    town.exit.send(window(CREDIT as u64 / 2));
    assert_eq!(town.members[1].credit(), CREDIT as u64 / 2);
}

#[test]
fn who_joins_gets_what_comes_from_then_on() {
    let mut town = Town::new(1);
    town.exit.send(data("before "));
    let late = town.join();
    town.exit.send(data("after"));
    town.members[0].recv(data("before after"));
    town.members[late].recv(data("after"));
    // Also in one and the same call.
    let mut last = None;
    town.harness.batch(|| {
        town.exit.send(data("old"));
        last = Some(town.harness.open(begin()));
        town.exit.send(data("new"));
    });
    let mut last = last.unwrap();
    last.recv_begin();
    last.recv(data("new"));
    last.recv_nothing();
    town.all_recv(&data("oldnew"));
}

#[test]
fn who_comes_before_the_exit_has_begun_is_begun_with_it() {
    let harness = Harness::<binding_fan::Fan>::attach("{kind: server, exit: echo}").unwrap();
    let (mut one, mut other) = (harness.open(begin()), harness.open(begin()));
    let mut exit = harness.expect_open();
    exit.recv(begin());
    one.send(data("early"));
    exit.recv(data("early"));
    one.recv_nothing();
    exit.send(begun_with([("a", "b")]));
    one.recv(begun_with([("a", "b")]));
    other.recv(begun_with([("a", "b")]));
}
