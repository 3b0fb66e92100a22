//! How streams end: by `end`, `abort` and `reset` of a binding, by its failure, or by the engine.

use super::Engine;
use crate::frame::{CloseCode, Frame, FrameKind, StreamId};
use crate::route::BindingIndex;
use crate::stream::{Phase, Side, StreamKey};
use crate::violation::Rule;

impl Rule {
    /// Whether the stream cannot go on after it.
    pub(super) fn endangers_the_peer(self) -> bool {
        match self {
            Self::CreditExceeded | Self::OutOfBounds | Self::Attributes => true,
            Self::UnknownStream
            | Self::IllegalId
            | Self::BegunTwice
            | Self::NotBegun
            | Self::AfterEnd
            | Self::TooManyTimers
            | Self::HostOnly
            | Self::Forward
            | Self::Authorization => false,
        }
    }
}

impl Engine {
    /// The sender ends its direction in order.
    pub(super) fn end(&mut self, key: StreamKey, side: Side, attributes: &[u8]) -> Result<(), Rule> {
        let Some(stream) = self.streams.get(key) else { return Ok(()) };
        let direction = stream.sent_by(side);
        match direction.phase {
            _ if direction.sender_done => return Err(Rule::AfterEnd),
            Phase::Idle => return Err(Rule::NotBegun),
            Phase::Open | Phase::Over => {}
        }
        self.end_sending(key, side, Frame::new(0, FrameKind::End), attributes);
        Ok(())
    }

    /// The sender ends its direction abnormally.
    pub(super) fn abort(
        &mut self,
        key: StreamKey,
        side: Side,
        code: u64,
        attributes: &[u8],
    ) -> Result<(), Rule> {
        let Some(stream) = self.streams.get(key) else { return Ok(()) };
        let direction = stream.sent_by(side);
        if direction.sender_done {
            return Err(Rule::AfterEnd);
        }
        self.end_sending(key, side, Self::frame(FrameKind::Abort, code), attributes);
        Ok(())
    }

    /// The sender is done. The receiver gets the last frame, unless its direction is over already.
    fn end_sending(&mut self, key: StreamKey, side: Side, last: Frame, attributes: &[u8]) {
        let Some(stream) = self.streams.get(key) else { return };
        let direction = stream.sent_by(side);
        direction.sender_done = true;
        if direction.phase != Phase::Over {
            direction.phase = Phase::Over;
            self.receive(key, side, last, attributes, &[]);
            self.break_run_to(key, side);
        }
        self.release(key, side);
    }

    /// The receiver, which is `side`, refuses the rest of what it receives.
    pub(super) fn reset(
        &mut self,
        key: StreamKey,
        side: Side,
        code: u64,
        attributes: &[u8],
    ) -> Result<(), Rule> {
        let Some(stream) = self.streams.get(key) else { return Ok(()) };
        let direction = stream.received_by(side);
        if direction.receiver_done {
            return Err(Rule::AfterEnd);
        }
        direction.receiver_done = true;
        if direction.phase != Phase::Over {
            direction.phase = Phase::Over;
            self.send(key, side.peer(), Self::frame(FrameKind::Reset, code), attributes, &[]);
        }
        self.drop_run(key, side.peer());
        self.break_run_to(key, side.peer());
        self.release(key, side);
        Ok(())
    }

    /// Ends both directions of a stream on behalf of nobody: each end sees its own.
    pub(super) fn close(&mut self, key: StreamKey, code: CloseCode) {
        for sender in [Side::Opener, Side::Acceptor] {
            let Some(stream) = self.streams.get(key) else { return };
            let direction = stream.sent_by(sender);
            if direction.phase == Phase::Over {
                self.break_run(key, sender);
                continue;
            }
            direction.phase = Phase::Over;
            self.receive(key, sender, Self::frame(FrameKind::Abort, code.value()), &[], &[]);
            self.send(key, sender, Self::frame(FrameKind::Reset, code.value()), &[], &[]);
            self.break_run_to(key, sender);
        }
    }

    /// Aborts and resets a stream that a binding names.
    pub fn close_stream(&mut self, binding: BindingIndex, stream: StreamId, code: CloseCode) {
        if let Some((key, _)) = self.bindings[binding.0 as usize].ids.get(stream) {
            self.close(key, code);
            self.move_runs();
        }
    }

    /// Aborts and resets every stream, towards both of its ends.
    pub fn close_all(&mut self, code: CloseCode) {
        for index in 0..self.bindings.len() {
            for (key, _) in self.bindings[index].ids.keys() {
                self.close(key, code);
            }
        }
        self.move_runs();
    }

    /// A binding has lost its state. Its streams are aborted and reset towards their other ends, and forgotten
    /// at its own, with its timers and whatever waited for it. A successor begins with nothing.
    pub fn fail(&mut self, binding: BindingIndex, code: CloseCode) {
        for (key, side) in self.bindings[binding.0 as usize].ids.keys() {
            self.abandon(key, side, code);
        }
        let state = &mut self.bindings[binding.0 as usize];
        state.inbox.empty();
        state.inbox.note_thinned();
        state.parted.clear();
        state.ids.reuse_rested();
        for (_, deadline, sequence) in std::mem::take(&mut state.timers) {
            self.timers.remove(deadline, sequence);
        }
        self.move_runs();
    }

    /// A binding has lost its state of one stream. It is aborted and reset towards its other end, and forgotten at
    /// the binding's own.
    pub fn fail_stream(&mut self, binding: BindingIndex, stream: StreamId, code: CloseCode) {
        if let Some((key, side)) = self.bindings[binding.0 as usize].ids.get(stream) {
            self.abandon(key, side, code);
            self.move_runs();
        }
    }

    pub(super) fn abandon(&mut self, key: StreamKey, side: Side, code: CloseCode) {
        self.close(key, code);
        if let Some(stream) = self.streams.get(key) {
            stream.sent_by(side).sender_done = true;
            stream.received_by(side).receiver_done = true;
        }
        self.release(key, side);
    }

    /// Whether a binding has a stream of that id.
    pub fn has_stream(&self, binding: BindingIndex, stream: StreamId) -> bool {
        self.bindings[binding.0 as usize].ids.get(stream).is_some()
    }

    /// Releases an end that is done both ways, and forgets the stream when both ends are released.
    pub(super) fn release(&mut self, key: StreamKey, side: Side) {
        let Some(stream) = self.streams.get(key) else { return };
        if !stream.end(side).released && stream.is_done(side) {
            let end = stream.end_mut(side);
            end.released = true;
            let (binding, id) = (end.binding, end.id);
            for (_, deadline, sequence) in std::mem::take(&mut end.timers) {
                self.timers.remove(deadline, sequence);
            }
            let opener = stream.opener.binding;
            let state = &mut self.bindings[binding.0 as usize];
            state.ids.release(id);
            if side == Side::Acceptor {
                state.accepted.remove(opener);
                debug_assert!(
                    state.ids.accepted_live() > 0 || state.accepted.is_clear(),
                    "each had its opener"
                );
            }
            self.unlink_run(key, side.peer());
        }
        let Some(stream) = self.streams.get(key) else { return };
        if stream.opener.released && stream.acceptor.released {
            self.authorizations.put_down(stream.authorization, key);
            self.streams.remove(key);
        }
    }
}
