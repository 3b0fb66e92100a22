//! Payload that a binding has moved on: see [`crate::forward`].
//!
//! A run begins with the first octet that was not in a batch of its binding yet. What waits in the inbox is
//! diverted when its batch is taken, and until then, what arrives queues behind it.

use super::Engine;
use crate::forward::{Behind, Forward};
use crate::frame::{Frame, FrameKind, StreamId};
use crate::limits::{FORWARD_FRAMES_BEHIND_MAX, FORWARDS_CHAINED_MAX};
use crate::route::BindingIndex;
use crate::stream::{Phase, Side, StreamKey};
use crate::violation::Rule;

impl Engine {
    /// The receiver, one end of a stream, has the next `octets` that it receives sent on `link`. Where that
    /// cannot be, it is told that nothing was moved.
    pub(super) fn forward(
        &mut self,
        from: BindingIndex,
        (key, side): (StreamKey, Side),
        link: StreamId,
        octets: u64,
    ) -> Result<(), Rule> {
        let Some(source) = self.streams.get(key).map(|stream| stream.received_by(side)) else {
            return Ok(());
        };
        if source.receiver_done {
            return Err(Rule::AfterEnd);
        }
        if source.forward.is_some() {
            return Err(Rule::Forward);
        }
        let is_at_its_end = source.phase == Phase::Over && source.queued == 0;
        let to = match self.link(from, link) {
            Ok(to) => to,
            Err(rule) => {
                self.notify_forwarded(key, side, link, octets);
                return rule.map_or(Ok(()), Err);
            }
        };
        if octets == 0 || is_at_its_end || self.is_chained_too_long((key, side.peer()), to) {
            self.notify_forwarded(key, side, link, octets);
            return Ok(());
        }
        if let Some(source) = self.streams.get(key) {
            source.received_by(side).forward = Some(Box::new(Forward::new(to, link, octets)));
        }
        if let Some(target) = self.streams.get(to.0) {
            target.sent_by(to.1).forwarded_from = Some((key, side.peer()));
        }
        Ok(())
    }

    /// The direction that a binding forwards to, or the rule, if any, that it breaks if that cannot be.
    fn link(&mut self, from: BindingIndex, link: StreamId) -> Result<(StreamKey, Side), Option<Rule>> {
        let state = &self.bindings[from.0 as usize];
        let has_parted = state.has_parted_from(link);
        let blame = || (!has_parted).then_some(Rule::Forward);
        let (key, side) = state.ids.get(link).ok_or_else(blame)?;
        let target = self.streams.get(key).ok_or_else(blame)?.sent_by(side);
        if target.sender_done {
            return Err(blame());
        }
        match target.phase {
            Phase::Idle => Err(Some(Rule::Forward)),
            Phase::Open if target.forwarded_from.is_some() => Err(Some(Rule::Forward)),
            Phase::Open => Ok((key, side)),
            Phase::Over => Err(None),
        }
    }

    /// Whether forwards that follow one another would be too many, or run in a circle.
    fn is_chained_too_long(&mut self, source: (StreamKey, Side), target: (StreamKey, Side)) -> bool {
        let mut count = 1;
        let mut at = Some(target);
        while let Some((key, sender)) = at {
            if (key, sender) == source || count > FORWARDS_CHAINED_MAX {
                return true;
            }
            let direction = self.streams.get(key).map(|stream| stream.sent_by(sender));
            at = direction.and_then(|direction| direction.forward.as_ref()).map(|forward| forward.to);
            count += usize::from(at.is_some());
        }
        let mut at = Some(source);
        while let Some((key, sender)) = at {
            at = self.streams.get(key).and_then(|stream| stream.sent_by(sender).forwarded_from);
            count += usize::from(at.is_some());
            if count > FORWARDS_CHAINED_MAX {
                return true;
            }
        }
        count > FORWARDS_CHAINED_MAX
    }

