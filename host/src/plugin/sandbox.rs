//! What every plugin runs in: a store of its own, with a limit of memory and a budget for each call.

use super::Trap;
use super::import::InstanceState;
use super::options::Allowance;
use super::runtime::{EPOCH_TICK, Runtime};
use std::fmt;
use std::time::Duration;
use wasmtime::{Store, Trap as WasmTrap, UpdateDeadline};

/// Time for `describe` and `attach`, which come once and may compile patterns and tables.
pub(crate) const ATTACH_BUDGET: Duration = Duration::from_secs(2);

/// Octets that one answer of a binding may make the host allocate.
pub(crate) const ANSWER_OCTETS_MAX: usize = 64 << 20;

/// What a plugin serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Concept {
    Binding,
    Guard,
    Matcher,
}

impl Concept {
    /// All that there are.
    pub(crate) const ALL: [Self; 3] = [Self::Binding, Self::Guard, Self::Matcher];

    /// The word that names of files and exports begin with.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Binding => "binding",
            Self::Guard => "guard",
            Self::Matcher => "matcher",
        }
    }
}

impl fmt::Display for Concept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An empty store, of a component of that qualified name, in which the plugin may take its time to begin.
pub(crate) fn store(
    runtime: &Runtime,
    (concept, name): (Concept, &str),
    allowance: &Allowance,
) -> Store<InstanceState> {
    let state = InstanceState::new((concept, name.to_owned()), allowance);
    let mut store = Store::new(runtime.engine(), state);
    store.limiter(|state| state);
    store.epoch_deadline_callback(|mut store| {
        let state = store.data_mut();
        // What the plugin waited for was not its own time.
        let waited = std::mem::take(&mut state.waited);
        if waited >= EPOCH_TICK {
            return Ok(UpdateDeadline::Continue(ticks(waited)));
        }
        match state.overtime.is_spent() {
            true => Ok(UpdateDeadline::Interrupt),
            false => Ok(UpdateDeadline::Continue(1)),
        }
    });
    store.set_hostcall_fuel(ANSWER_OCTETS_MAX);
    arm(&mut store, ATTACH_BUDGET);
    store
}

/// Makes one call, which has `budget`.
pub(crate) fn call<T>(
    store: &mut Store<InstanceState>,
    budget: Duration,
    call: impl FnOnce(&mut Store<InstanceState>) -> wasmtime::Result<T>,
) -> Result<T, Trap> {
    arm(store, budget);
    call(store).map_err(|error| explain(store, &error, budget))
}

/// Gives the next call its time. The first tick may come at once, so one more is given.
fn arm(store: &mut Store<InstanceState>, budget: Duration) {
    store.set_epoch_deadline(ticks(budget) + 1);
    store.data_mut().begin_call();
}

fn ticks(time: Duration) -> u64 {
    time.as_millis().div_ceil(EPOCH_TICK.as_millis()) as u64
}

/// What went wrong, in the words of the limit that was met.
pub(crate) fn explain(store: &Store<InstanceState>, error: &wasmtime::Error, budget: Duration) -> Trap {
    let state = store.data();
    let reason = match error.downcast_ref::<WasmTrap>() {
        Some(WasmTrap::Interrupt) => return Trap::OverBudget(budget),
        Some(trap) => match (state.memory_refused, &state.last_error) {
            (Some(octets), _) => format!("memory: {octets} octets were asked for and refused; then: {trap}"),
            (None, Some(message)) => format!("{trap}, after it logged: {message}"),
            (None, None) => trap.to_string(),
        },
        None => error.root_cause().to_string(),
    };
    Trap::Other(reason)
}

/// Whether a component may call its type this.
pub(crate) fn check_type_name(name: &str) -> Result<(), String> {
    let legal = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    if legal { Ok(()) } else { Err(format!("the type name `{name}`, which is none")) }
}
