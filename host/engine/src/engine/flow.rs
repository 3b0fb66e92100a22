//! What flows on an open stream: data, advisories, credit, and payload that a binding has moved on.

use super::Engine;
use crate::frame::{CloseCode, Flags, Frame, FrameKind, StreamId};
use crate::limits::CREDIT_MAX;
use crate::route::BindingIndex;
use crate::stream::{Forward, Phase, Side, StreamKey};
use crate::violation::Rule;

impl Engine {
    /// The sender, which is `side`, sends payload.
    pub(super) fn data(
        &mut self,
        key: StreamKey,
        side: Side,
        flags: Flags,
        attributes: &[u8],
        payload: &[u8],
    ) -> Result<(), Rule> {
        if !self.may_send(key, side)? {
            return Ok(());
        }
        let Some(stream) = self.streams.get(key) else { return Ok(()) };
        let direction = stream.sent_by(side);
        direction.credit = direction.credit.checked_sub(payload.len() as u64).ok_or(Rule::CreditExceeded)?;
        if self.is_full(key, side.peer()) {
            self.close(key, CloseCode::Limit);
        } else {
            self.receive(key, side, flags, attributes, payload);
        }
        Ok(())
    }

    pub(super) fn flush(&mut self, key: StreamKey, side: Side, attributes: &[u8]) -> Result<(), Rule> {
        if self.may_send(key, side)? {
            self.pass(key, side.peer(), Frame::new(0, FrameKind::Flush), attributes);
        }
        Ok(())
    }

    /// Whether a sender's frame is to be passed on: not if the receiver has reset the direction and the
    /// sender does not know it yet.
    fn may_send(&mut self, key: StreamKey, side: Side) -> Result<bool, Rule> {
        let Some(stream) = self.streams.get(key) else { return Ok(false) };
        let direction = stream.sent_by(side);
        match direction.phase {
            _ if direction.sender_done => Err(Rule::AfterEnd),
            Phase::Idle => Err(Rule::NotBegun),
            Phase::Open => Ok(true),
            Phase::Over => Ok(false),
        }
    }

    /// The receiver, which is `side`, gives credit.
    pub(super) fn window(&mut self, key: StreamKey, side: Side, octets: u64) -> Result<(), Rule> {
        if !self.may_answer(key, side)? || octets == 0 {
            return Ok(());
        }
        let Some(stream) = self.streams.get(key) else { return Ok(()) };
        let direction = stream.received_by(side);
        let granted = octets.min(CREDIT_MAX - direction.credit);
        direction.credit += granted;
        let forwarded_from = direction.forwarded_from;
        self.pass(key, side.peer(), Self::frame(FrameKind::Window, granted), &[]);
        if let Some((from, sender)) = forwarded_from {
            self.move_held(from, sender);
        }
        Ok(())
    }

    pub(super) fn challenge(&mut self, key: StreamKey, side: Side, attributes: &[u8]) -> Result<(), Rule> {
        if self.may_answer(key, side)? {
            self.pass(key, side.peer(), Frame::new(0, FrameKind::Challenge), attributes);
        }
        Ok(())
    }

    /// Whether a receiver's frame is to be passed on: not if the sender has ended and the receiver does not
    /// know it yet.
    fn may_answer(&mut self, key: StreamKey, side: Side) -> Result<bool, Rule> {
        let Some(stream) = self.streams.get(key) else { return Ok(false) };
        let direction = stream.received_by(side);
        if direction.receiver_done {
            return Err(Rule::AfterEnd);
        }
        Ok(direction.phase != Phase::Over)
    }

    fn pass(&mut self, key: StreamKey, to: Side, frame: Frame, attributes: &[u8]) {
        if self.is_full(key, to) {
            self.close(key, CloseCode::Limit);
        } else {
            self.send(key, to, frame, attributes, &[]);
        }
    }

    /// Hands payload, for which credit was spent, to the receiver or to where the receiver forwards it.
    pub(super) fn receive(
        &mut self,
        key: StreamKey,
        sender: Side,
        flags: Flags,
        attributes: &[u8],
        payload: &[u8],
    ) {
        let Some(stream) = self.streams.get(key) else { return };
        let Some(forward) = &mut stream.sent_by(sender).forward else {
            let frame = Frame { flags, ..Frame::new(0, FrameKind::Data) };
            return self.send(key, sender.peer(), frame, attributes, payload);
        };
        forward.held.extend_from_slice(payload);
        self.move_held(key, sender);
    }

