//! From frames to the methods of [`Binding`] and [`Stream`], and back.

use crate::attributes::Attributes;
use crate::binding::{Begin, Binding, Data, Payload, Reset, State, Stream};
use crate::bindings::exports::zilla::plugin::binding_exports as wit;
use crate::bindings::zilla::plugin::types::{
    Batch, CloseCode, ConfigError, Frame, FrameFlags, FrameKind, Instant, StreamId,
};
use crate::config::{self, BindingConfig, Kind, RouteConfig};
use crate::context::{BindingContext, Context};
use crate::output::Output;
use crate::owner::{Accepted, Owner, Owners};
use crate::streams::Streams;

/// One instance of a binding: what the component of a plugin holds, and what a test drives natively.
///
/// Call [`Instance::attach`], then [`Instance::deliver`] any number of times, then [`Instance::detach`].
pub struct Instance<B: Binding> {
    binding: B,
    owners: Owners<B::Stream>,
    /// Room for the name of a group.
    name: Vec<u8>,
    pub(crate) streams: Streams,
}

/// What a component of this binding says it is.
pub fn describe<B: Binding>() -> wit::Description {
    let kinds = B::KINDS.iter().map(|kind| B::routes(*kind).describe(*kind, config::schema::<B::Options>()));
    wit::Description {
        type_name: B::TYPE.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        kinds: kinds.collect(),
    }
}

