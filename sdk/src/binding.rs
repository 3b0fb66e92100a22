//! The two traits of a binding, and the events they get.

use crate::attributes::Attributes;
use crate::bindings::zilla::plugin::types::{CloseCode, StreamId};
use crate::config::{BindingConfig, ConfigError, Kind, RouteConfig, RouteSchema};
use crate::context::{BindingContext, Context};
use crate::route::Route;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

/// A binding of one `type`: what `zilla.yaml` configures, and what accepts its streams.
///
/// One value is made for each binding and worker by [`Binding::attach`], and each stream that arrives is
/// [accepted](Binding::accept) into a [`Stream`]. [`crate::export!`] turns it into a component.
pub trait Binding: Sized + 'static {
    /// The `type` in `zilla.yaml`.
    const TYPE: &'static str;
    /// The kinds it serves.
    const KINDS: &'static [Kind];
    /// `options` in `zilla.yaml`; [`crate::NoOptions`] if there are none. Its JSON Schema is what the host
    /// checks the file against, so doc comments on its fields are what operators read in errors. Where the kinds
    /// have different options, [`crate::KindOptions`].
    type Options: DeserializeOwned + JsonSchema;
    /// What is kept for each accepted stream.
    type Stream: Stream;

    /// Takes the configuration. An error refuses the whole file, with its place.
    fn attach(config: BindingConfig<Self::Options>) -> Result<Self, ConfigError>;

    /// Takes a stream that arrives, or refuses it. [`Stream::on_window`] follows at once, so a binding
    /// that has something to send needs no second place to begin.
    fn accept(&mut self, begin: Begin<'_>, cx: &mut Context<'_>) -> Result<Self::Stream, Reset>;

    /// Names the group of a stream that arrives, any octets; nothing: it stands alone, which is the default.
    ///
    /// The streams of a group share one [`Stream`]: that which [`Binding::accept`] makes for the first of them.
    /// The others are told to it by [`Stream::on_join`], and it can open streams that outlive the one they were
    /// [opened for](Context::open_for). So a client pools connections, and many receive what one sends. It is
    /// dropped when the last stream of the group is over, accepted or opened.
    ///
    /// What a stream lends to those that are opened for it is lent to the whole group: its route and its
    /// authorization belong into the name. With `isolation: stream` in `zilla.yaml` each accepted stream has an
    /// instance of its own, so every group has one member.
    ///
    /// ```
    /// # use zilla_sdk::prelude::*;
    /// # use zilla_sdk::testing::*;
    /// /// Sends what any client says on one stream, whichever came first.
    /// struct Funnel;
    /// struct Spout(StreamId);
    ///
    /// impl Binding for Funnel {
    /// #   const TYPE: &'static str = "funnel";
    /// #   const KINDS: &'static [Kind] = &[Kind::Proxy];
    /// #   type Options = NoOptions;
    /// #   fn attach(_: BindingConfig<NoOptions>) -> Result<Self, ConfigError> { Ok(Self) }
    /// #   fn routes(_: Kind) -> RouteSchema { RouteSchema::exits(Routing::Accepted) }
    ///     type Stream = Spout;
    ///
    ///     fn group(&self, begin: &Begin<'_>, name: &mut Vec<u8>) {
    ///         name.extend(begin.route.to_le_bytes());
    ///         name.extend(begin.authorization.to_le_bytes());
    ///     }
    ///
    ///     fn accept(&mut self, _begin: Begin<'_>, cx: &mut Context<'_>) -> Result<Spout, Reset> {
    ///         cx.open(|_| {}).map(Spout).map_err(|_| Reset(CloseCode::Limit))
    ///     }
    /// }
    ///
    /// impl Stream for Spout {
    ///     fn on_join(&mut self, _begin: Begin<'_>, _cx: &mut Context<'_>) -> Result<(), Reset> {
    ///         Ok(())
    ///     }
    ///
    ///     fn on_data(&mut self, data: Data<'_>, cx: &mut Context<'_>) {
    ///         cx.to(self.0).pass(&data);
    ///     }
    ///
    ///     fn on_end(&mut self, _: Attributes<'_>, cx: &mut Context<'_>) {
    ///         cx.close_stream(cx.stream(), CloseCode::Cancelled);
    ///     }
    /// }
    ///
    /// let harness = Harness::<Funnel>::attach("{kind: proxy, exit: drain}").unwrap();
    /// let (mut one, mut other) = (harness.open(begin()), harness.open(begin()));
    /// let mut exit = harness.expect_open();
    /// harness.expect_no_open();
    /// one.send_all([data("a"), end()]);
    /// other.send(data("b"));
    /// exit.recv(begin());
    /// exit.recv(data("ab"));
    /// ```
    fn group(&self, _begin: &Begin<'_>, _name: &mut Vec<u8>) {}

    /// A timer of the [binding itself](BindingContext::timer) is due.
    fn on_signal(&mut self, _token: u32, _cx: &mut BindingContext<'_>) {}

    /// Which `when`, `with` and exits a kind has. None by default: it exits nowhere.
    fn routes(_kind: Kind) -> RouteSchema {
        RouteSchema::none()
    }

    /// Compiles one route into tests and assignments that the host evaluates. Without `when` and `with`,
    /// there is nothing to compile.
    fn route(&self, _route: &RouteConfig<'_>) -> Result<Route, ConfigError> {
        Ok(Route::default())
    }

    /// The instance is no longer needed.
    fn detach(self) {}
}

/// State of a binding or a guard that outlives its instance: a cache, counters, keys.
///
/// When the plugin's file or `zilla.yaml` changes, the host makes a new instance beside the old one. Before it
/// gets its first stream, the host hands it what the old one [saves](State::save), on each worker for itself.
/// Implement it, and say so where the component is made: `zilla_sdk::export!(Counter: State);`. A guard that
/// [opens streams](crate::OutboundGuard) can have state as well: `zilla_sdk::export!(Keys: Guard + Outbound + State);`.
///
/// ```
/// # use zilla_sdk::prelude::*;
/// # struct Nothing;
/// # impl Stream for Nothing {}
/// # struct Counter { count: u64 }
/// # impl Binding for Counter {
/// #     const TYPE: &'static str = "counter";
/// #     const KINDS: &'static [Kind] = &[Kind::Server];
/// #     type Options = NoOptions;
/// #     type Stream = Nothing;
/// #     fn attach(_: BindingConfig<NoOptions>) -> Result<Self, ConfigError> { Ok(Self { count: 0 }) }
/// #     fn accept(&mut self, _: Begin<'_>, _: &mut Context<'_>) -> Result<Nothing, Reset> { Ok(Nothing) }
/// # }
/// impl State for Counter {
///     fn save(&self) -> Vec<u8> {
///         self.count.to_le_bytes().to_vec()
///     }
///
///     fn restore(&mut self, _version: &str, state: &[u8]) -> Result<(), String> {
///         let octets = state.try_into().map_err(|_| format!("expected 8 octets, found {}", state.len()))?;
///         self.count = u64::from_le_bytes(octets);
///         Ok(())
///     }
/// }
///
/// zilla_sdk::export!(Counter: State);
/// # let old = zilla_sdk::testing::Harness::<Counter>::attach("kind: server").unwrap();
/// # assert_eq!(old.restore("0.1.0", &7u64.to_le_bytes()), Ok(()));
/// # assert_eq!(old.save(), 7u64.to_le_bytes());
/// ```
pub trait State: Sized + 'static {
    /// What a successor is to know, any octets, at most as many as the host hands over (1 MiB unless
    /// `plugins: {TYPE: {state: …}}` in `zilla.yaml` says otherwise). This instance goes on with the streams
    /// that it has; what they change later is lost.
    fn save(&self) -> Vec<u8>;

    /// Takes what a predecessor has saved, before the first stream. That was `version` of the plugin, older or
    /// newer than this one, and its options may have been others. An error, in words for the log, refuses the
    /// state and must leave everything as [`Binding::attach`] or [`crate::Guard::attach`] did.
    fn restore(&mut self, version: &str, state: &[u8]) -> Result<(), String>;
}

