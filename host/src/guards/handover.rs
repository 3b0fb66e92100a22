//! State that a guard leaves to its successor, on one worker: as bindings do, and as much a courtesy.

use super::slot::Slot;
use crate::plugin::{RestoreError, Trap};

/// Hands what the latest guard of the same name and type keeps to one that has just been made.
pub(super) fn hand_over<'a>(slots: impl Iterator<Item = &'a mut Slot>, heir: &mut Slot, now_ms: u64) {
    let of_same_name = slots.filter(|slot| slot.identity() == heir.identity());
    let Some(keeper) = of_same_name.max_by_key(|slot| slot.number) else { return };
    if !keeper.planned.guard_type.keeps_state() {
        return;
    }
    let left = match keeper.save_for(heir, now_ms) {
        Ok(None) => return,
        Ok(Some(state)) => heir.restore(keeper.version(), &state).map(|()| state.len()),
        Err(reason) => Err(reason),
    };
    let (guard, from, to) = (&*heir.planned.name, keeper.version(), heir.version());
    match left {
        Ok(octets) => tracing::debug!(guard, from, to, octets, "state is handed over"),
        Err(reason) => {
            tracing::warn!(guard, from, to, reason, "state is not handed over, a guard begins empty");
        }
    }
}

impl Slot {
    fn identity(&self) -> (&str, &str) {
        (&self.planned.name, &self.planned.guard_type.describe().type_name)
    }

    fn version(&self) -> &str {
        &self.planned.guard_type.describe().version
    }

    /// The state for a successor, if there is any to be had. The successor's limit counts. The error is why it stays.
    fn save_for(&mut self, heir: &Self, now_ms: u64) -> Result<Option<Vec<u8>>, String> {
        let octets_max = heir.planned.options.allowance.state_octets;
        // None after a trap: what it knew is lost already.
        let Some(instance) = self.instance.as_mut().filter(|_| octets_max > 0) else { return Ok(None) };
        if !heir.planned.guard_type.keeps_state() {
            return Err("the new version keeps none".to_owned());
        }
        match instance.save() {
            Ok(state) if state.len() > octets_max => {
                let octets = state.len();
                Err(format!("state: {octets} octets were saved, at most {octets_max} are handed over"))
            }
            Ok(state) => Ok(Some(state)),
            Err(trap) => {
                let trap = Trap::Other(format!("save: {trap}"));
                self.on_trap(&trap, now_ms);
                Err(trap.to_string())
            }
        }
    }

    /// Gives state to the instance that was made for this slot. The error is why it did not take it.
    fn restore(&mut self, version: &str, state: &[u8]) -> Result<(), String> {
        let Some(instance) = &mut self.instance else { return Ok(()) };
        match instance.restore(version, state) {
            Ok(()) => Ok(()),
            Err(RestoreError::Refused(reason)) => Err(format!("refused: {reason}")),
            // Its successor is made when it is needed.
            Err(RestoreError::Failed(trap)) => {
                self.instance = None;
                Err(format!("restore: {trap}"))
            }
        }
    }
}
