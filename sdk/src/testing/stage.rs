//! Plays the host: calls the binding with what peers send, checks what it returns, and hands that on.

use super::frame::{Frame, window};
use super::rules;
use super::track::{Phase, Run, Track};
use crate::bindings::zilla::plugin::types::{self as wit, FrameKind, Instant, Limits, StreamId};
use crate::{Batch, Binding, Instance};
use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Calls that one action of a script may cause before the binding is said never to come to rest.
const CALLS_MAX: u32 = 10_000;

/// What broke: text for a failing test.
pub(super) type Broken = String;

/// The binding under test, whichever it is.
pub(super) trait Plugin {
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
    pub(super) draining: bool,
    call: u64,
    pub(super) transcript: Vec<String>,
}

impl Stage {
    pub(super) fn new(plugin: Box<dyn Plugin>, limits: Limits) -> Self {
        Self {
            plugin,
            limits,
            now: Instant { monotonic_ms: 1_000, unix_ms: 1_767_225_600_000 },
            tracks: Vec::new(),
            ids: BTreeMap::new(),
            opened: VecDeque::new(),
            timers: Vec::new(),
            waiting: Vec::new(),
            batching: false,
            draining: false,
            call: 0,
            transcript: Vec::new(),
        }
    }

    /// A peer opens a stream.
    pub(super) fn open(&mut self, begin: Frame) -> Result<usize, Broken> {
        if begin.kind != FrameKind::Begin {
            return Err(format!("script: a stream is opened with begin, not {begin:?}"));
        }
        if self.draining {
            return Err("script: no stream is opened after drain".to_owned());
        }
        let key = self.tracks.len();
        let id = (0..self.limits.streams).map(|index| index << 1 | 1).find(|id| !self.ids.contains_key(id));
        let id = id.ok_or("script: more streams are open than limits.streams")?;
        self.tracks.push(Track::new(id, Phase::Open, Phase::Idle, self.limits.initial_credit));
        self.ids.insert(id, key);
        self.waiting.push(Delivery { track: Some(key), link: 0, frame: begin });
        self.settle()?;
        Ok(key)
    }

    /// A peer sends a frame on its stream.
    pub(super) fn send(&mut self, key: usize, frame: Frame) -> Result<(), Broken> {
        let track = &mut self.tracks[key];
        let broken = |rule: &str| Err(format!("script: stream {}: {rule}, at {frame:?}", track.id));
        match frame.kind {
            FrameKind::Begin | FrameKind::Data | FrameKind::Flush | FrameKind::End | FrameKind::Abort => {
                let inward = &mut track.inward;
                match inward.phase {
                    Phase::Over if inward.ended_by_peer => return broken("the peer has ended its direction"),
                    Phase::Over => {
                        self.transcript.push(format!("   (dropped after reset) {frame:?}"));
                        return Ok(());
                    }
                    Phase::Open if frame.kind == FrameKind::Begin => return broken("the peer has begun"),
                    Phase::Idle if !matches!(frame.kind, FrameKind::Begin | FrameKind::Abort) => {
                        return broken("begin comes first");
                    }
                    Phase::Idle | Phase::Open => {}
                }
                let octets = frame.payload.len() as u64;
                if inward.credit < octets {
                    return broken(&format!("{octets} octets exceed the peer's credit of {}", inward.credit));
                }
                inward.credit -= octets;
                match frame.kind {
                    FrameKind::Begin => inward.phase = Phase::Open,
                    FrameKind::End => inward.end_by_peer(),
                    FrameKind::Abort => {
                        inward.end_by_peer();
                        track.held.clear();
                    }
                    _ => {}
                }
                track.held.push_back(frame);
                self.pump(key);
            }
            FrameKind::Window | FrameKind::Reset | FrameKind::Challenge => {
                let outward = &mut track.outward;
                if outward.phase == Phase::Over {
                    self.transcript.push(format!("   (dropped after the end) {frame:?}"));
                    return Ok(());
                }
                match frame.kind {
                    FrameKind::Window => outward.credit = outward.credit.saturating_add(frame.value),
                    FrameKind::Reset => outward.end_by_peer(),
                    _ => {}
                }
                let fed_by = track.fed_by;
                self.waiting.push(Delivery { track: Some(key), link: 0, frame });
                if let Some(from) = fed_by {
                    self.pump(from);
                }
            }
            FrameKind::Timer | FrameKind::Signal | FrameKind::Drain | FrameKind::Forward => {
                return broken("no peer sends this kind of frame");
            }
        }
        self.settle()
    }

    /// Tells the binding that its generation ends.
    pub(super) fn drain(&mut self) -> Result<(), Broken> {
        self.draining = true;
        self.waiting.push(Delivery { track: None, link: 0, frame: Frame::new(FrameKind::Drain) });
        self.settle()
    }

