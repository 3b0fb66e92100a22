//! A pipeline on one worker: an engine, an instance of each binding, and one turn of them.

use super::breaker::Breaker;
use super::command::NewPipeline;
use super::isolated::Isolated;
use crate::native::tcp::Listener;
use crate::native::{Handed, NativeBinding, Others, Seat};
use crate::plan::{Pipeline, Role};
use crate::plugin::{AttachError, BindingConfig, BindingType, Instance, Instant, Returned, Trap};
use crate::worker::wake::Socket;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use zilla_config::Isolation;
use zilla_engine::{Batch, BindingIndex, CloseCode, Engine, StreamId, Violation, Violations};

/// Batches handled before other pipelines and the sockets have their turn.
const TURN_BATCHES_MAX: usize = 256;

/// How often violations and limits of a pipeline are logged at most, in ms.
const REPORT_MS: u64 = 1_000;

/// Buffers that the pipelines of a worker share, since one runs at a time.
#[derive(Default)]
pub(super) struct Scratch {
    batch: Batch,
    returned: Returned,
}

/// Listeners of pipelines that end, by address: the pipeline and the binding that they were of.
pub(super) type Listeners = BTreeMap<SocketAddr, (usize, usize, Listener)>;

/// Bindings that exit to one another, running.
pub(super) struct Running {
    pub(super) plan: Arc<Pipeline>,
    pub(super) generation: u64,
    engine: Engine,
    bindings: Vec<Slot>,
    /// When a drain is over, in ms; none while the pipeline takes new streams.
    pub(super) drain_until_ms: Option<u64>,
    /// Whether its bindings are yet to be told that it drains.
    is_drain_untold: bool,
    /// Before this time, nothing more is logged of violations and limits.
    next_report_ms: u64,
}

enum Slot {
    Native(Box<dyn NativeBinding>),
    Plugin(PluginSlot),
}

struct PluginSlot {
    name: String,
    binding_type: Arc<dyn BindingType>,
    config: Arc<BindingConfig>,
    instances: Instances,
    breaker: Breaker,
}

/// By `isolation` of the plugin.
enum Instances {
    /// One for all streams. None after a trap; its successor is made for the next batch that the breaker lets
    /// through.
    Shared(Option<Box<dyn Instance>>),
    /// One for each accepted stream.
    Isolated(Box<Isolated>),
}

impl Running {
    /// Begins a pipeline under an index of the worker. Listeners on its addresses are taken out of `listeners`
    /// where they are there already. Must be called within the worker's runtime.
    pub(super) fn start(
        index: u32,
        generation: u64,
        new: NewPipeline,
        listeners: &mut Listeners,
    ) -> io::Result<Self> {
        let NewPipeline { plan, instances, listening } = new;
        let mut bindings = Vec::with_capacity(plan.bindings.len());
        for (position, (planned, (instance, listening))) in
            plan.bindings.iter().zip(instances.into_iter().zip(listening)).enumerate()
        {
            bindings.push(match &planned.role {
                Role::Native(role) => {
                    let kept = role.addresses().into_iter().filter_map(|address| {
                        listeners.remove(&address).map(|(_, _, listener)| Ok(listener))
                    });
                    let added = listening.into_iter().map(Listener::new);
                    let sockets = kept.chain(added).collect::<io::Result<_>>()?;
                    let seat = Seat {
                        pipeline: index,
                        binding: BindingIndex(position as u32),
                        name: planned.name.clone(),
                        is_taken_from: is_taken_from(&plan, position),
                    };
                    Slot::Native(role.start(seat, sockets))
                }
                Role::Plugin { binding_type, config, options } => Slot::Plugin(PluginSlot {
                    name: planned.name.clone(),
                    binding_type: Arc::clone(binding_type),
                    config: Arc::clone(config),
                    instances: match options.isolation {
                        Isolation::Worker => Instances::Shared(instance),
                        Isolation::Stream => Instances::Isolated(Box::default()),
                    },
                    breaker: Breaker::default(),
                }),
            });
        }
        let engine =
            Engine::new(plan.limits, plan.bindings.iter().map(|planned| planned.engine.clone()).collect());
        Ok(Self {
            plan,
            generation,
            engine,
            bindings,
            drain_until_ms: None,
            is_drain_untold: false,
            next_report_ms: 0,
        })
    }

    /// Takes its listeners away, each with the position of its binding.
    pub(super) fn take_listeners(&mut self) -> Vec<(usize, Listener)> {
        let taken = self.bindings.iter_mut().enumerate().filter_map(|(position, slot)| match slot {
            Slot::Native(native) => {
                Some(native.take_listeners().into_iter().map(move |listener| (position, listener)))
            }
            Slot::Plugin(_) => None,
        });
        taken.flatten().collect()
    }

