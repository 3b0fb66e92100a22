//! Guards on one worker: an instance of each, and what they have answered.
//!
//! ```text
//!   a binding calls authorize ──▶ Authority ──▶ Guards ──▶ known? ──▶ GuardInstance
//!                  ◀── number ── Authorizations ◀── session ──┘◀──────────┘
//!                                of the pipeline
//! ```
//!
//! They fail closed: a guard that traps, takes too long or answers nonsense accepts nobody. A guard has a store of
//! its own, so it is called in the middle of a binding's call, and each has its own budget.

mod handover;
mod known;
mod slot;

use crate::plan::{Pipeline, PlannedGuard};
use crate::plugin::{GuardInstance, Instance, Instant, Refusal, Returned};
use known::Seal;
use slot::Slot;
use std::collections::BTreeMap;
use std::sync::Arc;
use zilla_engine::{Authorizations, Batch, Engine, Secret, Session};

/// Octets of credentials that a guard is asked about; longer ones are rejected. A token is a few thousand octets, and
/// what no header can carry is none.
pub(crate) const CREDENTIALS_OCTETS_MAX: usize = 64 << 10;

/// The guards that pipelines of one worker ask, each once.
#[derive(Default)]
pub(crate) struct Guards {
    slots: BTreeMap<crate::plan::Fingerprint, Slot>,
    /// How many guards there were.
    started: u64,
    seal: Seal,
}

/// What the pipeline of a guard's own bindings is to do for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Nothing.
    Nothing,
    /// Call it, without a frame if there is none.
    Call,
    /// Wait until this time, in ms: it traps again and again.
    At(u64),
}

impl Guards {
    /// A pipeline begins that may ask these guards. An instance is for a guard that nobody asked before; it takes over
    /// the state of the one before it.
    pub(crate) fn start(
        &mut self,
        guards: &[Arc<PlannedGuard>],
        instances: Vec<Option<Box<dyn GuardInstance>>>,
        now_ms: u64,
    ) {
        for (planned, instance) in guards.iter().zip(instances) {
            if !self.slots.contains_key(&planned.fingerprint) {
                self.started += 1;
                let mut slot = Slot::new(Arc::clone(planned), instance, self.started);
                handover::hand_over(self.slots.values_mut(), &mut slot, now_ms);
                self.slots.insert(planned.fingerprint, slot);
            }
            if let Some(slot) = self.slots.get_mut(&planned.fingerprint) {
                slot.start();
            }
        }
    }

    /// A pipeline that asked these guards is no more. One that nobody asks any longer gets its last call.
    pub(crate) fn stop(&mut self, guards: &[Arc<PlannedGuard>]) {
        for planned in guards {
            let is_unused = self.slots.get_mut(&planned.fingerprint).is_some_and(Slot::stop);
            if is_unused && let Some(slot) = self.slots.remove(&planned.fingerprint) {
                slot.detach();
            }
        }
    }

    /// Whether the instance that had opened the streams of a guard is gone since this was asked last.
    pub(crate) fn take_lost(&mut self, planned: &PlannedGuard) -> bool {
        self.slots.get_mut(&planned.fingerprint).is_some_and(Slot::take_lost)
    }

    /// Whether a guard that opens streams is to be called although nothing has come for it.
    pub(crate) fn due(&self, planned: &PlannedGuard, now: Instant) -> Due {
        self.slots.get(&planned.fingerprint).map_or(Due::Nothing, |slot| slot.due(now))
    }

    /// Has a guard handle frames of the streams that it has opened. False if it did not: they are lost.
    pub(crate) fn deliver(
        &mut self,
        planned: &PlannedGuard,
        now: Instant,
        batch: &Batch,
        returned: &mut Returned,
    ) -> bool {
        let slot = self.slots.get_mut(&planned.fingerprint);
        slot.is_some_and(|slot| slot.deliver(now, batch, returned))
    }

    /// Has a guard check credentials, unless what it said of them is known.
    fn authorize(
        &mut self,
        planned: &PlannedGuard,
        credentials: &[u8],
        now: Instant,
    ) -> Result<Arc<Session>, Refusal> {
        let slot = self.slots.get_mut(&planned.fingerprint).ok_or(Refusal::Unavailable)?;
        if credentials.len() > CREDENTIALS_OCTETS_MAX {
            return Err(Refusal::Rejected);
        }
        slot.authorize(self.seal.of(credentials), credentials, now)
    }
}

impl Guards {
    /// The session of a guard itself.
    fn own(&mut self, planned: &PlannedGuard, now: Instant) -> Result<Arc<Session>, Refusal> {
        let slot = self.slots.get_mut(&planned.fingerprint).ok_or(Refusal::Unavailable)?;
        slot.own(self.seal.of_none(), now)
    }
}

