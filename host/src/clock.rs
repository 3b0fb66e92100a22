//! The only place that reads the time that plugins and streams see.

use crate::plugin::Instant;
use std::time::SystemTime;

/// Two clocks: one that never goes back, one that people know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: std::time::Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { origin: std::time::Instant::now() }
    }

    pub(crate) fn now(&self) -> Instant {
        #[expect(clippy::disallowed_methods, reason = "this is the clock")]
        let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Instant {
            // From 1, since the deadline 0 cancels a timer.
            monotonic_ms: self.origin.elapsed().as_millis() as u64 + 1,
            unix_ms: unix.as_millis() as u64,
        }
    }

    /// The time of the runtime at a time in ms of [`Clock::now`].
    pub(crate) fn at(&self, monotonic_ms: u64) -> tokio::time::Instant {
        (self.origin + std::time::Duration::from_millis(monotonic_ms.saturating_sub(1))).into()
    }
}