/// What a binding keeps for one accepted stream, or for a [group](Binding::group) of them, and for the streams
/// that it opens on their behalf.
///
/// Events of all of them come here; [`Context::stream`] says of which. The value is dropped when the last
/// of them is over. The defaults close: what a stream does not handle ends it.
pub trait Stream: Sized {
    /// A further stream of the same [group](Binding::group) arrives; an error refuses it. As after
    /// [`Binding::accept`], `on_window` follows at once. Refused by default.
    fn on_join(&mut self, _begin: Begin<'_>, _cx: &mut Context<'_>) -> Result<(), Reset> {
        Err(Reset(CloseCode::Refused))
    }

    /// The peer of an opened stream answered with `begin`.
    fn on_begin(&mut self, _begin: Begin<'_>, _cx: &mut Context<'_>) {}

    /// Payload arrived. Refused by default.
    fn on_data(&mut self, _data: Data<'_>, cx: &mut Context<'_>) {
        let stream = cx.stream();
        cx.from(stream).reset(CloseCode::Refused);
    }

    /// An advisory arrived, in order with the data. Ignored by default.
    fn on_flush(&mut self, _attributes: Attributes<'_>, _cx: &mut Context<'_>) {}

    /// The peer ended in order. By default, this side ends as well; if it has not begun, it aborts.
    fn on_end(&mut self, _attributes: Attributes<'_>, cx: &mut Context<'_>) {
        let stream = cx.stream();
        let mut sender = cx.to(stream);
        if sender.is_open() {
            sender.end();
        } else {
            sender.abort(CloseCode::Refused);
        }
    }

