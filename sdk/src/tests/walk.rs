//! Random walks: whatever peers do, in whatever batches, the SDK keeps the contract, loses no octet, and
//! forgets what is over. The harness fails a walk that breaks a rule.

use super::relay::Relay;
use crate::bindings::zilla::plugin::types as wit;
use crate::testing::*;
use proptest::prelude::*;

#[derive(Clone, Copy, Debug)]
enum Step {
    Open,
    Begin(usize),
    Data(usize, usize),
    Run(usize, u64),
    Flush(usize),
    End(usize),
    Abort(usize),
    Window(usize, u64),
    Reset(usize),
    Challenge(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let peer = 0..8_usize;
    prop_oneof![
        2 => Just(Step::Open),
        3 => peer.clone().prop_map(Step::Begin),
        8 => (peer.clone(), 0..20_usize).prop_map(|(peer, octets)| Step::Data(peer, octets)),
        3 => (peer.clone(), 0..40_u64).prop_map(|(peer, octets)| Step::Run(peer, octets)),
        1 => peer.clone().prop_map(Step::Flush),
        1 => peer.clone().prop_map(Step::End),
        1 => peer.clone().prop_map(Step::Abort),
        6 => (peer.clone(), 0..20_u64).prop_map(|(peer, octets)| Step::Window(peer, octets)),
        1 => peer.clone().prop_map(Step::Reset),
        1 => peer.prop_map(Step::Challenge),
    ]
}

/// A peer, and what went through it.
struct Walker {
    peer: Peer,
    begun: bool,
    sent: Vec<u8>,
    received: Vec<u8>,
    /// Ended other than in order by either side, so that octets may be lost.
    broken: bool,
}

impl Walker {
    fn new(peer: Peer, begun: bool) -> Self {
        Self { peer, begun, sent: Vec::new(), received: Vec::new(), broken: false }
    }

    fn can_send(&self) -> bool {
        self.begun && self.peer.can_send()
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Open => {}
            Step::Begin(_) if !self.begun && self.peer.can_send() => {
                self.begun = true;
                self.peer.send(begun());
            }
            Step::Data(_, octets) if self.can_send() => {
                let octets = octets.min(self.peer.credit() as usize);
                let payload: Vec<u8> = (0..octets).map(|index| (self.sent.len() + index) as u8).collect();
                self.sent.extend_from_slice(&payload);
                self.peer.send(data(payload));
            }
            Step::Run(_, octets) if self.can_send() => self.peer.send(flush([("run", octets.to_string())])),
            Step::Flush(_) if self.can_send() => self.peer.send(flush([("a", "1")])),
            Step::End(_) if self.can_send() => self.peer.send(end()),
            Step::Abort(_) if self.peer.can_send() => {
                self.broken = true;
                self.peer.send(abort(CloseCode::Cancelled));
            }
            Step::Window(_, octets) => self.peer.send(window(octets)),
            Step::Reset(_) => {
                self.broken = true;
                self.peer.send(reset(CloseCode::Refused));
            }
            Step::Challenge(_) => self.peer.send(challenge([("a", "1")])),
            Step::Begin(_)
            | Step::Data(..)
            | Step::Run(..)
            | Step::Flush(_)
            | Step::End(_)
            | Step::Abort(_) => {}
        }
    }

    fn receive(&mut self) {
        for frame in self.peer.recv_all() {
            self.broken |= matches!(frame.kind, FrameKind::Abort | FrameKind::Reset);
            self.received.extend(frame.payload);
        }
    }
}

/// A client, and the exit that the relay opened for it.
struct Pair {
    client: Walker,
    exit: Option<Walker>,
}

impl Pair {
    fn walkers(&mut self) -> impl Iterator<Item = &mut Walker> {
        std::iter::once(&mut self.client).chain(&mut self.exit)
    }
}

fn take(harness: &Harness<Relay>, pairs: &mut Vec<Pair>, step: Step, streams_max: usize) {
    let peer = match step {
        Step::Open => {
            if pairs.iter().filter(|pair| !pair.client.peer.is_over()).count() < streams_max {
                pairs.push(Pair { client: Walker::new(harness.open(begin()), true), exit: None });
            }
            return;
        }
        Step::Begin(peer)
        | Step::Data(peer, _)
        | Step::Run(peer, _)
        | Step::Flush(peer)
        | Step::End(peer)
        | Step::Abort(peer)
        | Step::Window(peer, _)
        | Step::Reset(peer)
        | Step::Challenge(peer) => peer,
    };
    // The last few, so that pairs which are over do not fill the walk.
    let mut walkers: Vec<_> = pairs.iter_mut().rev().take(4).flat_map(Pair::walkers).collect();
    let count = walkers.len();
    if count > 0 {
        walkers[peer % count].take(step);
    }
}

