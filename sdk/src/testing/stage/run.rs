//! `forward`: the host's part of a run.

use super::{Broken, Delivery, Stage};
use crate::bindings::zilla::plugin::types::{self as wit, FrameKind};
use crate::testing::frame::{Frame, data};
use crate::testing::track::{Phase, Run};

impl Stage {
    pub(super) fn forward(&mut self, from: usize, frame: &wit::Frame) -> Result<(), Broken> {
        let to = *self.ids.get(&frame.link).ok_or("goes to a stream that is not open")?;
        if self.tracks[from].run.is_some() || self.tracks[to].fed_by.is_some() {
            return Err("comes while another run is under way".to_owned());
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
    pub(super) fn pump(&mut self, from: usize) {
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
        let moved = data(piece.cut(octets as usize).payload);
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

    pub(super) fn end_run(&mut self, from: usize) {
        let Some(run) = self.tracks[from].run.take() else { return };
        self.tracks[run.to].fed_by = None;
        let frame = Frame { value: run.left, ..Frame::new(FrameKind::Forward) };
        self.waiting.push(Delivery { track: Some(from), link: self.tracks[run.to].id, frame });
    }
}
