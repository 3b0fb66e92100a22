//! Numbered steps on stderr: what is being done, and how long it took.

use std::fmt;
use std::time::{Duration, Instant};

/// Counts the steps of one command. What the steps themselves print stays visible between the lines.
#[derive(Debug)]
pub struct Progress {
    total: usize,
    done: usize,
}

impl Progress {
    /// A command of `total` steps.
    pub fn of(total: usize) -> Self {
        Self { total, done: 0 }
    }

    /// Does the next step: says what it is, does it, says how long it took.
    pub fn step<T, E>(&mut self, what: &str, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        self.announce(what);
        let start = Instant::now();
        let result = work();
        let word = if result.is_ok() { "done in" } else { "failed after" };
        eprintln!("[{}/{}] {word} {}", self.done, self.total, Elapsed(start.elapsed()));
        result
    }

    /// Names the next step without a closing line: for a step that does not come back.
    pub fn announce(&mut self, what: &str) {
        self.done += 1;
        eprintln!("[{}/{}] {what}", self.done, self.total);
    }
}

/// A duration as people say it: `0.1 s`, `12.3 s`, `3 min 20 s`.
struct Elapsed(Duration);

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        if seconds < 60 {
            write!(f, "{:.1} s", self.0.as_secs_f64())
        } else {
            write!(f, "{} min {} s", seconds / 60, seconds % 60)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_say_them() {
        for (ms, text) in [(140, "0.1 s"), (12_300, "12.3 s"), (200_000, "3 min 20 s")] {
            assert_eq!(Elapsed(Duration::from_millis(ms)).to_string(), text);
        }
    }
}