/// Streams that the relay opened go to the clients for which it did; ids are reused, so the latest counts.
fn pair_up(harness: &Harness<Relay>, pairs: &mut [Pair]) {
    while let Some(exit) = harness.opened() {
        let is_of = |pair: &&mut Pair| pair.exit.is_none() && Some(pair.client.peer.id()) == exit.link();
        let pair = pairs.iter_mut().rev().find(is_of).expect("opened on behalf of a client");
        pair.exit = Some(Walker::new(exit, false));
    }
}

fn check(pairs: &mut [Pair]) {
    for pair in pairs {
        pair.walkers().for_each(Walker::receive);
        let Some(exit) = &pair.exit else { continue };
        assert!(pair.client.sent.starts_with(&exit.received), "what the exit got is what the client sent");
        assert!(exit.sent.starts_with(&pair.client.received), "what the client got is what the exit sent");
    }
}

fn walk(batches: Vec<Vec<Step>>, limits: Limits) {
    let harness = Harness::<Relay>::attach_with("kind: proxy\nexit: south", limits).unwrap();
    let mut pairs = Vec::new();
    for batch in batches {
        harness.batch(|| {
            for step in batch {
                take(&harness, &mut pairs, step, limits.streams as usize);
            }
        });
        pair_up(&harness, &mut pairs);
        check(&mut pairs);
    }
    // Everybody grants all and leaves: all that was sent arrives, and nothing is left behind.
    for walker in pairs.iter_mut().flat_map(Pair::walkers) {
        walker.peer.grant_all();
        walker.take(Step::Begin(0));
        walker.take(Step::End(0));
    }
    check(&mut pairs);
    for pair in &pairs {
        let Some(exit) = &pair.exit else { continue };
        if !pair.client.broken && !exit.broken {
            assert_eq!(pair.client.sent, exit.received, "{}", harness.transcript());
            assert_eq!(exit.sent, pair.client.received, "{}", harness.transcript());
        }
        assert!(pair.client.peer.is_over() && exit.peer.is_over(), "{}", harness.transcript());
    }
    assert_eq!(harness.streams(), 0, "{}", harness.transcript());
}

fn batches() -> impl Strategy<Value = Vec<Vec<Step>>> {
    prop::collection::vec(prop::collection::vec(step(), 1..8), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_relay_with_little_credit_keeps_the_contract(batches in batches()) {
        walk(batches, Limits { initial_credit: 16, streams: 5, ..Limits::default() });
    }

    #[test]
    fn a_relay_without_initial_credit_keeps_the_contract(batches in batches()) {
        walk(batches, Limits { initial_credit: 1, streams: 3, ..Limits::default() });
    }

    #[test]
    fn frames_that_no_host_sends_do_not_panic(
        frames in prop::collection::vec((0..9_u32, 0..12_u8, 0..6_u32, 0..40_u32, 0..40_u32, any::<u64>()), 0..60),
        octets in prop::collection::vec(0..3_u8, 0..64),
    ) {
        let harness = Harness::<Relay>::attach("kind: proxy").unwrap();
        let frames: Vec<_> = frames.into_iter().map(|(stream, kind, attributes, payload, offset, value)| {
            wit::Frame {
                stream,
                kind: kind_of(kind),
                flags: wit::FrameFlags::from_bits_truncate(kind),
                link: stream,
                attributes,
                payload,
                offset,
                value,
            }
        }).collect();
        for call in frames.chunks(7) {
            harness.deliver(call, &octets);
        }
    }
}

fn kind_of(number: u8) -> FrameKind {
    [
        FrameKind::Begin,
        FrameKind::Data,
        FrameKind::Flush,
        FrameKind::End,
        FrameKind::Abort,
        FrameKind::Window,
        FrameKind::Reset,
        FrameKind::Challenge,
        FrameKind::Timer,
        FrameKind::Signal,
        FrameKind::Drain,
        FrameKind::Forward,
    ][usize::from(number)]
}
