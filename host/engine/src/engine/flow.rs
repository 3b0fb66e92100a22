//! What flows on an open stream: data, advisories, credit.

use super::Engine;
use crate::frame::{Flags, Frame, FrameKind};
use crate::limits::CREDIT_MAX;
use crate::stream::{Phase, Side, StreamKey};
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
        let Some(stream) = self.streams.get(key) else { return Ok(()) };
        let direction = stream.sent_by(side);
        if direction.may_send()? {
            let credit = direction.credit.checked_sub(payload.len() as u64);
            direction.credit = credit.ok_or(Rule::CreditExceeded)?;
            let frame = Frame { flags, ..Frame::new(0, FrameKind::Data) };
            self.receive(key, side, frame, attributes, payload);
        }
        Ok(())
    }

    pub(super) fn flush(&mut self, key: StreamKey, side: Side, attributes: &[u8]) -> Result<(), Rule> {
        let Some(stream) = self.streams.get(key) else { return Ok(()) };
        if stream.sent_by(side).may_send()? {
            self.receive(key, side, Frame::new(0, FrameKind::Flush), attributes, &[]);
        }
        Ok(())
    }

    /// The receiver, which is `side`, gives credit.
    pub(super) fn window(&mut self, key: StreamKey, side: Side, octets: u64) -> Result<(), Rule> {
        let Some(stream) = self.streams.get(key) else { return Ok(()) };
        if stream.received_by(side).may_answer()? {
            self.grant(key, side.peer(), octets);
        }
        Ok(())
    }

    pub(super) fn challenge(&mut self, key: StreamKey, side: Side, attributes: &[u8]) -> Result<(), Rule> {
        let Some(stream) = self.streams.get(key) else { return Ok(()) };
        if stream.received_by(side).may_answer()? {
            self.pass(key, side.peer(), Frame::new(0, FrameKind::Challenge), attributes, &[]);
        }
        Ok(())
    }

    /// Adds to a sender's credit, unless its direction is over. A run that goes to it moves on.
    pub(super) fn grant(&mut self, key: StreamKey, sender: Side, octets: u64) {
        let Some(stream) = self.streams.get(key) else { return };
        let direction = stream.sent_by(sender);
        let granted = octets.min(CREDIT_MAX.saturating_sub(direction.credit));
        if granted == 0 || direction.phase == Phase::Over {
            return;
        }
        direction.credit += granted;
        self.runs.extend(direction.forwarded_from);
        self.pass(key, sender, Self::frame(FrameKind::Window, granted), &[], &[]);
    }

    /// Hands a frame with the data to the receiver, or to where the receiver forwards it.
    #[inline]
    pub(super) fn receive(
        &mut self,
        key: StreamKey,
        sender: Side,
        frame: Frame,
        attributes: &[u8],
        payload: &[u8],
    ) {
        let Some(stream) = self.streams.get(key) else { return };
        let direction = stream.sent_by(sender);
        if direction.is_diverted(frame.kind) {
            self.divert(key, sender, frame, attributes, payload);
        } else if matches!(frame.kind, FrameKind::End | FrameKind::Abort) {
            self.send(key, sender.peer(), frame, attributes, payload);
        } else {
            self.pass(key, sender.peer(), frame, attributes, payload);
        }
    }
}
