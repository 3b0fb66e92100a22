//! Members that do not keep up.

use crate::{CREDIT, EXIT, Town, bare};
use binding_fan::{FRAMES_MAX, Fan};
use std::collections::BTreeMap;
use zilla_sdk::FrameFlags;
use zilla_sdk::testing::*;

/// Has the exit send octets while it is given credit for them, and the members take them, but for one.
fn flow(town: &mut Town, octets: usize, slow: usize) -> usize {
    let mut sent = 0;
    while sent < octets {
        let piece = (town.exit.credit() as usize).min(octets - sent).min(10_000);
        if piece == 0 {
            break;
        }
        town.exit.send(data(vec![b'x'; piece]));
        sent += piece;
        for (index, member) in town.members.iter_mut().enumerate() {
            if index != slow {
                member.recv_data_all();
                member.send(window(piece as u64));
            }
        }
    }
    sent
}

#[test]
fn one_that_is_too_far_behind_is_waited_for_and_then_dropped() {
    let mut town = Town::with("{behind: 100000, patience: 500}", 3);
    let sent = flow(&mut town, 10_000_000, 1);
    // What it may be behind, what it was sent, and what the exit has as credit.
    assert!((CREDIT + 100_000..=CREDIT + 100_000 + CREDIT).contains(&sent), "{sent}");
    town.harness.advance(499);
    assert!(town.members[1].can_send(), "there is patience with it");
    town.harness.advance(1);
    assert_eq!(town.members[1].recv_data_all().len(), CREDIT);
    town.members[1].recv(abort(CloseCode::Limit));
    town.members[1].recv(reset(CloseCode::Limit));
    assert_eq!(flow(&mut town, 1_000_000, 1), 1_000_000, "the others go on");
}

#[test]
fn who_catches_up_in_time_stays_and_who_does_it_by_half_measures_does_not() {
    for (left, stays) in [(50_000, true), (50_001, false), (100_000, false)] {
        let mut town = Town::with("{behind: 100000, patience: 500}", 2);
        let behind = flow(&mut town, 10_000_000, 1) - CREDIT;
        assert!(behind > 100_000);
        town.harness.advance(400);
        town.members[1].send(window((behind - left) as u64));
        town.harness.advance(100);
        assert_eq!(town.members[1].can_send(), stays, "{left} octets are left");
        assert!(town.exit.credit() > 0, "nobody waits any longer");
    }
}

#[test]
fn one_that_catches_up_gets_everything() {
    let mut town = Town::with("{behind: 100000}", 2);
    flow(&mut town, CREDIT + 90_000, 1);
    town.members[1].auto_window();
    town.members[1].send(window(50_000));
    town.members[1].send(window(100_000));
    assert_eq!(town.members[1].recv_data_all().len(), CREDIT + 90_000);
    flow(&mut town, 500_000, 9);
    assert!(town.members[1].can_send());
}

#[test]
fn all_wait_for_one_if_so_told() {
    let mut town = Town::with("{behind: 100000, slow: wait}", 2);
    let sent = flow(&mut town, 10_000_000, 1);
    // What it may be behind, what it was sent, and what the exit has as credit.
    assert!((CREDIT + 100_000..=CREDIT + 100_000 + CREDIT).contains(&sent), "{sent}");
    assert!(town.members[1].can_send());
    town.members[1].grant_all();
    assert_eq!(town.members[1].recv_data_all().len(), sent);
    town.members[1].auto_window();
    assert_eq!(flow(&mut town, 1_000_000, 9), 1_000_000);
}

#[test]
fn small_pieces_count_by_their_number_too() {
    let mut town = Town::new(2);
    town.exit.send(data(vec![b'x'; CREDIT]));
    for member in &mut town.members {
        member.recv_data_all();
    }
    town.members[0].grant_all();
    let most = binding_fan::PIECES_BEHIND_MAX as usize;
    for _ in 0..most {
        town.exit.send(message("a"));
    }
    town.harness.advance(2_000);
    assert!(town.members[1].can_send());
    town.exit.send(message("a"));
    town.harness.advance(1_000);
    town.members[1].recv(abort(CloseCode::Limit));
    assert!(town.members[0].can_send());
}

#[test]
fn nobody_is_waited_for_forever_where_nothing_else_is_a_bound() {
    let mut town = Town::with("{slow: wait}", 2);
    town.exit.send(data(vec![b'x'; CREDIT]));
    town.members[1].recv_data_all();
    town.members[0].grant_all();
    town.exit.send(message("a"));
    let most = 8 * binding_fan::PIECES_BEHIND_MAX as usize;
    town.exit.send_all((1..most).map(|_| message("")));
    assert!(town.members[1].can_send());
    town.exit.send_all([message(""), message("")]);
    town.members[1].recv(abort(CloseCode::Limit));
    assert!(town.members[0].can_send());
}

#[test]
fn who_leaves_takes_what_it_was_behind_along() {
    let mut town = Town::with("{slow: wait, behind: 1000}", 2);
    let sent = flow(&mut town, 10_000_000, 1);
    town.members[1].send(abort(CloseCode::Cancelled));
    assert!(town.members[1].is_over());
    let more = flow(&mut town, 1_000_000, 9);
    assert_eq!(more, 1_000_000, "after {sent}");
}

#[test]
fn an_answer_has_so_many_frames_and_the_rest_comes_next() {
    const MEMBERS: u32 = 40;
    let harness = Harness::<Fan>::attach("{kind: server, exit: echo}").unwrap();
    let begins: Vec<_> = (0..MEMBERS).map(|index| bare(index << 1 | 1, FrameKind::Begin)).collect();
    harness.deliver(&begins, &[]);
    harness.deliver(&[bare(EXIT, FrameKind::Begin)], &[]);
    let messages = 2 * FRAMES_MAX / MEMBERS as usize;
    let flags = FrameFlags::INIT | FrameFlags::FIN;
    let message = zilla_sdk::Frame { payload: 64, flags, ..bare(EXIT, FrameKind::Data) };
    let mut answer = harness.deliver(&vec![message; messages], &[b'a'; 64]);
    let (mut got, mut calls) = (BTreeMap::<_, usize>::new(), 0);
    while answer.frames.iter().any(|frame| frame.kind == FrameKind::Data) {
        calls += 1;
        let data: Vec<_> = answer.frames.iter().filter(|frame| frame.kind == FrameKind::Data).collect();
        assert!(data.len() <= FRAMES_MAX);
        data.iter().for_each(|frame| *got.entry(frame.stream).or_default() += 1);
        let has_window =
            answer.frames.iter().any(|frame| (frame.stream, frame.kind) == (EXIT, FrameKind::Window));
        assert_eq!(has_window, calls == 2, "until all were asked, the exit waits");
        answer = harness.deliver(&[bare(EXIT, FrameKind::Signal)], &[]);
    }
    assert_eq!(calls, 2);
    assert!(got.len() == MEMBERS as usize && got.values().all(|count| *count == messages), "{got:?}");
}
