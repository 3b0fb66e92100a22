//! State that bindings of an ending pipeline leave to their successors, on one worker.
//!
//! ```text
//!   old instance ── save ──▶ octets ── restore ──▶ new instance
//!   goes on with its streams                       has had none yet
//! ```
//!
//! It is a courtesy, never a condition: whatever goes wrong costs the state, is told in one line of the log, and
//! the new instance begins empty. Only a trap costs more, namely the instance that trapped.

use super::plugin::{Instances, PluginSlot, report, trip};
use super::{Running, Slot};
use crate::plugin::{RestoreError, Trap};
use slab::Slab;
use std::collections::BTreeMap;
use zilla_engine::BindingIndex;

/// What makes bindings of two generations the same one.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Identity {
    /// `namespace:name`.
    name: String,
    type_name: String,
    kind: String,
}

/// Hands over what bindings of `ending` pipelines keep to the same bindings of those that have just `started`.
pub(in crate::worker) fn hand_over(
    pipelines: &mut Slab<Running>,
    ending: &[usize],
    started: &[usize],
    now_ms: u64,
) {
    let mut keepers = BTreeMap::new();
    for &index in ending {
        let slots = pipelines[index].plugin_slots().filter(|(_, slot)| slot.binding_type.keeps_state());
        keepers.extend(slots.map(|(position, slot)| (slot.identity(), (index, position))));
    }
    if keepers.is_empty() {
        return;
    }
    for &heir in started {
        let keeper_of =
            |(position, slot): (usize, &PluginSlot)| Some((position, keepers.remove(&slot.identity())?));
        let heirs: Vec<_> = pipelines[heir].plugin_slots().filter_map(keeper_of).collect();
        for (heir_position, (index, position)) in heirs {
            if let Some((old, new)) = pipelines.get2_mut(index, heir) {
                old.leave_state(position, new, heir_position, now_ms);
            }
        }
    }
}

impl Running {
    fn plugin_slots(&self) -> impl Iterator<Item = (usize, &PluginSlot)> {
        self.bindings.iter().enumerate().filter_map(|(position, slot)| match slot {
            Slot::Plugin(slot) => Some((position, slot)),
            Slot::Native(_) | Slot::Portal(_) | Slot::Opener => None,
        })
    }

    /// Hands the state of one binding over, and tells what came of it.
    fn leave_state(&mut self, position: usize, heir: &mut Self, heir_position: usize, now_ms: u64) {
        let (Some(Slot::Plugin(old)), Some(Slot::Plugin(new))) =
            (self.bindings.get_mut(position), heir.bindings.get_mut(heir_position))
        else {
            return;
        };
        let left = match old.save_for(new) {
            Ok(None) => return,
            Ok(Some(state)) => new.restore(old.version(), &state).map(|()| state.len()),
            Err(Unsaved::Kept(reason)) => Err(reason),
            Err(Unsaved::Trapped(trap)) => {
                let binding = BindingIndex(position as u32);
                report(&old.name, &trap, self.engine.streams_of(binding));
                trip(&old.name, &mut old.breaker, now_ms);
                old.fail(&mut self.engine, binding);
                Err(trap.to_string())
            }
        };
        let (binding, from, to) = (new.name.as_str(), old.version(), new.version());
        match left {
            Ok(octets) => tracing::debug!(binding, from, to, octets, "state is handed over"),
            Err(reason) => {
                tracing::warn!(binding, from, to, reason, "state is not handed over, a plugin begins empty");
            }
        }
    }
}

/// Why there is no state to hand over.
enum Unsaved {
    /// It stays where it is, for a reason in words.
    Kept(String),
    /// The instance is gone.
    Trapped(Trap),
}

impl PluginSlot {
    fn identity(&self) -> Identity {
        let type_name = self.binding_type.describe().type_name.clone();
        Identity { name: self.name.clone(), type_name, kind: self.config.kind.clone() }
    }

    fn version(&self) -> &str {
        &self.binding_type.describe().version
    }

    /// The state for a successor, if there is any to be had. The successor's limit counts: it is what
    /// `zilla.yaml` says now.
    fn save_for(&mut self, heir: &Self) -> Result<Option<Vec<u8>>, Unsaved> {
        let octets_max = heir.state_octets;
        let Instances::Shared(slot) = &mut self.instances else { return Ok(None) };
        // None after a trap: what it knew is lost already.
        let Some(instance) = slot.as_mut().filter(|_| octets_max > 0) else { return Ok(None) };
        if !heir.binding_type.keeps_state() {
            return Err(Unsaved::Kept("the new version keeps none".to_owned()));
        }
        if matches!(heir.instances, Instances::Isolated(_)) {
            return Err(Unsaved::Kept("isolation: an instance for each stream keeps none".to_owned()));
        }
        match instance.save() {
            Ok(state) if state.len() > octets_max => {
                let octets = state.len();
                Err(Unsaved::Kept(format!(
                    "state: {octets} octets were saved, at most {octets_max} are handed over"
                )))
            }
            Ok(state) => Ok(Some(state)),
            Err(trap) => {
                *slot = None;
                Err(Unsaved::Trapped(Trap::Other(format!("save: {trap}"))))
            }
        }
    }

    /// Gives state to the instance that was made for this slot. The error is why it did not take it, in words.
    fn restore(&mut self, version: &str, state: &[u8]) -> Result<(), String> {
        let Instances::Shared(slot) = &mut self.instances else { return Ok(()) };
        let Some(instance) = slot else { return Ok(()) };
        match instance.restore(version, state) {
            Ok(()) => Ok(()),
            Err(RestoreError::Refused(reason)) => Err(format!("refused: {reason}")),
            // Its successor is made for the first batch.
            Err(RestoreError::Failed(trap)) => {
                *slot = None;
                Err(format!("restore: {trap}"))
            }
        }
    }
}
