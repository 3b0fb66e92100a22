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
    pub(crate) members: &'a [StreamId],
    pub(crate) opened: &'a mut Vec<StreamId>,
    pub(crate) streams: &'a mut Streams,
    pub(crate) output: &'a mut Output,
}

impl Context<'_> {
    /// The time of this call.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// When the host aborts and resets what is left, in ms of `now().monotonic_ms`; none before
    /// [`crate::Stream::on_drain`].
    pub fn drain_deadline_ms(&self) -> Option<u64> {
        self.streams.drain_deadline_ms
    }

    /// The stream that this [`crate::Stream`] accepted. In a [group](crate::Binding::group), the one that the
    /// event came on; 0, on which nothing can be done, if that is none of the group's members. Of an
    /// [`crate::OutboundGuard`] always 0, which is the guard itself.
    pub fn accepted(&self) -> StreamId {
        self.accepted
    }

    /// The stream that the current event came on: [`Context::accepted`], or one opened here. 0 where an event
    /// is for a whole group.
    pub fn stream(&self) -> StreamId {
        self.current
    }

    /// The accepted streams of a [group](crate::Binding::group) that were not over in both directions when the
    /// event came, in the order of arrival; none of what is in no group.
    pub fn members(&self) -> &[StreamId] {
        self.members
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

    /// Opens a stream on behalf of [the accepted one](Context::accepted), or of an [`crate::OutboundGuard`]. Where it goes, the routes in
    /// `zilla.yaml` say; a refusal comes as `on_reset`. Its events come to this [`crate::Stream`], with its id as
    /// [`Context::stream`].
    pub fn open(
        &mut self,
        attributes: impl FnOnce(&mut AttributesWriter<'_>),
    ) -> Result<StreamId, OpenError> {
        self.open_for(self.accepted, attributes)
    }

    /// As [`Context::open`], on behalf of a certain member of a [group](crate::Binding::group): it lends its
    /// route and its authorization. The new stream may outlive it.
    pub fn open_for(
        &mut self,
        accepted: StreamId,
        attributes: impl FnOnce(&mut AttributesWriter<'_>),
    ) -> Result<StreamId, OpenError> {
        if !self.streams.is_outbound {
            let is_accepted = accepted & 1 == 1;
            let entry = self.streams.get_own(accepted, self.owner).filter(|_| is_accepted);
            entry.filter(|entry| !entry.is_gone()).ok_or(OpenError::AcceptedIsOver)?;
        }
        let id = self.streams.open(self.owner).ok_or(OpenError::TooManyStreams)?;
        let Some(frame) = self.output.push_attributes(id, FrameKind::Begin, attributes) else {
            self.streams.unopen(id);
            return Err(OpenError::AttributesTooLong);
        };
        frame.link = accepted;
        self.opened.push(id);
        Ok(id)
    }

    /// As [`Context::open`], with an authorization of its own rather than that of the accepted stream: one that
    /// [`crate::host::authorize`] answered with. 0 lends the accepted stream's.
    pub fn open_authorized(
        &mut self,
        authorization: u64,
        attributes: impl FnOnce(&mut AttributesWriter<'_>),
    ) -> Result<StreamId, OpenError> {
        let id = self.open(attributes)?;
        let begin = self.output.frames.last_mut().expect("an opened stream has its begin");
        begin.value = authorization;
        Ok(id)
    }

    /// Has the next `octets` of payload received on `from` sent on `to` by the host, without entering
    /// this plugin. [`crate::Stream::on_forwarded`] says when that is done. The host moves the credit.
    ///
    /// Until then nothing else is sent on `to`: its [credit](Sender::credit) is 0, `flush` is dropped,
    /// and `end` waits for the run. The run carries payload only, no flags and no attributes.
    ///
    /// False, and nothing happens, if `octets` is 0, if `from` is over, if `to` has not begun or is over,
    /// or if one of them has a run already. An [`crate::OutboundGuard`] has no runs.
    pub fn forward(&mut self, from: StreamId, to: StreamId, octets: u64) -> bool {
        self.streams.start_run(self.owner, from, to, octets)
    }

    /// Asks for `on_signal(token)` at a time in ms of `now().monotonic_ms`. The same token again moves it.
    /// Timers end with [the accepted stream](Context::accepted); those of an [`crate::OutboundGuard`] with its instance.
    pub fn timer(&mut self, token: u32, deadline_ms: u64) {
        self.timer_on(self.accepted, token, deadline_ms);
    }

    /// Takes a timer back.
    pub fn cancel_timer(&mut self, token: u32) {
        self.set_timer(self.accepted, token, 0);
    }

    /// As [`Context::timer`], but the timer is that of another stream, accepted or opened here: it ends with it,
    /// has tokens of its own, and its signal comes with that stream as [`Context::stream`].
    pub fn timer_on(&mut self, stream: StreamId, token: u32, deadline_ms: u64) {
        self.set_timer(stream, token, deadline_ms.max(1));
    }

    /// Takes a timer of a stream back.
    pub fn cancel_timer_on(&mut self, stream: StreamId, token: u32) {
        self.set_timer(stream, token, 0);
    }

    fn set_timer(&mut self, stream: StreamId, token: u32, deadline_ms: u64) {
        let is_own = self.streams.is_outbound && stream == 0;
        let entry = self.streams.get_own(stream, self.owner);
        if is_own || entry.is_some_and(|entry| !entry.is_gone()) {
            push_timer(self.output, stream, token, deadline_ms);
        }
    }

    /// What can be done for the binding as a whole: timers that end with no stream.
    pub fn binding(&mut self) -> BindingContext<'_> {
        BindingContext { now: self.now, output: self.output }
    }

    /// Has [`crate::Stream::on_later`] called once, when all frames that came with this call are handled: for
    /// what is better decided when it is known whether an `end` came right behind. In `on_later` itself it does
    /// nothing before the next call.
    pub fn later(&mut self) {
        if !self.streams.later.contains(&self.owner) {
            self.streams.later.push(self.owner);
        }
    }

    /// Aborts and resets whatever is still open: what was accepted, all members of a group included, and what
    /// was opened here.
    pub fn close(&mut self, code: CloseCode) {
        for index in 0..self.opened.len() {
            self.close_stream(self.opened[index], code);
        }
        let members = self.members;
        for stream in members {
            self.close_stream(*stream, code);
        }
        self.close_stream(self.accepted, code);
    }

    /// Aborts and resets what is still open of one stream, accepted or opened here.
    pub fn close_stream(&mut self, stream: StreamId, code: CloseCode) {
        self.to(stream).abort(code);
        self.from(stream).reset(code);
    }

    /// The stream if it is open and one of this owner's, else 0, on which nothing can be done.
    fn own(&mut self, stream: StreamId) -> StreamId {
        self.streams.get_own(stream, self.owner).map_or(0, |_| stream)
    }
}

/// Why nothing was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// This instance has all the streams that it may open, `limits.streams`.
    TooManyStreams,
    /// The attributes are longer than `limits.attributes_octets`.
    AttributesTooLong,
    /// The stream on whose behalf it was to be opened is over, or is none that was accepted here.
    AcceptedIsOver,
}

/// What can be done for the binding as a whole, in [`crate::Binding::on_signal`] and by [`Context::binding`].
pub struct BindingContext<'a> {
    pub(crate) now: Instant,
    pub(crate) output: &'a mut Output,
}

impl BindingContext<'_> {
    /// The time of this call.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Asks for [`crate::Binding::on_signal`] at a time in ms of `now().monotonic_ms`. The same token again moves
    /// it. A binding has as many timers at a time as a stream, `limits.timers`, with tokens of its own.
    pub fn timer(&mut self, token: u32, deadline_ms: u64) {
        push_timer(self.output, 0, token, deadline_ms.max(1));
    }

    /// Takes a timer back.
    pub fn cancel_timer(&mut self, token: u32) {
        push_timer(self.output, 0, token, 0);
    }
}

fn push_timer(output: &mut Output, stream: StreamId, token: u32, deadline_ms: u64) {
    let frame = output.push(stream, FrameKind::Timer);
    frame.link = token;
    frame.value = deadline_ms;
}
