//! One guard on one worker: its instance, and what becomes of it when it traps.

use super::Due;
use super::known::{Known, Sealed};
use crate::breaker::Breaker;
use crate::plan::PlannedGuard;
use crate::plugin::{GuardInstance, GuardSession, Instant, Refusal, Returned, Trap};
use std::sync::Arc;
use zilla_engine::{Batch, Secret, Session};

/// Octets of all that a guard may say of somebody; an answer with more is malformed. It is kept for each of many
/// sessions, and routes look through its roles.
pub(crate) const SESSION_OCTETS_MAX: usize = 64 << 10;

/// Octets that a role or an attribute costs besides its text.
const ENTRY_OCTETS: usize = 32;

/// How often malformed answers are logged at most, in ms.
const REPORT_MS: u64 = 1_000;

/// See the module.
pub(crate) struct Slot {
    pub(super) planned: Arc<PlannedGuard>,
    /// Higher than that of all guards that were there before.
    pub(super) number: u64,
    /// Pipelines that may ask it.
    users: usize,
    /// None before the first call and after a trap.
    pub(super) instance: Option<Box<dyn GuardInstance>>,
    breaker: Breaker,
    known: Known,
    /// Whether it is to be called for what it opens: it is new, or has been asked.
    is_due: bool,
    /// Whether an instance is gone whose streams are not.
    is_lost: bool,
    next_report_ms: u64,
}

impl Slot {
    pub(crate) fn new(
        planned: Arc<PlannedGuard>,
        instance: Option<Box<dyn GuardInstance>>,
        number: u64,
    ) -> Self {
        Self {
            planned,
            number,
            users: 0,
            instance,
            breaker: Breaker::default(),
            known: Known::default(),
            is_due: true,
            is_lost: false,
            next_report_ms: 0,
        }
    }

    /// One pipeline more may ask it.
    pub(crate) fn start(&mut self) {
        self.users += 1;
    }

    /// Whether nobody asks it any more.
    pub(crate) fn stop(&mut self) -> bool {
        self.users -= 1;
        self.users == 0
    }

    pub(crate) fn detach(mut self) {
        if let Some(Err(trap)) = self.instance.as_mut().map(|instance| instance.detach()) {
            tracing::warn!(guard = %self.planned.name, %trap, "a guard trapped while it was detached");
        }
    }

    /// The session of credentials, if the guard accepts them.
    pub(crate) fn authorize(
        &mut self,
        sealed: Sealed,
        credentials: &[u8],
        now: Instant,
    ) -> Result<Arc<Session>, Refusal> {
        self.ask(sealed, now, |instance| instance.authorize(now, credentials))
    }

    /// The guard's own session, if it has one.
    pub(crate) fn own(&mut self, sealed: Sealed, now: Instant) -> Result<Arc<Session>, Refusal> {
        self.ask(sealed, now, |instance| instance.own(now))
    }

    /// What the guard says, unless that is known.
    fn ask(
        &mut self,
        sealed: Sealed,
        now: Instant,
        call: impl FnOnce(&mut dyn GuardInstance) -> Result<Option<GuardSession>, Trap>,
    ) -> Result<Arc<Session>, Refusal> {
        if let Some(session) = self.known.get(&sealed, now) {
            return Ok(session);
        }
        if !self.breaker.is_closed(now.monotonic_ms) {
            return Err(Refusal::Unavailable);
        }
        self.is_due = true;
        let answer = match self.instance().and_then(|instance| call(instance.as_mut())) {
            Ok(answer) => answer,
            Err(trap) => {
                self.on_trap(&trap, now.monotonic_ms);
                return Err(Refusal::Unavailable);
            }
        };
        let Some(answer) = answer else {
            self.known.forget(&sealed);
            return Err(Refusal::Rejected);
        };
        let session = self.read(answer).map_err(|found| self.report_malformed(&found, now.monotonic_ms))?;
        // What is over is not worth a stream that ends at once.
        if session.expires_unix_ms.is_some_and(|expires| expires <= now.unix_ms) {
            self.known.forget(&sealed);
            return Err(Refusal::Rejected);
        }
        Ok(self.known.insert(sealed, session, now))
    }

    pub(crate) fn due(&self, now: Instant) -> Due {
        match self.is_due {
            true if self.breaker.is_closed(now.monotonic_ms) => Due::Call,
            true => Due::At(self.breaker.open_until_ms()),
            false => Due::Nothing,
        }
    }

    pub(crate) fn take_lost(&mut self) -> bool {
        std::mem::take(&mut self.is_lost)
    }

    /// Handles frames of streams that it has opened. False if there is nobody who could.
    pub(crate) fn deliver(&mut self, now: Instant, batch: &Batch, returned: &mut Returned) -> bool {
        if !self.breaker.is_closed(now.monotonic_ms) {
            return false;
        }
        self.is_due = false;
        let delivered = self.instance().and_then(|instance| instance.deliver(now, batch, returned));
        if let Err(trap) = &delivered {
            self.on_trap(trap, now.monotonic_ms);
        }
        delivered.is_ok()
    }

    /// The instance, which is made if there is none.
    fn instance(&mut self) -> Result<&mut Box<dyn GuardInstance>, Trap> {
        match &mut self.instance {
            Some(instance) => Ok(instance),
            slot @ None => {
                let attached = self.planned.attach().map_err(|error| Trap::Other(error.to_string()))?;
                Ok(slot.insert(attached))
            }
        }
    }

    pub(super) fn on_trap(&mut self, trap: &Trap, now_ms: u64) {
        let guard = &self.planned.name;
        self.instance = None;
        // The next instance opens its own.
        (self.is_due, self.is_lost) = (true, true);
        tracing::error!(%guard, reason = %trap, "a guard trapped, it accepts nobody in this call");
        if let Some(pause_ms) = self.breaker.on_trap(now_ms) {
            tracing::error!(%guard, pause_ms, "breaker: a guard traps again and again, it accepts nobody new");
        }
    }

    /// The session that a guard says. The error is what is wrong with it.
    fn read(&self, answer: GuardSession) -> Result<Session, String> {
        let GuardSession { identity, roles, attributes, expires_unix_ms, challenge_unix_ms, credentials } =
            answer;
        let roles_octets = roles.iter().map(|role| role.len() + ENTRY_OCTETS);
        let attributes_octets =
            attributes.iter().map(|(name, value)| name.len() + value.len() + ENTRY_OCTETS);
        let secret_octets = credentials.as_ref().map_or(0, Vec::len);
        let octets = identity.len() + secret_octets + roles_octets.chain(attributes_octets).sum::<usize>();
        if octets > SESSION_OCTETS_MAX {
            return Err(format!("a session of {octets} octets, at most {SESSION_OCTETS_MAX} are kept"));
        }
        let guard = Arc::clone(&self.planned.name);
        let credentials = credentials.map(Secret::from);
        Ok(Session {
            number: 0,
            guard,
            identity,
            roles,
            attributes,
            expires_unix_ms,
            challenge_unix_ms,
            credentials,
        })
    }

    /// Logs an answer that makes no sense, at most once each [`REPORT_MS`].
    fn report_malformed(&mut self, found: &str, now_ms: u64) -> Refusal {
        if now_ms >= self.next_report_ms {
            self.next_report_ms = now_ms + REPORT_MS;
            tracing::error!(guard = %self.planned.name, found, "a guard's answer is malformed, it accepts nobody");
        }
        Refusal::Unavailable
    }
}