    /// The peer ended abnormally. By default, everything is closed.
    fn on_abort(&mut self, _code: CloseCode, _attributes: Attributes<'_>, cx: &mut Context<'_>) {
        cx.close(CloseCode::Cancelled);
    }

    /// There is credit to send; also once after [`Binding::accept`].
    fn on_window(&mut self, _octets: u64, _cx: &mut Context<'_>) {}

    /// The peer wants no more. By default, everything is closed.
    fn on_reset(&mut self, _code: CloseCode, _attributes: Attributes<'_>, cx: &mut Context<'_>) {
        cx.close(CloseCode::Cancelled);
    }

    /// The peer asks for new credentials. Ignored by default.
    fn on_challenge(&mut self, _attributes: Attributes<'_>, _cx: &mut Context<'_>) {}

    /// A [timer](Context::timer) is due.
    fn on_signal(&mut self, _token: u32, _cx: &mut Context<'_>) {}

    /// A [run](Context::forward) is over. `missing` octets of it were not moved, because one of the two
    /// streams ended; of those that have arrived, `on_data` follows.
    fn on_forwarded(&mut self, _missing: u64, _cx: &mut Context<'_>) {}

    /// All frames of the call are handled in which this was [asked for](Context::later).
    fn on_later(&mut self, _cx: &mut Context<'_>) {}

    /// This generation of the configuration ends: let the peer leave in order. Ignored by default, so the
    /// stream is ended by the host when its [time](Context::drain_deadline_ms) to drain is over.
    fn on_drain(&mut self, _cx: &mut Context<'_>) {}
}

/// A stream begins, or its peer answers.
#[derive(Clone, Copy, Debug)]
pub struct Begin<'a> {
    /// This plugin's name of the stream.
    pub stream: StreamId,
    /// What describes it.
    pub attributes: Attributes<'a>,
    /// Its authorization, 0 for none.
    pub authorization: u64,
    /// Of a stream that arrives at a kind with [`crate::Routing::Accepted`]: the route that it takes, as the index
    /// in `routes`; a binding's own `exit` is the last. Else 0.
    pub route: u32,
    pub(crate) offset: u32,
}

/// A piece of payload.
#[derive(Clone, Copy, Debug)]
pub struct Data<'a> {
    /// What describes the piece; mostly nothing.
    pub attributes: Attributes<'a>,
    /// The octets.
    pub payload: Payload<'a>,
    /// The first piece of a message, for protocols that have messages.
    pub init: bool,
    /// The last piece of a message.
    pub fin: bool,
}

/// Received octets that can be passed on without a copy; see [`crate::Sender::pass_payload`].
#[derive(Clone, Copy, Debug)]
pub struct Payload<'a> {
    pub(crate) octets: &'a [u8],
    /// Where they are in what was given with this call; none if they came earlier.
    pub(crate) offset: Option<u32>,
}

impl Data<'_> {
    /// Where attributes and payload are in what was given with this call, if they are there in one piece.
    pub(crate) fn offset(&self) -> Option<u32> {
        let block = self.attributes.block();
        let adjoin = block.is_empty() || block.as_ptr_range().end == self.payload.octets.as_ptr();
        self.payload.offset.filter(|_| adjoin)?.checked_sub(block.len() as u32)
    }
}

impl<'a> Payload<'a> {
    /// The octets.
    pub fn as_slice(&self) -> &'a [u8] {
        self.octets
    }

    /// The first `mid` octets, and the rest; all and nothing if there are fewer.
    pub fn split_at(&self, mid: usize) -> (Self, Self) {
        let mid = mid.min(self.octets.len());
        let (head, tail) = self.octets.split_at(mid);
        let tail_offset = self.offset.map(|offset| offset + mid as u32);
        (Self { octets: head, offset: self.offset }, Self { octets: tail, offset: tail_offset })
    }
}

impl std::ops::Deref for Payload<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.octets
    }
}

/// Refuses a stream in [`Binding::accept`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reset(pub CloseCode);
