//! The engine: hand it the frames that bindings return, take the frames that bindings are to get.
//!
//! Each call changes one thing and leaves the rest in the inboxes: [`Engine::handle`] for what a binding
//! returned, [`Engine::room`] and [`Engine::read`] for what a socket brought, [`Engine::advance`] for the
//! time. Then [`Engine::next_ready`] and [`Engine::take`] drain the inboxes, one batch of one binding at a
//! time and in turn, so that no binding starves the others.

mod authorize;
mod close;
mod dissolve;
mod flow;
mod forward;
mod neighbours;
mod open;
mod signal;
mod socket;
mod turn;
mod undecided;

use crate::attributes;
use crate::authorizations::Authorizations;
use crate::frame::{CloseCode, Frame, FrameKind, StreamId};
use crate::inbox::{Inbox, Spare};
use crate::limits::{LimitMet, Limits, Quota};
use crate::route::{BindingIndex, Route, Routing};
use crate::shares::Shares;
use crate::stream::{Side, StreamKey};
use crate::table::{Ids, Streams};
use crate::timers::Timers;
use crate::violation::{Rule, Violation, Violations};
use neighbours::Neighbours;
use std::collections::VecDeque;
use undecided::Undecided;

/// Names of limits, as they are told.
const AUTHORIZATIONS: &str = "authorizations";
const QUEUED_FRAMES: &str = "queued-frames";
const STREAMS: &str = "streams";

/// What the engine knows of a binding's configuration.
#[derive(Clone, Debug)]
pub struct Binding {
    /// Which streams the routes decide on.
    pub routing: Routing,
    /// In the order of evaluation.
    pub routes: Vec<Route>,
    /// Bounds of this binding; those of the engine's limits if none.
    pub quota: Option<Quota>,
}

/// Streams, credit, routes and timers between bindings. Pure state: see the crate's first lines.
#[derive(Debug)]
pub struct Engine {
    limits: Limits,
    /// The last one is nobody: see `undecided`.
    bindings: Vec<State>,
    streams: Streams,
    timers: Timers,
    authorizations: Authorizations,
    /// Streams that wait for matchers, in the order in which they were opened.
    undecided: Vec<Undecided>,
    /// Bindings with something in their inbox, each once, in turn.
    ready: VecDeque<BindingIndex>,
    spare: Spare,
    violations: Violations,
    /// Each limit of each binding once.
    limits_met: Vec<LimitMet>,
    /// Directions whose forward is to be looked at, by their senders. Empty between two calls.
    runs: Vec<(StreamKey, Side)>,
}

#[derive(Debug)]
struct State {
    binding: Binding,
    quota: Quota,
    ids: Ids,
    /// Streams that it accepted, by who opened them.
    accepted: Shares,
    inbox: Inbox,
    is_ready: bool,
    /// Streams of which the last batch ended a direction, sorted.
    parted: Vec<StreamId>,
    /// Timers of the binding itself: token, deadline and sequence.
    timers: Vec<(u32, u64, u64)>,
}

