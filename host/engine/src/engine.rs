//! The engine: hand it the frames that bindings return, take the frames that bindings are to get.
//!
//! Each call changes one thing and leaves the rest in the inboxes: [`Engine::handle`] for what a binding
//! returned, [`Engine::room`] and [`Engine::read`] for what a socket brought, [`Engine::advance`] for the
//! time. Then [`Engine::next_ready`] and [`Engine::take`] drain the inboxes, one batch of one binding at a
//! time and in turn, so that no binding starves the others.

mod close;
mod flow;
mod open;

use crate::attributes;
use crate::frame::{Batch, CloseCode, Flags, Frame, FrameKind, StreamId};
use crate::inbox::{Inbox, Queued, Spare};
use crate::limits::Limits;
use crate::route::{BindingIndex, Route, Routing};
use crate::stream::{Side, StreamKey};
use crate::table::{Ids, Streams};
use crate::timers::{Timer, Timers};
use crate::violation::{Rule, Violation, Violations};
use std::collections::VecDeque;

/// What the engine knows of a binding's configuration.
#[derive(Clone, Debug)]
pub struct Binding {
    /// Which streams the routes decide on.
    pub routing: Routing,
    /// In the order of evaluation.
    pub routes: Vec<Route>,
}

/// Streams, credit, routes and timers between bindings. Pure state: see the crate's first lines.
#[derive(Debug)]
pub struct Engine {
    limits: Limits,
    bindings: Vec<State>,
    streams: Streams,
    timers: Timers,
    /// Bindings with something in their inbox, each once, in turn.
    ready: VecDeque<BindingIndex>,
    spare: Spare,
    violations: Violations,
}

#[derive(Debug)]
struct State {
    binding: Binding,
    ids: Ids,
    inbox: Inbox,
    is_ready: bool,
    /// Timers of the binding itself: token, deadline and sequence.
    timers: Vec<(u32, u64, u64)>,
}

impl Engine {
    /// An engine for these bindings; a [`BindingIndex`] is the position here.
    ///
    /// # Panics
    /// If a route's exit is not one of the bindings.
    pub fn new(limits: Limits, bindings: Vec<Binding>) -> Self {
        let exits = bindings.iter().flat_map(|binding| &binding.routes).filter_map(|route| route.exit);
        let count = bindings.len();
        exits.for_each(|exit| {
            assert!((exit.0 as usize) < count, "a route exits to binding {} of {count}", exit.0)
        });
        let state = |binding| State {
            binding,
            ids: Ids::default(),
            inbox: Inbox::default(),
            is_ready: false,
            timers: Vec::new(),
        };
        Self {
            limits,
            bindings: bindings.into_iter().map(state).collect(),
            streams: Streams::default(),
            timers: Timers::default(),
            ready: VecDeque::new(),
            spare: Spare::default(),
            violations: Violations::default(),
        }
    }

    /// The limits it was made with.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Handles the frames that a binding returned, in order. Borrowed frames point into `given`, the others
    /// into `returned`. A frame against the rules is dropped and recorded; the others are handled.
    pub fn handle(&mut self, from: BindingIndex, frames: &[Frame], given: &[u8], returned: &[u8]) {
        for frame in frames {
            let octets = if frame.flags.borrowed { given } else { returned };
            if let Err(rule) = self.handle_frame(from, frame, octets) {
                self.violations.add(Violation {
                    binding: from,
                    stream: frame.stream,
                    frame: frame.kind,
                    rule,
                });
                if rule.endangers_the_peer() {
                    self.close_stream(from, frame.stream, CloseCode::Violation);
                }
            }
        }
    }

