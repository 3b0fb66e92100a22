//! What a guard has said of credentials, kept by a digest of them: the credentials are not.

use crate::plugin::Instant;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use zilla_engine::Session;

/// Answers kept of one guard and worker. Past it, the one that was of no use for longest is forgotten, and the guard is
/// asked again.
pub(crate) const KNOWN_MAX: usize = 16 * 1024;

/// How long an answer is used before the guard is asked again, in ms: what it takes back counts no later than this.
pub(crate) const FRESH_MS: u64 = 60_000;

/// What credentials are known by: SHA-256 of a key that only this worker has, and the credentials.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Sealed([u8; 32]);

/// The key of one worker.
pub(crate) struct Seal([u8; 32]);

impl Default for Seal {
    fn default() -> Self {
        let mut key = [0; 32];
        getrandom::fill(&mut key).expect("a system without randomness has no secrets to keep");
        Self(key)
    }
}

impl Seal {
    pub(crate) fn of(&self, credentials: &[u8]) -> Sealed {
        Sealed(Sha256::new_with_prefix(self.0).chain_update(credentials).finalize().into())
    }

    /// What a guard's own session is known by, which is that of no credentials.
    pub(crate) fn of_none(&self) -> Sealed {
        Sealed(self.0)
    }
}

/// Answers of one guard.
#[derive(Default)]
pub(crate) struct Known {
    answers: HashMap<Sealed, Answer>,
    /// By when they were of use.
    uses: BTreeMap<u64, Sealed>,
    count: u64,
}

struct Answer {
    session: Arc<Session>,
    asked_ms: u64,
    used: u64,
}

impl Known {
    /// The session of credentials, if the guard needs not be asked again.
    pub(crate) fn get(&mut self, sealed: &Sealed, now: Instant) -> Option<Arc<Session>> {
        let answer = self.answers.get_mut(sealed)?;
        let is_fresh = now.monotonic_ms < answer.asked_ms.saturating_add(FRESH_MS);
        let is_over = answer.session.expires_unix_ms.is_some_and(|expires| expires <= now.unix_ms);
        if !is_fresh || is_over {
            return None;
        }
        // What was of use last needs no new place: one client's requests come one after another.
        if answer.used != self.count {
            self.count += 1;
            self.uses.remove(&answer.used);
            answer.used = self.count;
            self.uses.insert(self.count, *sealed);
        }
        Some(Arc::clone(&answer.session))
    }

    /// Keeps what the guard said. A session that says the same as the one before goes on being that one.
    pub(crate) fn insert(&mut self, sealed: Sealed, mut session: Session, now: Instant) -> Arc<Session> {
        let earlier = self.forget(&sealed);
        if self.answers.len() >= KNOWN_MAX
            && let Some((_, oldest)) = self.uses.pop_first()
        {
            self.answers.remove(&oldest);
        }
        let session = match earlier {
            Some(earlier) if *earlier == Session { number: earlier.number, ..session.clone() } => earlier,
            Some(_) | None => {
                session.number = next_number();
                Arc::new(session)
            }
        };
        self.count += 1;
        self.uses.insert(self.count, sealed);
        let answer = Answer { session: Arc::clone(&session), asked_ms: now.monotonic_ms, used: self.count };
        self.answers.insert(sealed, answer);
        session
    }

    /// Forgets what was said of credentials.
    pub(crate) fn forget(&mut self, sealed: &Sealed) -> Option<Arc<Session>> {
        let answer = self.answers.remove(sealed)?;
        self.uses.remove(&answer.used);
        Some(answer.session)
    }
}

/// A number that no session of this process has: sessions go from worker to worker.
fn next_number() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(monotonic_ms: u64, unix_ms: u64) -> Instant {
        Instant { monotonic_ms, unix_ms }
    }

    fn session(identity: &str, expires_unix_ms: Option<u64>) -> Session {
        Session {
            number: 0,
            guard: "n:g".into(),
            identity: identity.into(),
            roles: Vec::new(),
            attributes: Vec::new(),
            expires_unix_ms,
            challenge_unix_ms: None,
            credentials: None,
        }
    }

    #[test]
    fn an_answer_is_used_while_it_is_fresh_and_its_session_is_not_over() {
        let (seal, mut known) = (Seal::default(), Known::default());
        let (token, other) = (seal.of(b"token"), seal.of(b"other"));
        let kept = known.insert(token, session("alice", Some(5_000)), at(1, 1_000));
        assert_eq!(known.get(&token, at(FRESH_MS, 4_999)), Some(kept.clone()));
        assert_eq!(known.get(&other, at(2, 1_000)), None);
        assert_eq!(known.get(&token, at(2, 5_000)), None, "it is over");
        assert_eq!(known.get(&token, at(1 + FRESH_MS, 1_000)), None, "the guard is to be asked again");
        let again = known.insert(token, session("alice", Some(5_000)), at(1 + FRESH_MS, 1_000));
        assert_eq!(again.number, kept.number, "the same answer is the same session");
        let changed = known.insert(token, session("alice", Some(6_000)), at(1 + FRESH_MS, 1_000));
        assert_ne!(changed.number, kept.number);
        known.forget(&token);
        assert_eq!((known.get(&token, at(1, 0)), known.answers.len()), (None, 0));
    }

    #[test]
    fn no_more_are_kept_than_the_limit_and_the_longest_unused_goes() {
        let (seal, mut known) = (Seal::default(), Known::default());
        let token = |number: usize| seal.of(&number.to_le_bytes());
        for number in 0..KNOWN_MAX {
            known.insert(token(number), session("alice", None), at(1, 1));
        }
        assert!(known.get(&token(0), at(1, 1)).is_some());
        known.insert(token(KNOWN_MAX), session("alice", None), at(1, 1));
        assert_eq!((known.answers.len(), known.uses.len()), (KNOWN_MAX, KNOWN_MAX));
        assert!(known.get(&token(1), at(1, 1)).is_none());
        assert!(known.get(&token(0), at(1, 1)).is_some());
    }

    #[test]
    fn two_workers_know_credentials_by_different_digests() {
        assert!(Seal::default().of(b"token") != Seal::default().of(b"token"));
    }
}
