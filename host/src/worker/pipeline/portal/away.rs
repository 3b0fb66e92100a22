//! The portal on a worker that is not the home: it stands in for the binding.

use super::{Over, Way};
use crate::worker::crossing::{BATCHES_MAX, LinkEnd, Load, Lost};
use std::collections::BTreeMap;
use std::sync::Arc;
use zilla_engine::limits::AUTHORIZATIONS_MAX;
use zilla_engine::{Batch, BindingIndex, CloseCode, Engine, Frame, FrameKind, Session};

/// See the module above.
pub(in super::super) struct Away {
    binding: BindingIndex,
    /// None once the home is lost.
    link: Option<LinkEnd>,
    /// What is to cross next.
    pending: Load,
    is_blocked: bool,
    /// By half of their ids.
    places: Vec<Place>,
    /// For the engine, between two calls empty.
    frames: Vec<Frame>,
    is_draining: bool,
}

/// A place of a stream, which keeps its number when the stream is over.
#[derive(Clone, Copy)]
struct Place {
    turn: u32,
    over: Over,
}

impl Away {
    /// Stands in for a binding whose home is at the other end of a link.
    pub(in super::super) fn new(binding: BindingIndex, link: LinkEnd) -> Self {
        Self {
            binding,
            link: Some(link),
            pending: Load::default(),
            is_blocked: false,
            places: Vec::new(),
            frames: Vec::new(),
            is_draining: false,
        }
    }

    pub(super) fn holds_up(&self, binding: BindingIndex) -> bool {
        self.is_blocked && binding == self.binding
    }

    pub(super) fn is_over(&self) -> bool {
        !self.is_blocked
    }

    pub(super) fn deliver(&mut self, batch: &Batch, engine: &mut Engine) {
        for frame in &batch.frames {
            if frame.kind == FrameKind::Drain {
                self.is_draining = true;
                self.pending.batch.push(*frame, &[], &[]);
            } else if let Some(place) = self.place_of(frame)
                && place.over.lets_pass(frame.kind, Way::ToHome)
            {
                let mut crossing = Frame { stream: frame.stream >> 1, link: place.turn, ..*frame };
                if frame.kind == FrameKind::Begin {
                    crossing.value = self.pending.bring(engine.authorizations().sessions(frame.value));
                }
                let (attributes, payload) = frame.cut(batch.octets()).unwrap_or_default();
                self.pending.batch.push(crossing, attributes, payload);
            }
        }
        match &self.link {
            Some(_) => self.send(),
            None => self.fail(engine),
        }
    }

    /// The place of a frame's stream, which takes it with its first frame.
    fn place_of(&mut self, frame: &Frame) -> Option<&mut Place> {
        let index = (frame.stream >> 1) as usize;
        if frame.kind == FrameKind::Begin {
            let none = Place { turn: 0, over: Over { initial: true, reply: true } };
            self.places.resize(self.places.len().max(index + 1), none);
            if let Some(place) = self.places.get_mut(index) {
                *place = Place { turn: place.turn.wrapping_add(1), over: Over::default() };
            }
        }
        self.places.get_mut(index)
    }

    /// Tells the home of sessions that were renewed here. Where it takes nothing, that waits with what else is to cross,
    /// and what is more than [`AUTHORIZATIONS_MAX`] is left out.
    pub(super) fn renew(&mut self, renewed: &BTreeMap<u64, Arc<Session>>) {
        let room = AUTHORIZATIONS_MAX.saturating_sub(self.pending.renewed.len());
        self.pending
            .renewed
            .extend(renewed.iter().take(room).map(|(number, session)| (*number, Arc::clone(session))));
        self.send();
    }

    fn send(&mut self) {
        if let Some(link) = &mut self.link {
            self.is_blocked = !link.send(&mut self.pending);
        }
    }

    pub(super) fn receive(&mut self, engine: &mut Engine) -> bool {
        for _ in 0..BATCHES_MAX {
            let Some(link) = &mut self.link else { return false };
            match link.receive() {
                Ok(None) => {
                    self.resume(engine);
                    return false;
                }
                Ok(Some(load)) => self.pass(load, engine),
                Err(Lost) => {
                    self.fail(engine);
                    return false;
                }
            }
        }
        self.resume(engine);
        true
    }

    /// Hands frames of the home to the openers of their streams.
    fn pass(&mut self, load: Load, engine: &mut Engine) {
        for frame in &load.batch.frames {
            let place = self.places.get_mut(frame.stream as usize).filter(|place| place.turn == frame.link);
            if let Some(place) = place
                && place.over.lets_pass(frame.kind, Way::FromHome)
            {
                self.frames.push(Frame { stream: frame.stream << 1 | 1, link: 0, ..*frame });
            }
        }
        engine.handle(self.binding, &self.frames, &[], load.batch.octets());
        self.frames.clear();
        if let Some(link) = &mut self.link {
            link.reuse(load);
        }
    }

    /// Goes on where the link was full.
    fn resume(&mut self, engine: &mut Engine) {
        if self.is_blocked {
            self.send();
            if !self.is_blocked {
                engine.offer_again(self.binding);
            }
        }
    }

    /// The home is lost, and all streams with it.
    fn fail(&mut self, engine: &mut Engine) {
        self.link = None;
        self.is_blocked = false;
        self.pending.clear();
        self.places.clear();
        engine.fail(self.binding, if self.is_draining { CloseCode::Drained } else { CloseCode::Crashed });
    }
}
