//! Which bindings can meet the limits of another: its routes and theirs say so.

use super::Binding;
use crate::route::BindingIndex;

/// Who shares the limits of a binding.
#[derive(Clone, Debug, Default)]
pub(super) struct Neighbours {
    /// Those that exit to it.
    pub(super) openers: Vec<BindingIndex>,
    /// The same, those that it exits to, and itself for what it asks of the engine.
    pub(super) senders: Vec<BindingIndex>,
}

impl Neighbours {
    /// Those of each binding, in the same order. To the last one, anybody may open a stream: it stands for acceptors
    /// that are not known yet.
    pub(super) fn of_all(bindings: &[Binding]) -> Vec<Self> {
        let mut all = vec![Self::default(); bindings.len()];
        for (index, binding) in bindings.iter().enumerate() {
            let from = BindingIndex(index as u32);
            all[index].senders.push(from);
            for exit in binding.routes.iter().filter_map(|route| route.exit) {
                all[exit.0 as usize].openers.push(from);
                all[exit.0 as usize].senders.push(from);
                all[index].senders.push(exit);
            }
        }
        if let Some(nobody) = all.last_mut() {
            let anybody = (0..bindings.len() as u32).map(BindingIndex);
            *nobody = Self { openers: anybody.clone().collect(), senders: anybody.collect() };
        }
        for Self { openers, senders } in &mut all {
            for neighbours in [openers, senders] {
                neighbours.sort_unstable();
                neighbours.dedup();
            }
        }
        all
    }
}
