//! Taking a stream away from between two of its bindings, which go on without it.

use super::Engine;
use crate::frame::StreamId;
use crate::route::BindingIndex;
use crate::stream::{Phase, Side};

impl Engine {
    /// Who has the other end of a stream, and under which id.
    pub fn other_end(&mut self, binding: BindingIndex, stream: StreamId) -> Option<(BindingIndex, StreamId)> {
        let (key, side) = self.bindings[binding.0 as usize].ids.get(stream)?;
        let end = self.streams.get(key)?.end(side.peer());
        Some((end.binding, end.id))
    }

    /// Whether a stream is open from its opener, and nothing waits on it for either of its ends.
    pub fn is_unused(&mut self, binding: BindingIndex, stream: StreamId) -> bool {
        let Some((key, _)) = self.bindings[binding.0 as usize].ids.get(stream) else { return false };
        let initial = self.limits.initial_credit;
        self.streams.get(key).is_some_and(|stream| {
            let is_unused = |direction: &crate::stream::Direction| {
                direction.phase != Phase::Over
                    && direction.queued == 0
                    && direction.credit == u64::from(initial)
                    && direction.forward.is_none()
            };
            is_unused(&stream.initial) && is_unused(&stream.reply)
        })
    }

    /// Forgets a stream at both of its ends, without a word to either: what it stood for goes on between its
    /// bindings without it. Only for one that [`Engine::is_unused`].
    pub fn dissolve(&mut self, binding: BindingIndex, stream: StreamId) {
        let Some((key, _)) = self.bindings[binding.0 as usize].ids.get(stream) else { return };
        for side in [Side::Opener, Side::Acceptor] {
            let Some(stream) = self.streams.get(key) else { return };
            for direction in [&mut stream.initial, &mut stream.reply] {
                direction.phase = Phase::Over;
                direction.sender_done = true;
                direction.receiver_done = true;
            }
            self.release(key, side);
        }
    }
}
