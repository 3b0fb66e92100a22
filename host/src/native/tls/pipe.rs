//! Ciphertext as frames: the stream under a session whose neighbour has no socket to give.
//!
//! A pipe is to a session what a socket is. What it does to its stream gathers in an [`Outbox`], which its binding
//! hands to the engine at the end of each call.

use super::super::transport::{Received, Transport};
use std::cell::RefCell;
use std::io;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};
use zilla_engine::{Batch, BindingIndex, CloseCode, Engine, Frame, FrameKind, StreamId};

/// Frames of a binding's pipes, for the engine.
#[derive(Default)]
pub(super) struct Outbox {
    frames: Vec<Frame>,
    octets: Vec<u8>,
    /// Streams whose pipes are gone since the last batch.
    ended: Vec<StreamId>,
}

impl Outbox {
    pub(super) fn push(&mut self, frame: Frame) {
        self.frames.push(frame);
    }

    /// A frame with attributes, as a block.
    pub(super) fn push_with(&mut self, frame: Frame, attributes: &[u8]) {
        let offset = self.octets.len() as u32;
        self.octets.extend_from_slice(attributes);
        self.frames.push(Frame { attributes: attributes.len() as u32, offset, ..frame });
    }

    fn push_data(&mut self, stream: StreamId, payload: &[u8]) {
        let offset = self.octets.len() as u32;
        self.octets.extend_from_slice(payload);
        let frame = Frame::new(stream, FrameKind::Data);
        self.frames.push(Frame { payload: payload.len() as u32, offset, ..frame });
    }

    pub(super) fn send(&mut self, binding: BindingIndex, engine: &mut Engine) {
        if !self.frames.is_empty() {
            engine.handle(binding, &self.frames, &[], &self.octets);
            self.frames.clear();
            self.octets.clear();
        }
    }
}

/// How a direction of a stream is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    No,
    InOrder,
    Broken,
}

struct State {
    /// What came and is not read yet: at most the credit of the direction.
    received: Vec<u8>,
    read: usize,
    receiving: Over,
    sending: Over,
    /// Octets that may be sent.
    credit: u64,
    /// Octets that were read and not yet given back as credit.
    to_give_back: u64,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// One end of a stream, read and written like a socket. Dropping it ends what has not ended.
pub(super) struct Pipe {
    stream: StreamId,
    initial_credit: u32,
    state: Rc<RefCell<State>>,
    outbox: Rc<RefCell<Outbox>>,
}

/// The pipes of a binding by half of the ids of their streams, to hand them what their streams bring.
pub(super) struct Pipes {
    outbox: Rc<RefCell<Outbox>>,
    states: Vec<Weak<RefCell<State>>>,
    /// Ids that the binding may open streams with, before it takes others.
    free: Vec<StreamId>,
    ids: u32,
}

impl Pipes {
    pub(super) fn new() -> Self {
        Self { outbox: Rc::default(), states: Vec::new(), free: Vec::new(), ids: 0 }
    }

    /// An id for a stream that the binding opens, and has a pipe on.
    pub(super) fn take_id(&mut self) -> StreamId {
        self.free.pop().unwrap_or_else(|| {
            self.ids += 1;
            self.ids << 1
        })
    }

    /// A batch begins. The one before may have had frames of streams that have ended since, so their ids are free
    /// only now.
    pub(super) fn reuse_ids(&mut self) {
        self.free.append(&mut self.outbox.borrow_mut().ended);
    }

    /// What is to be sent.
    pub(super) fn outbox(&self) -> std::cell::RefMut<'_, Outbox> {
        self.outbox.borrow_mut()
    }

    /// A pipe on a stream on which `credit` octets may be sent.
    pub(super) fn open(&mut self, stream: StreamId, initial_credit: u32, credit: u64) -> Pipe {
        let state = Rc::new(RefCell::new(State {
            received: Vec::new(),
            read: 0,
            receiving: Over::No,
            sending: Over::No,
            credit,
            to_give_back: 0,
            reader: None,
            writer: None,
        }));
        let place = (stream >> 1) as usize;
        if self.states.len() <= place {
            self.states.resize_with(place + 1, Weak::new);
        }
        self.states[place] = Rc::downgrade(&state);
        Pipe { stream, initial_credit, state, outbox: Rc::clone(&self.outbox) }
    }

