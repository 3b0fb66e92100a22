//! What a plugin may ask of the host: the `host` interface, for one instance.

use super::contract::zilla::plugin::{host, types};
use super::options::Allowance;
use super::overtime::Overtime;
use super::sandbox::Concept;
use crate::guards::Authority;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use wasmtime::ResourceLimiter;

/// Octets of one line of the log that are kept.
const LOG_OCTETS_MAX: usize = 4096;
/// Octets that one call of `random` may ask for; more is a trap.
const RANDOM_OCTETS_MAX: u32 = 4096;
/// Names of counters of one instance; more are ignored.
const COUNTERS_MAX: usize = 256;
/// Octets of a counter's name; a longer one is ignored.
const COUNTER_NAME_OCTETS_MAX: usize = 64;
/// Entries of all tables of an instance.
const TABLE_ELEMENTS_MAX: usize = 100_000;

/// Writes to the log under the name of what the plugin serves.
macro_rules! tell {
    ($level:ident, $state:expr, $($told:tt)+) => {{
        let name = $state.name.as_str();
        match $state.concept {
            Concept::Binding => {
                tracing::event!(target: "zilla::plugin", tracing::Level::$level, binding = name, $($told)+)
            }
            Concept::Guard => {
                tracing::event!(target: "zilla::plugin", tracing::Level::$level, guard = name, $($told)+)
            }
            Concept::Matcher => {
                tracing::event!(target: "zilla::plugin", tracing::Level::$level, matcher = name, $($told)+)
            }
        }
    }};
}

/// What the host keeps for one instance.
pub(crate) struct InstanceState {
    concept: Concept,
    /// `namespace:name`, for the log.
    name: String,
    /// Whom `authorize` asks; nobody outside of `deliver`.
    pub(crate) authority: Option<Box<Authority>>,
    /// Time that this call has spent waiting for other plugins.
    pub(crate) waited: Duration,
    memory_octets_max: usize,
    /// Lines of the log that one call may write.
    log_rate: u32,
    /// The size that the instance was refused last, for the report of the trap that follows.
    pub(crate) memory_refused: Option<usize>,
    log_lines: u32,
    /// How late the call is that runs.
    pub(crate) overtime: Overtime,
    /// What the plugin logged as an error last, for the report of a trap: usually its panic.
    pub(crate) last_error: Option<String>,
    counters: BTreeMap<String, u64>,
}

impl InstanceState {
    pub(crate) fn new((concept, name): (Concept, String), allowance: &Allowance) -> Self {
        Self {
            concept,
            name,
            authority: None,
            waited: Duration::ZERO,
            memory_octets_max: allowance.memory_octets,
            log_rate: allowance.log_rate,
            memory_refused: None,
            log_lines: 0,
            overtime: Overtime::default(),
            last_error: None,
            counters: BTreeMap::new(),
        }
    }

    /// To be called before each call into the plugin.
    pub(crate) fn begin_call(&mut self) {
        if self.log_lines > self.log_rate {
            let lost = self.log_lines - self.log_rate;
            tell!(WARN, self, lost, "log-rate: lines of the plugin lost");
        }
        self.log_lines = 0;
        self.waited = Duration::ZERO;
        self.overtime = Overtime::default();
    }
}

impl types::Host for InstanceState {}

impl host::Host for InstanceState {
    fn log(&mut self, level: host::Level, message: String) -> wasmtime::Result<()> {
        self.log_lines = self.log_lines.saturating_add(1);
        if self.log_lines > self.log_rate {
            return Ok(());
        }
        let message = one_line(&message);
        match level {
            host::Level::Trace => tell!(TRACE, self, "{message}"),
            host::Level::Debug => tell!(DEBUG, self, "{message}"),
            host::Level::Info => tell!(INFO, self, "{message}"),
            host::Level::Warn => tell!(WARN, self, "{message}"),
            host::Level::Error => {
                tell!(ERROR, self, "{message}");
                self.last_error = Some(message);
            }
        }
        Ok(())
    }

    fn random(&mut self, octets: u32) -> wasmtime::Result<Vec<u8>> {
        if octets > RANDOM_OCTETS_MAX {
            wasmtime::bail!("random: {octets} octets asked for, at most {RANDOM_OCTETS_MAX} are given");
        }
        let mut random = vec![0; octets as usize];
        getrandom::fill(&mut random)?;
        Ok(random)
    }

    fn authorize(
        &mut self,
        guard: String,
        credentials: Vec<u8>,
    ) -> wasmtime::Result<Result<u64, host::Refusal>> {
        let Some(authority) = &mut self.authority else { return Ok(Err(host::Refusal::UnknownGuard)) };
        // The guard has a budget of its own.
        let start = Instant::now();
        let namespace = self.name.split_once(':').map_or("", |(namespace, _)| namespace);
        let answer = authority.authorize(namespace, &guard, &credentials);
        self.waited += start.elapsed();
        Ok(answer)
    }

    fn credentials(
        &mut self,
        guard: String,
        authorization: u64,
    ) -> wasmtime::Result<Result<Vec<u8>, host::Refusal>> {
        let Some(authority) = &mut self.authority else { return Ok(Err(host::Refusal::UnknownGuard)) };
        let start = Instant::now();
        let answer = authority.credentials(&self.name, &guard, authorization);
        self.waited += start.elapsed();
        Ok(answer.map(|secret| secret.expose().to_vec()))
    }

    fn count(&mut self, name: String, add: u64) -> wasmtime::Result<()> {
        let legal = name.len() <= COUNTER_NAME_OCTETS_MAX
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'.');
        if let Some(counter) = self.counters.get_mut(&name) {
            *counter = counter.wrapping_add(add);
        } else if legal && self.counters.len() < COUNTERS_MAX {
            self.counters.insert(name, add);
        }
        Ok(())
    }
}

/// A plugin's message as it is kept: cut, and with control characters escaped, so that it cannot end its line and
/// begin one that looks like another's.
pub(crate) fn one_line(message: &str) -> String {
    let mut line = String::with_capacity(message.len().min(LOG_OCTETS_MAX));
    for c in message[..message.floor_char_boundary(LOG_OCTETS_MAX)].chars() {
        match c.is_control() {
            true => line.extend(c.escape_default()),
            false => line.push(c),
        }
    }
    line
}

impl ResourceLimiter for InstanceState {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let allowed = desired <= self.memory_octets_max;
        if !allowed {
            self.memory_refused = Some(desired);
            let memory_octets_max = self.memory_octets_max;
            tell!(WARN, self, desired_octets = desired, memory_octets_max, "memory: growth refused");
        }
        Ok(allowed)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS_MAX)
    }
}