/// Whom the calls of one binding ask, with what the engine of its pipeline knows. It is lent to an instance for the
/// time of one call.
#[derive(Default)]
pub struct Authority {
    guards: Guards,
    authorizations: Authorizations,
    pipeline: Option<Arc<Pipeline>>,
    now: Option<Instant>,
}

impl Authority {
    pub(crate) fn guards(&mut self) -> &mut Guards {
        &mut self.guards
    }

    /// A call begins that may ask the guards of this pipeline.
    fn enter(&mut self, pipeline: &Arc<Pipeline>, engine: &mut Engine, now: Instant) {
        std::mem::swap(&mut self.authorizations, engine.authorizations());
        self.pipeline = Some(Arc::clone(pipeline));
        self.now = Some(now);
    }

    /// The call is over: what was granted is the engine's.
    fn leave(&mut self, engine: &mut Engine) {
        std::mem::swap(&mut self.authorizations, engine.authorizations());
        self.pipeline = None;
    }

    /// Has a guard check credentials, and answers with what stands for the session. A name without a namespace is
    /// one of this.
    pub(crate) fn authorize(
        &mut self,
        namespace: &str,
        guard: &str,
        credentials: &[u8],
    ) -> Result<u64, Refusal> {
        let (planned, now) = self.find(namespace, guard)?;
        let session = self.guards.authorize(&planned, credentials, now)?;
        self.authorizations.renew(&session, now.unix_ms);
        self.authorizations.grant(&session, random).ok_or(Refusal::Unavailable)
    }

    /// What a guard has to show to others: on behalf of its session among those that a number stands for, or, where
    /// it has none there, on its own. It is for a binding, by its qualified name, that names the guard.
    pub(crate) fn credentials(
        &mut self,
        binding: &str,
        guard: &str,
        authorization: u64,
    ) -> Result<Secret, Refusal> {
        let (namespace, _) = binding.split_once(':').unwrap_or_default();
        let (planned, now) = self.find(namespace, guard)?;
        let bindings = self.pipeline.iter().flat_map(|pipeline| &pipeline.bindings);
        let mut named = bindings.filter(|known| known.name == binding).flat_map(|known| &known.guards);
        if !named.any(|guard| **guard == *planned.name) {
            return Err(Refusal::UnknownGuard);
        }
        let sessions = self.authorizations.sessions(authorization);
        let session = match sessions.iter().find(|session| session.guard == planned.name) {
            Some(session) => Arc::clone(session),
            None => self.guards.own(&planned, now)?,
        };
        session.credentials.clone().ok_or(Refusal::Rejected)
    }

    /// A guard that may be asked, and the time.
    fn find(&self, namespace: &str, guard: &str) -> Result<(Arc<PlannedGuard>, Instant), Refusal> {
        let (Some(pipeline), Some(now)) = (&self.pipeline, self.now) else {
            return Err(Refusal::UnknownGuard);
        };
        let (namespace, guard) = guard.split_once(':').unwrap_or((namespace, guard));
        let is_it = |planned: &&Arc<PlannedGuard>| {
            let own = planned.name.strip_prefix(namespace).and_then(|rest| rest.strip_prefix(':'));
            own == Some(guard)
        };
        let planned = pipeline.guards.iter().find(is_it).ok_or(Refusal::UnknownGuard)?;
        Ok((Arc::clone(planned), now))
    }
}

/// A number that nobody can guess.
pub(crate) fn random() -> u64 {
    let mut octets = [0; 8];
    getrandom::fill(&mut octets).expect("a system without randomness has no secrets to keep");
    u64::from_le_bytes(octets)
}

/// What an instance needs to ask guards: a pipeline, and an authority that nobody else has at the time.
pub(crate) struct Asking<'a> {
    pub(crate) pipeline: &'a Arc<Pipeline>,
    pub(crate) authority: &'a mut Option<Box<Authority>>,
}

impl Asking<'_> {
    /// Has a guard check credentials for a binding of the host: what stands for the session, or 0.
    pub(crate) fn ask(&mut self, guard: &str, credentials: &[u8], engine: &mut Engine, now: Instant) -> u64 {
        let Some(authority) = self.authority else { return 0 };
        authority.enter(self.pipeline, engine, now);
        let answer = authority.authorize("", guard, credentials);
        authority.leave(engine);
        answer.unwrap_or_default()
    }

    /// Makes one call of an instance, which may ask the guards of its pipeline.
    pub(crate) fn call<T>(
        &mut self,
        instance: &mut Box<dyn Instance>,
        engine: &mut Engine,
        now: Instant,
        call: impl FnOnce(&mut Box<dyn Instance>) -> T,
    ) -> T {
        if self.pipeline.guards.is_empty() {
            return call(instance);
        }
        if let Some(authority) = self.authority {
            authority.enter(self.pipeline, engine, now);
        }
        instance.swap_authority(self.authority);
        let answer = call(instance);
        instance.swap_authority(self.authority);
        if let Some(authority) = self.authority {
            authority.leave(engine);
        }
        answer
    }
}
