//! Authorizations: the numbers that stand for sessions in `begin` frames.
//!
//! An authorization is a set of sessions, of each guard at most one. Its number is 24 bits of a position and 40 of
//! chance, so that a binding can use what it was given and guess nothing else.
//!
//! ```text
//!   grant ──▶ idle ◀──▶ carried by streams ──▶ over ──▶ its position is used again
//!               │                                ▲
//!               └── expired, or the oldest idle one where there is no room
//! ```

use crate::limits::AUTHORIZATIONS_MAX;
use crate::session::Session;
use crate::stream::StreamKey;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// Bits of a number that are a position.
const POSITION_BITS: u32 = 24;

const _: () = assert!(AUTHORIZATIONS_MAX <= 1 << POSITION_BITS, "each has a position");

/// Why a number stands for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// It did, and its sessions are over.
    Over,
    /// It was never given, or so long ago that nobody remembers.
    Forged,
    /// There is no room for one more set.
    NoRoom,
}

/// Whom streams of one engine are open for.
#[derive(Debug, Default)]
pub struct Authorizations {
    slots: Vec<Slot>,
    /// Positions that can be used again, the longest over first.
    free: VecDeque<u32>,
    /// By the numbers of their sessions, in order.
    by_sessions: BTreeMap<Vec<u64>, u32>,
    /// By guard, and of that by identity: two maps, so that both are looked up by what a session has.
    by_holder: BTreeMap<Arc<str>, BTreeMap<String, BTreeSet<u32>>>,
    /// Those that no stream carries, by when they were last of use.
    idle: BTreeMap<u64, u32>,
    uses: u64,
    /// When sessions are over, in unix ms.
    expiring: BTreeSet<(u64, u32)>,
    /// When new credentials are to be asked for, in unix ms. Each once.
    challenging: BTreeSet<(u64, u32)>,
    /// Sessions that others took the place of, by their numbers, which engines with copies of them are yet to be told.
    renewed: BTreeMap<u64, Arc<Session>>,
}

#[derive(Debug)]
struct Slot {
    /// Kept when it is over, to know it by.
    number: u64,
    held: Option<Held>,
}

#[derive(Debug)]
struct Held {
    sessions: Vec<Arc<Session>>,
    /// Who carries it, and whether it was the opener who brought it.
    streams: BTreeMap<StreamKey, bool>,
    /// Its key in `idle`.
    used: u64,
}

impl Held {
    fn key(&self) -> Vec<u64> {
        let mut key: Vec<u64> = self.sessions.iter().map(|session| session.number).collect();
        key.sort_unstable();
        key
    }

    fn expires(&self) -> Option<u64> {
        self.sessions.iter().filter_map(|session| session.expires_unix_ms).min()
    }

    fn challenges(&self) -> Option<u64> {
        self.sessions.iter().filter_map(|session| session.challenge_unix_ms).min()
    }
}

/// A session of another engine, which asks for new credentials there.
fn adopted(session: &Session) -> Arc<Session> {
    Arc::new(Session { challenge_unix_ms: None, ..session.clone() })
}

impl Authorizations {
    /// Gives a session to bindings: the number to put into `begin`, the same for the same session. `random` is asked
    /// for a new one, to make it unknown to others. None if [`AUTHORIZATIONS_MAX`] are carried by streams.
    pub fn grant(&mut self, session: &Arc<Session>, random: impl FnOnce() -> u64) -> Option<u64> {
        // Nearly every request shows what was shown before, and finds it here without an allocation.
        match self.reuse(&[session.number]) {
            Some(number) => Some(number),
            None => self.intern(vec![Arc::clone(session)], random),
        }
    }

    /// Takes over what a stream carries in another engine: the number that stands for the same sessions here. As
    /// [`Authorizations::grant`]. New credentials are asked for where the sessions are from, so they are not here.
    pub fn adopt(&mut self, sessions: &[Arc<Session>], random: impl FnOnce() -> u64) -> Option<u64> {
        if sessions.is_empty() {
            return Some(0);
        }
        self.intern(sessions.iter().map(|session| adopted(session)).collect(), random)
    }

    /// Puts new credentials of somebody in the place of those that are asked for, on all streams that carry these.
    pub fn renew(&mut self, session: &Arc<Session>, unix_ms: u64) {
        self.replace(session, |old| session.renews(old, unix_ms));
    }

