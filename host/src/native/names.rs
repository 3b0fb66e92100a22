//! Names and their addresses, for the worker of this thread.
//!
//! The resolver of the system blocks, so it is asked on threads of its own, at most [`LOOKUPS_MAX`] for a worker at
//! a time and one for a name. What it says is kept: it does not tell for how long a name server would have it kept,
//! so the times are those of this file. An answer that is older is used on while it is asked for again, so that a
//! name server that is away, or slow, stops no connection to where connections went before.

use crate::worker::wake::{self, Token};
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::rc::Rc;
use std::sync::Arc;

/// Lookups at a time. More wait for one of them to end; each occupies a thread, and a name server that is away
/// makes one last for many seconds.
const LOOKUPS_MAX: usize = 8;

/// Names that are known or asked for. Past it, the one that was used longest ago is forgotten; if all of them are
/// being asked for, a further one is refused.
const NAMES_MAX: usize = 1024;

/// Streams that wait for the addresses of one name. A further one is refused.
const WAITING_MAX: usize = 1024;

/// Addresses of a name that are tried; more are left out.
const ADDRESSES_MAX: usize = 32;

/// How long addresses are used before they are asked for again.
const FRESH_MS: u64 = 30_000;

/// How long addresses are used on while they are asked for again, and if there is no answer.
const STALE_MS: u64 = 300_000;

/// How long a name that was not found is not asked for again.
const NOT_FOUND_MS: u64 = 2_000;

/// What is known of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Its addresses, without ports, and whose turn it is to be the first: one more with each answer.
    Addresses { addresses: Rc<[SocketAddr]>, turn: usize },
    /// It is asked for: the token is woken when there is an answer.
    Pending,
    /// It has no addresses, or nobody answers.
    NotFound,
    /// Too many names are asked for, or too many streams wait for this one.
    Full,
}

type Found = io::Result<Vec<SocketAddr>>;

#[derive(Default)]
struct Names {
    entries: HashMap<Arc<str>, Entry>,
    /// Names to be looked up, in order.
    queue: VecDeque<Arc<str>>,
    lookups: usize,
}

#[derive(Default)]
struct Entry {
    /// None if there are none.
    addresses: Option<Rc<[SocketAddr]>>,
    /// Until when that is so, and until when it is used while it is asked for again; 0 before the first answer.
    fresh_until_ms: u64,
    stale_until_ms: u64,
    /// Whether it is in the queue or being looked up.
    is_asked: bool,
    waiting: BTreeSet<Token>,
    turn: usize,
    used_ms: u64,
}

thread_local! {
    static NAMES: RefCell<Names> = RefCell::default();
}

/// What is known of a name. Must be called within the worker's runtime.
pub(super) fn resolve(name: &Arc<str>, now_ms: u64, token: Token) -> Answer {
    let answer = NAMES.with_borrow_mut(|names| names.resolve(name, now_ms, token));
    look_up(now_ms);
    answer
}

/// Whoever has this token waits for a name no longer.
pub(super) fn leave(name: &str, token: Token) {
    NAMES.with_borrow_mut(|names| names.leave(name, token));
}

/// Begins the lookups that may begin.
fn look_up(now_ms: u64) {
    while let Some(name) = NAMES.with_borrow_mut(Names::next_lookup) {
        tokio::spawn(async move {
            let start = std::time::Instant::now();
            let asked = Arc::clone(&name);
            let found =
                tokio::task::spawn_blocking(move || Ok((&*asked, 0).to_socket_addrs()?.collect())).await;
            let found = found.unwrap_or_else(|error| Err(io::Error::other(error)));
            // This is the worker's thread again.
            let now_ms = now_ms + start.elapsed().as_millis() as u64;
            NAMES.with_borrow_mut(|names| names.learn(&name, found, now_ms)).into_iter().for_each(wake::push);
            look_up(now_ms);
        });
    }
}

impl Names {
    fn resolve(&mut self, name: &Arc<str>, now_ms: u64, token: Token) -> Answer {
        if !self.entries.contains_key(name) && !self.make_room() {
            return Answer::Full;
        }
        let entry = self.entries.entry(Arc::clone(name)).or_default();
        entry.used_ms = now_ms;
        let is_fresh = now_ms < entry.fresh_until_ms;
        let answer = match &entry.addresses {
            Some(addresses) if is_fresh || now_ms < entry.stale_until_ms => {
                entry.turn = entry.turn.wrapping_add(1);
                Answer::Addresses { addresses: Rc::clone(addresses), turn: entry.turn - 1 }
            }
            None if is_fresh => Answer::NotFound,
            Some(_) | None if entry.waiting.len() >= WAITING_MAX => return Answer::Full,
            Some(_) | None => {
                entry.waiting.insert(token);
                Answer::Pending
            }
        };
        if !is_fresh && !std::mem::replace(&mut entry.is_asked, true) {
            self.queue.push_back(Arc::clone(name));
        }
        answer
    }

