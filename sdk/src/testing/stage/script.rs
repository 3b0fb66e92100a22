//! What a script does: peers open and send, time passes.

use super::{Broken, Delivery, Stage};
use crate::bindings::zilla::plugin::types::FrameKind;
use crate::testing::frame::Frame;
use crate::testing::track::{Phase, Track};

impl Stage {
    /// A peer opens a stream.
    pub(in crate::testing) fn open(&mut self, begin: Frame) -> Result<usize, Broken> {
        if begin.kind != FrameKind::Begin {
            return Err(format!("script: a stream is opened with begin, not {begin:?}"));
        }
        let key = self.tracks.len();
        let id = (0..self.limits.streams).map(|index| index << 1 | 1).find(|id| !self.ids.contains_key(id));
        let id = id.ok_or("script: more streams are open than limits.streams")?;
        self.tracks.push(Track::new(id, Phase::Open, Phase::Idle, self.limits.initial_credit));
        self.ids.insert(id, key);
        self.waiting.push(Delivery { track: Some(key), link: begin.route, frame: begin });
        self.settle()?;
        Ok(key)
    }

    /// A peer sends a frame on its stream.
    pub(in crate::testing) fn send(&mut self, key: usize, frame: Frame) -> Result<(), Broken> {
        match frame.kind {
            FrameKind::Begin | FrameKind::Data | FrameKind::Flush | FrameKind::End | FrameKind::Abort => {
                self.send_inward(key, frame)?;
            }
            FrameKind::Window | FrameKind::Reset | FrameKind::Challenge => self.answer_outward(key, frame),
            FrameKind::Timer | FrameKind::Signal | FrameKind::Drain | FrameKind::Forward => {
                return Err(format!("script: no peer sends this kind of frame, {frame:?}"));
            }
        }
        self.settle()
    }

    /// A frame with the data.
    fn send_inward(&mut self, key: usize, frame: Frame) -> Result<(), Broken> {
        let track = &mut self.tracks[key];
        let broken = |rule: &str| Err(format!("script: {rule}, at {frame:?}"));
        let inward = &mut track.inward;
        match (inward.phase, frame.kind) {
            (Phase::Over, _) if inward.ended_by_peer => return broken("the peer has ended its direction"),
            (Phase::Over, _) => {
                self.transcript.push(format!("   (dropped after reset) {frame:?}"));
                return Ok(());
            }
            (Phase::Open, FrameKind::Begin) => return broken("the peer has begun"),
            (Phase::Open, _) | (Phase::Idle, FrameKind::Begin | FrameKind::Abort) => {}
            (Phase::Idle, _) => return broken("begin comes first"),
        }
        let octets = frame.payload.len() as u64;
        if inward.credit < octets {
            return broken(&format!("{octets} octets exceed the peer's credit of {}", inward.credit));
        }
        inward.credit -= octets;
        let kind = frame.kind;
        match kind {
            FrameKind::Begin => inward.phase = Phase::Open,
            FrameKind::End | FrameKind::Abort => inward.end_by_peer(),
            _ => {}
        }
        if kind == FrameKind::Flush && track.is_within_run() {
            self.waiting.push(Delivery { track: Some(key), link: 0, frame });
            return Ok(());
        }
        track.held.push_back(frame);
        if kind == FrameKind::Abort {
            self.end_run(key);
        }
        self.pump(key);
        Ok(())
    }

    /// A frame against the data.
    fn answer_outward(&mut self, key: usize, frame: Frame) {
        let track = &mut self.tracks[key];
        if track.outward.phase == Phase::Over {
            self.transcript.push(format!("   (dropped after the end) {frame:?}"));
            return;
        }
        match frame.kind {
            FrameKind::Window => track.outward.credit = track.outward.credit.saturating_add(frame.value),
            FrameKind::Reset => track.outward.end_by_peer(),
            _ => {}
        }
        let fed_by = track.fed_by;
        self.waiting.push(Delivery { track: Some(key), link: 0, frame });
        if let Some(from) = fed_by {
            self.pump(from);
        }
    }

    /// Tells the binding that its generation ends.
    pub(in crate::testing) fn drain(&mut self) -> Result<(), Broken> {
        let value = self.now.monotonic_ms + DRAIN_MS;
        let frame = Frame { value, ..Frame::new(FrameKind::Drain) };
        self.waiting.push(Delivery { track: None, link: 0, frame });
        self.settle()
    }

    /// Lets time pass: timers fire in the order of their deadlines, each at its own.
    pub(in crate::testing) fn advance(&mut self, ms: u64) -> Result<(), Broken> {
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
}

/// How long after [`Stage::drain`] a host would close what is left, in ms: its default.
const DRAIN_MS: u64 = 30_000;