    /// The same where the sessions are copies: of the one of this number, the engine that it is from says that it
    /// was renewed.
    pub fn renew_copies(&mut self, number: u64, session: &Session) {
        self.replace(&adopted(session), |old| old.number == number);
    }

    /// Sessions that were renewed since it was last asked, by the numbers of those before, for engines with copies
    /// of these. No more than [`AUTHORIZATIONS_MAX`]: the copies of others end when they would have.
    pub fn take_renewed(&mut self) -> BTreeMap<u64, Arc<Session>> {
        std::mem::take(&mut self.renewed)
    }

    fn replace(&mut self, session: &Arc<Session>, is_replaced: impl Fn(&Session) -> bool) {
        let is_it = |old: &Arc<Session>| old.guard == session.guard && is_replaced(old);
        let of_guard = self.by_holder.get(&session.guard);
        let Some(positions) = of_guard.and_then(|known| known.get(&session.identity)) else { return };
        let found = |position: &u32| {
            let index = self.held(*position)?.sessions.iter().position(is_it)?;
            Some((*position, index))
        };
        // Each request asks this, and for most there is none: an empty list is not allocated.
        let replaced: Vec<_> = positions.iter().filter_map(found).collect();
        for (position, index) in replaced {
            let Some(mut held) = self.withdraw(position) else { continue };
            let old = std::mem::replace(&mut held.sessions[index], Arc::clone(session));
            if self.renewed.len() < AUTHORIZATIONS_MAX {
                self.renewed.insert(old.number, Arc::clone(session));
            }
            self.put(position, held);
        }
    }

    /// The sessions that a number stands for; none for 0, and where it stands for nothing.
    pub fn sessions(&self, number: u64) -> &[Arc<Session>] {
        self.position(number).ok().and_then(|position| self.held(position)).map_or(&[], |held| &held.sessions)
    }

