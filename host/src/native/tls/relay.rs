//! One direction of a connection that is passed on as it is: from a stream to another.
//!
//! The engine forwards it, once whatever came before is sent. Where it cannot, what comes is sent on within the
//! credit of the other stream, and given back to its sender when it was.

use zilla_engine::{Batch, BindingIndex, CloseCode, Engine, Frame, FrameKind, StreamId};

/// Octets of a forward: all that will ever come.
const ALL_OCTETS: u64 = u64::MAX;

/// Passes on from `source` to `target`.
pub(super) struct Relay {
    source: StreamId,
    target: StreamId,
    /// What came and could not be sent: at most the credit of its sender.
    pending: Vec<u8>,
    has_ended: bool,
    forwarding: Forwarding,
    pub(super) is_over: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Forwarding {
    Not,
    Running,
    /// The engine does not forward here.
    Never,
}

impl Relay {
    pub(super) fn new(source: StreamId, target: StreamId) -> Self {
        Self {
            source,
            target,
            pending: Vec::new(),
            has_ended: false,
            forwarding: Forwarding::Not,
            is_over: false,
        }
    }

    /// Handles a frame that came with the data of the source.
    pub(super) fn on_source(
        &mut self,
        frame: &Frame,
        batch: &Batch,
        binding: BindingIndex,
        engine: &mut Engine,
    ) {
        if self.is_over {
            return;
        }
        match frame.kind {
            FrameKind::Data => {
                let payload = frame.cut(batch.octets()).map_or(&[][..], |(_, payload)| payload);
                self.pass(payload, binding, engine);
            }
            FrameKind::End => {
                self.has_ended = true;
                self.end_if_done(binding, engine);
            }
            FrameKind::Abort => {
                self.is_over = true;
                tell(
                    engine,
                    binding,
                    Frame { value: frame.value, ..Frame::new(self.target, FrameKind::Abort) },
                );
            }
            FrameKind::Forward => {
                let has_moved = frame.value < ALL_OCTETS;
                self.forwarding = if has_moved { Forwarding::Not } else { Forwarding::Never };
            }
            FrameKind::Begin
            | FrameKind::Flush
            | FrameKind::Window
            | FrameKind::Reset
            | FrameKind::Challenge
            | FrameKind::Timer
            | FrameKind::Signal
            | FrameKind::Drain => {}
        }
    }

    /// Handles a frame that came against the data of the target.
    pub(super) fn on_target(&mut self, frame: &Frame, binding: BindingIndex, engine: &mut Engine) {
        if self.is_over {
            return;
        }
        match frame.kind {
            FrameKind::Window => self.send_pending(binding, engine),
            FrameKind::Reset => {
                self.is_over = true;
                tell(
                    engine,
                    binding,
                    Frame { value: frame.value, ..Frame::new(self.source, FrameKind::Reset) },
                );
            }
            _ => {}
        }
    }

    /// Passes octets on, behind those that wait.
    pub(super) fn pass(&mut self, octets: &[u8], binding: BindingIndex, engine: &mut Engine) {
        self.pending.extend_from_slice(octets);
        self.send_pending(binding, engine);
    }

    fn send_pending(&mut self, binding: BindingIndex, engine: &mut Engine) {
        let credit = usize::try_from(engine.credit(binding, self.target)).unwrap_or(usize::MAX);
        let octets = self.pending.len().min(credit);
        if octets > 0 {
            let data = Frame { payload: octets as u32, ..Frame::new(self.target, FrameKind::Data) };
            engine.handle(binding, &[data], &[], &self.pending);
            self.pending.drain(..octets);
            if !self.has_ended {
                let window = Frame::new(self.source, FrameKind::Window);
                tell(engine, binding, Frame { value: octets as u64, ..window });
            }
        }
        if self.pending.is_empty() {
            self.pending = Vec::new();
            self.end_if_done(binding, engine);
        }
    }

    fn end_if_done(&mut self, binding: BindingIndex, engine: &mut Engine) {
        if self.has_ended && self.pending.is_empty() && !self.is_over {
            self.is_over = true;
            tell(engine, binding, Frame::new(self.target, FrameKind::End));
        }
    }

    /// Has the engine forward what comes from now on. To be called when everything that came was handled.
    pub(super) fn forward(&mut self, binding: BindingIndex, engine: &mut Engine) {
        let may = !self.is_over && !self.has_ended && self.pending.is_empty();
        if may && self.forwarding == Forwarding::Not {
            self.forwarding = Forwarding::Running;
            let frame = Frame::new(self.source, FrameKind::Forward);
            tell(engine, binding, Frame { link: self.target, value: ALL_OCTETS, ..frame });
        }
    }

    /// Ends it at both of its streams.
    pub(super) fn close(&mut self, code: CloseCode, binding: BindingIndex, engine: &mut Engine) {
        if !std::mem::replace(&mut self.is_over, true) {
            let value = code.value();
            for (stream, kind) in [(self.source, FrameKind::Reset), (self.target, FrameKind::Abort)] {
                if stream != 0 {
                    tell(engine, binding, Frame { value, ..Frame::new(stream, kind) });
                }
            }
        }
    }
}

fn tell(engine: &mut Engine, binding: BindingIndex, frame: Frame) {
    engine.handle(binding, &[frame], &[], &[]);
}