    /// Takes a frame with the data of a direction that is forwarded.
    pub(super) fn divert(
        &mut self,
        key: StreamKey,
        sender: Side,
        mut frame: Frame,
        attributes: &[u8],
        payload: &[u8],
    ) {
        self.runs.push((key, sender));
        let Some(forward) = self.forward_of(key, sender) else { return };
        let (run, rest) = payload.split_at(forward.missing().min(payload.len() as u64) as usize);
        if frame.kind == FrameKind::Data && forward.missing() > 0 {
            let moved = if forward.held().is_empty() { self.move_on(key, sender, run) } else { 0 };
            let Some(forward) = self.forward_of(key, sender) else { return };
            forward.hold(&run[moved..]);
            if rest.is_empty() {
                return;
            }
            frame.flags.init = false;
            return forward.follow(frame, &[], rest);
        }
        forward.is_broken |= frame.kind == FrameKind::Abort;
        forward.follow(frame, attributes, payload);
        let may_follow = matches!(frame.kind, FrameKind::End | FrameKind::Abort);
        if !may_follow && forward.frames_behind() > FORWARD_FRAMES_BEHIND_MAX {
            self.close_full(key, sender.peer());
        }
    }

    /// Moves what is held of runs as far as the credit of their links goes, and ends those that are over.
    #[inline]
    pub(super) fn move_runs(&mut self) {
        while let Some((key, sender)) = self.runs.pop() {
            self.move_run(key, sender);
        }
    }

    fn move_run(&mut self, key: StreamKey, sender: Side) {
        let Some(forward) = self.forward_of(key, sender) else { return };
        if !forward.held().is_empty() && !forward.is_broken {
            let (to, held) = (forward.to, forward.held().len());
            let octets = self.credit_of(to).min(held as u64) as usize;
            if let Some(forward) = self.forward_of(key, sender).filter(|_| octets > 0) {
                let run = forward.unhold(octets);
                self.move_on(key, sender, &run);
            }
        }
        let Some(direction) = self.streams.get(key).map(|stream| stream.sent_by(sender)) else { return };
        if direction.queued == 0 && direction.forward.as_ref().is_some_and(|forward| forward.is_over()) {
            self.settle_run(key, sender);
        }
    }

    /// Moves octets of a run to its link as far as its credit goes, and says how many they were.
    fn move_on(&mut self, key: StreamKey, sender: Side, octets: &[u8]) -> usize {
        let Some(forward) = self.forward_of(key, sender) else { return 0 };
        let (to, to_side) = forward.to;
        let Some(target) = self.streams.get(to).map(|stream| stream.sent_by(to_side)) else { return 0 };
        let moved = target.credit.min(octets.len() as u64);
        if moved == 0 {
            return 0;
        }
        target.credit -= moved;
        self.receive(to, to_side, Frame::new(0, FrameKind::Data), &[], &octets[..moved as usize]);
        self.note_moved(key, sender, moved);
        moved as usize
    }

    /// Where octets that a side sends now end up, and how many of them may at a time: at the other side, or behind runs
    /// that can all pass some on at once.
    pub(super) fn end_of_runs(
        &mut self,
        source: (StreamKey, Side),
        octets: usize,
    ) -> ((StreamKey, Side), usize) {
        let (mut at, mut passable) = (source, octets);
        while let Some((forward_to, run)) = self.run_of(at) {
            let credit = self.credit_of(forward_to).min(run);
            passable = usize::try_from(credit).unwrap_or(usize::MAX).min(passable);
            if passable == 0 {
                return (source, octets);
            }
            at = forward_to;
        }
        (at, passable)
    }

    /// Where a direction is diverted to, and how many octets may pass there at once.
    fn run_of(&mut self, (key, sender): (StreamKey, Side)) -> Option<((StreamKey, Side), u64)> {
        let direction = self.streams.get(key)?.sent_by(sender);
        let forward = direction.forward.as_ref().filter(|_| direction.is_diverted(FrameKind::Data))?;
        Some((forward.to, forward.passable()))
    }