    /// Makes room for one more name, if there is none.
    fn make_room(&mut self) -> bool {
        if self.entries.len() < NAMES_MAX {
            return true;
        }
        let idle = self.entries.iter().filter(|(_, entry)| !entry.is_asked);
        let oldest = idle.min_by_key(|(_, entry)| entry.used_ms).map(|(name, _)| Arc::clone(name));
        oldest.is_some_and(|name| self.entries.remove(&name).is_some())
    }

    /// The next name to be looked up, if one may be. A name that nobody waits for any more is left out.
    fn next_lookup(&mut self) -> Option<Arc<str>> {
        while self.lookups < LOOKUPS_MAX {
            let name = self.queue.pop_front()?;
            let Some(entry) = self.entries.get_mut(&name) else { continue };
            if entry.waiting.is_empty() && entry.addresses.is_none() {
                entry.is_asked = false;
                continue;
            }
            self.lookups += 1;
            return Some(name);
        }
        None
    }

    /// Notes what a lookup has found, and says who waits for it.
    fn learn(&mut self, name: &str, found: Found, now_ms: u64) -> BTreeSet<Token> {
        self.lookups -= 1;
        let Some(entry) = self.entries.get_mut(name) else { return BTreeSet::new() };
        entry.is_asked = false;
        match found.map(|addresses| without_repetitions(&addresses)) {
            Ok(addresses) if !addresses.is_empty() => {
                entry.addresses = Some(addresses);
                entry.fresh_until_ms = now_ms + FRESH_MS;
                entry.stale_until_ms = now_ms + STALE_MS;
            }
            found => {
                let error = found.err();
                tracing::debug!(name, error = error.map(tracing::field::display), "a name was not found");
                entry.fresh_until_ms = now_ms + NOT_FOUND_MS;
                if now_ms >= entry.stale_until_ms {
                    entry.addresses = None;
                }
            }
        }
        std::mem::take(&mut entry.waiting)
    }

    fn leave(&mut self, name: &str, token: Token) {
        if let Some(entry) = self.entries.get_mut(name) {
            entry.waiting.remove(&token);
        }
    }
}

