//! State that one instance hands to the next, of a binding or of a guard.

use super::contract::state::State;
use super::import::{InstanceState, one_line};
use super::sandbox::call;
use super::{RestoreError, Trap};
use std::time::Duration;
use wasmtime::Store;

/// Asks an instance for what its successor is to know.
pub(super) fn save(
    state: &State,
    store: &mut Store<InstanceState>,
    budget: Duration,
) -> Result<Vec<u8>, Trap> {
    call(store, budget, |store| state.zilla_plugin_state_exports().call_save(store))
}

/// Gives an instance what one of the plugin's `version` has saved.
pub(super) fn restore(
    state: &State,
    store: &mut Store<InstanceState>,
    budget: Duration,
    version: &str,
    saved: &[u8],
) -> Result<(), RestoreError> {
    call(store, budget, |store| state.zilla_plugin_state_exports().call_restore(store, version, saved))
        .map_err(RestoreError::Failed)?
        .map_err(|reason| RestoreError::Refused(one_line(&reason)))
}