impl<B: Binding> Instance<B> {
    /// Takes the configuration; the compiled routes are in its order. All errors at once.
    pub fn attach(config: &wit::BindingConfig) -> Result<(Self, Vec<wit::Route>), Vec<ConfigError>> {
        let kind = Kind::parse(&config.kind).filter(|kind| B::KINDS.contains(kind)).ok_or_else(|| {
            vec![config::config_error("/kind", "a kind that the binding serves", &config.kind)]
        })?;
        let options = config::parse(&config.options).map_err(|error| vec![config::options_error(&error)])?;
        let binding = B::attach(BindingConfig {
            namespace: config.namespace.clone(),
            name: config.name.clone(),
            kind,
            options,
            limits: config.limits,
        })
        .map_err(|error| vec![error])?;
        let (mut routes, mut errors) = (Vec::with_capacity(config.routes.len()), Vec::new());
        for (index, route) in config.routes.iter().enumerate() {
            match binding.route(&RouteConfig { route, index }) {
                Ok(route) => routes.push(route),
                Err(error) => errors.push(error),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let streams = Streams::new(config.limits);
        Ok((Self { binding, owners: Owners::new(), name: Vec::new(), streams }, routes))
    }

    /// Handles frames in order and answers with frames.
    pub fn deliver(&mut self, now: Instant, frames: &[Frame], octets: &[u8]) -> Batch {
        self.streams.begin_call();
        let mut output = Output {
            frames: Vec::with_capacity(frames.len() * 2),
            octets: Vec::with_capacity(octets.len()),
            attributes_octets_max: self.streams.limits.attributes_octets,
        };
        for frame in frames {
            match Given::cut(frame, octets) {
                Some(given) if frame.stream == 0 => self.on_binding(now, &given, &mut output),
                Some(given) => self.on_stream(now, given, &mut output),
                None => {}
            }
        }
        self.settle_later(now, &mut output);
        self.settle_runs(now, &mut output);
        Batch { frames: output.frames, octets: output.octets }
    }

    /// The instance is no longer needed.
    pub fn detach(self) {
        self.binding.detach();
    }

    /// How many [`Stream`]s are kept: one for each accepted stream, or group, that has not ended, the streams
    /// opened for them included.
    pub fn streams(&self) -> usize {
        self.owners.count()
    }

    fn on_binding(&mut self, now: Instant, given: &Given<'_>, output: &mut Output) {
        match given.frame.kind {
            FrameKind::Signal => {
                self.binding.on_signal(given.frame.link, &mut BindingContext { now, output });
            }
            FrameKind::Drain => {
                self.streams.drain_deadline_ms = Some(given.frame.value);
                for index in 0..self.owners.end() {
                    self.with_owner(now, index, None, output, |stream, cx| stream.on_drain(cx));
                }
            }
            _ => {}
        }
    }

    /// All frames of the call are handled: owners that asked for it may do what they left for now.
    fn settle_later(&mut self, now: Instant, output: &mut Output) {
        for index in std::mem::take(&mut self.streams.later) {
            self.with_owner(now, index, None, output, |stream, cx| stream.on_later(cx));
        }
    }

    fn on_stream(&mut self, now: Instant, given: Given<'_>, output: &mut Output) {
        let Frame { stream: id, kind, value, .. } = *given.frame;
        if id & 1 == 1 && kind == FrameKind::Begin {
            if self.streams.get(id).is_some_and(|entry| entry.is_gone()) {
                self.reclaim(now, id, output);
            }
            if self.streams.get(id).is_none() {
                return self.accept(now, &given, output);
            }
        }
        match kind {
            FrameKind::Forward => self.on_run_answered(now, id, value, output),
            _ if self.belongs_to_run(given.frame) => self.on_run(now, given, output),
            _ => self.dispatch(now, &given, output),
        }
        if matches!(kind, FrameKind::Window | FrameKind::Reset) {
            self.streams.review_run_to(id);
        }
    }

    /// Gives a frame to the owner of its stream, if it fits the stream.
    pub(crate) fn dispatch(&mut self, now: Instant, given: &Given<'_>, output: &mut Output) {
        let Frame { stream: id, kind, value, .. } = *given.frame;
        let Some(entry) = self.streams.get(id) else { return };
        if entry.receive(kind, value) {
            let index = entry.owner;
            self.streams.note_end(id);
            self.with_owner(now, index, Some(id), output, |stream, cx| given.dispatch(stream, cx));
        }
    }

    /// Hands a stream that arrives to its group, or makes an owner for it.
    fn accept(&mut self, now: Instant, given: &Given<'_>, output: &mut Output) {
        let (id, begin) = (given.frame.stream, given.begin());
        self.name.clear();
        self.binding.group(&begin, &mut self.name);
        if let Some(index) = self.owners.of_group(&self.name) {
            return self.join(now, index, begin, output);
        }
        let index = self.owners.reserve();
        self.streams.accept(id, index);
        let (is_group, mut opened) = (!self.name.is_empty(), Vec::new());
        let mut cx = Context {
            now,
            accepted: id,
            current: id,
            owner: index,
            members: if is_group { std::slice::from_ref(&id) } else { &[] },
            opened: &mut opened,
            streams: &mut self.streams,
            output,
        };
        match self.binding.accept(begin, &mut cx) {
            Ok(stream) => {
                let accepted = match is_group {
                    true => Accepted::Group { name: self.name.as_slice().into(), members: vec![id] },
                    false => Accepted::One { id, is_over: false },
                };
                self.owners.insert(index, Owner { stream, accepted, opened });
                self.open_for_sending(now, index, id, output);
            }
            Err(Reset(code)) => {
                cx.close(code);
                for stream in opened.into_iter().chain([id]) {
                    self.streams.release(stream);
                }
                self.forget(index);
            }
        }
    }

    fn join(&mut self, now: Instant, index: usize, begin: Begin<'_>, output: &mut Output) {
        let id = begin.stream;
        self.streams.accept(id, index);
        if let Some(Owner { accepted: Accepted::Group { members, .. }, .. }) = self.owners.get_mut(index) {
            members.push(id);
        }
        let mut joined = false;
        self.with_owner(now, index, Some(id), output, |stream, cx| match stream.on_join(begin, cx) {
            Ok(()) => joined = true,
            Err(Reset(code)) => cx.close_stream(id, code),
        });
        if joined {
            self.open_for_sending(now, index, id, output);
        }
    }

    /// Tells the owner of a new stream of its first credit.
    fn open_for_sending(&mut self, now: Instant, index: usize, id: StreamId, output: &mut Output) {
        let credit = u64::from(self.streams.limits.initial_credit);
        self.with_owner(now, index, Some(id), output, |stream, cx| {
            // Closed at once: there is nothing to send, but the stream is to be released.
            if cx.to(id).is_sending() {
                stream.on_window(credit, cx);
            } else {
                cx.streams.note_end(id);
            }
        });
    }

    /// Runs one event on an owner, then releases the streams that it ended. `current` is the stream that the
    /// event came on, none if it is for all of them.
    fn with_owner(
        &mut self,
        now: Instant,
        index: usize,
        current: Option<StreamId>,
        output: &mut Output,
        event: impl FnOnce(&mut B::Stream, &mut Context<'_>),
    ) {
        let Some(owner) = self.owners.get_mut(index) else { return };
        let current = current.unwrap_or_else(|| owner.accepted.meant(0));
        let mut cx = Context {
            now,
            accepted: owner.accepted.meant(current),
            current,
            owner: index,
            members: owner.accepted.members(),
            opened: &mut owner.opened,
            streams: &mut self.streams,
            output,
        };
        event(&mut owner.stream, &mut cx);
        if owner.release(index, &mut self.streams) {
            self.forget(index);
        }
    }

    fn forget(&mut self, index: usize) {
        self.owners.remove(index);
        self.streams.over.clear();
        self.streams.later.retain(|later| *later != index);
    }
}

impl<B: Binding + State> Instance<B> {
    /// State for a successor.
    pub fn save(&self) -> Vec<u8> {
        self.binding.save()
    }

    /// Takes the state that an instance of that version has saved; to be called before the first stream.
    pub fn restore(&mut self, version: &str, state: &[u8]) -> Result<(), String> {
        self.binding.restore(version, state)
    }
}

/// A frame with the octets that it points to.
pub(crate) struct Given<'a> {
    pub(crate) frame: &'a Frame,
    pub(crate) attributes: Attributes<'a>,
    pub(crate) payload: Payload<'a>,
}

impl<'a> Given<'a> {
    pub(crate) fn cut(frame: &'a Frame, octets: &'a [u8]) -> Option<Self> {
        let (_, rest) = octets.split_at_checked(frame.offset as usize)?;
        let (attributes, rest) = rest.split_at_checked(frame.attributes as usize)?;
        let (payload, _) = rest.split_at_checked(frame.payload as usize)?;
        let offset = frame.offset.checked_add(frame.attributes);
        Some(Self {
            frame,
            attributes: Attributes::new(attributes),
            payload: Payload { octets: payload, offset },
        })
    }

    /// A frame without octets.
    pub(crate) fn bare(frame: &'a Frame) -> Self {
        let payload = Payload { octets: &[], offset: None };
        Self { frame, attributes: Attributes::default(), payload }
    }

    fn begin(&self) -> Begin<'a> {
        Begin {
            stream: self.frame.stream,
            attributes: self.attributes,
            authorization: self.frame.value,
            route: self.frame.link,
            offset: self.frame.offset,
        }
    }

    fn data(&self) -> Data<'a> {
        Data {
            attributes: self.attributes,
            payload: self.payload,
            init: self.frame.flags.contains(FrameFlags::INIT),
            fin: self.frame.flags.contains(FrameFlags::FIN),
        }
    }