/// In the order of the system's resolver, which is that of RFC 6724.
fn without_repetitions(addresses: &[SocketAddr]) -> Rc<[SocketAddr]> {
    let mut seen = BTreeSet::new();
    addresses.iter().copied().filter(|address| seen.insert(*address)).take(ADDRESSES_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::wake::Socket;

    fn token(connection: u32) -> Token {
        Token { pipeline: 0, binding: 0, socket: Socket::Connection(connection) }
    }

    fn address(last: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, last], 0))
    }

    fn none_found() -> Found {
        Err(io::ErrorKind::NotFound.into())
    }

    /// The last octets of the addresses, and the turn.
    fn known(answer: Answer) -> (Vec<u8>, usize) {
        match answer {
            Answer::Addresses { addresses, turn } => {
                let last = |address: &SocketAddr| match address {
                    SocketAddr::V4(address) => address.ip().octets()[3],
                    SocketAddr::V6(_) => 0,
                };
                (addresses.iter().map(last).collect(), turn)
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_name_is_looked_up_once_for_all_that_wait() {
        let (mut names, name) = (Names::default(), Arc::from("a"));
        assert_eq!(names.resolve(&name, 1, token(1)), Answer::Pending);
        assert_eq!(names.next_lookup(), Some(Arc::clone(&name)));
        assert_eq!(names.resolve(&name, 2, token(2)), Answer::Pending);
        assert_eq!(names.resolve(&name, 2, token(2)), Answer::Pending);
        assert_eq!(names.next_lookup(), None);
        let woken = names.learn("a", Ok(vec![address(1), address(2), address(1)]), 10);
        assert_eq!(woken.into_iter().collect::<Vec<_>>(), [token(1), token(2)]);
        assert_eq!(known(names.resolve(&name, 10, token(1))), (vec![1, 2], 0));
        assert_eq!(known(names.resolve(&name, 10, token(2))), (vec![1, 2], 1));
        assert_eq!(names.next_lookup(), None);
    }

    #[test]
    fn an_old_answer_is_used_while_it_is_asked_for_again_and_if_there_is_none() {
        let (mut names, name) = (Names::default(), Arc::from("a"));
        names.resolve(&name, 0, token(1));
        names.next_lookup().unwrap();
        names.learn("a", Ok(vec![address(1)]), 0);
        names.resolve(&name, FRESH_MS - 1, token(1));
        assert_eq!(names.next_lookup(), None, "it is fresh");

        assert_eq!(known(names.resolve(&name, FRESH_MS, token(1))).0, [1]);
        assert!(names.next_lookup().is_some(), "it is asked for again");
        assert_eq!(known(names.resolve(&name, FRESH_MS + 1, token(1))).0, [1]);
        assert!(names.learn("a", none_found(), FRESH_MS + 2).is_empty());
        assert_eq!(known(names.resolve(&name, FRESH_MS + 3, token(1))).0, [1]);
        assert_eq!(names.next_lookup(), None, "not at once");
        let later = FRESH_MS + 2 + NOT_FOUND_MS;
        assert_eq!(known(names.resolve(&name, later, token(1))).0, [1]);
        names.next_lookup().unwrap();
        names.learn("a", Ok(vec![address(2)]), later);
        assert_eq!(known(names.resolve(&name, later, token(1))).0, [2]);

        let too_late = later + STALE_MS;
        assert_eq!(names.resolve(&name, too_late, token(1)), Answer::Pending);
        names.next_lookup().unwrap();
        names.learn("a", none_found(), too_late);
        assert_eq!(names.resolve(&name, too_late, token(1)), Answer::NotFound);
    }

    #[test]
    fn a_name_that_is_not_found_is_asked_for_again_later() {
        let (mut names, name) = (Names::default(), Arc::from("a"));
        for found in [none_found(), Ok(Vec::new())] {
            let now_ms = names.entries.get(&name).map_or(0, |entry| entry.fresh_until_ms);
            assert_eq!(names.resolve(&name, now_ms, token(1)), Answer::Pending);
            names.next_lookup().unwrap();
            assert_eq!(names.learn("a", found, now_ms).len(), 1);
            assert_eq!(names.resolve(&name, now_ms + NOT_FOUND_MS - 1, token(1)), Answer::NotFound);
            assert_eq!(names.next_lookup(), None);
        }
    }

    #[test]
    fn a_worker_looks_up_so_many_names_at_a_time_and_then_the_others() {
        let mut names = Names::default();
        for index in 0..=LOOKUPS_MAX {
            names.resolve(&index.to_string().into(), 0, token(1));
        }
        let begun: Vec<_> = std::iter::from_fn(|| names.next_lookup()).collect();
        assert_eq!(begun.len(), LOOKUPS_MAX);
        names.learn("3", none_found(), 1);
        assert_eq!(names.next_lookup().as_deref(), Some(LOOKUPS_MAX.to_string().as_str()));
        assert_eq!(names.next_lookup(), None);
    }

    #[test]
    fn a_name_that_nobody_waits_for_any_more_is_not_looked_up() {
        let mut names = Names::default();
        names.resolve(&"a".into(), 0, token(1));
        names.leave("a", token(1));
        assert_eq!(names.next_lookup(), None);
        assert_eq!(names.resolve(&"a".into(), 0, token(1)), Answer::Pending);
        assert!(names.next_lookup().is_some());
    }

    #[test]
    fn so_many_streams_wait_for_a_name_and_no_more() {
        let (mut names, name) = (Names::default(), Arc::from("a"));
        for index in 0..WAITING_MAX as u32 {
            assert_eq!(names.resolve(&name, 0, token(index)), Answer::Pending);
        }
        assert_eq!(names.resolve(&name, 0, token(u32::MAX)), Answer::Full);
        names.leave("a", token(0));
        assert_eq!(names.resolve(&name, 0, token(u32::MAX)), Answer::Pending);
    }

    #[test]
    fn so_many_names_are_kept_and_the_one_used_longest_ago_is_forgotten() {
        let mut names = Names::default();
        for index in 0..NAMES_MAX {
            assert_eq!(names.resolve(&index.to_string().into(), index as u64, token(1)), Answer::Pending);
        }
        assert_eq!(names.resolve(&"one more".into(), 0, token(1)), Answer::Full, "all are asked for");
        for name in ["7", "5"] {
            names.lookups += 1;
            names.learn(name, Ok(vec![address(1)]), 0);
        }
        assert_eq!(names.resolve(&"one more".into(), 0, token(1)), Answer::Pending);
        assert!(names.entries.contains_key("7") && !names.entries.contains_key("5"));
        assert_eq!(names.entries.len(), NAMES_MAX);
    }
}
