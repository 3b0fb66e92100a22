//! How many connections a binding may accept in a second, over all workers: a token bucket.
//!
//! It is kept as the time at which the bucket would be full again (GCRA: ITU-T I.371, annex A), so that it is one
//! number that workers can share.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The bucket holds what comes in so long: after a quiet time, as many connections are accepted at once. A shorter
/// time would hold up connections that come in a burst for nothing, a longer one would be none.
const BURST_MS: u64 = 100;

const US_PER_MS: u64 = 1_000;
const US_PER_S: u64 = 1_000_000;

/// The rate of one binding. Times are in ms of the worker's clock; those of the workers differ by less than they
/// take to start.
#[derive(Clone)]
pub(crate) struct Rate {
    per_second: u64,
    /// When the bucket is full again, in microseconds.
    full_at_us: Arc<AtomicU64>,
}

impl Rate {
    /// So many in a second; at least one.
    pub(crate) fn new(per_second: u64) -> Self {
        Self { per_second: per_second.max(1), full_at_us: Arc::default() }
    }

    fn interval_us(&self) -> u64 {
        (US_PER_S / self.per_second).max(1)
    }

    /// Time in the bucket, beyond the one token that it always has.
    fn burst_us(&self) -> u64 {
        (BURST_MS * US_PER_MS).saturating_sub(self.interval_us())
    }

    /// When the next one may come, in ms: now at the earliest.
    pub(crate) fn next_ms(&self, now_ms: u64) -> u64 {
        let earliest_us = self.full_at_us.load(Ordering::Relaxed).saturating_sub(self.burst_us());
        now_ms.max(earliest_us.div_ceil(US_PER_MS))
    }

    /// One has come.
    pub(crate) fn spend(&self, now_ms: u64) {
        let now_us = now_ms.saturating_mul(US_PER_MS);
        let later = |full_at_us: u64| Some(full_at_us.max(now_us) + self.interval_us());
        // The update is never refused.
        let _ = self.full_at_us.fetch_update(Ordering::Relaxed, Ordering::Relaxed, later);
    }
}

/// Says what may be, not what is at the moment.
impl fmt::Debug for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Rate").field(&self.per_second).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many come in so many ms, of as many as can.
    fn count(rate: &Rate, from_ms: u64, ms: u64) -> u64 {
        let mut count = 0;
        for now_ms in from_ms..from_ms + ms {
            while rate.next_ms(now_ms) <= now_ms {
                rate.spend(now_ms);
                count += 1;
            }
        }
        count
    }

    #[test]
    fn as_many_come_in_a_second_as_the_rate_says_and_a_burst() {
        for per_second in [1, 3, 10, 100, 10_000] {
            let rate = Rate::new(per_second);
            let burst = (per_second * BURST_MS / 1_000).max(1);
            let found = count(&rate, 5_000, 1_000);
            assert!((per_second..=per_second + burst).contains(&found), "{per_second}: {found}");
            // What comes later has no more burst, and a quiet time fills the bucket once.
            assert!(count(&rate, 6_000, 1_000).abs_diff(per_second) <= 1, "{per_second}");
            assert!(count(&rate, 60_000, 1_000) <= per_second + burst, "{per_second}");
        }
    }

    #[test]
    fn the_time_of_the_next_one_is_told() {
        let rate = Rate::new(2);
        assert_eq!(rate.next_ms(1_000), 1_000);
        rate.spend(1_000);
        assert_eq!(rate.next_ms(1_000), 1_500);
        assert_eq!(rate.next_ms(2_000), 2_000);
        assert_eq!(format!("{rate:?}"), "Rate(2)");
    }
}
