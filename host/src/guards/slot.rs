//! One guard on one worker: its instance, and what becomes of it when it traps.

use super::known::{Known, Sealed};
use crate::breaker::Breaker;
use crate::plan::PlannedGuard;
use crate::plugin::{GuardInstance, GuardSession, Instant, Refusal, Trap};
use std::sync::Arc;
use zilla_engine::Session;

/// Octets of all that a guard may say of somebody; an answer with more is malformed. It is kept for each of many
/// sessions, and routes look through its roles.
pub(crate) const SESSION_OCTETS_MAX: usize = 64 << 10;

/// Octets that a role or an attribute costs besides its text.
const ENTRY_OCTETS: usize = 32;

/// How often malformed answers are logged at most, in ms.
const REPORT_MS: u64 = 1_000;

/// See the module.
pub(crate) struct Slot {
    planned: Arc<PlannedGuard>,
    /// Pipelines that may ask it.
    users: usize,
    /// None before the first call and after a trap.
    instance: Option<Box<dyn GuardInstance>>,
    breaker: Breaker,
    known: Known,
    next_report_ms: u64,
}

impl Slot {
    pub(crate) fn new(planned: Arc<PlannedGuard>) -> Self {
        Self {
            planned,
            users: 0,
            instance: None,
            breaker: Breaker::default(),
            known: Known::default(),
            next_report_ms: 0,
        }
    }

    pub(crate) fn start(&mut self, instance: Option<Box<dyn GuardInstance>>) {
        self.users += 1;
        if self.instance.is_none() {
            self.instance = instance;
        }
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

    pub(crate) fn authorize(
        &mut self,
        sealed: Sealed,
        credentials: &[u8],
        now: Instant,
    ) -> Result<Arc<Session>, Refusal> {
        if let Some(session) = self.known.get(&sealed, now) {
            return Ok(session);
        }
        if !self.breaker.is_closed(now.monotonic_ms) {
            return Err(Refusal::Unavailable);
        }
        let answer = match self.call(credentials, now) {
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

    fn call(&mut self, credentials: &[u8], now: Instant) -> Result<Option<GuardSession>, Trap> {
        let instance = match &mut self.instance {
            Some(instance) => instance,
            slot @ None => {
                let attached = self.planned.guard_type.attach(&self.planned.config);
                slot.insert(attached.map_err(|error| Trap::Other(error.to_string()))?)
            }
        };
        instance.authorize(now, credentials)
    }

    fn on_trap(&mut self, trap: &Trap, now_ms: u64) {
        let guard = &self.planned.name;
        self.instance = None;
        tracing::error!(%guard, reason = %trap, "a guard trapped, it accepts nobody in this call");
        if let Some(pause_ms) = self.breaker.on_trap(now_ms) {
            tracing::error!(%guard, pause_ms, "breaker: a guard traps again and again, it accepts nobody new");
        }
    }

    /// The session that a guard says. The error is what is wrong with it.
    fn read(&self, answer: GuardSession) -> Result<Session, String> {
        let GuardSession { identity, roles, attributes, expires_unix_ms, challenge_unix_ms } = answer;
        let roles_octets = roles.iter().map(|role| role.len() + ENTRY_OCTETS);
        let attributes_octets =
            attributes.iter().map(|(name, value)| name.len() + value.len() + ENTRY_OCTETS);
        let octets = identity.len() + roles_octets.chain(attributes_octets).sum::<usize>();
        if octets > SESSION_OCTETS_MAX {
            return Err(format!("a session of {octets} octets, at most {SESSION_OCTETS_MAX} are kept"));
        }
        let guard = Arc::clone(&self.planned.name);
        Ok(Session { number: 0, guard, identity, roles, attributes, expires_unix_ms, challenge_unix_ms })
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
