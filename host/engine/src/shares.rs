//! How those who use up one limit share it, so that who wants too much is who is refused.
//!
//! ```text
//!   limit ─┬─ 1/8, in equal shares:  each party may always have its own
//!          └─ the rest, 7/8:         each may have 7/8 of what the others leave of it
//! ```
//!
//! So a party has its share whatever the others do, and one that comes after a flood has 7/8 of what that left:
//! the rest is never used up by one of them. Where there is one party, the whole limit is its share.

use crate::limits::{LEFT_ONE_IN, RESERVED_ONE_IN};
use crate::route::BindingIndex;

/// See above. A count for each party, in constant time.
#[derive(Debug)]
pub(crate) struct Shares {
    /// What each may always have.
    share: u32,
    /// What is shared out as it is asked for.
    rest: u32,
    /// What all have of the rest. It is more only with what was added although it was not admitted.
    rest_used: u32,
    /// What each has, by binding; up to the last of the parties.
    held: Vec<u32>,
}

impl Shares {
    pub(crate) fn new(limit: u32, parties: &[BindingIndex]) -> Self {
        let count = parties.len() as u32;
        let share = if count > 1 { limit / RESERVED_ONE_IN / count } else { limit };
        let last = parties.iter().max();
        Self {
            share,
            rest: limit - share * count.max(1),
            rest_used: 0,
            held: vec![0; last.map_or(0, |last| last.0 as usize + 1)],
        }
    }

    /// Whether a party may have one more.
    #[inline]
    pub(crate) fn admits(&self, party: BindingIndex) -> bool {
        let held = self.held[party.0 as usize];
        held < self.share || self.admits_past(held - self.share)
    }

    /// Whether one with so much of the rest may have one more of it: less than 7/8 of what the others leave is
    /// less than seven times what all leave.
    fn admits_past(&self, held: u32) -> bool {
        held / (LEFT_ONE_IN - 1) < self.rest.saturating_sub(self.rest_used)
    }

    /// Notes one more of a party, admitted or not.
    #[inline]
    pub(crate) fn add(&mut self, party: BindingIndex) {
        let held = &mut self.held[party.0 as usize];
        self.rest_used += u32::from(*held >= self.share);
        *held += 1;
    }

    /// Notes one less of a party.
    #[inline]
    pub(crate) fn remove(&mut self, party: BindingIndex) {
        let held = &mut self.held[party.0 as usize];
        *held -= 1;
        self.rest_used -= u32::from(*held >= self.share);
    }

    /// Notes that nobody has anything.
    pub(crate) fn clear(&mut self) {
        self.rest_used = 0;
        self.held.fill(0);
    }

    /// Whether nobody has anything.
    pub(crate) fn is_clear(&self) -> bool {
        self.rest_used == 0 && self.held.iter().all(|held| *held == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTIES: [BindingIndex; 4] = [BindingIndex(0), BindingIndex(2), BindingIndex(3), BindingIndex(7)];
    const LIMITS: [u32; 9] = [0, 1, 2, 7, 8, 64, 100, 4096, 262_144];

    /// Takes all that one may have, and says how much it was.
    fn fill(shares: &mut Shares, party: BindingIndex) -> u32 {
        let mut count = 0;
        while shares.admits(party) {
            shares.add(party);
            count += 1;
        }
        count
    }

    #[test]
    fn one_party_has_the_whole_limit() {
        for limit in LIMITS {
            assert_eq!(fill(&mut Shares::new(limit, &PARTIES[..1]), PARTIES[0]), limit);
        }
    }

    #[test]
    fn a_lone_one_of_several_has_three_quarters_at_least() {
        for limit in LIMITS {
            for count in 2..=PARTIES.len() {
                let alone = fill(&mut Shares::new(limit, &PARTIES[..count]), PARTIES[0]);
                assert!(alone >= limit - limit / 4 && alone <= limit, "{alone} of {limit}");
            }
        }
    }

    #[test]
    fn all_together_have_the_limit_at_most_and_each_its_share() {
        for limit in LIMITS {
            let mut shares = Shares::new(limit, &PARTIES);
            let held = PARTIES.map(|party| fill(&mut shares, party));
            assert!(held.iter().sum::<u32>() <= limit, "{held:?} of {limit}");
            assert!(held.iter().all(|held| *held >= limit / 32), "{held:?} of {limit}");
        }
    }

    #[test]
    fn what_is_past_the_limit_is_at_the_cost_of_who_has_it() {
        let mut shares = Shares::new(64, &PARTIES);
        (0..1000).for_each(|_| shares.add(PARTIES[0]));
        assert_eq!(PARTIES.map(|party| fill(&mut shares, party)), [0, 2, 2, 2]);
    }

    #[test]
    fn what_is_removed_may_be_had_again() {
        let mut shares = Shares::new(64, &PARTIES);
        let held = PARTIES.map(|party| fill(&mut shares, party));
        for (party, count) in PARTIES.into_iter().zip(held) {
            (0..count).for_each(|_| shares.remove(party));
        }
        assert!(shares.is_clear());
        assert_eq!(PARTIES.map(|party| fill(&mut shares, party)), held);
        shares.clear();
        assert!(shares.is_clear());
    }
}
