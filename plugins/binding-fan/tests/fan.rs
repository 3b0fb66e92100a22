//! Scripts of frames for the `fan` binding.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

#[path = "fan/ends.rs"]
mod ends;
#[path = "fan/limits.rs"]
mod limits;
#[path = "fan/messages.rs"]
mod messages;
#[path = "fan/pieces.rs"]
mod pieces;
#[path = "fan/slow.rs"]
mod slow;

use binding_fan::Fan;
use zilla_sdk::testing::*;

/// What plays the host for a group: its exit is played by the test.
struct Town {
    harness: Harness<Fan>,
    exit: Peer,
    members: Vec<Peer>,
}

impl Town {
    fn new(members: usize) -> Self {
        Self::with("{}", members)
    }

    fn with(options: &str, members: usize) -> Self {
        let yaml = format!("{{kind: server, options: {options}, exit: echo}}");
        let harness = Harness::attach(&yaml).unwrap();
        let first = harness.open(begin_with([("name", "0")]));
        let mut exit = harness.expect_open();
        exit.recv(begin_with([("name", "0")]));
        exit.send(begun_with([("group", "yes")]));
        let mut town = Self { harness, exit, members: vec![first] };
        town.members[0].recv(begun_with([("group", "yes")]));
        for _ in 1..members {
            town.join();
        }
        town
    }

    /// One more member.
    #[track_caller]
    fn join(&mut self) -> usize {
        let mut member = self.harness.open(begin());
        member.recv(begun_with([("group", "yes")]));
        self.harness.expect_no_open();
        self.members.push(member);
        self.members.len() - 1
    }

    /// Expects that all members but those get a frame next.
    #[track_caller]
    fn all_recv(&mut self, frame: &Frame) {
        self.members.iter_mut().for_each(|member| member.recv(frame.clone()));
    }

    /// Expects that no member has anything left to receive.
    #[track_caller]
    fn all_recv_nothing(&mut self) {
        self.members.iter_mut().for_each(|member| member.recv_nothing());
    }
}

/// The initial credit of every direction.
const CREDIT: usize = 64 << 10;

/// The first stream that the binding opens, which it names so.
const EXIT: u32 = 2;

/// A frame with every other field 0, for what a harness would not send.
fn bare(stream: u32, kind: FrameKind) -> zilla_sdk::Frame {
    let flags = zilla_sdk::FrameFlags::empty();
    zilla_sdk::Frame { stream, kind, flags, link: 0, attributes: 0, payload: 0, offset: 0, value: 0 }
}
