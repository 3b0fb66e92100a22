//! Tests of guards that open streams.

use super::policy::guard_config;
use super::stage::Stage;
use super::{Harness, fail};
use crate::outbound::OutboundInstance;
use crate::{ConfigError, Credentials, Limits, Outbound, OutboundGuard, Refused, Session, State};
use std::any::Any;
use std::cell::RefCell;
use std::marker::PhantomData;
use std::ops::Deref;
use std::rc::Rc;

/// Runs a guard that opens streams, natively; see [`OutboundGuard`] for an example. Peers and time are those of a
/// [`Harness`], which it is as well.
#[derive(Debug)]
pub struct OutboundHarness<G> {
    harness: Harness<G>,
    outbound: Option<Outbound>,
}

impl<G: OutboundGuard> OutboundHarness<G> {
    /// Attaches the guard to its entry in `zilla.yaml`, `options`, and makes the first call.
    pub fn attach(yaml: &str) -> Result<Self, Vec<ConfigError>> {
        Self::make(yaml, Limits::default(), |_| {})
    }

    /// Attaches with other limits.
    pub fn attach_with(yaml: &str, limits: Limits) -> Result<Self, Vec<ConfigError>> {
        Self::make(yaml, limits, |_| {})
    }

    #[track_caller]
    fn make(yaml: &str, limits: Limits, before: impl FnOnce(&mut G)) -> Result<Self, Vec<ConfigError>> {
        let mut instance = OutboundInstance::<G>::attach(guard_config::<G>(yaml)?)?;
        let outbound = instance.guard().outbound();
        let is_open = instance.outbound(limits).is_some();
        before(instance.guard());
        let stage = Rc::new(RefCell::new(Stage::new(Box::new(instance), limits)));
        let harness = Harness { stage, routes: Vec::new(), binding: PhantomData };
        let harness = Self { harness, outbound };
        if is_open {
            harness.turn();
        }
        Ok(harness)
    }

    /// The bindings that the guard opens streams through.
    pub fn outbound(&self) -> Option<&Outbound> {
        self.outbound.as_ref()
    }

    /// Has the guard check credentials, and makes the call that follows.
    #[track_caller]
    pub fn authorize(&self, credentials: impl AsRef<[u8]>) -> Result<Session, Refused> {
        let now = self.now();
        let answer = self.with_guard(|guard| guard.authorize(Credentials::new(credentials.as_ref()), now));
        if self.outbound.is_some() {
            self.turn();
        }
        answer
    }

    /// Looks at the guard, or changes it.
    pub fn with_guard<R>(&self, with: impl FnOnce(&mut G) -> R) -> R {
        let plugin: &mut dyn Any = &mut *self.stage.borrow_mut().plugin;
        let instance: &mut OutboundInstance<G> =
            plugin.downcast_mut().expect("a harness of a guard runs an instance of it");
        with(instance.guard())
    }

    /// Sets the date, as somebody may who sets the clock of a machine; the other clock goes on as it was.
    pub fn set_unix_ms(&self, unix_ms: u64) {
        self.stage.borrow_mut().now.unix_ms = unix_ms;
    }

    #[track_caller]
    fn turn(&self) {
        let turned = self.stage.borrow_mut().turn();
        if let Err(broken) = turned {
            fail(&self.stage, &broken);
        }
    }
}

impl<G: OutboundGuard + State> OutboundHarness<G> {
    /// Attaches the guard and gives it what one of that version has saved, before the first call. What the guard says of
    /// it comes with the harness.
    #[track_caller]
    pub fn attach_restored(
        yaml: &str,
        version: &str,
        state: &[u8],
    ) -> Result<(Self, Result<(), String>), Vec<ConfigError>> {
        let mut restored = Ok(());
        let harness = Self::make(yaml, Limits::default(), |guard| restored = guard.restore(version, state))?;
        Ok((harness, restored))
    }

    /// What the guard would leave to its successor; it goes on.
    pub fn save(&self) -> Vec<u8> {
        self.with_guard(|guard| guard.save())
    }
}

impl<G> Deref for OutboundHarness<G> {
    type Target = Harness<G>;

    fn deref(&self) -> &Harness<G> {
        &self.harness
    }
}
