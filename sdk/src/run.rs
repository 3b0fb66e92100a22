//! Runs of payload that the host moves from one stream to another; see [`crate::Context::forward`].
//!
//! The host moves what it has not given to the plugin yet. Frames that came in the same call as the one that
//! made the plugin ask are given already: those, the SDK moves itself, and holds what credit does not allow.
//! Only then does it announce the run to the host.
//!
//! ```text
//!   forward() ──▶ unannounced ──────────────▶ announced ──────────▶ on_forwarded
//!                  │ moves what the call        the host moves        ▲
//!                  │ brought, holds the rest                          │
//!                  └──── all was moved, or either stream ended ───────┘
//! ```

use crate::attributes::Attributes;
use crate::binding::{Binding, Payload};
use crate::bindings::zilla::plugin::types::{Frame, FrameFlags, FrameKind, Instant, StreamId};
use crate::dispatch::{Given, Instance};
use crate::output::Output;
use crate::receiver::Receiver;
use crate::sender::Sender;
use crate::streams::{Entry, Phase, Streams};
use std::collections::VecDeque;

/// A run of what is received on one stream.
#[derive(Debug)]
pub(crate) struct Run {
    to: StreamId,
    /// Octets that have not been moved, as far as the plugin knows.
    left: u64,
    stage: Stage,
    /// What came before the run could be announced, in order; the credit given to its sender bounds it.
    held: VecDeque<Held>,
    /// Attributes of an `end` to send on `to` behind the run.
    end: Option<Vec<u8>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Unannounced,
    Announced,
    /// The binding was told that it is over, and gets what is still held.
    Over,
}

/// A frame whose call is over, with its own octets.
#[derive(Debug)]
struct Held {
    frame: Frame,
    octets: Vec<u8>,
}

impl Held {
    fn copy(given: &Given<'_>) -> Self {
        let mut octets = given.attributes.block().to_vec();
        octets.extend_from_slice(given.payload.as_slice());
        let payload = given.payload.len() as u32;
        Self { frame: Frame { offset: 0, payload, ..*given.frame }, octets }
    }

    fn given(&self) -> Given<'_> {
        let (attributes, payload) = self.octets.split_at(self.frame.attributes as usize);
        Given {
            frame: &self.frame,
            attributes: Attributes::new(attributes),
            payload: Payload { octets: payload, offset: None },
        }
    }
}

impl Streams {
    /// Begins a run if both streams are free for one.
    pub(crate) fn start_run(&mut self, owner: usize, from: StreamId, to: StreamId, octets: u64) -> bool {
        let is_open = |entry: &&mut Entry| entry.sending == Phase::Open && entry.fed_by == 0;
        if octets == 0
            || self.is_outbound
            || from == self.reclaimed
            || self.get_own(to, owner).filter(is_open).is_none()
        {
            return false;
        }
        let Some(entry) = self.get_own(from, owner).filter(|entry| entry.receiving != Phase::Over) else {
            return false;
        };
        let held = match entry.run.take() {
            Some(run) if run.stage != Stage::Over => {
                entry.run = Some(run);
                return false;
            }
            over => over.map(|run| run.held).unwrap_or_default(),
        };
        entry.run = Some(Box::new(Run { to, left: octets, stage: Stage::Unannounced, held, end: None }));
        if let Some(entry) = self.get(to) {
            entry.fed_by = from;
        }
        self.runs_due.push(from);
        true
    }

    /// Ends a run of a direction that the plugin refuses. If the host has it, only its answer says how much
    /// of the credit of `to` is left, so the run stays until then, and so does what it keeps closed.
    pub(crate) fn drop_run(&mut self, from: StreamId) {
        let Some(entry) = self.get(from) else { return };
        if let Some(run) = entry.run.take_if(|run| run.stage != Stage::Announced) {
            self.unfeed(run.to, from);
        }
    }