    fn handle_frame(&mut self, from: BindingIndex, frame: &Frame, octets: &[u8]) -> Result<(), Rule> {
        if frame.stream == 0 {
            return match frame.kind {
                FrameKind::Timer => self.set_timer(from, None, frame),
                FrameKind::Signal | FrameKind::Drain => Err(Rule::HostOnly),
                _ => Err(Rule::UnknownStream),
            };
        }
        let found = self.bindings[from.0 as usize].ids.get(frame.stream);
        let opens = frame.kind == FrameKind::Begin && found.is_none();
        let cut = frame.cut(octets).ok_or(Rule::OutOfBounds).and_then(|(attributes, payload)| {
            let too_long = attributes.len() > self.limits.attributes_octets as usize;
            match !too_long && attributes::is_well_formed(attributes) {
                true => Ok((attributes, payload)),
                false => Err(Rule::Attributes),
            }
        });
        if opens {
            return self.open(from, frame, cut.map(|(attributes, _)| attributes));
        }
        let (attributes, payload) = cut?;
        let (key, side) = found.ok_or(Rule::UnknownStream)?;
        match frame.kind {
            FrameKind::Begin => self.answer(key, side, attributes),
            FrameKind::Data => self.data(key, side, frame.flags, attributes, payload),
            FrameKind::Flush => self.flush(key, side, attributes),
            FrameKind::End => self.end(key, side, attributes),
            FrameKind::Abort => self.abort(key, side, frame.value, attributes),
            FrameKind::Window => self.window(key, side, frame.value),
            FrameKind::Reset => self.reset(key, side, frame.value, attributes),
            FrameKind::Challenge => self.challenge(key, side, attributes),
            FrameKind::Timer => self.set_timer(from, Some((key, side)), frame),
            FrameKind::Forward => self.forward(from, (key, side), frame.link, frame.value),
            FrameKind::Signal | FrameKind::Drain => Err(Rule::HostOnly),
        }
    }

    /// The next binding with something to get, in turn.
    pub fn next_ready(&mut self) -> Option<BindingIndex> {
        let binding = self.ready.pop_front()?;
        self.bindings[binding.0 as usize].is_ready = false;
        Some(binding)
    }

    /// Whether any binding has something to get.
    pub fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Fills `batch` with the oldest of what waits for a binding, at most
    /// [`crate::limits::BATCH_FRAMES_MAX`] frames. Frames of streams that the binding has meanwhile done with
    /// are left out, so the batch may be empty.
    pub fn take(&mut self, binding: BindingIndex, batch: &mut Batch) {
        batch.frames.clear();
        batch.filled = 0;
        let Some(mut parcel) = self.bindings[binding.0 as usize].inbox.pop() else { return };
        for queued in &parcel.queued {
            if queued.to.is_none_or(|(key, side)| self.deliver(key, side, queued.frame.kind)) {
                batch.frames.push(queued.frame);
            }
        }
        std::mem::swap(&mut batch.buffer, &mut parcel.buffer);
        batch.filled = parcel.filled;
        self.spare.put(parcel);
        if !self.bindings[binding.0 as usize].inbox.is_empty() {
            self.mark_ready(binding);
        }
    }

    /// Queues the signals that are due.
    pub fn advance(&mut self, now_ms: u64) {
        while let Some(timer) = self.timers.pop_due(now_ms) {
            let timers = match timer.on {
                Some((key, side)) => match self.streams.get(key) {
                    Some(stream) => &mut stream.end_mut(side).timers,
                    None => continue,
                },
                None => &mut self.bindings[timer.binding.0 as usize].timers,
            };
            timers.retain(|(token, ..)| *token != timer.token);
            let signal = Frame { link: timer.token, ..Frame::new(0, FrameKind::Signal) };
            match timer.on {
                Some((key, side)) => self.send(key, side, signal, &[], &[]),
                None => self.send_to_binding(timer.binding, signal),
            }
        }
    }

    /// When [`Engine::advance`] is to be called next, in ms of its argument.
    pub fn next_deadline(&self) -> Option<u64> {
        self.timers.next_deadline()
    }

    /// Tells every binding that no new streams will come.
    pub fn drain(&mut self) {
        for index in 0..self.bindings.len() {
            self.send_to_binding(BindingIndex(index as u32), Frame::new(0, FrameKind::Drain));
        }
    }

    /// The streams that are open, each counted once.
    pub fn streams(&self) -> usize {
        self.streams.len()
    }

    /// The streams of one binding, opened and accepted.
    pub fn streams_of(&self, binding: BindingIndex) -> usize {
        self.bindings[binding.0 as usize].ids.len()
    }

    /// The timers that are set.
    pub fn timers(&self) -> usize {
        self.timers.len()
    }

    /// What bindings did against the rules since the last call.
    pub fn take_violations(&mut self) -> Violations {
        std::mem::take(&mut self.violations)
    }

