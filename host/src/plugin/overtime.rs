//! Whether a call that is late was slow, or only kept waiting.
//!
//! Deadlines are counted in time that passes, since nothing else is as cheap. But a thread that waits for a
//! processor, say while a new plugin is compiled on all of them, runs no plugin. So a call that meets its
//! deadline is stopped once it has also had [`OVERTIME`] of a processor: a loop is stopped that much later, and a
//! call that was only kept waiting is not.

use std::time::Duration;

/// Time on a processor that a call gets after its deadline. It is more than an honest call takes in all, and so
/// little that the other streams of the worker may wait for it.
const OVERTIME: Duration = Duration::from_millis(25);

/// How late one call is.
#[derive(Default)]
pub(crate) struct Overtime {
    /// Time that this thread had had on a processor at the deadline.
    at_deadline: Option<Duration>,
}

impl Overtime {
    /// Whether a call that has met its deadline is to be stopped; else it is asked again a tick later.
    pub(crate) fn is_spent(&mut self) -> bool {
        // Where the system does not tell, the deadline is all there is.
        let Some(now) = time_on_processor() else { return true };
        let since = now.saturating_sub(*self.at_deadline.get_or_insert(now));
        since >= OVERTIME
    }
}

/// What this thread has had so far.
fn time_on_processor() -> Option<Duration> {
    let schedule = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    schedule.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn a_loop_has_had_its_time_and_a_wait_has_not() {
        let mut overtime = Overtime::default();
        assert!(time_on_processor().is_some());
        assert!(!overtime.is_spent());
        std::thread::sleep(OVERTIME * 2);
        assert!(!overtime.is_spent(), "a wait counts");
        let start = Instant::now();
        while !overtime.is_spent() {
            assert!(start.elapsed() < Duration::from_secs(30), "a loop does not count");
        }
        assert!(start.elapsed() >= OVERTIME / 2);
    }
}