    /// Notes an `end` for when the run to a stream is over. False if no answer will come.
    pub(crate) fn end_after_run(&mut self, to: StreamId, attributes: Vec<u8>) -> bool {
        let Some(from) = self.get(to).map(|entry| entry.fed_by) else { return false };
        match self.run(from) {
            Some(run) if run.to == to => {
                run.end = Some(attributes);
                true
            }
            _ => false,
        }
    }

    /// Has the run that goes to a stream looked at when the call is over.
    pub(crate) fn review_run_to(&mut self, to: StreamId) {
        let from = self.get(to).map_or(0, |entry| entry.fed_by);
        if from != 0 {
            self.runs_due.push(from);
        }
    }

    fn run(&mut self, from: StreamId) -> Option<&mut Run> {
        self.get(from)?.run.as_deref_mut()
    }

    fn unannounced(&mut self, from: StreamId) -> Option<&mut Run> {
        self.run(from).filter(|run| run.stage == Stage::Unannounced)
    }

    /// Whether payload of the run of `from` may still be sent on `to`.
    fn is_fed(&mut self, to: StreamId, from: StreamId) -> bool {
        self.get(to).is_some_and(|entry| entry.fed_by == from && entry.sending == Phase::Open)
    }

    fn unfeed(&mut self, to: StreamId, from: StreamId) {
        if let Some(entry) = self.get(to).filter(|entry| entry.fed_by == from) {
            entry.fed_by = 0;
        }
    }

    /// Moves a payload along an unannounced run and says how many octets that were.
    fn move_along(&mut self, from: StreamId, payload: Payload<'_>, output: &mut Output) -> usize {
        let Some((to, left)) = self.unannounced(from).map(|run| (run.to, run.left)) else { return 0 };
        if !self.is_fed(to, from) {
            return 0;
        }
        let room = output.room();
        let Some(entry) = self.get(to) else { return 0 };
        let octets = left.min(entry.credit).min(payload.len().min(room) as u64);
        entry.credit -= octets;
        let moved = octets as usize;
        match payload.offset {
            Some(offset) => output.push_piece(to, FrameFlags::BORROWED, offset, octets as u32),
            None => {
                let start = output.octets.len();
                output.octets.extend_from_slice(&payload.as_slice()[..moved]);
                output.push_payload(to, start);
            }
        }
        if let Some(run) = self.run(from) {
            run.left -= octets;
        }
        Receiver { stream: from, streams: self, output }.consume(octets);
        moved
    }

    /// Marks a run as over and frees the stream that it went to. Its `end` follows if nothing is missing.
    fn close_run(&mut self, from: StreamId, missing: u64, output: &mut Output) -> Option<StreamId> {
        let run = self.run(from)?;
        let (to, end) = (run.to, run.end.take());
        let is_announced = std::mem::replace(&mut run.stage, Stage::Over) == Stage::Announced;
        let moved = if is_announced { run.left.saturating_sub(missing) } else { 0 };
        if let Some(entry) = self.get(to).filter(|entry| entry.fed_by == from) {
            entry.fed_by = 0;
            entry.credit = entry.credit.saturating_sub(moved);
            if let Some(block) = end.filter(|_| missing == 0) {
                let mut sender = Sender { stream: to, streams: self, output };
                sender.end_with(|attributes| attributes.append(Attributes::new(&block)));
            }
        }
        Some(to)
    }
}

impl<B: Binding> Instance<B> {
    /// Whether a frame that arrived is to go along a run that the host does not know of.
    pub(crate) fn belongs_to_run(&mut self, frame: &Frame) -> bool {
        let with_the_data =
            matches!(frame.kind, FrameKind::Data | FrameKind::Flush | FrameKind::End | FrameKind::Abort);
        with_the_data && self.streams.unannounced(frame.stream).is_some()
    }

