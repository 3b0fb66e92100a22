//! How often a peer may do what costs it little and this end more.

/// In so many ms a budget that was used up is whole again.
const REFILL_MS: u64 = 30_000;

/// So many events at once, and as many again spread over half a minute.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    whole: u32,
    left: u32,
    /// Up to when it was refilled.
    since_ms: u64,
}

impl Budget {
    pub(crate) fn new(events: u32, now_ms: u64) -> Self {
        Self { whole: events, left: events, since_ms: now_ms }
    }

    /// An event; false if it is one too many.
    #[must_use]
    pub(crate) fn spend(&mut self, now_ms: u64) -> bool {
        if self.left == 0 {
            self.refill(now_ms);
        }
        let is_left = self.left > 0;
        self.left = self.left.saturating_sub(1);
        is_left
    }

    /// Events that go with something useful cost nothing.
    pub(crate) fn earn(&mut self, events: u32) {
        self.left = self.whole.min(self.left.saturating_add(events));
    }

    fn refill(&mut self, now_ms: u64) {
        let passed_ms = now_ms.saturating_sub(self.since_ms).min(REFILL_MS);
        self.left = (u64::from(self.whole) * passed_ms / REFILL_MS) as u32;
        if self.left > 0 {
            self.since_ms = now_ms;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_refilled_with_time() {
        let mut budget = Budget::new(10, 0);
        assert!((0..10).all(|_| budget.spend(0)));
        assert!(!budget.spend(0));
        assert!(!budget.spend(2_999));
        assert!(budget.spend(3_000));
        assert!(!budget.spend(3_000));
        assert!((0..10).all(|_| budget.spend(99_000)));
        assert!(!budget.spend(99_000));
    }

    #[test]
    fn what_is_earned_is_not_more_than_the_whole() {
        let mut budget = Budget::new(2, 0);
        assert!(budget.spend(0));
        budget.earn(9);
        assert!(budget.spend(0) && budget.spend(0) && !budget.spend(0));
    }
}
