//! What the binding returned: checked against the state of its stream, then handed on.

use super::{Broken, Stage, Timer};
use crate::bindings::zilla::plugin::types::{self as wit, FrameKind};
use crate::testing::frame::Frame;
use crate::testing::track::{Phase, Track};

impl Stage {
    /// Applies a frame of the binding and says which track it was on.
    pub(super) fn apply(&mut self, frame: &wit::Frame, read: Frame) -> Result<Option<usize>, Broken> {
        let id = frame.stream;
        if id == 0 {
            return self.set_timer(None, frame).map(|()| None);
        }
        if read.kind == FrameKind::Begin && id & 1 == 0 {
            return self.opened_by_binding(frame, read).map(Some);
        }
        let key = *self.ids.get(&id).ok_or("names a stream that is not open")?;
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
}
