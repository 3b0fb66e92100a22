//! Guards that open streams, and what runs them.

use crate::Stream;
use crate::bindings::guard::exports::zilla::plugin::guard_exports as guard_wit;
use crate::bindings::outbound::exports::zilla::plugin::outbound_exports as wit;
use crate::bindings::zilla::plugin::types::{Batch, Frame, FrameKind, Instant, Limits, StreamId};
use crate::config::ConfigError;
use crate::context::Context;
use crate::dispatch::Given;
use crate::guard::{self, Guard};
use crate::output::Output;
use crate::streams::Streams;
use serde_json::Value;

/// A guard that opens streams: to fetch keys, or to ask a server.
///
/// It has bindings of its own, which it [names](OutboundGuard::outbound) as `zilla.yaml` would. The host checks and runs
/// them as those of the file, for this guard alone. Events of all streams that the guard opens come to it as to any
/// [`Stream`]; [`Context::stream`] says of which. Nothing is ever accepted: [`Context::accepted`] is 0, the guard itself,
/// and so are its [timers](Context::timer).
///
/// Say so where the component is made: `zilla_sdk::export!(Blocklist: Guard + Outbound);`.
///
/// ```
/// use zilla_sdk::prelude::*;
/// use zilla_sdk::testing::*;
///
/// /// Refuses whom a server has on its list: names, one a line, until it ends the stream.
/// pub struct Blocklist {
///     port: u16,
///     blocked: Option<String>,
/// }
///
/// # #[derive(Deserialize, JsonSchema)]
/// # pub struct BlocklistOptions { port: u16 }
/// impl Guard for Blocklist {
/// #   const TYPE: &'static str = "blocklist";
/// #   type Options = BlocklistOptions;
/// #   fn attach(config: GuardConfig<BlocklistOptions>) -> Result<Self, ConfigError> {
/// #       Ok(Self { port: config.options.port, blocked: None })
/// #   }
///     // …
///     fn authorize(&mut self, credentials: Credentials<'_>, _now: Instant) -> Result<Session, Refused> {
///         let name = credentials.as_str().ok_or("a name is text")?;
///         let blocked = self.blocked.as_ref().ok_or("the list is not there yet")?;
///         match blocked.lines().any(|line| line == name) {
///             true => Err("on the list".into()),
///             false => Ok(Session::of(name)),
///         }
///     }
/// }
///
/// impl OutboundGuard for Blocklist {
///     fn outbound(&self) -> Option<Outbound> {
///         let options = serde_json::json!({"host": "127.0.0.1", "port": self.port});
///         let tcp = serde_json::json!({"type": "tcp", "kind": "client", "options": options});
///         Some(Outbound { bindings: serde_json::json!({ "tcp": tcp }), exit: "tcp".into() })
///     }
///
///     fn on_turn(&mut self, cx: &mut Context<'_>) {
///         if self.blocked.is_none() && cx.opened().is_empty() && cx.open(|_| {}).is_ok() {
///             self.blocked = Some(String::new());
///         }
///     }
/// }
///
/// impl Stream for Blocklist {
///     fn on_data(&mut self, data: Data<'_>, cx: &mut Context<'_>) {
///         self.blocked.get_or_insert_default().push_str(&String::from_utf8_lossy(&data.payload));
///         let from = cx.stream();
///         cx.from(from).consume(data.payload.len() as u64);
///     }
/// }
///
/// zilla_sdk::export!(Blocklist: Guard + Outbound);
///
/// let guard = OutboundHarness::<Blocklist>::attach("options: {port: 7000}").unwrap();
/// let mut server = guard.expect_open();
/// server.recv_begin();
/// server.send_all([begin(), data("mallory\n"), end()]);
/// assert_eq!(guard.authorize("mallory"), Err(Refused::because("on the list")));
/// assert!(guard.authorize("alice").is_ok());
/// ```
pub trait OutboundGuard: Guard + Stream {
    /// The bindings that it opens streams through; none if it opens none with its configuration.
    fn outbound(&self) -> Option<Outbound>;

