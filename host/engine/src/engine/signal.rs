//! Timers that bindings set, and the signals that come of them.

use super::Engine;
use crate::frame::{Frame, FrameKind};
use crate::route::BindingIndex;
use crate::stream::{Side, StreamKey};
use crate::timers::Timer;
use crate::violation::Rule;

impl Engine {
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
                Some((key, side)) => self.pass(key, side, signal, &[], &[]),
                None => self.send_to_binding(timer.binding, signal),
            }
        }
        self.move_runs();
    }

    /// When [`Engine::advance`] is to be called next, in ms of its argument.
    pub fn next_deadline(&self) -> Option<u64> {
        self.timers.next_deadline()
    }

    /// The timers that are set.
    pub fn timers(&self) -> usize {
        self.timers.len()
    }

    /// Sets, replaces or cancels a timer of one end of a stream, or of the binding itself.
    pub(super) fn set_timer(
        &mut self,
        from: BindingIndex,
        on: Option<(StreamKey, Side)>,
        frame: &Frame,
    ) -> Result<(), Rule> {
        let timers_max = self.bindings[from.0 as usize].quota.timers as usize;
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
}