    /// Handles a frame of a stream, if there is a pipe on it.
    pub(super) fn on_frame(&mut self, frame: &Frame, batch: &Batch) {
        let found = self.states.get((frame.stream >> 1) as usize).and_then(Weak::upgrade);
        let Some(state) = found else { return };
        let mut state = state.borrow_mut();
        match frame.kind {
            FrameKind::Data => {
                let payload = frame.cut(batch.octets()).map_or(&[][..], |(_, payload)| payload);
                state.received.extend_from_slice(payload);
                wake(&mut state.reader);
            }
            FrameKind::End => {
                state.receiving = Over::InOrder;
                wake(&mut state.reader);
            }
            FrameKind::Abort => {
                state.receiving = Over::Broken;
                wake(&mut state.reader);
            }
            FrameKind::Reset => {
                state.sending = Over::Broken;
                wake(&mut state.writer);
            }
            FrameKind::Window => {
                state.credit += frame.value;
                wake(&mut state.writer);
            }
            FrameKind::Begin
            | FrameKind::Flush
            | FrameKind::Challenge
            | FrameKind::Timer
            | FrameKind::Signal
            | FrameKind::Drain
            | FrameKind::Forward => {}
        }
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

impl Transport for Pipe {
    fn poll_read<'r>(
        &mut self,
        cx: &mut Context<'_>,
        room: impl FnOnce() -> Option<&'r mut [u8]>,
    ) -> Poll<io::Result<Received>> {
        let mut state = self.state.borrow_mut();
        if state.read == state.received.len() {
            return match state.receiving {
                Over::InOrder => Poll::Ready(Ok(Received::End)),
                Over::Broken => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
                Over::No => {
                    state.reader = Some(cx.waker().clone());
                    Poll::Pending
                }
            };
        }
        let Some(place) = room() else { return Poll::Ready(Ok(Received::NoRoom)) };
        let unread = &state.received[state.read..];
        let octets = unread.len().min(place.len());
        place[..octets].copy_from_slice(&unread[..octets]);
        state.read += octets;
        state.to_give_back += octets as u64;
        if state.read == state.received.len() {
            state.received = Vec::new();
            state.read = 0;
        }
        if state.receiving == Over::No && state.to_give_back >= u64::from(self.initial_credit) / 2 {
            let value = std::mem::take(&mut state.to_give_back);
            self.outbox.borrow_mut().push(Frame { value, ..Frame::new(self.stream, FrameKind::Window) });
        }
        let may_have_more = !state.received.is_empty() || state.receiving != Over::No;
        if !may_have_more {
            state.reader = Some(cx.waker().clone());
        }
        Poll::Ready(Ok(Received::Octets { octets, may_have_more }))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = self.state.borrow_mut();
        if state.sending != Over::No {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let octets = &octets[..octets.len().min(usize::try_from(state.credit).unwrap_or(usize::MAX))];
        if octets.is_empty() {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        state.credit -= octets.len() as u64;
        self.outbox.borrow_mut().push_data(self.stream, octets);
        Poll::Ready(Ok(octets.len()))
    }

    fn poll_flush(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.state.borrow_mut();
        if state.sending == Over::No {
            state.sending = Over::InOrder;
            self.outbox.borrow_mut().push(Frame::new(self.stream, FrameKind::End));
        }
        Poll::Ready(Ok(()))
    }

    fn reset_on_drop(&mut self) {
        // An abort is what dropping it sends anyway.
    }
}

impl Pipe {
    /// Drops it, when its stream is gone without it.
    pub(super) fn forget(self) {
        let mut state = self.state.borrow_mut();
        (state.receiving, state.sending) = (Over::InOrder, Over::InOrder);
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        let state = self.state.borrow();
        let (value, mut outbox) = (CloseCode::Cancelled.value(), self.outbox.borrow_mut());
        if self.stream & 1 == 0 {
            outbox.ended.push(self.stream);
        }
        if state.sending == Over::No {
            outbox.push(Frame { value, ..Frame::new(self.stream, FrameKind::Abort) });
        }
        if state.receiving == Over::No {
            outbox.push(Frame { value, ..Frame::new(self.stream, FrameKind::Reset) });
        }
    }
}
