//! Octets that are put into the answer to a call once and sent on any number of streams.

use crate::attributes::Attributes;
use crate::bindings::zilla::plugin::types::FrameKind;
use crate::context::Context;
use crate::sender::Sender;

/// A piece that was [staged](Context::stage), to be sent with [`Sender::staged`]. It is good for the call that it was
/// staged in; later, it sends nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Staged {
    call: u64,
    offset: u32,
    attributes: u32,
    payload: u32,
}

impl Context<'_> {
    /// Puts a piece into the answer to this call, for [`Sender::staged`]: however many streams it is sent on, it is
    /// copied once. None if the attributes are longer than the host takes, or the answer is full.
    pub fn stage(&mut self, attributes: Attributes<'_>, payload: &[u8]) -> Option<Staged> {
        let block = attributes.block();
        let is_too_long = block.len() > self.output.attributes_octets_max as usize;
        if is_too_long || block.len() + payload.len() > self.output.room() {
            return None;
        }
        let offset = self.output.octets.len() as u32;
        self.output.octets.extend_from_slice(block);
        self.output.octets.extend_from_slice(payload);
        let (attributes, payload) = (block.len() as u32, payload.len() as u32);
        Some(Staged { call: self.streams.calls, offset, attributes, payload })
    }

    /// Whether a piece was staged in this call.
    pub fn is_staged(&self, staged: Staged) -> bool {
        staged.call == self.streams.calls
    }
}

impl Sender<'_> {
    /// Sends a staged piece from an octet of its payload on, as far as the credit allows, and says how many octets
    /// that were: `init` and the attributes go with its first octet, `fin` with its last. What has no payload needs no
    /// credit.
    pub fn staged(&mut self, staged: Staged, from: usize, init: bool, fin: bool) -> usize {
        let from = (from as u32).min(staged.payload);
        let rest = staged.payload - from;
        let taken = self.credit().min(rest as usize) as u32;
        let is_stale = staged.call != self.streams.calls;
        if is_stale || !self.is_sendable() || taken == 0 && rest > 0 {
            return 0;
        }
        let is_first = from == 0;
        let is_plain = !init && !fin && staged.attributes == 0;
        if is_plain || !is_first && !fin {
            let flags = crate::FrameFlags::empty();
            self.output.push_piece(self.stream, flags, staged.offset + staged.attributes + from, taken);
        } else {
            let frame = self.output.push(self.stream, FrameKind::Data);
            frame.flags.set(crate::FrameFlags::INIT, init && is_first);
            frame.flags.set(crate::FrameFlags::FIN, fin && taken == rest);
            frame.attributes = if is_first { staged.attributes } else { 0 };
            frame.offset = staged.offset + if is_first { 0 } else { staged.attributes + from };
            frame.payload = taken;
        }
        self.spend(taken as usize);
        taken as usize
    }
}