impl Engine {
    /// An engine for these bindings; a [`BindingIndex`] is the position here.
    ///
    /// # Panics
    /// If a route's exit is not one of the bindings.
    pub fn new(limits: Limits, mut bindings: Vec<Binding>) -> Self {
        let exits = bindings.iter().flat_map(|binding| &binding.routes).filter_map(|route| route.exit);
        let count = bindings.len();
        exits.for_each(|exit| {
            assert!((exit.0 as usize) < count, "a route exits to binding {} of {count}", exit.0);
        });
        bindings.push(Binding { routing: Routing::None, routes: Vec::new(), quota: None });
        let neighbours = Neighbours::of_all(&bindings);
        let state = |(binding, neighbours): (Binding, Neighbours)| {
            let quota = binding.quota.unwrap_or_else(|| limits.quota());
            State {
                binding,
                quota,
                ids: Ids::default(),
                accepted: Shares::new(quota.streams, &neighbours.openers),
                inbox: Inbox::new(Shares::new(quota.queued_frames, &neighbours.senders)),
                is_ready: false,
                parted: Vec::new(),
                timers: Vec::new(),
            }
        };
        Self {
            limits,
            bindings: bindings.into_iter().zip(neighbours).map(state).collect(),
            streams: Streams::default(),
            timers: Timers::default(),
            authorizations: Authorizations::default(),
            undecided: Vec::new(),
            ready: VecDeque::new(),
            spare: Spare::default(),
            violations: Violations::default(),
            limits_met: Vec::new(),
            runs: Vec::new(),
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
                self.on_violation(from, frame, rule);
            }
            self.move_runs();
        }
    }

    fn on_violation(&mut self, binding: BindingIndex, frame: &Frame, rule: Rule) {
        let is_crossing = matches!(rule, Rule::UnknownStream | Rule::AfterEnd)
            && self.bindings[binding.0 as usize].has_parted_from(frame.stream);
        if is_crossing {
            return;
        }
        self.violations.add(Violation { binding, stream: frame.stream, frame: frame.kind, rule });
        if rule.endangers_the_peer() {
            self.close_stream(binding, frame.stream, CloseCode::Violation);
        }
    }

    fn handle_frame(&mut self, from: BindingIndex, frame: &Frame, octets: &[u8]) -> Result<(), Rule> {
        if frame.stream == 0 {
            return self.handle_own_frame(from, frame);
        }
        let found = self.bindings[from.0 as usize].ids.get(frame.stream);
        let cut = self.cut(frame, octets);
        if frame.kind == FrameKind::Begin && found.is_none() {
            return self.open(from, frame, cut.map(|(attributes, _)| attributes));
        }
        let (key, side) = found.ok_or(Rule::UnknownStream)?;
        let (attributes, payload) = cut?;
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

    /// A frame on stream 0, of the binding itself.
    fn handle_own_frame(&mut self, from: BindingIndex, frame: &Frame) -> Result<(), Rule> {
        match frame.kind {
            FrameKind::Timer => self.set_timer(from, None, frame),
            FrameKind::Begin => Err(Rule::IllegalId),
            FrameKind::Signal | FrameKind::Drain => Err(Rule::HostOnly),
            FrameKind::Data
            | FrameKind::Flush
            | FrameKind::End
            | FrameKind::Abort
            | FrameKind::Window
            | FrameKind::Reset
            | FrameKind::Challenge
            | FrameKind::Forward => Err(Rule::UnknownStream),
        }
    }

    /// Attributes and payload of a frame, as far as its kind has them; what it has not is ignored.
    fn cut<'a>(&self, frame: &Frame, octets: &'a [u8]) -> Result<(&'a [u8], &'a [u8]), Rule> {
        let cut = match frame.kind {
            FrameKind::Data => frame.cut(octets),
            FrameKind::Begin
            | FrameKind::Flush
            | FrameKind::End
            | FrameKind::Abort
            | FrameKind::Reset
            | FrameKind::Challenge => frame.cut_attributes(octets).map(|attributes| (attributes, &[][..])),
            FrameKind::Window
            | FrameKind::Timer
            | FrameKind::Signal
            | FrameKind::Drain
            | FrameKind::Forward => return Ok((&[], &[])),
        };
        let (attributes, payload) = cut.ok_or(Rule::OutOfBounds)?;
        if attributes.is_empty() {
            return Ok((attributes, payload));
        }
        let fits = attributes.len() <= self.limits.attributes_octets as usize;
        match fits && attributes::is_well_formed(attributes) {
            true => Ok((attributes, payload)),
            false => Err(Rule::Attributes),
        }
    }

    /// Tells every binding that no new streams will come from outside, and when what is left will be closed, in ms.
    pub fn drain(&mut self, until_ms: u64) {
        for index in 0..self.nobody().0 {
            let drain = Frame { value: until_ms, ..Frame::new(0, FrameKind::Drain) };
            self.send_to_binding(BindingIndex(index), drain);
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

    /// What bindings did against the rules since the last call.
    pub fn take_violations(&mut self) -> Violations {
        std::mem::take(&mut self.violations)
    }

    /// Limits that were met since the last call.
    pub fn take_limits_met(&mut self) -> Vec<LimitMet> {
        std::mem::take(&mut self.limits_met)
    }

    /// Whether there is anything for [`Engine::take_violations`] or [`Engine::take_limits_met`].
    pub fn has_reports(&self) -> bool {
        self.violations.count > 0 || !self.limits_met.is_empty()
    }

    /// Notes that a limit of a binding was met, for [`Engine::take_limits_met`]: one of its own, or one that a
    /// binding of the host keeps itself.
    pub fn note_limit(&mut self, binding: BindingIndex, limit: &'static str) {
        let known = self.limits_met.iter_mut().find(|met| met.binding == binding && met.limit == limit);
        match known {
            Some(met) => met.count += 1,
            None => self.limits_met.push(LimitMet { binding, limit, count: 1 }),
        }
    }

    /// Closes a stream because too much of one of its ends waits for the other, the receiver.
    fn close_full(&mut self, key: StreamKey, receiver: Side) {
        if let Some(stream) = self.streams.get(key) {
            let binding = stream.end(receiver).binding;
            self.note_limit(binding, QUEUED_FRAMES);
        }
        self.close(key, CloseCode::Limit);
    }

    fn frame(kind: FrameKind, value: u64) -> Frame {
        Frame { value, ..Frame::new(0, kind) }
    }
}

impl State {
    /// Whether the binding may not have known yet, when it returned frames, that a direction of this stream is
    /// over: it was told so in the batch that it is answering.
    fn has_parted_from(&self, stream: StreamId) -> bool {
        self.parted.binary_search(&stream).is_ok()
    }
}