    /// The receiver, one end of a stream, has the next `octets` that it receives sent on `link`.
    pub(super) fn forward(
        &mut self,
        from: BindingIndex,
        (key, side): (StreamKey, Side),
        link: StreamId,
        octets: u64,
    ) -> Result<(), Rule> {
        let to = self.bindings[from.0 as usize].ids.get(link).ok_or(Rule::Forward)?;
        let target = self.streams.get(to.0).ok_or(Rule::Forward)?.sent_by(to.1);
        if target.sender_done || target.phase == Phase::Idle || target.forwarded_from.is_some() {
            return Err(Rule::Forward);
        }
        let broken = target.phase == Phase::Over;
        let source = self.streams.get(key).ok_or(Rule::Forward)?.received_by(side);
        if source.receiver_done || source.forward.is_some() {
            return Err(Rule::Forward);
        }
        if octets == 0 || broken || source.phase == Phase::Over {
            self.notify_forwarded(key, side, link, octets);
            return Ok(());
        }
        source.forward = Some(Box::new(Forward { to, remaining: octets, held: Vec::new(), end: None }));
        if let Some(target) = self.streams.get(to.0) {
            target.sent_by(to.1).forwarded_from = Some((key, side.peer()));
        }
        Ok(())
    }

    /// Moves what is held for a forward as far as the link's credit allows, and gives it back to the sender
    /// as credit. Ends the forward when its run is complete, or when the sender has ended.
    fn move_held(&mut self, key: StreamKey, sender: Side) {
        let Some(forward) = self.streams.get(key).and_then(|stream| stream.sent_by(sender).forward.as_mut())
        else {
            return;
        };
        let (to, to_side) = forward.to;
        let remaining = forward.remaining;
        let mut held = std::mem::take(&mut forward.held);
        let Some(target) = self.streams.get(to) else { return };
        let target = target.sent_by(to_side);
        let run = target.credit.min(remaining).min(held.len() as u64) as usize;
        target.credit -= run as u64;
        let rest = held.split_off(run);
        let Some(direction) = self.streams.get(key).map(|stream| stream.sent_by(sender)) else { return };
        direction.credit += run as u64;
        let over = direction.phase == Phase::Over;
        let Some(forward) = direction.forward.as_mut() else { return };
        forward.remaining -= run as u64;
        forward.held = rest;
        let complete = forward.remaining == 0 || forward.held.is_empty() && forward.end.is_some();
        if run > 0 {
            self.receive(to, to_side, Flags::default(), &[], &held);
            if !over {
                self.send(key, sender, Self::frame(FrameKind::Window, run as u64), &[], &[]);
            }
        }
        if complete {
            self.drop_forward(key, sender);
        }
    }

    /// Ends the forward of a direction, if there is one: tells its receiver what was not moved, and hands
    /// over what is held.
    pub(super) fn drop_forward(&mut self, key: StreamKey, sender: Side) {
        let Some(stream) = self.streams.get(key) else { return };
        let Some(forward) = stream.sent_by(sender).forward.take() else { return };
        let (to, to_side) = forward.to;
        let link = match self.streams.get(to) {
            Some(target) => {
                target.sent_by(to_side).forwarded_from = None;
                target.end(to_side).id
            }
            None => 0,
        };
        self.notify_forwarded(key, sender.peer(), link, forward.remaining);
        if !forward.held.is_empty() {
            self.send(key, sender.peer(), Frame::new(0, FrameKind::Data), &[], &forward.held);
        }
        if let Some(attributes) = forward.end {
            self.send(key, sender.peer(), Frame::new(0, FrameKind::End), &attributes, &[]);
        }
    }

    /// The direction that a side sends on is over: whatever is forwarded to it is not any more.
    pub(super) fn break_forward_to(&mut self, key: StreamKey, sender: Side) {
        let Some(stream) = self.streams.get(key) else { return };
        if let Some((from, from_sender)) = stream.sent_by(sender).forwarded_from {
            self.drop_forward(from, from_sender);
        }
    }

    fn notify_forwarded(&mut self, key: StreamKey, side: Side, link: StreamId, missing: u64) {
        let frame = Frame { link, value: missing, ..Frame::new(0, FrameKind::Forward) };
        self.send(key, side, frame, &[], &[]);
    }
}
