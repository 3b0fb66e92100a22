//! The portal on the home of a binding: it opens the streams that other workers accepted.

use super::{Over, Way};
use crate::guards;
use crate::worker::crossing::{BATCHES_MAX, LinkEnd, Load, Lost};
use slab::Slab;
use zilla_engine::{Batch, BindingIndex, CloseCode, Engine, Frame, FrameKind, StreamId};

/// See the module above.
pub(in super::super) struct Home {
    /// Its own index: it opens streams, and its only exit is the binding.
    opener: BindingIndex,
    /// The binding, at whose limits it opens.
    binding: BindingIndex,
    pub(super) streams_max: u32,
    sides: Vec<Side>,
    streams: Slab<Crossed>,
    /// For the engine, between two calls empty.
    frames: Vec<Frame>,
    /// Sides that take no more.
    blocked: usize,
    is_draining: bool,
}

/// The way to one other worker.
struct Side {
    /// None once that worker has no more use of it.
    link: Option<LinkEnd>,
    /// What is to cross next.
    pending: Load,
    is_blocked: bool,
    /// Where the stream of a place is among `streams`.
    places: Vec<Option<usize>>,
    /// Whether that worker accepts no more.
    is_draining: bool,
}

/// A stream of another worker.
struct Crossed {
    side: usize,
    place: u32,
    turn: u32,
    over: Over,
}

impl Home {
    /// Opens at most as many streams at a time to a binding as a binding may.
    pub(in super::super) fn new(
        opener: BindingIndex,
        binding: BindingIndex,
        streams_max: u32,
        links: Vec<LinkEnd>,
    ) -> Self {
        let side = |link| Side {
            link: Some(link),
            pending: Load::default(),
            is_blocked: false,
            places: Vec::new(),
            is_draining: false,
        };
        Self {
            opener,
            binding,
            streams_max,
            sides: links.into_iter().map(side).collect(),
            streams: Slab::new(),
            frames: Vec::new(),
            blocked: 0,
            is_draining: false,
        }
    }

    pub(super) fn streams(&self) -> usize {
        self.streams.len()
    }

    pub(super) fn holds_up(&self, binding: BindingIndex) -> bool {
        self.blocked > 0 && [self.opener, self.binding].contains(&binding)
    }

    pub(super) fn is_listening(&self) -> bool {
        self.sides.iter().any(|side| side.link.is_some() && !side.is_draining)
    }

    pub(super) fn is_over(&self) -> bool {
        self.sides.iter().all(|side| side.link.is_none())
    }

    /// Hands what the binding sends to the workers whose streams they are.
    pub(super) fn deliver(&mut self, batch: &Batch) {
        for frame in &batch.frames {
            if frame.kind == FrameKind::Drain {
                self.is_draining = true;
                continue;
            }
            let Some(index) = index_of(frame.stream) else { continue };
            let Some(stream) = self.streams.get_mut(index) else { continue };
            if stream.over.lets_pass(frame.kind, Way::FromHome)
                && let Some(side) = self.sides.get_mut(stream.side)
            {
                let crossing = Frame { stream: stream.place, link: stream.turn, ..*frame };
                let (attributes, payload) = frame.cut(batch.octets()).unwrap_or_default();
                side.pending.batch.push(crossing, attributes, payload);
            }
            self.forget_if_over(index);
        }
        self.send();
    }

    fn send(&mut self) {
        for side in &mut self.sides {
            match &mut side.link {
                Some(link) => side.is_blocked = !link.send(&mut side.pending),
                None => {
                    side.pending.clear();
                    side.is_blocked = false;
                }
            }
        }
        self.blocked = self.sides.iter().filter(|side| side.is_blocked).count();
    }

    pub(super) fn receive(&mut self, engine: &mut Engine) -> bool {
        let mut has_more = false;
        for side in 0..self.sides.len() {
            has_more |= self.receive_from(side, engine);
        }
        let was_blocked = self.blocked > 0;
        self.send();
        if was_blocked && self.blocked == 0 {
            engine.offer_again(self.opener);
            engine.offer_again(self.binding);
        }
        has_more
    }

    fn receive_from(&mut self, side: usize, engine: &mut Engine) -> bool {
        for _ in 0..BATCHES_MAX {
            let Some(link) = self.sides.get_mut(side).and_then(|side| side.link.as_mut()) else {
                return false;
            };
            match link.receive() {
                Ok(None) => return false,
                Ok(Some(load)) => self.pass(side, load, engine),
                Err(Lost) => {
                    self.lose(side, engine);
                    return false;
                }
            }
        }
        true
    }

