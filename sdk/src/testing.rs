//! Tests of a binding as scripts of frames: natively, in milliseconds, on a virtual clock.
//!
//! A [`Harness`] runs the binding and plays the host around it. A test plays the peers: it
//! [opens](Harness::open) streams, takes those that the binding [opens](Harness::expect_open), and sends
//! and receives on each through a [`Peer`].
//!
//! ```
//! use zilla_sdk::prelude::*;
//! use zilla_sdk::testing::*;
//!
//! /// Sends back what it gets.
//! struct Mirror;
//! struct Reflection;
//!
//! impl Binding for Mirror {
//!     const TYPE: &'static str = "mirror";
//!     const KINDS: &'static [Kind] = &[Kind::Server];
//!     type Options = NoOptions;
//!     type Stream = Reflection;
//!     fn attach(_config: BindingConfig<NoOptions>) -> Result<Self, ConfigError> {
//!         Ok(Self)
//!     }
//!     fn accept(&mut self, _begin: Begin<'_>, cx: &mut Context<'_>) -> Result<Reflection, Reset> {
//!         cx.reply().begin();
//!         Ok(Reflection)
//!     }
//! }
//!
//! impl Stream for Reflection {
//!     fn on_data(&mut self, data: Data<'_>, cx: &mut Context<'_>) {
//!         cx.reply().pass(&data);
//!     }
//! }
//!
//! let harness = Harness::<Mirror>::attach("kind: server").unwrap();
//! let mut client = harness.open(begin());
//! client.recv(begun());
//! client.send(data("hi"));
//! client.recv(data("hi"));
//! client.recv_nothing();
//! client.send(end());
//! client.recv(end());
//! assert!(client.is_over());
//! ```
//!
//! * **Calls.** Each [`Peer::send`] is one call of the binding; [`Harness::batch`] and [`Peer::send_all`]
//!   put many frames into one, as a host does under load.
//! * **Rules.** Whatever the binding returns is checked against `wit/README.md`: ids, order, credit,
//!   lengths, attribute blocks. A broken rule fails the test with the frames so far.
//! * **Credit.** A direction starts with [`Limits::initial_credit`], 64 KiB unless
//!   [chosen](Harness::attach_with). Peers grant more when the script says, or as they receive with
//!   [`Peer::auto_window`].
//! * **Time** stands still but for [`Harness::advance`].
//! * **State** goes from one harness to another: [`Harness::save`], [`Harness::restore`].
//! * **Forwards** are the host's: the harness moves the payload from peer to peer.
//! * Routes are not evaluated, since hosts do that: [`Harness::routes`] shows what was compiled.
//!
//! A [`GuardHarness`] and a [`MatcherHarness`] run what has no streams: a test asks, and looks at the answer. An
//! [`OutboundHarness`] runs a guard that opens streams: a test asks it, and plays the peers.

mod config;
mod frame;
mod outbound;
mod peer;
mod policy;
mod rules;
mod stage;
#[cfg(test)]
mod tests;
mod track;

use crate::bindings::zilla::plugin::types::{self as wit};
use crate::{Batch, Binding, ConfigError, Instance, Instant, Route, State};
use stage::Stage;
use std::any::Any;
use std::cell::RefCell;
use std::marker::PhantomData;
use std::rc::Rc;

pub use crate::bindings::zilla::plugin::types::{CloseCode, FrameKind, Limits};
pub use frame::{
    Frame, abort, begin, begin_with, begun, begun_with, challenge, data, end, end_with, flush, message,
    reset, window,
};
pub use outbound::OutboundHarness;
pub use peer::Peer;
pub use policy::{GuardHarness, MatcherHarness, StreamQuery, credentials, guards, query};
pub(crate) use policy::{ask_credentials, ask_guards};

/// Runs a binding natively and plays the host around it; see the [module](self).
pub struct Harness<B> {
    stage: Rc<RefCell<Stage>>,
    routes: Vec<Route>,
    binding: PhantomData<B>,
}

impl<B: Binding> Harness<B> {
    /// Attaches the binding to its entry in `zilla.yaml`: `kind`, `options`, `routes`, `exit`.
    pub fn attach(yaml: &str) -> Result<Self, Vec<ConfigError>> {
        Self::attach_with(yaml, Limits::default())
    }

    /// Attaches with other limits: `Limits { initial_credit: 0, ..Limits::default() }`.
    pub fn attach_with(yaml: &str, limits: Limits) -> Result<Self, Vec<ConfigError>> {
        let (instance, routes) = Instance::<B>::attach(&config::read::<B>(yaml, limits)?)?;
        let stage = Rc::new(RefCell::new(Stage::new(Box::new(instance), limits)));
        Ok(Self { stage, routes, binding: PhantomData })
    }
}

