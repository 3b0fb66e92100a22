//! Content on its way from one stream to another: borrowed where it can be, and in chunks where it must be.

use crate::response;
use zilla_sdk::{Context, Payload, StreamId};

/// Received octets: in the batch, where they can be passed on without a copy, or held back earlier.
#[derive(Clone, Copy)]
pub(crate) enum Source<'a> {
    Given(Payload<'a>),
    Held(&'a [u8]),
}

impl<'a> Source<'a> {
    pub(crate) fn as_slice(&self) -> &'a [u8] {
        match self {
            Self::Given(payload) => payload.as_slice(),
            Self::Held(octets) => octets,
        }
    }

    /// Without the first `octets`.
    pub(crate) fn skip(&self, octets: usize) -> Self {
        match self {
            Self::Given(payload) => Self::Given(payload.split_at(octets).1),
            Self::Held(held) => Self::Held(&held[octets..]),
        }
    }

    /// The first `octets`.
    pub(crate) fn first(&self, octets: usize) -> Self {
        match self {
            Self::Given(payload) => Self::Given(payload.split_at(octets).0),
            Self::Held(held) => Self::Held(&held[..octets]),
        }
    }

    /// Sends what the credit allows, and says how many octets that were.
    pub(crate) fn send(&self, to: StreamId, cx: &mut Context<'_>) -> usize {
        match self {
            Self::Given(payload) if payload.len() >= PASSED_OCTETS_MIN => cx.to(to).pass_payload(*payload),
            Self::Given(_) | Self::Held(_) => cx.to(to).data_slice(self.as_slice()),
        }
    }
}

/// Shortest payload in octets that is passed on as borrowed. A copy of a shorter one costs less than the
/// frame of its own that a borrowed payload needs, for copied octets join the frame before them.
const PASSED_OCTETS_MIN: usize = 1_024;

/// Fewest octets still to come of a body that the host is asked to move. As many as a socket is read for at once:
/// below that, the frame that asks and the one that answers cost as much as those they replace.
pub(crate) const FORWARDED_OCTETS_MIN: u64 = 65_536;

/// Sends content as one chunk, as far as the credit allows, and says how many octets that were. The outbox is
/// empty before; afterwards it has what the chunk needs besides.
pub(crate) fn send_chunk(
    content: Source<'_>,
    to: StreamId,
    outbox: &mut Vec<u8>,
    cx: &mut Context<'_>,
) -> usize {
    let credit = cx.to(to).credit();
    let octets = response::chunk_octets(content.as_slice().len(), credit);
    if credit == 0 || octets == 0 {
        return 0;
    }
    let chunk = content.first(octets);
    cx.to(to).write(outbox, |out| response::write_chunk_size(out, octets));
    let sent = if outbox.is_empty() { chunk.send(to, cx) } else { 0 };
    let rest = &chunk.as_slice()[sent..];
    cx.to(to).write(outbox, |out| {
        out.extend_from_slice(rest);
        out.extend_from_slice(b"\r\n");
    });
    octets
}