    /// Lets time pass: timers fire in the order of their deadlines, each at its own.
    pub(super) fn advance(&mut self, ms: u64) -> Result<(), Broken> {
        let until_ms = self.now.monotonic_ms + ms;
        loop {
            let next = self.timers.iter().map(|timer| timer.deadline_ms).min();
            let next_ms = next.filter(|deadline| *deadline <= until_ms).unwrap_or(until_ms);
            let passed = next_ms.saturating_sub(self.now.monotonic_ms);
            self.now.monotonic_ms += passed;
            self.now.unix_ms += passed;
            self.settle()?;
            if self.now.monotonic_ms == until_ms {
                return Ok(());
            }
        }
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
            let broken = |rule: Broken| format!("the binding broke the contract: {:?} {rule}", frame);
            let read = rules::read(frame, &octets, &batch.octets, &self.limits).map_err(broken)?;
            self.transcript.push(format!(" ← {} {read:?}", frame.stream));
            touched.extend(self.apply(frame, read).map_err(broken)?);
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

    /// Applies a frame of the binding and says which track it was on.
    fn apply(&mut self, frame: &wit::Frame, read: Frame) -> Result<Option<usize>, Broken> {
        let id = frame.stream;
        if id == 0 {
            return self.set_timer(None, frame).map(|()| None);
        }
        if read.kind == FrameKind::Begin && id & 1 == 0 {
            return self.opened_by_binding(frame, read).map(Some);
        }
        let key = *self.ids.get(&id).ok_or("is on a stream that is not open")?;
        match read.kind {
            FrameKind::Begin | FrameKind::Data | FrameKind::Flush | FrameKind::End | FrameKind::Abort => {
                self.send_outward(key, read)?;
            }
            FrameKind::Window | FrameKind::Reset | FrameKind::Challenge => self.send_against(key, read)?,
            FrameKind::Forward => self.forward(key, frame)?,
            FrameKind::Timer => self.set_timer(Some(key), frame)?,
            FrameKind::Signal | FrameKind::Drain => return Err("only the host sends this".to_owned()),
        }
        Ok(Some(key))
    }

    fn opened_by_binding(&mut self, frame: &wit::Frame, read: Frame) -> Result<usize, Broken> {
        let id = frame.stream;
        if id >= 2 * self.limits.streams {
            return Err(format!("opens a stream past limits.streams, {}", self.limits.streams));
        }
        if let Some(&key) = self.ids.get(&id) {
            if !self.tracks[key].is_released() {
                return Err("opens a stream on an id that is open".to_owned());
            }
            self.release(key);
        }
        let is_open = |key: &usize| !self.tracks[*key].was_closed_by_binding();
        if frame.link != 0 && !self.ids.get(&frame.link).is_some_and(is_open) {
            return Err(format!("links to stream {}, which is not open", frame.link));
        }
        let mut track = Track::new(id, Phase::Idle, Phase::Open, self.limits.initial_credit);
        track.link = frame.link;
        track.begun = Some(read.clone());
        track.hand(read);
        self.tracks.push(track);
        let key = self.tracks.len() - 1;
        self.ids.insert(id, key);
        self.opened.push_back(key);
        Ok(key)
    }

    /// A frame with the data.
    fn send_outward(&mut self, key: usize, read: Frame) -> Result<(), Broken> {
        let (call, track) = (self.call, &mut self.tracks[key]);
        let octets = read.payload.len() as u64;
        if let Some(since) = track.outward.known_over_in {
            let crossed = track.outward.ended_by_peer && since == call;
            return if crossed { Ok(()) } else { Err("comes after the end of its direction".to_owned()) };
        }
        if track.fed_by.is_some() && read.kind != FrameKind::Abort {
            return Err("comes while a forward goes to this stream".to_owned());
        }
        match (track.outward.phase, read.kind) {
            (Phase::Open, FrameKind::Begin) => return Err("comes on a direction that has begun".to_owned()),
            (Phase::Idle, FrameKind::Begin | FrameKind::Abort) => {}
            (Phase::Idle, _) => return Err("comes before begin".to_owned()),
            (Phase::Open | Phase::Over, _) => {}
        }
        if track.outward.credit < octets {
            return Err(format!("has {octets} octets, over the credit of {}", track.outward.credit));
        }
        track.outward.credit -= octets;
        match read.kind {
            FrameKind::Begin => {
                track.begun = Some(read.clone());
                if track.outward.phase == Phase::Idle {
                    track.outward.phase = Phase::Open;
                }
            }
            FrameKind::End | FrameKind::Abort => track.outward.end_by_binding(call),
            _ => {}
        }
        track.hand(read);
        let fed_by = track.fed_by;
        self.auto_window(key, octets);
        if let Some(from) = fed_by {
            self.pump(from);
        }
        Ok(())
    }

    /// A frame against the data.
    fn send_against(&mut self, key: usize, read: Frame) -> Result<(), Broken> {
        let (call, track) = (self.call, &mut self.tracks[key]);
        if let Some(since) = track.inward.known_over_in {
            let crossed = track.inward.ended_by_peer && since == call;
            return if crossed { Ok(()) } else { Err("comes after the end of the direction".to_owned()) };
        }
        match read.kind {
            FrameKind::Window => track.inward.credit = track.inward.credit.saturating_add(read.value),
            FrameKind::Reset => {
                track.inward.end_by_binding(call);
                track.held.clear();
                track.hand(read);
                self.pump(key);
            }
            _ => track.hand(read),
        }
        Ok(())
    }

    fn set_timer(&mut self, track: Option<usize>, frame: &wit::Frame) -> Result<(), Broken> {
        self.timers.retain(|timer| (timer.track, timer.token) != (track, frame.link));
        if frame.value == 0 {
            return Ok(());
        }
        if self.timers.iter().filter(|timer| timer.track == track).count() >= self.limits.timers as usize {
            return Err(format!("is one more than limits.timers, {}", self.limits.timers));
        }
        self.timers.push(Timer { track, token: frame.link, deadline_ms: frame.value });
        Ok(())
    }

    fn forward(&mut self, from: usize, frame: &wit::Frame) -> Result<(), Broken> {
        let to = *self.ids.get(&frame.link).ok_or("goes to a stream that is not open")?;
        if self.tracks[from].run.is_some() || self.tracks[to].fed_by.is_some() {
            return Err("comes while another forward is under way".to_owned());
        }
        if self.tracks[from].inward.known_over_in.is_some() {
            let crossed = self.tracks[from].inward.ended_by_peer;
            return if crossed { Ok(()) } else { Err("is of a direction that is over".to_owned()) };
        }
        if self.tracks[to].outward.phase == Phase::Idle {
            return Err("goes to a direction that has not begun".to_owned());
        }
        self.tracks[from].run = Some(Run { to, left: frame.value });
        self.tracks[to].fed_by = Some(from);
        self.pump(from);
        Ok(())
    }

    /// Moves what a peer sent: along a run as far as credit goes, else to the binding.
    fn pump(&mut self, from: usize) {
        while let Some(Run { to, left }) = self.tracks[from].run {
            let open = self.tracks[to].outward.phase == Phase::Open;
            let Some(kind) = self.tracks[from].held.front().map(|frame| frame.kind) else {
                if left == 0 || !open || self.tracks[from].inward.phase == Phase::Over {
                    self.end_run(from);
                }
                break;
            };
            if left == 0 || !open || matches!(kind, FrameKind::End | FrameKind::Abort) {
                self.end_run(from);
            } else if kind == FrameKind::Data {
                if !self.move_along(from, to, left) {
                    return;
                }
            } else if let Some(frame) = self.tracks[from].held.pop_front() {
                self.waiting.push(Delivery { track: Some(from), link: 0, frame });
            }
        }
        if self.tracks[from].run.is_none() {
            let held = std::mem::take(&mut self.tracks[from].held);
            self.waiting.extend(held.into_iter().map(|frame| Delivery { track: Some(from), link: 0, frame }));
        }
    }

    /// Moves the first piece held, or a part of it. False if there is no credit for any.
    fn move_along(&mut self, from: usize, to: usize, left: u64) -> bool {
        let credit = self.tracks[to].outward.credit;
        let Some(piece) = self.tracks[from].held.front_mut() else { return false };
        let octets = left.min(credit).min(piece.payload.len() as u64);
        if octets == 0 && !piece.payload.is_empty() {
            return false;
        }
        let moved = super::frame::data(piece.cut(octets as usize).payload);
        if piece.payload.is_empty() {
            self.tracks[from].held.pop_front();
        }
        self.transcript.push(format!(" ⇒ {} to {} {moved:?}", self.tracks[from].id, self.tracks[to].id));
        self.tracks[from].inward.credit += octets;
        if let Some(run) = &mut self.tracks[from].run {
            run.left -= octets;
        }
        self.tracks[to].outward.credit -= octets;
        self.tracks[to].hand(moved);
        self.auto_window(to, octets);
        true
    }

    fn end_run(&mut self, from: usize) {
        let Some(run) = self.tracks[from].run.take() else { return };
        self.tracks[run.to].fed_by = None;
        let frame = Frame { value: run.left, ..Frame::new(FrameKind::Forward) };
        self.waiting.push(Delivery { track: Some(from), link: self.tracks[run.to].id, frame });
    }

    fn auto_window(&mut self, key: usize, octets: u64) {
        let track = &mut self.tracks[key];
        if track.auto_window && octets > 0 && track.outward.phase == Phase::Open {
            track.outward.credit += octets;
            self.waiting.push(Delivery { track: Some(key), link: 0, frame: window(octets) });
        }
    }
}