    /// Hands frames of another worker to the binding.
    fn pass(&mut self, from: usize, load: Load, engine: &mut Engine) {
        for frame in &load.batch.frames {
            match frame.kind {
                FrameKind::Drain => self.note_drain(from),
                FrameKind::Begin => self.open(from, frame, &load, engine),
                FrameKind::Data
                | FrameKind::Flush
                | FrameKind::End
                | FrameKind::Abort
                | FrameKind::Window
                | FrameKind::Reset
                | FrameKind::Challenge
                | FrameKind::Timer
                | FrameKind::Signal
                | FrameKind::Forward => self.pass_frame(from, frame),
            }
        }
        engine.handle(self.opener, &self.frames, &[], load.batch.octets());
        self.frames.clear();
        for (number, session) in &load.renewed {
            engine.authorizations().renew_copies(*number, session);
        }
        if let Some(link) = self.sides.get_mut(from).and_then(|side| side.link.as_mut()) {
            link.reuse(load);
        }
    }

    fn note_drain(&mut self, from: usize) {
        if let Some(side) = self.sides.get_mut(from) {
            side.is_draining = true;
        }
    }

    fn open(&mut self, from: usize, frame: &Frame, load: &Load, engine: &mut Engine) {
        let Some(side) = self.sides.get_mut(from) else { return };
        let index = self.streams.vacant_key();
        let id = id_of(index);
        if id >> 1 >= self.streams_max {
            engine.note_limit(self.binding, "streams");
            for kind in [FrameKind::Reset, FrameKind::Abort] {
                let refusal = Frame {
                    link: frame.link,
                    value: CloseCode::Limit.value(),
                    ..Frame::new(frame.stream, kind)
                };
                side.pending.batch.push(refusal, &[], &[]);
            }
            return;
        }
        let place = frame.stream as usize;
        side.places.resize(side.places.len().max(place + 1), None);
        if let Some(known) = side.places.get_mut(place) {
            *known = Some(index);
        }
        self.streams.insert(Crossed {
            side: from,
            place: frame.stream,
            turn: frame.link,
            over: Over::default(),
        });
        // Where there is no room, it is open for nobody.
        let adopted = engine.authorizations().adopt(load.brought(frame.value), guards::random);
        let value = adopted.unwrap_or_default();
        self.frames.push(Frame { stream: id, link: 0, value, ..*frame });
    }

    fn pass_frame(&mut self, from: usize, frame: &Frame) {
        let places = self.sides.get(from).map(|side| &side.places);
        let Some(index) = places.and_then(|places| places.get(frame.stream as usize).copied().flatten())
        else {
            return;
        };
        let stream = self.streams.get_mut(index).filter(|stream| stream.turn == frame.link);
        if stream.is_some_and(|stream| stream.over.lets_pass(frame.kind, Way::ToHome)) {
            self.frames.push(Frame { stream: id_of(index), link: 0, ..*frame });
            self.forget_if_over(index);
        }
    }

    fn forget_if_over(&mut self, index: usize) {
        if self.streams.get(index).is_some_and(|stream| stream.over.is_both()) {
            let stream = self.streams.remove(index);
            let side = self.sides.get_mut(stream.side);
            if let Some(known) = side.and_then(|side| side.places.get_mut(stream.place as usize)) {
                *known = None;
            }
        }
    }

    /// Another worker has let go of its end: what streams of it there still are end with it.
    fn lose(&mut self, from: usize, engine: &mut Engine) {
        if let Some(side) = self.sides.get_mut(from) {
            side.link = None;
            side.places.clear();
        }
        let code = if self.is_draining { CloseCode::Drained } else { CloseCode::Crashed };
        let lost: Vec<usize> =
            self.streams.iter().filter(|(_, stream)| stream.side == from).map(|(index, _)| index).collect();
        for index in lost {
            let mut stream = self.streams.remove(index);
            for kind in [FrameKind::Abort, FrameKind::Reset] {
                if stream.over.lets_pass(kind, Way::ToHome) {
                    self.frames.push(Frame { value: code.value(), ..Frame::new(id_of(index), kind) });
                }
            }
        }
        engine.handle(self.opener, &self.frames, &[], &[]);
        self.frames.clear();
    }
}

/// The id of the stream at an index. 0 is the binding itself.
fn id_of(index: usize) -> StreamId {
    (index as u32 + 1) << 1
}

fn index_of(stream: StreamId) -> Option<usize> {
    (stream as usize >> 1).checked_sub(1)
}