    /// Ends every call but those of [`Guard::authorize`], when all frames are handled: the first of an instance, too, and
    /// one that soon follows each `authorize`. Here a guard opens what it needs.
    fn on_turn(&mut self, cx: &mut Context<'_>);
}

/// Bindings of an [`OutboundGuard`].
#[derive(Clone, Debug, PartialEq)]
pub struct Outbound {
    /// What `bindings` in `zilla.yaml` would have: a mapping by name. None of them may listen. They may name vaults of
    /// the file.
    pub bindings: Value,
    /// The name of the one that streams are opened to.
    pub exit: String,
}

/// One instance of a guard that opens streams: what a component holds, and what a test drives natively.
#[doc(hidden)]
pub struct OutboundInstance<G> {
    guard: G,
    streams: Streams,
    opened: Vec<StreamId>,
}

/// The guard is the one owner of all its streams.
const OWNER: usize = 0;

impl<G: OutboundGuard> OutboundInstance<G> {
    /// Makes the guard.
    pub fn attach(config: guard_wit::GuardConfig) -> Result<Self, Vec<ConfigError>> {
        let guard = guard::attach(config)?;
        // Until the host says which: it opens nothing before.
        let limits = Limits { initial_credit: 0, streams: 0, timers: 0, attributes_octets: 0 };
        Ok(Self { guard, streams: Streams::outbound(limits), opened: Vec::new() })
    }

    /// The guard itself.
    pub fn guard(&mut self) -> &mut G {
        &mut self.guard
    }

    /// Takes the limits of its streams, and answers with the bindings that they go through.
    pub fn outbound(&mut self, limits: Limits) -> Option<wit::OwnBindings> {
        self.streams = Streams::outbound(limits);
        let Outbound { bindings, exit } = self.guard.outbound()?;
        Some(wit::OwnBindings { bindings: bindings.to_string(), exit })
    }

    /// Handles frames in order and answers with frames.
    pub fn deliver(&mut self, now: Instant, frames: &[Frame], octets: &[u8]) -> Batch {
        self.streams.begin_call();
        let mut output = Output {
            frames: Vec::with_capacity(frames.len() * 2),
            octets: Vec::new(),
            attributes_octets_max: self.streams.limits.attributes_octets,
        };
        for frame in frames {
            if let Some(given) = Given::cut(frame, octets) {
                self.on_frame(now, &given, &mut output);
            }
        }
        self.with_guard(now, 0, &mut output, |guard, cx| guard.on_turn(cx));
        self.streams.later.clear();
        Batch { frames: output.frames, octets: output.octets }
    }

    /// The instance is no longer needed.
    pub fn detach(self) {
        self.guard.detach();
    }

    /// How many of its streams are not over.
    pub fn streams(&self) -> usize {
        self.opened.len()
    }

    fn on_frame(&mut self, now: Instant, given: &Given<'_>, output: &mut Output) {
        let Frame { stream: id, kind, value, .. } = *given.frame;
        if id == 0 {
            if kind == FrameKind::Drain {
                self.streams.drain_deadline_ms = Some(value);
                self.with_guard(now, 0, output, |guard, cx| guard.on_drain(cx));
            } else if kind == FrameKind::Signal {
                self.with_guard(now, 0, output, |guard, cx| given.dispatch(guard, cx));
            }
            return;
        }
        let Some(entry) = self.streams.get(id) else { return };
        if entry.receive(kind, value) {
            self.streams.note_end(id);
            self.with_guard(now, id, output, |guard, cx| given.dispatch(guard, cx));
        }
    }

    /// Runs one event, then releases the streams that it ended.
    fn with_guard(
        &mut self,
        now: Instant,
        current: StreamId,
        output: &mut Output,
        event: impl FnOnce(&mut G, &mut Context<'_>),
    ) {
        let mut cx = Context {
            now,
            accepted: 0,
            current,
            owner: OWNER,
            members: &[],
            opened: &mut self.opened,
            streams: &mut self.streams,
            output,
        };
        event(&mut self.guard, &mut cx);
        while let Some(id) = self.streams.over.pop() {
            if self.streams.release(id) {
                self.opened.retain(|opened| *opened != id);
            }
        }
    }
}