    pub(crate) fn dispatch<S: Stream>(&self, stream: &mut S, cx: &mut Context<'_>) {
        match self.frame.kind {
            FrameKind::Begin => stream.on_begin(self.begin(), cx),
            FrameKind::Data => stream.on_data(self.data(), cx),
            FrameKind::Flush => stream.on_flush(self.attributes, cx),
            FrameKind::End => stream.on_end(self.attributes, cx),
            FrameKind::Abort => stream.on_abort(close_code(self.frame.value), self.attributes, cx),
            FrameKind::Window => stream.on_window(self.frame.value, cx),
            FrameKind::Reset => stream.on_reset(close_code(self.frame.value), self.attributes, cx),
            FrameKind::Challenge => stream.on_challenge(self.attributes, cx),
            FrameKind::Signal => stream.on_signal(self.frame.link, cx),
            FrameKind::Forward => stream.on_forwarded(self.frame.value, cx),
            // To the host only, or of the binding itself.
            FrameKind::Timer | FrameKind::Drain => {}
        }
    }
}

impl Frame {
    /// A frame with every other field 0.
    pub(crate) fn bare(stream: StreamId, kind: FrameKind) -> Self {
        Self {
            stream,
            kind,
            flags: FrameFlags::empty(),
            link: 0,
            attributes: 0,
            payload: 0,
            offset: 0,
            value: 0,
        }
    }
}

/// The code of a `reset` or `abort`; a number from a newer contract is `unspecified`.
pub(crate) fn close_code(value: u64) -> CloseCode {
    const CODES: [CloseCode; 12] = [
        CloseCode::Unspecified,
        CloseCode::NoRoute,
        CloseCode::Unauthorized,
        CloseCode::Forbidden,
        CloseCode::Violation,
        CloseCode::Limit,
        CloseCode::Timeout,
        CloseCode::Crashed,
        CloseCode::Drained,
        CloseCode::Refused,
        CloseCode::Unreachable,
        CloseCode::Cancelled,
    ];
    usize::try_from(value).ok().and_then(|index| CODES.get(index).copied()).unwrap_or(CloseCode::Unspecified)
}
