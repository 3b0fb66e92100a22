//! What keeps a plugin that traps again and again from costing its worker more than it is worth.
//!
//! ```text
//!   Closed ── TRAPS_MAX traps, each soon after its instance began ──▶ Open ── after the pause ──▶ Closed
//! ```
//!
//! While it is open, new streams are reset at once and no instance is made. Each opening in a row doubles the
//! pause. An instance that lasts [`HEALTHY_MS`] ends the row. With `isolation: stream`, a trap costs its own stream
//! alone, so only those count that others had to wait for: calls over their budget.

/// An instance that lives this long has recovered from whatever its predecessor trapped on.
const HEALTHY_MS: u64 = 10_000;

/// Traps in a row before the breaker opens: until then a successor serves the very next batch.
const TRAPS_MAX: u32 = 10;

/// The first pause, and the longest.
const PAUSE_MS_MIN: u64 = 100;
const PAUSE_MS_MAX: u64 = 30_000;

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Breaker {
    traps: u32,
    last_trap_ms: u64,
    open_until_ms: u64,
}

impl Breaker {
    /// Whether instances may be made and called.
    pub(crate) fn is_closed(&self, now_ms: u64) -> bool {
        now_ms >= self.open_until_ms
    }

    /// When it closes, in ms; in the past if it is closed.
    pub(crate) fn open_until_ms(&self) -> u64 {
        self.open_until_ms
    }

    /// Counts a trap. If it opens the breaker: for how many ms.
    pub(crate) fn on_trap(&mut self, now_ms: u64) -> Option<u64> {
        let is_in_a_row =
            self.traps > 0 && now_ms.saturating_sub(self.last_trap_ms.max(self.open_until_ms)) < HEALTHY_MS;
        self.traps = if is_in_a_row { self.traps.saturating_add(1) } else { 1 };
        self.last_trap_ms = now_ms;
        let doublings = self.traps.checked_sub(TRAPS_MAX)?;
        let pause_ms = PAUSE_MS_MIN.checked_shl(doublings.min(16)).unwrap_or(PAUSE_MS_MAX).min(PAUSE_MS_MAX);
        self.open_until_ms = now_ms + pause_ms;
        Some(pause_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_at_the_tenth_trap_in_a_row_and_pauses_twice_as_long_each_time() {
        let mut breaker = Breaker::default();
        for trap in 1..TRAPS_MAX {
            assert_eq!(breaker.on_trap(u64::from(trap)), None, "trap {trap}");
        }
        let mut now = 10;
        for expected in [100, 200, 400, 800] {
            assert_eq!(breaker.on_trap(now), Some(expected));
            assert!(!breaker.is_closed(now + expected - 1));
            now += expected;
            assert!(breaker.is_closed(now));
        }
    }

    #[test]
    fn the_pause_is_never_longer_than_its_limit() {
        let mut breaker = Breaker::default();
        let mut now = 1;
        for _ in 0..100 {
            now += breaker.on_trap(now).unwrap_or_default();
        }
        assert_eq!(breaker.on_trap(now), Some(PAUSE_MS_MAX));
    }

    #[test]
    fn an_instance_that_lasts_ends_the_row() {
        let mut breaker = Breaker::default();
        for trap in 0..1000 {
            assert_eq!(breaker.on_trap(1 + trap * HEALTHY_MS), None, "trap {trap}");
        }
    }
}
