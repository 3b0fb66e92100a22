//! What a binding can do while it handles an event: send, receive, open, and ask for a signal.

use crate::attributes::AttributesWriter;
use crate::bindings::zilla::plugin::types::{CloseCode, FrameKind, Instant, StreamId};
use crate::output::Output;
use crate::receiver::Receiver;
use crate::sender::Sender;
use crate::streams::Streams;

/// What a binding can do while it handles an event. Everything it does is sent when the call returns,
/// in the order in which it was done.
///
/// It reaches the stream that was accepted and those opened here, no other: an id of a stream that is over
/// names nothing, even when the host has given it to a new stream.
pub struct Context<'a> {
    pub(crate) now: Instant,
    pub(crate) accepted: StreamId,
    pub(crate) current: StreamId,
    pub(crate) owner: usize,
    pub(crate) opened: &'a mut Vec<StreamId>,
    pub(crate) streams: &'a mut Streams,
    pub(crate) output: &'a mut Output,
}

impl Context<'_> {
    /// The time of this call.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// The stream that this [`crate::Stream`] accepted.
    pub fn accepted(&self) -> StreamId {
        self.accepted
    }

    /// The stream that the current event came on: [`Context::accepted`], or one opened here.
    pub fn stream(&self) -> StreamId {
        self.current
    }

    /// The streams opened here and not yet over in both directions, in the order of opening.
    pub fn opened(&self) -> &[StreamId] {
        self.opened
    }

    /// Sends on the stream that was accepted.
    pub fn reply(&mut self) -> Sender<'_> {
        self.to(self.accepted)
    }

    /// Sends on a stream, accepted or opened.
    pub fn to(&mut self, stream: StreamId) -> Sender<'_> {
        let stream = self.own(stream);
        Sender { stream, streams: self.streams, output: self.output }
    }

    /// Receives on the stream that was accepted.
    pub fn request(&mut self) -> Receiver<'_> {
        self.from(self.accepted)
    }

    /// Receives on a stream, accepted or opened.
    pub fn from(&mut self, stream: StreamId) -> Receiver<'_> {
        let stream = self.own(stream);
        Receiver { stream, streams: self.streams, output: self.output }
    }

    /// Opens a stream on behalf of the accepted one. Where it goes, the routes in `zilla.yaml` say; a
    /// refusal comes as `on_reset`. Its events come to this [`crate::Stream`], with its id as
    /// [`Context::stream`]. `None` when this instance has all the streams that it may open, when the
    /// attributes are longer than `limits.attributes_octets`, or when the accepted stream is over.
    pub fn open(&mut self, attributes: impl FnOnce(&mut AttributesWriter<'_>)) -> Option<StreamId> {
        self.streams.get_own(self.accepted, self.owner).filter(|accepted| !accepted.is_gone())?;
        let id = self.streams.open(self.owner)?;
        let Some(frame) = self.output.push_attributes(id, FrameKind::Begin, attributes) else {
            self.streams.unopen(id);
            return None;
        };
        frame.link = self.accepted;
        self.opened.push(id);
        Some(id)
    }

    /// Has the next `octets` of payload received on `from` sent on `to` by the host, without entering
    /// this plugin. [`crate::Stream::on_forwarded`] says when that is done. The host moves the credit.
    ///
    /// Until then nothing else is sent on `to`: its [credit](Sender::credit) is 0, `flush` is dropped,
    /// and `end` waits for the run. The run carries payload only, no flags and no attributes.
    ///
    /// False, and nothing happens, if `octets` is 0, if `from` is over, if `to` has not begun or is over,
    /// or if one of them has a run already.
    pub fn forward(&mut self, from: StreamId, to: StreamId, octets: u64) -> bool {
        self.streams.start_run(self.owner, from, to, octets)
    }

    /// Asks for `on_signal(token)` at a time in ms of `now().monotonic_ms`. The same token again moves it.
    /// Timers end with the accepted stream.
    pub fn timer(&mut self, token: u32, deadline_ms: u64) {
        self.set_timer(token, deadline_ms.max(1));
    }

    /// Takes a timer back.
    pub fn cancel_timer(&mut self, token: u32) {
        self.set_timer(token, 0);
    }

    fn set_timer(&mut self, token: u32, deadline_ms: u64) {
        let accepted = self.streams.get_own(self.accepted, self.owner);
        if accepted.is_some_and(|entry| !entry.is_gone()) {
            let frame = self.output.push(self.accepted, FrameKind::Timer);
            frame.link = token;
            frame.value = deadline_ms;
        }
    }

    /// Aborts and resets whatever is still open, of the accepted stream and of those opened here.
    pub fn close(&mut self, code: CloseCode) {
        for index in 0..=self.opened.len() {
            let stream = self.opened.get(index).copied().unwrap_or(self.accepted);
            self.to(stream).abort(code);
            self.from(stream).reset(code);
        }
    }

    /// The stream if it is open and one of this owner's, else 0, on which nothing can be done.
    fn own(&mut self, stream: StreamId) -> StreamId {
        self.streams.get_own(stream, self.owner).map_or(0, |_| stream)
    }
}
