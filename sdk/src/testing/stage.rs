//! Plays the host: calls the binding with what peers send, checks what it returns, and hands that on.

mod returned;
mod run;
mod script;

use super::frame::{Frame, window};
use super::rules;
use super::track::{Phase, Track};
use crate::bindings::zilla::plugin::types::{self as wit, FrameKind, Instant, Limits, StreamId};
use crate::outbound::OutboundInstance;
use crate::{Batch, Binding, Instance, OutboundGuard};
use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Calls that one action of a script may cause before the binding is said never to come to rest.
const CALLS_MAX: u32 = 10_000;

/// What broke: text for a failing test.
pub(super) type Broken = String;

/// The binding under test, whichever it is.
pub(super) trait Plugin: Any {
    fn deliver(&mut self, now: Instant, frames: &[wit::Frame], octets: &[u8]) -> Batch;
    fn streams(&self) -> usize;
}

impl<B: Binding> Plugin for Instance<B> {
    fn deliver(&mut self, now: Instant, frames: &[wit::Frame], octets: &[u8]) -> Batch {
        Self::deliver(self, now, frames, octets)
    }

    fn streams(&self) -> usize {
        Self::streams(self)
    }
}

impl<G: OutboundGuard> Plugin for OutboundInstance<G> {
    fn deliver(&mut self, now: Instant, frames: &[wit::Frame], octets: &[u8]) -> Batch {
        Self::deliver(self, now, frames, octets)
    }

    fn streams(&self) -> usize {
        Self::streams(self)
    }
}

/// A frame of the next call, on a track or for the binding itself.
#[derive(Debug)]
struct Delivery {
    track: Option<usize>,
    link: u32,
    frame: Frame,
}

#[derive(Debug)]
struct Timer {
    track: Option<usize>,
    token: u32,
    deadline_ms: u64,
}

/// See the module.
pub(super) struct Stage {
    pub(super) plugin: Box<dyn Plugin>,
    pub(super) limits: Limits,
    pub(super) now: Instant,
    /// Every stream there was; released ones are kept for what the script has not received.
    pub(super) tracks: Vec<Track>,
    ids: BTreeMap<StreamId, usize>,
    /// Streams that the binding opened and the script has not taken.
    pub(super) opened: VecDeque<usize>,
    timers: Vec<Timer>,
    waiting: Vec<Delivery>,
    pub(super) batching: bool,
    call: u64,
    pub(super) transcript: Vec<String>,
}

impl Stage {
    pub(super) fn new(plugin: Box<dyn Plugin>, limits: Limits) -> Self {
        Self {
            plugin,
            limits,
            now: Instant::of_tests(),
            tracks: Vec::new(),
            ids: BTreeMap::new(),
            opened: VecDeque::new(),
            timers: Vec::new(),
            waiting: Vec::new(),
            batching: false,
            call: 0,
            transcript: Vec::new(),
        }
    }

    /// Whether the binding has had no call yet.
    pub(super) fn is_untouched(&self) -> bool {
        self.call == 0
    }

    /// Calls the binding until nothing waits for it and no timer is due.
    pub(super) fn settle(&mut self) -> Result<(), Broken> {
        if self.batching {
            return Ok(());
        }
        for _ in 0..CALLS_MAX {
            if self.waiting.is_empty() {
                self.take_due();
            }
            if self.waiting.is_empty() {
                return Ok(());
            }
            let deliveries = std::mem::take(&mut self.waiting);
            self.call(deliveries)?;
        }
        Err(format!("the binding has not come to rest after {CALLS_MAX} calls"))
    }

    /// Makes a call without a frame, and those that follow from it.
    pub(super) fn turn(&mut self) -> Result<(), Broken> {
        self.call(Vec::new())?;
        self.settle()
    }

    fn take_due(&mut self) {
        let due = |timer: &Timer| timer.deadline_ms <= self.now.monotonic_ms;
        let first = self.timers.iter().enumerate().filter(|(_, timer)| due(timer));
        let Some((index, _)) = first.min_by_key(|(_, timer)| timer.deadline_ms) else { return };
        let timer = self.timers.remove(index);
        let frame = Frame::new(FrameKind::Signal);
        self.waiting.push(Delivery { track: timer.track, link: timer.token, frame });
    }

    fn call(&mut self, deliveries: Vec<Delivery>) -> Result<(), Broken> {
        self.call += 1;
        let (mut frames, mut octets, mut touched) = (Vec::new(), Vec::new(), Vec::new());
        self.transcript.push(format!("call {} at {} ms", self.call, self.now.monotonic_ms));
        for Delivery { track, link, frame } in deliveries {
            let Some(id) = self.admit(track, &frame) else { continue };
            touched.extend(track);
            self.transcript.push(format!(" → {id} {frame:?}"));
            frames.push(frame.write(id, link, &mut octets));
        }
        let (now, plugin) = (self.now, &mut self.plugin);
        let returned = catch_unwind(AssertUnwindSafe(|| plugin.deliver(now, &frames, &octets)));
        let batch = returned.unwrap_or_else(|panic| {
            eprintln!("the binding panicked; the frames so far:\n{}", self.transcript.join("\n"));
            resume_unwind(panic)
        });
        for frame in &batch.frames {
            let broken =
                |what: String, rule: Broken| format!("the binding broke the contract: {what} {rule}");
            let read = rules::read(frame, &octets, &batch.octets, &self.limits);
            let read = read.map_err(|rule| broken(format!("{frame:?}"), rule))?;
            self.transcript.push(format!(" ← {} {read:?}", frame.stream));
            let what = format!("{read:?} on stream {}", frame.stream);
            touched.extend(self.apply(frame, read).map_err(|rule| broken(what, rule))?);
        }
        for key in touched {
            if self.tracks[key].is_released() {
                self.release(key);
            }
        }
        Ok(())
    }

    /// Notes what the binding is about to be given. None if it is moot by now.
    fn admit(&mut self, track: Option<usize>, frame: &Frame) -> Option<StreamId> {
        let Some(key) = track else { return Some(0) };
        let (call, track) = (self.call, &mut self.tracks[key]);
        if self.ids.get(&track.id) != Some(&key) {
            return None;
        }
        let direction = match frame.kind {
            FrameKind::Begin | FrameKind::Data | FrameKind::Flush | FrameKind::End | FrameKind::Abort => {
                &mut track.inward
            }
            FrameKind::Window | FrameKind::Reset | FrameKind::Challenge => &mut track.outward,
            FrameKind::Timer | FrameKind::Signal | FrameKind::Drain | FrameKind::Forward => {
                return Some(track.id);
            }
        };
        if direction.known_over_in.is_some() {
            return None;
        }
        if matches!(frame.kind, FrameKind::End | FrameKind::Abort | FrameKind::Reset) {
            direction.known_over_in = Some(call);
        }
        Some(track.id)
    }

    fn release(&mut self, key: usize) {
        let id = self.tracks[key].id;
        if self.ids.get(&id) == Some(&key) {
            self.ids.remove(&id);
            self.timers.retain(|timer| timer.track != Some(key));
        }
    }

    fn auto_window(&mut self, key: usize, octets: u64) {
        let track = &mut self.tracks[key];
        if track.auto_window && octets > 0 && track.outward.phase == Phase::Open {
            track.outward.credit += octets;
            self.waiting.push(Delivery { track: Some(key), link: 0, frame: window(octets) });
        }
    }
}
