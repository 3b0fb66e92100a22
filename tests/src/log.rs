//! What a host writes to standard error, line by line as it comes.

use crate::PATIENCE;
use serde_json::Value;
use std::fmt;
use std::io::{BufRead as _, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// As it was written.
    pub text: String,
    /// Its fields, where it is a JSON object; null where it is not.
    pub json: Value,
}

impl Line {
    fn new(text: String) -> Self {
        let json = serde_json::from_str(&text).ok().filter(Value::is_object).unwrap_or_default();
        Self { text, json }
    }

    /// A field as text; empty if there is none.
    pub fn field(&self, name: &str) -> String {
        match &self.json[name] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }

    /// The message of the event.
    pub fn message(&self) -> String {
        self.field("message")
    }

    /// Whether it is an event of that level with that message.
    pub fn is(&self, level: &str, message: &str) -> bool {
        self.field("level") == level && self.message() == message
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[derive(Default)]
struct State {
    lines: Vec<Line>,
    is_closed: bool,
}

/// All lines so far. Cheap to clone.
#[derive(Clone, Default)]
pub struct Log(Arc<(Mutex<State>, Condvar)>);

impl Log {
    /// Reads lines on a thread of its own until there are no more.
    pub(crate) fn read(source: impl Read + Send + 'static) -> Self {
        let log = Self::default();
        let reader = log.clone();
        std::thread::spawn(move || {
            // A line of something else than text is kept as far as it can be read.
            for line in BufReader::new(source).split(b'\n').map_while(Result::ok) {
                reader.state().lines.push(Line::new(String::from_utf8_lossy(&line).into_owned()));
                reader.0.1.notify_all();
            }
            reader.state().is_closed = true;
            reader.0.1.notify_all();
        });
        log
    }

    /// The lines so far.
    pub fn lines(&self) -> Vec<Line> {
        self.state().lines.clone()
    }

    /// The lines so far that pass a test.
    pub fn matching(&self, test: impl Fn(&Line) -> bool) -> Vec<Line> {
        self.lines().into_iter().filter(|line| test(line)).collect()
    }

    /// Waits for a line that passes a test; one that has come already is as good.
    ///
    /// # Panics
    /// With all lines, if none comes within [`PATIENCE`] or the process ends without it.
    #[track_caller]
    pub fn wait_for(&self, what: &str, test: impl Fn(&Line) -> bool) -> Line {
        match self.find(0, test) {
            Some(line) => line,
            None => panic!("the log has no line about {what}:\n{self}"),
        }
    }

    /// Waits for the event with that level and message.
    #[track_caller]
    pub fn wait_for_event(&self, level: &str, message: &str) -> Line {
        self.wait_for(&format!("{level} {message}"), |line| line.is(level, message))
    }

    /// Waits until there are that many lines that pass a test.
    #[track_caller]
    pub fn wait_for_count(&self, what: &str, count: usize, test: impl Fn(&Line) -> bool) {
        let mut from = 0;
        for found in 0..count {
            let Some(index) = self.find_index(from, &test) else {
                panic!("the log has {found} of {count} lines about {what}:\n{self}")
            };
            from = index + 1;
        }
    }

    /// Waits until the process has closed its standard error.
    pub fn wait_for_end(&self) {
        self.find_index(0, |_| false);
    }

    /// Waits until the process has closed its standard error, or for so long; says whether it has.
    pub fn wait_for_end_within(&self, time: std::time::Duration) -> bool {
        let state = self.state();
        let waited = self.0.1.wait_timeout_while(state, time, |state| !state.is_closed);
        waited.unwrap_or_else(PoisonError::into_inner).0.is_closed
    }

    fn find(&self, from: usize, test: impl Fn(&Line) -> bool) -> Option<Line> {
        let index = self.find_index(from, test)?;
        self.state().lines.get(index).cloned()
    }

    fn find_index(&self, from: usize, test: impl Fn(&Line) -> bool) -> Option<usize> {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = from;
        let mut state = self.state();
        loop {
            if let Some(index) = state.lines.iter().skip(seen).position(&test) {
                return Some(seen + index);
            }
            seen = seen.max(state.lines.len());
            let left = deadline.saturating_duration_since(Instant::now());
            if state.is_closed || left.is_zero() {
                return None;
            }
            state = self.0.1.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines().iter().try_for_each(|line| writeln!(f, "  {line}"))
    }
}