impl<B> Harness<B> {
    /// Opens a stream to the binding with [`begin`] or [`begin_with`].
    #[track_caller]
    pub fn open(&self, begin: Frame) -> Peer {
        let opened = self.stage.borrow_mut().open(begin);
        Peer { stage: Rc::clone(&self.stage), key: self.hold(opened) }
    }

    /// The next stream that the binding opened, in order; its `begin` waits in it. None if there is none.
    pub fn opened(&self) -> Option<Peer> {
        let key = self.stage.borrow_mut().opened.pop_front()?;
        Some(Peer { stage: Rc::clone(&self.stage), key })
    }

    /// The next stream that the binding opened, which must be there.
    #[track_caller]
    pub fn expect_open(&self) -> Peer {
        match self.opened() {
            Some(peer) => peer,
            None => fail(&self.stage, "expected that the binding opens a stream"),
        }
    }

    /// Expects that the binding has opened no stream but those taken.
    #[track_caller]
    pub fn expect_no_open(&self) {
        if let Some(peer) = self.opened() {
            fail(&self.stage, &format!("expected no other open stream\n   found {peer:?}"));
        }
    }

    /// Whatever peers send in `script` is one call, in that order, when it returns.
    #[track_caller]
    pub fn batch<R>(&self, script: impl FnOnce() -> R) -> R {
        let outer = std::mem::replace(&mut self.stage.borrow_mut().batching, true);
        let result = script();
        self.stage.borrow_mut().batching = outer;
        let settled = self.stage.borrow_mut().settle();
        self.hold(settled);
        result
    }

    /// The time.
    pub fn now(&self) -> Instant {
        self.stage.borrow().now
    }

    /// Lets time pass. Timers fire in the order of their deadlines, each at its own.
    #[track_caller]
    pub fn advance(&self, ms: u64) {
        let advanced = self.stage.borrow_mut().advance(ms);
        self.hold(advanced);
    }

    /// Tells the binding that its generation ends, in 30 seconds by its [deadline](crate::Context::drain_deadline_ms).
    /// Streams that are opened to it afterwards come from bindings of that generation.
    #[track_caller]
    pub fn drain(&self) {
        let drained = self.stage.borrow_mut().drain();
        self.hold(drained);
    }

    /// The compiled routes, in the order of `routes`; a binding's own `exit` is the last.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// How many accepted streams, or groups of them, the binding still keeps: 0 when it has forgotten all that
    /// are over.
    pub fn streams(&self) -> usize {
        self.stage.borrow().plugin.streams()
    }

    /// Every frame so far: one line each, `→` to the binding, `←` from it, `⇒` forwarded.
    pub fn transcript(&self) -> String {
        self.stage.borrow().transcript.join("\n")
    }

    /// Hands frames to the binding as they are, past peers and checks: for what no host would send.
    pub fn deliver(&self, frames: &[wit::Frame], octets: &[u8]) -> Batch {
        let mut stage = self.stage.borrow_mut();
        let now = stage.now;
        stage.plugin.deliver(now, frames, octets)
    }

    #[track_caller]
    fn hold<T>(&self, result: Result<T, String>) -> T {
        match result {
            Ok(value) => value,
            Err(broken) => fail(&self.stage, &broken),
        }
    }
}

impl<B: Binding + State> Harness<B> {
    /// What the binding would leave to its successor; it goes on.
    pub fn save(&self) -> Vec<u8> {
        self.with_instance(|instance| instance.save())
    }

    /// Gives the binding what one of that version has saved.
    #[track_caller]
    pub fn restore(&self, version: &str, state: &[u8]) -> Result<(), String> {
        if !self.stage.borrow().is_untouched() {
            fail(&self.stage, "script: state is restored before the first stream");
        }
        self.with_instance(|instance| instance.restore(version, state))
    }

    fn with_instance<R>(&self, with: impl FnOnce(&mut Instance<B>) -> R) -> R {
        let plugin: &mut dyn Any = &mut *self.stage.borrow_mut().plugin;
        with(plugin.downcast_mut().expect("a harness of a binding runs an instance of it"))
    }
}

impl<B> std::fmt::Debug for Harness<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Harness").field("routes", &self.routes).finish_non_exhaustive()
    }
}

/// Fails the test with the frames so far.
#[track_caller]
fn fail(stage: &Rc<RefCell<Stage>>, why: &str) -> ! {
    let transcript = stage.borrow().transcript.join("\n");
    panic!("{why}\n\nthe frames so far:\n{transcript}\n");
}
