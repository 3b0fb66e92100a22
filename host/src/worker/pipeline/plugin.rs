//! A plugin's part of a pipeline: its instances, and what becomes of them when they trap.

use super::super::isolated::Isolated;
use crate::breaker::Breaker;
use crate::guards::Asking;
use crate::plugin::{AttachError, BindingConfig, BindingType, Instance, Instant, Returned, Trap};
use std::ops::ControlFlow;
use std::sync::Arc;
use zilla_engine::{Batch, BindingIndex, CloseCode, Engine};

/// A binding that a plugin serves, on one worker.
pub(super) struct PluginSlot {
    pub(super) name: String,
    pub(super) binding_type: Arc<dyn BindingType>,
    pub(super) config: Arc<BindingConfig>,
    /// Octets of state that it may take over.
    pub(super) state_octets: usize,
    pub(super) instances: Instances,
    pub(super) breaker: Breaker,
}

/// By `isolation` of the plugin.
pub(super) enum Instances {
    /// One for all streams. None after a trap; its successor is made for the next batch that the breaker lets
    /// through.
    Shared(Option<Box<dyn Instance>>),
    /// One for each accepted stream.
    Isolated(Box<Isolated>),
}

impl Instances {
    pub(super) fn count(&self) -> usize {
        match self {
            Self::Shared(instance) => usize::from(instance.is_some()),
            Self::Isolated(isolated) => isolated.len(),
        }
    }
}

impl PluginSlot {
    /// Its streams are lost, and what it had for them.
    pub(super) fn fail(&mut self, engine: &mut Engine, binding: BindingIndex) {
        match &mut self.instances {
            Instances::Shared(instance) => *instance = None,
            Instances::Isolated(isolated) => **isolated = Isolated::default(),
        }
        engine.fail(binding, CloseCode::Crashed);
    }

    pub(super) fn deliver(
        &mut self,
        now: Instant,
        batch: &Batch,
        returned: &mut Returned,
        engine: &mut Engine,
        binding: BindingIndex,
        asking: &mut Asking<'_>,
    ) {
        let Self { name, binding_type, config, instances, breaker, .. } = self;
        let make = || binding_type.attach(config).map(|(instance, _routes)| instance);
        let now_ms = now.monotonic_ms;
        match instances {
            Instances::Shared(instance) => {
                match deliver_shared(instance, make, (engine, asking), now, batch, returned) {
                    Ok(()) => engine.handle(binding, &returned.frames, batch.octets(), &returned.octets),
                    Err(trap) => {
                        let streams = engine.streams_of(binding);
                        report(name, &trap, streams);
                        trip(name, breaker, now_ms);
                        self.fail(engine, binding);
                    }
                }
            }
            Instances::Isolated(isolated) => {
                // Only calls that others had to wait for count: any other trap costs its own stream alone.
                let on_trap = |trap: &Trap, streams| {
                    report(name, trap, streams);
                    if matches!(trap, Trap::OverBudget(_)) {
                        trip(name, breaker, now_ms);
                    }
                    if breaker.is_closed(now_ms) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
                };
                if isolated.deliver(now, batch, returned, (engine, binding, asking), make, on_trap).is_break()
                {
                    self.fail(engine, binding);
                }
            }
        }
    }
}

pub(super) fn report(name: &str, trap: &Trap, streams: usize) {
    tracing::error!(binding = %name, streams, reason = %trap, "a plugin trapped, its streams are closed");
}

/// Counts a trap. The breaker may open.
pub(super) fn trip(name: &str, breaker: &mut Breaker, now_ms: u64) {
    if let Some(pause_ms) = breaker.on_trap(now_ms) {
        tracing::error!(binding = %name, pause_ms, "breaker: a plugin traps again and again, new streams are reset");
    }
}

/// A trap costs the instance; its successor is made for the next batch.
fn deliver_shared(
    slot: &mut Option<Box<dyn Instance>>,
    make: impl Fn() -> Result<Box<dyn Instance>, AttachError>,
    (engine, asking): (&mut Engine, &mut Asking<'_>),
    now: Instant,
    batch: &Batch,
    returned: &mut Returned,
) -> Result<(), Trap> {
    let instance = match slot {
        Some(instance) => instance,
        None => slot.insert(make().map_err(|error| Trap::Other(error.to_string()))?),
    };
    let delivered = asking.call(instance, engine, now, |instance| instance.deliver(now, batch, returned));
    if delivered.is_err() {
        *slot = None;
    }
    delivered
}