    /// When [`crate::Engine::expire`] is to be called next, in unix ms.
    pub fn next_unix_ms(&self) -> Option<u64> {
        let first = |times: &BTreeSet<(u64, u32)>| times.first().map(|(time, _)| *time);
        [first(&self.expiring), first(&self.challenging)].into_iter().flatten().min()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What a stream carries that is opened with one number on behalf of a stream that carries another: the sessions
    /// of both, and of a guard that is in both, the session of the first.
    pub(crate) fn join(&mut self, own: u64, lent: u64) -> Result<u64, Unknown> {
        let (own_sessions, lent_sessions) = match (own, lent) {
            (0, 0) => return Ok(0),
            (number, 0) | (0, number) => return self.position(number).map(|_| number),
            (own, lent) if own == lent => return self.position(own).map(|_| own),
            (own, lent) => (self.held_by(own)?.sessions.clone(), &self.held_by(lent)?.sessions),
        };
        let is_other = |lent: &&Arc<Session>| own_sessions.iter().all(|own| own.guard != lent.guard);
        let others: Vec<_> = lent_sessions.iter().filter(is_other).cloned().collect();
        // Who knows both numbers may have what they stand for together, and nobody else knows this one.
        let random = (own ^ lent) >> POSITION_BITS;
        self.intern([own_sessions, others].concat(), || random).ok_or(Unknown::NoRoom)
    }

    /// A stream carries it from now on. `is_first`: its opener has brought it, rather than lent.
    pub(crate) fn carry(&mut self, number: u64, stream: StreamKey, is_first: bool) {
        let Ok(position) = self.position(number) else { return };
        let Some(held) = self.slots[position as usize].held.as_mut() else { return };
        held.streams.insert(stream, is_first);
        self.idle.remove(&held.used);
    }

    /// A stream that carried it is no more.
    pub(crate) fn put_down(&mut self, number: u64, stream: StreamKey) {
        let Ok(position) = self.position(number) else { return };
        let Some(held) = self.slots[position as usize].held.as_mut() else { return };
        if held.streams.remove(&stream).is_some() && held.streams.is_empty() {
            self.uses += 1;
            held.used = self.uses;
            self.idle.insert(self.uses, position);
        }
    }

    /// Ends one that is over by now, and says which streams carried it.
    pub(crate) fn pop_expired(&mut self, unix_ms: u64) -> Option<Vec<StreamKey>> {
        let (_, position) = *self.expiring.first().filter(|(time, _)| *time <= unix_ms)?;
        let held = self.end(position)?;
        Some(held.streams.into_keys().collect())
    }

    /// One that asks for new credentials by now: the streams whose openers have brought it. Asked once.
    pub(crate) fn pop_challenging(&mut self, unix_ms: u64) -> Option<Vec<StreamKey>> {
        let first = *self.challenging.first().filter(|(time, _)| *time <= unix_ms)?;
        self.challenging.remove(&first);
        let held = self.held(first.1)?;
        Some(held.streams.iter().filter(|(_, is_first)| **is_first).map(|(key, _)| *key).collect())
    }

    /// What stands already for the sessions of these numbers, in order, which is of use again.
    fn reuse(&mut self, numbers: &[u64]) -> Option<u64> {
        let position = *self.by_sessions.get(numbers)?;
        let slot = &mut self.slots[position as usize];
        if let Some(known) = slot.held.as_mut().filter(|known| known.streams.is_empty()) {
            self.uses += 1;
            self.idle.remove(&known.used);
            known.used = self.uses;
            self.idle.insert(self.uses, position);
        }
        Some(slot.number)
    }

    fn intern(&mut self, sessions: Vec<Arc<Session>>, random: impl FnOnce() -> u64) -> Option<u64> {
        self.uses += 1;
        let held = Held { sessions, streams: BTreeMap::new(), used: self.uses };
        if let Some(number) = self.reuse(&held.key()) {
            return Some(number);
        }
        let position = self.vacate()?;
        // Not 0, which stands for nobody.
        let number = (random() << POSITION_BITS).max(1 << POSITION_BITS) | u64::from(position);
        self.slots[position as usize].number = number;
        self.idle.insert(held.used, position);
        self.put(position, held);
        Some(number)
    }

    /// A position without anything at it; if need be, that of what was of no use for longest.
    fn vacate(&mut self) -> Option<u32> {
        if self.free.is_empty() && self.slots.len() >= AUTHORIZATIONS_MAX {
            let (_, oldest) = self.idle.pop_first()?;
            self.end(oldest);
        }
        Some(self.free.pop_front().unwrap_or_else(|| {
            self.slots.push(Slot { number: 0, held: None });
            self.slots.len() as u32 - 1
        }))
    }

    fn put(&mut self, position: u32, held: Held) {
        self.by_sessions.insert(held.key(), position);
        for session in &held.sessions {
            let of_guard = self.by_holder.entry(Arc::clone(&session.guard)).or_default();
            of_guard.entry(session.identity.clone()).or_default().insert(position);
        }
        self.expiring.extend(held.expires().map(|time| (time, position)));
        self.challenging.extend(held.challenges().map(|time| (time, position)));
        self.slots[position as usize].held = Some(held);
    }

    /// Takes out what is at a position, with every way that leads there but that by when it was used.
    fn withdraw(&mut self, position: u32) -> Option<Held> {
        let held = self.slots[position as usize].held.take()?;
        let key = held.key();
        if self.by_sessions.get(&key) == Some(&position) {
            self.by_sessions.remove(&key);
        }
        for session in &held.sessions {
            let Some(of_guard) = self.by_holder.get_mut(&session.guard) else { continue };
            let Some(positions) = of_guard.get_mut(&session.identity) else { continue };
            positions.remove(&position);
            if positions.is_empty() {
                of_guard.remove(&session.identity);
            }
            if of_guard.is_empty() {
                self.by_holder.remove(&session.guard);
            }
        }
        held.expires().map(|time| self.expiring.remove(&(time, position)));
        held.challenges().map(|time| self.challenging.remove(&(time, position)));
        Some(held)
    }

    fn end(&mut self, position: u32) -> Option<Held> {
        let held = self.withdraw(position)?;
        self.idle.remove(&held.used);
        self.free.push_back(position);
        Some(held)
    }

    fn position(&self, number: u64) -> Result<u32, Unknown> {
        let position = (number & ((1 << POSITION_BITS) - 1)) as u32;
        match self.slots.get(position as usize) {
            Some(Slot { number: known, held }) if *known == number => match held {
                Some(_) => Ok(position),
                None => Err(Unknown::Over),
            },
            Some(_) | None => Err(Unknown::Forged),
        }
    }

    fn held(&self, position: u32) -> Option<&Held> {
        self.slots.get(position as usize)?.held.as_ref()
    }

    fn held_by(&self, number: u64) -> Result<&Held, Unknown> {
        self.position(number).and_then(|position| self.held(position).ok_or(Unknown::Over))
    }
}