    /// Accepts what waits on a listener before it is closed: the kernel would reset it.
    pub(super) fn accept_last(&mut self, position: usize, listener: &Listener, now_ms: u64) {
        if let Some(Slot::Native(native)) = self.bindings.get_mut(position) {
            native.accept_last(listener, now_ms, &mut self.engine);
        }
    }

    /// Listens no more: the process ends.
    pub(super) fn end_listening(&mut self, now_ms: u64) {
        for slot in &mut self.bindings {
            if let Slot::Native(native) = slot {
                native.end_listening(now_ms, &mut self.engine);
            }
        }
    }

    /// Tells its bindings that no new streams will come, and gives those that there are this long.
    pub(super) fn drain(&mut self, now_ms: u64, limit_ms: u64) {
        self.drain_until_ms.get_or_insert_with(|| now_ms.saturating_add(limit_ms));
        self.is_drain_untold = true;
        self.tell_drain();
    }

    /// Not before the last connection was accepted: one that comes later would not know.
    fn tell_drain(&mut self) {
        if self.is_drain_untold && !self.is_listening() {
            self.is_drain_untold = false;
            self.engine.drain();
        }
    }

    fn is_listening(&self) -> bool {
        self.bindings.iter().any(|slot| matches!(slot, Slot::Native(native) if native.is_listening()))
    }

    /// Whether it drains and nothing is left of it.
    pub(super) fn is_drained(&self) -> bool {
        self.drain_until_ms.is_some()
            && !self.is_listening()
            && self.engine.streams() == 0
            && self.connections() == 0
    }

    /// Ends what is left at the limit of a drain: each stream is aborted and reset, both ways.
    pub(super) fn close(&mut self, now: Instant, scratch: &mut Scratch) {
        tracing::warn!(
            pipeline = self.plan.name,
            streams = self.engine.streams(),
            connections = self.connections(),
            "drain: the limit is met, what is left is closed"
        );
        self.engine.close_all(CloseCode::Drained);
        self.turn(now, scratch);
    }

    /// Gives its instances the last call.
    pub(super) fn detach(mut self) {
        for slot in &mut self.bindings {
            let Slot::Plugin(PluginSlot { name, instances, .. }) = slot else { continue };
            let traps = match instances {
                Instances::Shared(instance) => {
                    instance.as_mut().and_then(|instance| instance.detach().err()).into_iter().collect()
                }
                Instances::Isolated(isolated) => isolated.detach(),
            };
            if let Some(trap) = traps.first() {
                tracing::warn!(binding = %name, %trap, "a binding trapped while it was detached");
            }
        }
    }

    pub(super) fn streams(&self) -> usize {
        self.engine.streams()
    }

    pub(super) fn is_ready(&self) -> bool {
        self.engine.is_ready()
    }

    /// When it has something to do next, in ms.
    pub(super) fn next_deadline(&self) -> Option<u64> {
        let report = self.engine.has_reports().then_some(self.next_report_ms);
        [self.engine.next_deadline(), self.drain_until_ms, report].into_iter().flatten().min()
    }

    fn connections(&self) -> usize {
        self.bindings
            .iter()
            .map(|slot| if let Slot::Native(native) = slot { native.connections() } else { 0 })
            .sum()
    }

    /// Lets a socket that has news read and write.
    pub(super) fn on_ready(&mut self, binding: u32, socket: Socket, now_ms: u64) {
        if let Some(Slot::Native(native)) = self.bindings.get_mut(binding as usize) {
            native.on_ready(socket, now_ms, &mut self.engine);
        }
    }

    /// Hands batches to bindings, each in turn, until all is quiet or the budget is spent.
    pub(super) fn turn(&mut self, now: Instant, scratch: &mut Scratch) {
        self.engine.advance(now.monotonic_ms);
        for _ in 0..TURN_BATCHES_MAX {
            let Some(binding) = self.engine.next_ready() else { break };
            self.engine.take(binding, &mut scratch.batch);
            if !scratch.batch.is_empty() {
                self.deliver(binding, now, scratch);
            }
        }
        self.tell_drain();
        self.report(now.monotonic_ms);
    }

    fn deliver(&mut self, binding: BindingIndex, now: Instant, Scratch { batch, returned }: &mut Scratch) {
        let (before, rest) = self.bindings.split_at_mut(binding.0 as usize);
        let Some((slot, after)) = rest.split_first_mut() else { return };
        match slot {
            Slot::Native(native) => {
                let mut others = OtherSlots { before, after };
                native.deliver(batch, now.monotonic_ms, &mut self.engine, &mut others);
            }
            Slot::Plugin(slot) if !slot.breaker.is_closed(now.monotonic_ms) => {
                self.engine.fail(binding, CloseCode::Crashed);
            }
            Slot::Plugin(slot) => slot.deliver(now, batch, returned, &mut self.engine, binding),
        }
    }