    /// Octets of a side were put where [`Engine::end_of_runs`] says: all runs in between have moved them.
    pub(super) fn note_passed(&mut self, source: (StreamKey, Side), end: (StreamKey, Side), octets: u64) {
        let mut at = source;
        while let Some((to, _)) = self.run_of(at).filter(|_| at != end) {
            if let Some(target) = self.streams.get(to.0) {
                target.sent_by(to.1).credit -= octets;
            }
            self.note_moved(at.0, at.1, octets);
            // It may be over.
            self.runs.push(at);
            at = to;
        }
    }

    /// Octets of a run were moved. Their sender has them back as credit once they are half of the initial credit, so that
    /// one window serves many pieces while the sender always has the other half; the rest when the run is over.
    fn note_moved(&mut self, key: StreamKey, sender: Side, octets: u64) {
        let owed_max = u64::from(self.limits.initial_credit) / 2;
        let Some(forward) = self.forward_of(key, sender) else { return };
        forward.remaining -= octets;
        forward.owed += octets;
        if forward.owed >= owed_max {
            let owed = std::mem::take(&mut forward.owed);
            self.grant(key, sender, owed);
        }
    }

    /// Tells the receiver that a run is over, and hands over what was not moved and what follows.
    fn settle_run(&mut self, key: StreamKey, sender: Side) {
        let Some(forward) = self.unlink_run(key, sender) else { return };
        let receiver = sender.peer();
        self.notify_forwarded(key, receiver, forward.link, forward.remaining);
        if !forward.held().is_empty() {
            self.send(key, receiver, Frame::new(0, FrameKind::Data), &[], forward.held());
        }
        for Behind { frame, attributes, payload } in forward.into_behind() {
            self.send(key, receiver, frame, &attributes, &payload);
        }
    }

    /// The receiver wants no more of a direction: a run of it is over.
    pub(super) fn drop_run(&mut self, key: StreamKey, sender: Side) {
        if let Some(forward) = self.unlink_run(key, sender) {
            self.notify_forwarded(key, sender.peer(), forward.link, forward.remaining);
        }
    }

    /// Forgets a run at both of its streams.
    pub(super) fn unlink_run(&mut self, key: StreamKey, sender: Side) -> Option<Forward> {
        let forward = self.streams.get(key)?.sent_by(sender).forward.take()?;
        let (to, to_side) = forward.to;
        if let Some(target) = self.streams.get(to).map(|stream| stream.sent_by(to_side)) {
            target.forwarded_from.take_if(|from| *from == (key, sender));
        }
        self.grant(key, sender, forward.owed);
        Some(*forward)
    }

    /// Nothing more of a run is to be moved.
    pub(super) fn break_run(&mut self, key: StreamKey, sender: Side) {
        if let Some(forward) = self.forward_of(key, sender) {
            forward.is_broken = true;
            self.runs.push((key, sender));
        }
    }

    /// A direction is over: whatever is forwarded to it is not any more.
    pub(super) fn break_run_to(&mut self, key: StreamKey, sender: Side) {
        let Some(stream) = self.streams.get(key) else { return };
        if let Some((from, from_sender)) = stream.sent_by(sender).forwarded_from.take() {
            self.break_run(from, from_sender);
        }
    }

    fn forward_of(&mut self, key: StreamKey, sender: Side) -> Option<&mut Forward> {
        self.streams.get(key)?.sent_by(sender).forward.as_deref_mut()
    }

    fn credit_of(&mut self, (key, sender): (StreamKey, Side)) -> u64 {
        self.streams.get(key).map_or(0, |stream| stream.sent_by(sender).credit)
    }

    fn notify_forwarded(&mut self, key: StreamKey, side: Side, link: StreamId, missing: u64) {
        let frame = Frame { link, value: missing, ..Frame::new(0, FrameKind::Forward) };
        self.pass(key, side, frame, &[], &[]);
    }
}
