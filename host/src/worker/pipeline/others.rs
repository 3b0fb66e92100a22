//! What one native binding may take from another of its pipeline: the socket under a stream between them.

use super::Slot;
use crate::native::{Handed, Others};
use crate::plan::{Pipeline, Role};
use zilla_engine::{BindingIndex, Engine, StreamId};

/// The slots of a pipeline but one.
pub(super) struct OtherSlots<'a> {
    pub(super) before: &'a mut [Slot],
    pub(super) after: &'a mut [Slot],
}

impl Others for OtherSlots<'_> {
    fn take_socket(
        &mut self,
        engine: &mut Engine,
        binding: BindingIndex,
        stream: StreamId,
    ) -> Option<Handed> {
        let (other, its_name) = engine.other_end(binding, stream)?;
        let position = other.0 as usize;
        let slot = match position.checked_sub(self.before.len() + 1) {
            None => self.before.get_mut(position),
            Some(behind) => self.after.get_mut(behind),
        };
        let Some(Slot::Native(native)) = slot else { return None };
        if !engine.is_unused(binding, stream) {
            return None;
        }
        let handed = native.hand_over(its_name)?;
        engine.dissolve(binding, stream);
        Some(handed)
    }
}

/// Whether a binding of a plan exits to one that takes sockets, or is exited to by one.
pub(super) fn is_taken_from(plan: &Pipeline, position: usize) -> bool {
    let takes =
        |position: usize| matches!(&plan.bindings[position].role, Role::Native(role) if role.takes_sockets());
    let exits = |position: usize| {
        let routes = plan.bindings[position].engine.routes.iter();
        routes.filter_map(|route| route.exit).map(|exit| exit.0 as usize)
    };
    exits(position).any(takes)
        || (0..plan.bindings.len()).any(|other| takes(other) && exits(other).any(|exit| exit == position))
}