    /// Logs what plugins did against the rules and which limits were met: at once, then at most each
    /// [`REPORT_MS`], with how often in between.
    fn report(&mut self, now_ms: u64) {
        if now_ms < self.next_report_ms || !self.engine.has_reports() {
            return;
        }
        self.next_report_ms = now_ms + REPORT_MS;
        for (violation, count) in by_rule(&self.engine.take_violations()) {
            tracing::warn!(
                binding = self.name_of(violation.binding),
                stream = violation.stream,
                frame = ?violation.frame,
                rule = %violation.rule,
                count,
                "a plugin broke the rules of frames"
            );
        }
        for met in self.engine.take_limits_met() {
            tracing::warn!(
                binding = self.name_of(met.binding),
                limit = met.limit,
                count = met.count,
                "a limit was met"
            );
        }
    }

    fn name_of(&self, binding: BindingIndex) -> &str {
        self.plan.bindings.get(binding.0 as usize).map_or("", |planned| planned.name.as_str())
    }
}

/// The slots of a pipeline but one.
struct OtherSlots<'a> {
    before: &'a mut [Slot],
    after: &'a mut [Slot],
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
fn is_taken_from(plan: &Pipeline, position: usize) -> bool {
    let takes =
        |position: usize| matches!(&plan.bindings[position].role, Role::Native(role) if role.takes_sockets());
    let exits = |position: usize| {
        let routes = plan.bindings[position].engine.routes.iter();
        routes.filter_map(|route| route.exit).map(|exit| exit.0 as usize)
    };
    exits(position).any(takes)
        || (0..plan.bindings.len()).any(|other| takes(other) && exits(other).any(|exit| exit == position))
}

/// The first violation of each rule by each binding, with how many there were. Those of which only the number is
/// known are counted with the most frequent.
fn by_rule(violations: &Violations) -> Vec<(Violation, u64)> {
    let mut groups: Vec<(Violation, u64)> = Vec::new();
    for violation in &violations.first {
        let same = |(first, _): &&mut (Violation, u64)| {
            (first.binding, first.rule) == (violation.binding, violation.rule)
        };
        match groups.iter_mut().find(same) {
            Some((_, count)) => *count += 1,
            None => groups.push((*violation, 1)),
        }
    }
    if let Some((_, count)) = groups.iter_mut().max_by_key(|(_, count)| *count) {
        *count += violations.count - violations.first.len() as u64;
    }
    groups
}

impl PluginSlot {
    fn report(&mut self, trap: &Trap, streams: usize, now_ms: u64) {
        tracing::error!(binding = %self.name, streams, reason = %trap, "a plugin trapped, its streams are closed");
        if let Some(pause_ms) = self.breaker.on_trap(now_ms) {
            tracing::error!(binding = %self.name, pause_ms, "breaker: a plugin traps again and again, new streams are reset");
        }
    }

    fn deliver(
        &mut self,
        now: Instant,
        batch: &Batch,
        returned: &mut Returned,
        engine: &mut Engine,
        binding: BindingIndex,
    ) {
        let Self { binding_type, config, .. } = self;
        let make = || binding_type.attach(config).map(|(instance, _routes)| instance);
        match &mut self.instances {
            Instances::Shared(instance) => match deliver_shared(instance, make, now, batch, returned) {
                Ok(()) => engine.handle(binding, &returned.frames, batch.octets(), &returned.octets),
                Err(trap) => {
                    let streams = engine.streams_of(binding);
                    engine.fail(binding, CloseCode::Crashed);
                    self.report(&trap, streams, now.monotonic_ms);
                }
            },
            Instances::Isolated(isolated) => {
                for (trap, streams) in isolated.deliver(now, batch, returned, (engine, binding), make) {
                    self.report(&trap, streams, now.monotonic_ms);
                }
            }
        }
    }
}

/// A trap costs the instance; its successor is made for the next batch.
fn deliver_shared(
    slot: &mut Option<Box<dyn Instance>>,
    make: impl Fn() -> Result<Box<dyn Instance>, AttachError>,
    now: Instant,
    batch: &Batch,
    returned: &mut Returned,
) -> Result<(), Trap> {
    let instance = match slot {
        Some(instance) => instance,
        None => slot.insert(make().map_err(|error| Trap(error.to_string()))?),
    };
    let delivered = instance.deliver(now, batch, returned);
    if delivered.is_err() {
        *slot = None;
    }
    delivered
}
