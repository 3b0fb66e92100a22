//! A binding that must see everyone has an instance on one worker, its home. A portal brings it the streams of the
//! others.
//!
//! ```text
//!        another worker                              home
//!   opener ──▶ Away, in the place of  ── link ──▶ Home ── opens ──▶ the binding ──▶ its exits
//!              the binding                        one for all links
//! ```
//!
//! `Away` accepts what is opened to the binding and hands each frame over; `Home` opens a stream in its place, with
//! the same attributes and copies of the sessions that the stream carries, on which the binding's routes decide; where
//! a session is renewed, so is its copy. Every
//! kind of frame between the two ends crosses in order. Both sides of a link start with the same credit and all credit
//! is passed through, so a payload that was sent within its credit always fits on the other side: what is under way is
//! bounded by what the receiver has granted. Frames without payload are bounded by the link, [`BATCHES_MAX`] batches each way: past it,
//! a portal takes no more from its inbox, where the limit `queued-frames` of the binding holds; and at home, the binding
//! is given nothing more either, since what it answers would wait there.
//!
//! On the link, a stream is named by its place, which `Away` chooses, in [`Frame::stream`], and by how often the place
//! was taken, in [`Frame::link`]: a frame of an earlier stream that was under way when the place was taken again is
//! told apart.
//!
//! [`BATCHES_MAX`]: crate::worker::crossing::BATCHES_MAX

mod away;
mod home;

use super::{Running, Slot};
pub(super) use away::Away;
pub(super) use home::Home;
use std::collections::BTreeMap;
use std::sync::Arc;
use zilla_engine::{Batch, BindingIndex, Engine, FrameKind, Session};

/// One side of the links of a binding.
pub(super) enum Portal {
    Away(Away),
    Home(Home),
}

impl Portal {
    /// Hands what streams of this worker bring to the other side.
    pub(super) fn deliver(&mut self, batch: &Batch, engine: &mut Engine) {
        match self {
            Self::Away(away) => away.deliver(batch, engine),
            Self::Home(home) => home.deliver(batch),
        }
    }

    /// Hands what came from the other side to the streams of this worker. True if there may be more.
    pub(super) fn receive(&mut self, engine: &mut Engine) -> bool {
        match self {
            Self::Away(away) => away.receive(engine),
            Self::Home(home) => home.receive(engine),
        }
    }

    /// Tells the other side of sessions that were renewed on this worker, if it has copies of them.
    fn renew(&mut self, renewed: &BTreeMap<u64, Arc<Session>>) {
        match self {
            Self::Away(away) => away.renew(renewed),
            Self::Home(_) => {}
        }
    }

    /// Whether a binding is not to be given anything before the other side has made room: the portal itself and, at
    /// home, its binding, so that this one sends no faster than the slowest of the other workers takes.
    pub(super) fn holds_up(&self, binding: BindingIndex) -> bool {
        match self {
            Self::Away(away) => away.holds_up(binding),
            Self::Home(home) => home.holds_up(binding),
        }
    }

    /// Whether new streams may still come from the other side.
    pub(super) fn is_listening(&self) -> bool {
        match self {
            Self::Away(_) => false,
            Self::Home(home) => home.is_listening(),
        }
    }

    /// Whether the other side neither waits for it nor has anything more for it.
    pub(super) fn is_over(&self) -> bool {
        match self {
            Self::Away(away) => away.is_over(),
            Self::Home(home) => home.is_over(),
        }
    }

    /// Streams that are those of another worker, here for the second time.
    pub(super) fn doubles(&self) -> usize {
        match self {
            Self::Away(_) => 0,
            Self::Home(home) => home.streams(),
        }
    }
}

impl Running {
    /// Tells workers that have copies of sessions which of these were renewed.
    pub(super) fn tell_renewed(&mut self) {
        let renewed = self.engine.authorizations().take_renewed();
        if renewed.is_empty() {
            return;
        }
        for slot in &mut self.bindings {
            if let Slot::Portal(portal) = slot {
                portal.renew(&renewed);
            }
        }
    }
}

/// Which way a frame crosses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    ToHome,
    FromHome,
}

/// Which directions of a stream are over, as far as its portal knows.
#[derive(Clone, Copy, Debug, Default)]
struct Over {
    /// From the opener to the binding.
    initial: bool,
    reply: bool,
}

impl Over {
    /// Whether a frame is to cross: not if its direction is over, or if it is the engine's own. Notes the last ones.
    fn lets_pass(&mut self, kind: FrameKind, way: Way) -> bool {
        let (is_with_the_data, is_last) = match kind {
            FrameKind::Begin | FrameKind::Data | FrameKind::Flush => (true, false),
            FrameKind::End | FrameKind::Abort => (true, true),
            FrameKind::Window | FrameKind::Challenge => (false, false),
            FrameKind::Reset => (false, true),
            FrameKind::Timer | FrameKind::Signal | FrameKind::Drain | FrameKind::Forward => return false,
        };
        let is_over = match is_with_the_data == (way == Way::ToHome) {
            true => &mut self.initial,
            false => &mut self.reply,
        };
        let was_over = *is_over;
        *is_over |= is_last;
        !was_over
    }

    fn is_both(self) -> bool {
        self.initial && self.reply
    }
}

#[cfg(test)]
mod tests;
