//! What the exit has sent and some members cannot take yet. Each piece is kept once, and each member knows its place.
//!
//! ```text
//!   pieces    first ───────────────────────────── end
//!               ▲            ▲                      ▲
//!           slowest member   another         members with nothing left
//! ```

use crate::piece::Piece;
use std::collections::VecDeque;
use zilla_sdk::Staged;
use zilla_sdk::prelude::*;

/// Pieces that a member may be behind, however small they are: they take memory of their own.
pub const PIECES_BEHIND_MAX: u64 = 16 << 10;

/// See the module.
#[derive(Default)]
pub(crate) struct Backlog {
    pieces: VecDeque<Kept>,
    /// Number of the first piece. They are counted from the beginning of the group.
    first: u64,
    /// Number of the first piece that others may be made a part of: no member was told of it yet.
    open: u64,
    /// Octets so far, those not kept any more included.
    octets: u64,
    is_in_message: bool,
}

struct Kept {
    piece: Piece,
    /// Octets before it.
    before: u64,
    /// Where it is in the answer to a call.
    staged: Option<Staged>,
}

/// How far a member has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Of the piece that comes next.
    pub(crate) number: u64,
    /// Octets of it that were sent.
    sent: usize,
    /// Whether it waits for the beginning of a message.
    waits: bool,
}

impl Backlog {
    /// Where a member begins.
    pub(crate) fn entrance(&mut self) -> Place {
        self.open = self.end();
        Place { number: self.end(), sent: 0, waits: self.is_in_message }
    }

    /// The number of the piece that will be sent next.
    pub(crate) fn end(&self) -> u64 {
        self.first + self.pieces.len() as u64
    }

    pub(crate) fn push(&mut self, data: &Data<'_>) {
        self.is_in_message = (self.is_in_message || data.init) && !data.fin;
        let before = self.octets;
        self.octets += data.payload.len() as u64;
        let is_open = self.open < self.end();
        if is_open && self.pieces.back_mut().is_some_and(|last| last.piece.merge(data)) {
            return;
        }
        self.pieces.push_back(Kept { piece: Piece::of(data), before, staged: None });
    }

    pub(crate) fn push_flush(&mut self, attributes: Attributes<'_>) {
        let piece = Piece::flush(attributes);
        self.pieces.push_back(Kept { piece, before: self.octets, staged: None });
    }

    /// Octets that a member has not been sent.
    pub(crate) fn octets_behind(&self, place: Place) -> u64 {
        let kept = self.index(place).and_then(|index| self.pieces.get(index));
        kept.map_or(0, |kept| self.octets - kept.before - place.sent as u64)
    }

    /// Pieces that a member has not been sent as a whole.
    pub(crate) fn pieces_behind(&self, place: Place) -> u64 {
        self.end().saturating_sub(place.number)
    }

    /// Sends a member what its credit allows, up to a piece, in `frames` frames at most, which it takes from those.
    pub(crate) fn send(
        &mut self,
        member: StreamId,
        place: &mut Place,
        up_to: u64,
        frames: &mut usize,
        cx: &mut Context<'_>,
    ) {
        self.open = self.end();
        while *frames > 0 && place.number < up_to {
            let Some(kept) = self.index(*place).and_then(|index| self.pieces.get_mut(index)) else { return };
            place.waits &= !kept.piece.init;
            if place.waits {
                *place = Place { number: place.number + 1, ..*place };
                continue;
            }
            let sent = kept.send(member, place.sent, cx);
            *frames -= usize::from(sent != Sent::Nothing);
            match sent {
                Sent::Nothing => return,
                Sent::All => *place = Place { number: place.number + 1, sent: 0, waits: false },
                Sent::Some(octets) => {
                    place.sent += octets;
                    return;
                }
            }
        }
    }

    /// Forgets what all have been sent: everything before a number.
    pub(crate) fn forget_before(&mut self, number: u64) {
        while self.first < number && self.pieces.pop_front().is_some() {
            self.first += 1;
        }
    }

    fn index(&self, place: Place) -> Option<usize> {
        usize::try_from(place.number.checked_sub(self.first)?).ok()
    }
}

/// What was sent of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    Nothing,
    Some(usize),
    All,
}

impl Kept {
    fn send(&mut self, member: StreamId, from: usize, cx: &mut Context<'_>) -> Sent {
        let Piece { attributes, payload, init, fin, is_flush } = &self.piece;
        if *is_flush {
            cx.to(member).flush_with(|flush| flush.append(Attributes::new(attributes)));
            return Sent::All;
        }
        let rest = payload.len() - from;
        let mut sender = cx.to(member);
        if !sender.is_open() || rest > 0 && sender.credit() == 0 {
            return Sent::Nothing;
        }
        let staged = match self.staged.filter(|staged| cx.is_staged(*staged)) {
            Some(staged) => staged,
            None => {
                let Some(staged) = cx.stage(Attributes::new(attributes), payload) else {
                    return Sent::Nothing;
                };
                *self.staged.insert(staged)
            }
        };
        let sent = cx.to(member).staged(staged, from, *init, *fin);
        if sent == rest { Sent::All } else { Sent::Some(sent) }
    }
}