    fn set_timer(
        &mut self,
        from: BindingIndex,
        on: Option<(StreamKey, Side)>,
        frame: &Frame,
    ) -> Result<(), Rule> {
        let timers_max = self.limits.timers as usize;
        let timers = match on {
            Some((key, side)) => &mut self.streams.get(key).ok_or(Rule::UnknownStream)?.end_mut(side).timers,
            None => &mut self.bindings[from.0 as usize].timers,
        };
        let (token, deadline) = (frame.link, frame.value);
        if let Some(index) = timers.iter().position(|(set, ..)| *set == token) {
            let (_, deadline, sequence) = timers.swap_remove(index);
            self.timers.remove(deadline, sequence);
        }
        if deadline == 0 {
            return Ok(());
        }
        if timers.len() >= timers_max {
            return Err(Rule::TooManyTimers);
        }
        let sequence = self.timers.insert(deadline, Timer { binding: from, on, token });
        timers.push((token, deadline, sequence));
        Ok(())
    }

    /// Queues a frame for one end of a stream, under that end's id.
    fn send(&mut self, key: StreamKey, side: Side, frame: Frame, attributes: &[u8], payload: &[u8]) {
        let Some(stream) = self.streams.get(key) else { return };
        let end = stream.end(side);
        if end.released {
            return;
        }
        let (binding, frame) = (end.binding, Frame { stream: end.id, ..frame });
        let queued = Queued { frame, to: Some((key, side)) };
        self.bindings[binding.0 as usize].inbox.push(queued, attributes, payload, &mut self.spare);
        self.mark_ready(binding);
    }

    fn send_to_binding(&mut self, binding: BindingIndex, frame: Frame) {
        let queued = Queued { frame, to: None };
        self.bindings[binding.0 as usize].inbox.push(queued, &[], &[], &mut self.spare);
        self.mark_ready(binding);
    }

    fn mark_ready(&mut self, binding: BindingIndex) {
        let state = &mut self.bindings[binding.0 as usize];
        if !std::mem::replace(&mut state.is_ready, true) {
            self.ready.push_back(binding);
        }
    }

    /// Whether the inbox of an end's binding is full; frames that end a stream pass all the same.
    fn is_full(&mut self, key: StreamKey, side: Side) -> bool {
        let Some(stream) = self.streams.get(key) else { return false };
        let end = stream.end(side);
        !end.released
            && self.bindings[end.binding.0 as usize].inbox.len() >= self.limits.queued_frames as usize
    }

    fn frame(kind: FrameKind, value: u64) -> Frame {
        Frame { value, ..Frame::new(0, kind) }
    }

    /// Room to read up to `octets` of payload for a stream into, or less if the credit is less. `None` if
    /// the binding may send nothing on it now. What is read is sent by [`Engine::read`], which must be the next
    /// call.
    pub fn room(&mut self, from: BindingIndex, stream: StreamId, octets: usize) -> Option<&mut [u8]> {
        let (key, side) = self.bindings[from.0 as usize].ids.get(stream)?;
        let entry = self.streams.get(key)?;
        let direction = entry.sent_by(side);
        let credit = usize::try_from(direction.credit).unwrap_or(usize::MAX).min(octets);
        if direction.phase != crate::stream::Phase::Open || direction.sender_done || credit == 0 {
            return None;
        }
        let binding = entry.end(side.peer()).binding;
        Some(self.bindings[binding.0 as usize].inbox.room(credit, &mut self.spare))
    }

    /// Sends the first `octets` of the room last given as data of that stream.
    pub fn read(&mut self, from: BindingIndex, stream: StreamId, octets: usize) {
        let Some((key, side)) = self.bindings[from.0 as usize].ids.get(stream) else { return };
        let Some(entry) = self.streams.get(key) else { return };
        let receiver = entry.end(side.peer());
        let (binding, id) = (receiver.binding, receiver.id);
        let direction = entry.sent_by(side);
        direction.credit = direction.credit.saturating_sub(octets as u64);
        if direction.forward.is_some() {
            let payload = self.bindings[binding.0 as usize].inbox.room(octets, &mut self.spare).to_vec();
            return self.receive(key, side, Flags::default(), &[], &payload);
        }
        let queued = Queued { frame: Frame::new(id, FrameKind::Data), to: Some((key, side.peer())) };
        self.bindings[binding.0 as usize].inbox.push_read(queued, octets);
        self.mark_ready(binding);
    }

    /// Octets that a binding may send on a stream now.
    pub fn credit(&mut self, from: BindingIndex, stream: StreamId) -> u64 {
        let Some((key, side)) = self.bindings[from.0 as usize].ids.get(stream) else { return 0 };
        self.streams.get(key).map_or(0, |entry| entry.sent_by(side).credit)
    }
}