    /// Takes such a frame: moves it along, or holds it.
    pub(crate) fn on_run(&mut self, now: Instant, mut given: Given<'_>, output: &mut Output) {
        let (from, kind) = (given.frame.stream, given.frame.kind);
        if self.streams.unannounced(from).is_some_and(|run| run.held.is_empty()) && kind == FrameKind::Data {
            let moved = self.streams.move_along(from, given.payload, output);
            given.payload = given.payload.split_at(moved).1;
            if given.payload.is_empty() {
                return self.pump(now, from, output);
            }
        }
        let Some(entry) = self.streams.get(from) else { return };
        entry.peer_ended |= matches!(kind, FrameKind::End | FrameKind::Abort);
        let Some(run) = entry.run.as_mut() else { return };
        run.held.push_back(Held::copy(&given));
        let left = run.left;
        match kind {
            FrameKind::Abort => self.finish(now, from, left, output),
            _ => self.pump(now, from, output),
        }
    }

    /// The host says that a run is over.
    pub(crate) fn on_run_answered(
        &mut self,
        now: Instant,
        from: StreamId,
        missing: u64,
        output: &mut Output,
    ) {
        if self.streams.run(from).is_some_and(|run| run.stage == Stage::Announced) {
            self.finish(now, from, missing, output);
        }
    }

    /// The host reuses an id of which something is held: the binding gets all of it now.
    pub(crate) fn reclaim(&mut self, now: Instant, id: StreamId, output: &mut Output) {
        self.streams.reclaimed = id;
        if let Some(missing) = self.streams.run(id).map(|run| run.left) {
            self.finish(now, id, missing, output);
        }
        self.streams.reclaimed = 0;
    }

    /// The call is over: a run of which nothing is held is the host's from here on. One that waits for
    /// credit comes back when a frame changes that.
    pub(crate) fn settle_runs(&mut self, now: Instant, output: &mut Output) {
        while let Some(from) = self.streams.runs_due.pop() {
            self.pump(now, from, output);
            if let Some(run) = self.streams.unannounced(from).filter(|run| run.held.is_empty()) {
                run.stage = Stage::Announced;
                let (to, left) = (run.to, run.left);
                let frame = output.push(from, FrameKind::Forward);
                frame.link = to;
                frame.value = left;
            }
        }
    }

    /// Moves what is held of an unannounced run as far as credit goes, and ends the run if it is over.
    fn pump(&mut self, now: Instant, from: StreamId, output: &mut Output) {
        while let Some(run) = self.streams.unannounced(from) {
            let (to, left) = (run.to, run.left);
            let kind = run.held.front().map(|held| held.frame.kind);
            if left == 0
                || matches!(kind, Some(FrameKind::End | FrameKind::Abort))
                || !self.streams.is_fed(to, from)
            {
                return self.finish(now, from, left, output);
            }
            let Some(held) = self.streams.run(from).and_then(|run| run.held.pop_front()) else { return };
            let given = held.given();
            if given.frame.kind != FrameKind::Data {
                self.dispatch(now, &given, output);
                continue;
            }
            let moved = self.streams.move_along(from, given.payload, output);
            let payload = given.payload.split_at(moved).1;
            if !payload.is_empty() {
                let rest = Held::copy(&Given { payload, ..given });
                if let Some(run) = self.streams.run(from) {
                    run.held.push_front(rest);
                }
                if moved == 0 {
                    return;
                }
            }
        }
    }

    /// Tells the binding that a run is over, then gives it what was held behind; a run that the binding
    /// begins meanwhile takes the rest.
    fn finish(&mut self, now: Instant, from: StreamId, missing: u64, output: &mut Output) {
        let Some(to) = self.streams.close_run(from, missing, output) else { return };
        let mut over = Frame::bare(from, FrameKind::Forward);
        over.link = to;
        over.value = missing;
        self.dispatch(now, &Given::bare(&over), output);
        while let Some(run) = self.streams.run(from).filter(|run| run.stage == Stage::Over) {
            match run.held.pop_front() {
                Some(held) => self.dispatch(now, &held.given(), output),
                None => return self.streams.drop_run(from),
            }
        }
        self.pump(now, from, output);
    }
}
