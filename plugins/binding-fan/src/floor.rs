//! Who has the floor: what members send, one message after the other, to the exit.
//!
//! ```text
//!   on_data ── whole, or no message ─────────────────▶ queue ──▶ exit
//!           └─ a piece of a message ──▶ gathered ─ fin ─▲
//! ```
//!
//! The queue is in the order in which messages were complete. Octets in it are given back to their sender as credit when
//! they are sent on. A message that is longer than the credit of its sender is given some while it is gathered, unless
//! the sender has others in the queue: so each has a message and its initial credit here at most.

use crate::member::Member;
use crate::piece::Piece;
use std::collections::VecDeque;
use zilla_sdk::prelude::*;

/// Octets of a group that are gathered or wait for the exit: a quarter of the memory that an instance has unless
/// `plugins` in `zilla.yaml` says otherwise.
pub const HELD_OCTETS_MAX: usize = 16 << 20;

/// Pieces of one message that cannot be put together since they have attributes of their own.
pub const MESSAGE_PIECES_MAX: usize = 64;

/// Pieces of one member that wait for the exit, however small they are: they take memory of their own.
pub const WAITING_PIECES_MAX: usize = 4096;

/// See the module.
pub(crate) struct Floor {
    exit: StreamId,
    message_max: usize,
    queue: VecDeque<Queued>,
    /// Octets that are gathered or wait.
    held: usize,
}

/// A piece that waits for the exit. Those of one message are next to each other.
struct Queued {
    /// 0 once it has left.
    from: StreamId,
    piece: Piece,
    /// Octets that were sent.
    sent: usize,
    /// Octets that are to be given back as credit.
    owed: u64,
}

/// What is gathered of a message.
#[derive(Default)]
pub(crate) struct Gathered {
    /// Each with the octets that are to be given back as credit.
    pieces: Vec<(Piece, u64)>,
    /// Pieces with attributes.
    described: usize,
    octets: usize,
}

impl Floor {
    pub(crate) fn new(exit: StreamId, message_max: usize) -> Self {
        Self { exit, message_max, queue: VecDeque::new(), held: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Takes what a member says. An error is the code to reset it with.
    pub(crate) fn take(
        &mut self,
        from: StreamId,
        member: &mut Member,
        data: &Data<'_>,
        cx: &mut Context<'_>,
    ) -> Result<(), CloseCode> {
        if member.gathered.is_some() || data.init && !data.fin {
            return self.gather(from, member, data, cx);
        }
        let octets = data.payload.len();
        let is_passed = self.queue.is_empty() && {
            let mut exit = cx.to(self.exit);
            exit.credit() >= octets && exit.is_open()
        };
        if is_passed {
            cx.to(self.exit).pass(data);
            cx.from(from).consume(octets as u64);
            return Ok(());
        }
        self.hold(octets)?;
        if let Some(last) = self.queue.back_mut().filter(|last| last.from == from && !last.piece.init)
            && !data.fin
            && last.piece.merge(data)
        {
            last.owed += octets as u64;
            return Ok(());
        }
        self.push(from, member, Piece::of(data), octets as u64)
    }

    /// Takes an advisory, which keeps its place, but not within a message.
    pub(crate) fn take_flush(
        &mut self,
        from: StreamId,
        member: &mut Member,
        attributes: Attributes<'_>,
        cx: &mut Context<'_>,
    ) -> Result<(), CloseCode> {
        if self.queue.is_empty() {
            cx.to(self.exit).flush_with(|flush| flush.append(attributes));
            return Ok(());
        }
        self.push(from, member, Piece::flush(attributes), 0)
    }

    fn gather(
        &mut self,
        from: StreamId,
        member: &mut Member,
        data: &Data<'_>,
        cx: &mut Context<'_>,
    ) -> Result<(), CloseCode> {
        if data.init && member.gathered.is_some() {
            return Err(CloseCode::Violation);
        }
        let octets = data.payload.len();
        self.hold(octets)?;
        let gathered = member.gathered.get_or_insert_default();
        gathered.octets += octets;
        gathered.described += usize::from(!data.attributes.is_empty());
        if gathered.octets > self.message_max {
            return Err(CloseCode::Limit);
        }
        let owed = if member.waiting > 0 { octets as u64 } else { 0 };
        if let Some((last, its)) = gathered.pieces.last_mut()
            && last.merge(data)
        {
            *its += owed;
        } else {
            gathered.pieces.push((Piece::of(data), owed));
        }
        if gathered.described > MESSAGE_PIECES_MAX {
            return Err(CloseCode::Limit);
        }
        if owed == 0 {
            cx.from(from).consume(octets as u64);
        }
        if data.fin
            && let Some(whole) = member.gathered.take()
        {
            for (piece, owed) in whole.pieces {
                self.queue.push_back(Queued { from, piece, sent: 0, owed });
                member.waiting += 1;
            }
            return is_within(member);
        }
        Ok(())
    }

    fn push(
        &mut self,
        from: StreamId,
        member: &mut Member,
        piece: Piece,
        owed: u64,
    ) -> Result<(), CloseCode> {
        member.waiting += 1;
        self.queue.push_back(Queued { from, piece, sent: 0, owed });
        is_within(member)
    }

    fn hold(&mut self, octets: usize) -> Result<(), CloseCode> {
        if self.held + octets > HELD_OCTETS_MAX {
            return Err(CloseCode::Limit);
        }
        self.held += octets;
        Ok(())
    }

    /// Sends what the exit takes, and tells whose pieces were sent: each once for each piece.
    pub(crate) fn go_on(&mut self, cx: &mut Context<'_>) -> Vec<StreamId> {
        let mut sent = Vec::new();
        while let Some(next) = self.queue.front_mut() {
            let octets = next.send(self.exit, cx);
            self.held -= octets;
            if !next.is_sent(octets, self.exit, cx) {
                break;
            }
            sent.extend(self.queue.pop_front().map(|queued| queued.from));
        }
        sent
    }

    /// A member has left. What it has said as a whole is sent all the same.
    pub(crate) fn forget(&mut self, from: StreamId, member: &mut Member) {
        self.held -= member.gathered.take().map_or(0, |gathered| gathered.octets);
        for queued in self.queue.iter_mut().filter(|queued| queued.from == from) {
            queued.from = 0;
        }
    }
}

fn is_within(member: &Member) -> Result<(), CloseCode> {
    if member.waiting > WAITING_PIECES_MAX { Err(CloseCode::Limit) } else { Ok(()) }
}

impl Queued {
    /// Sends what the exit takes of it, and says how many octets that were.
    fn send(&mut self, exit: StreamId, cx: &mut Context<'_>) -> usize {
        let Piece { attributes, payload, init, fin, is_flush } = &self.piece;
        let attributes = Attributes::new(attributes);
        if *is_flush {
            cx.to(exit).flush_with(|flush| flush.append(attributes));
            return 0;
        }
        let (is_first, rest) = (self.sent == 0, &payload[self.sent..]);
        let octets = cx.to(exit).piece(rest, *init && is_first, *fin, |own| {
            if is_first {
                own.append(attributes);
            }
        });
        self.sent += octets;
        let back = self.owed.min(octets as u64);
        self.owed -= back;
        cx.from(self.from).consume(back);
        octets
    }

    /// Whether nothing is left of it after octets of it were sent. What has no payload needs no credit.
    fn is_sent(&self, octets: usize, exit: StreamId, cx: &mut Context<'_>) -> bool {
        self.sent == self.piece.payload.len() && (octets > 0 || cx.to(exit).is_open())
    }
}
