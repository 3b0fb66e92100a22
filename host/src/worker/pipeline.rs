//! A pipeline on one worker: an engine, an instance of each binding, and one turn of them.

pub(super) mod handover;
mod matchers;
mod others;
mod plugin;
mod portal;

use super::command::{Crossing, NewPipeline};
use crate::breaker::Breaker;
use crate::guards::{Asking, Authority, Due, Guards};
use crate::native::tcp::Listener;
use crate::native::{NativeBinding, Seat};
use crate::plan::{Opener, Pipeline, PlannedGuard, Role};
use crate::plugin::{Instant, Returned};
use crate::worker::wake::Socket;
use matchers::Matchers;
use others::{OtherSlots, is_taken_from};
use plugin::{Instances, PluginSlot};
use portal::{Away, Home, Portal};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use zilla_config::Isolation;
use zilla_engine::{Batch, BindingIndex, CloseCode, Engine, Limits, Route, Routing, Violation, Violations};

/// Batches handled before other pipelines and the sockets have their turn.
const TURN_BATCHES_MAX: usize = 256;

/// How often violations and limits of a pipeline are logged at most, in ms.
const REPORT_MS: u64 = 1_000;

/// How soon the clock that people know is looked at again while a session has an end, in ms: it may have jumped.
const CLOCK_MS: u64 = 1_000;

/// What the pipelines of a worker share, since one runs at a time: buffers, and guards.
pub(super) struct Scratch {
    batch: Batch,
    returned: Returned,
    /// None only while it is lent to a plugin.
    authority: Option<Box<Authority>>,
}

impl Default for Scratch {
    fn default() -> Self {
        Self { batch: Batch::default(), returned: Returned::default(), authority: Some(Box::default()) }
    }
}

impl Scratch {
    /// The guards of the worker.
    pub(super) fn guards(&mut self) -> &mut Guards {
        self.authority.get_or_insert_default().guards()
    }
}

/// Listeners of pipelines that end, by address: the pipeline and the binding that they were of.
pub(super) type Listeners = BTreeMap<SocketAddr, (usize, usize, Listener)>;

/// Bindings that exit to one another, running.
pub(super) struct Running {
    pub(super) plan: Arc<Pipeline>,
    pub(super) generation: u64,
    engine: Engine,
    /// In the order of the plan; behind them, the guard whose own they are, and portals of those bindings that are at home
    /// here.
    bindings: Vec<Slot>,
    /// When a drain is over, in ms; none while the pipeline takes new streams.
    pub(super) drain_until_ms: Option<u64>,
    /// Whether its bindings are yet to be told that it drains.
    is_drain_untold: bool,
    matchers: Matchers,
    /// When a session is over or is to be renewed, in ms.
    session_deadline_ms: Option<u64>,
    /// When the guard whose own bindings these are is to be called, in ms.
    opener_deadline_ms: Option<u64>,
    /// Before this time, nothing more is logged of violations and limits.
    next_report_ms: u64,
}

enum Slot {
    Native(Box<dyn NativeBinding>),
    Plugin(PluginSlot),
    Portal(Portal),
    /// The guard whose own bindings the others are: its instance is among the guards of the worker.
    Opener,
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
        let NewPipeline { plan, instances, guards: _, matchers, listening, crossings } = new;
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
                    state_octets: options.allowance.state_octets,
                    instances: match options.isolation {
                        Isolation::Worker => Instances::Shared(instance),
                        Isolation::Stream => Instances::Isolated(Box::default()),
                    },
                    breaker: Breaker::default(),
                }),
            });
        }
        let mut planned: Vec<_> = plan.bindings.iter().map(|planned| planned.engine.clone()).collect();
        if let Some(Opener { guard, exit }) = &plan.opener {
            let routes = vec![Route { exit: Some(*exit), ..Route::default() }];
            let quota = Some(guard.options.allowance.quota);
            planned.push(zilla_engine::Binding { routing: Routing::Opened, routes, quota });
            bindings.push(Slot::Opener);
        }
        for (position, crossing) in crossings {
            add_portal(position, crossing, &mut planned, &mut bindings);
        }
        let engine = Engine::new(plan.limits, planned);
        Ok(Self {
            plan,
            generation,
            engine,
            bindings,
            drain_until_ms: None,
            is_drain_untold: false,
            matchers: Matchers::new(matchers),
            session_deadline_ms: None,
            opener_deadline_ms: None,
            next_report_ms: 0,
        })
    }

    /// Goes on with the keys and certificates of this plan, which is its own in everything else.
    pub(super) fn renew(&mut self, plan: &Arc<Pipeline>) {
        if plan.keys == self.plan.keys {
            return;
        }
        for (slot, planned) in self.bindings.iter_mut().zip(&plan.bindings) {
            if let (Slot::Native(native), Role::Native(role)) = (slot, &planned.role) {
                native.renew(role.as_ref());
            }
        }
        self.plan = Arc::clone(plan);
    }

    /// Takes its listeners away, each with the position of its binding.
    pub(super) fn take_listeners(&mut self) -> Vec<(usize, Listener)> {
        let taken = self.bindings.iter_mut().enumerate().filter_map(|(position, slot)| match slot {
            Slot::Native(native) => {
                Some(native.take_listeners().into_iter().map(move |listener| (position, listener)))
            }
            Slot::Plugin(_) | Slot::Portal(_) | Slot::Opener => None,
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
        if let Some(until_ms) = self.drain_until_ms
            && self.is_drain_untold
            && !self.is_listening()
        {
            self.is_drain_untold = false;
            self.engine.drain(until_ms);
        }
    }

    fn is_listening(&self) -> bool {
        self.bindings.iter().any(|slot| match slot {
            Slot::Native(native) => native.is_listening(),
            Slot::Portal(portal) => portal.is_listening(),
            Slot::Plugin(_) | Slot::Opener => false,
        })
    }

    /// Whether its bindings are those of a guard.
    pub(super) fn is_of_guard(&self) -> bool {
        self.plan.opener.is_some()
    }

    fn portals(&self) -> impl Iterator<Item = &Portal> {
        self.bindings.iter().filter_map(|slot| match slot {
            Slot::Portal(portal) => Some(portal),
            Slot::Native(_) | Slot::Plugin(_) | Slot::Opener => None,
        })
    }

    /// Whether it drains and nothing is left of it.
    pub(super) fn is_drained(&self) -> bool {
        self.drain_until_ms.is_some()
            && !self.is_listening()
            && self.engine.streams() == 0
            && self.connections() == 0
            && self.portals().all(Portal::is_over)
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
        self.matchers.detach(&self.plan.matchers);
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

    /// Streams that are open. One that crosses is of the worker that it comes from, and not counted at its home.
    pub(super) fn streams(&self) -> usize {
        self.engine.streams().saturating_sub(self.portals().map(Portal::doubles).sum())
    }

    pub(super) fn is_ready(&self) -> bool {
        self.engine.is_ready() || self.engine.has_questions()
    }

    /// When it has something to do next, in ms.
    pub(super) fn next_deadline(&self) -> Option<u64> {
        let report = self.engine.has_reports().then_some(self.next_report_ms);
        let own = [self.drain_until_ms, self.session_deadline_ms, self.opener_deadline_ms];
        [self.engine.next_deadline(), report].into_iter().chain(own).flatten().min()
    }

    /// Instances by binding.
    pub(super) fn instances(&self) -> Vec<usize> {
        let count = |slot: &Slot| if let Slot::Plugin(plugin) = slot { plugin.instances.count() } else { 0 };
        self.bindings.iter().map(count).collect()
    }

    /// Sockets that are open.
    pub(super) fn connections(&self) -> usize {
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

    /// Takes in what came from other workers. True if there may be more.
    pub(super) fn receive(&mut self) -> bool {
        let mut has_more = false;
        for slot in &mut self.bindings {
            if let Slot::Portal(portal) = slot {
                has_more |= portal.receive(&mut self.engine);
            }
        }
        has_more
    }

    /// Hands batches to bindings, each in turn, until all is quiet or the budget is spent.
    pub(super) fn turn(&mut self, now: Instant, scratch: &mut Scratch) {
        self.engine.advance(now.monotonic_ms);
        self.engine.expire(now.unix_ms);
        for binding in 0..self.bindings.len() {
            self.ask_guard(binding, now, scratch);
        }
        self.call_opener(now, scratch);
        for _ in 0..TURN_BATCHES_MAX {
            self.matchers.answer(&self.plan.matchers, &mut self.engine, now);
            let Some(binding) = self.engine.next_ready() else { break };
            // What waits for it is taken when the other worker has made room.
            if self.portals().any(|portal| portal.holds_up(binding)) {
                continue;
            }
            self.engine.take(binding, &mut scratch.batch);
            if !scratch.batch.is_empty() {
                self.deliver(binding, now, scratch);
            }
        }
        self.tell_drain();
        self.tell_renewed();
        let session_unix_ms = self.engine.authorizations().next_unix_ms();
        self.session_deadline_ms =
            session_unix_ms.map(|due| now.monotonic_ms + due.saturating_sub(now.unix_ms).min(CLOCK_MS));
        self.report(now.monotonic_ms);
    }

    fn deliver(&mut self, binding: BindingIndex, now: Instant, scratch: &mut Scratch) {
        let Scratch { batch, returned, authority } = scratch;
        let (before, rest) = self.bindings.split_at_mut(binding.0 as usize);
        let Some((slot, after)) = rest.split_first_mut() else { return };
        match slot {
            Slot::Native(native) => {
                let mut others = OtherSlots { before, after };
                native.deliver(batch, now.monotonic_ms, &mut self.engine, &mut others);
                self.ask_guard(binding.0 as usize, now, scratch);
            }
            Slot::Portal(portal) => portal.deliver(batch, &mut self.engine),
            Slot::Opener => self.deliver_to_opener(binding, now, scratch),
            Slot::Plugin(slot) if !slot.breaker.is_closed(now.monotonic_ms) => {
                slot.fail(&mut self.engine, binding);
            }
            Slot::Plugin(slot) => {
                let mut asking = Asking { pipeline: &self.plan, authority };
                slot.deliver(now, batch, returned, &mut self.engine, binding, &mut asking);
            }
        }
    }

    /// Calls the guard whose own bindings these are, if it is new or has been asked. Streams of an instance that is gone
    /// end first.
    fn call_opener(&mut self, now: Instant, scratch: &mut Scratch) {
        let plan = Arc::clone(&self.plan);
        let Some(Opener { guard, .. }) = &plan.opener else { return };
        let opener = BindingIndex(plan.bindings.len() as u32);
        self.end_lost(guard, opener, scratch);
        let due = scratch.guards().due(guard, now);
        self.opener_deadline_ms = if let Due::At(due_ms) = due { Some(due_ms) } else { None };
        if due == Due::Call {
            self.engine.take(opener, &mut scratch.batch);
            self.deliver_to_opener(opener, now, scratch);
        }
    }

    fn deliver_to_opener(&mut self, opener: BindingIndex, now: Instant, scratch: &mut Scratch) {
        let plan = Arc::clone(&self.plan);
        let Some(Opener { guard, .. }) = &plan.opener else { return };
        let Scratch { batch, returned, authority } = scratch;
        let guards = authority.get_or_insert_default().guards();
        if guards.deliver(guard, now, batch, returned) {
            self.engine.handle(opener, &returned.frames, batch.octets(), &returned.octets);
            return;
        }
        self.engine.fail(opener, CloseCode::Crashed);
        guards.take_lost(guard);
        let due = guards.due(guard, now);
        // It is called again in the next turn, which is to come.
        self.opener_deadline_ms = Some(if let Due::At(due_ms) = due { due_ms } else { now.monotonic_ms });
    }

    fn end_lost(&mut self, guard: &PlannedGuard, opener: BindingIndex, scratch: &mut Scratch) {
        if scratch.guards().take_lost(guard) {
            self.engine.fail(opener, CloseCode::Crashed);
        }
    }

    /// Lets a native binding go on with what waits for its guard.
    fn ask_guard(&mut self, position: usize, now: Instant, scratch: &mut Scratch) {
        let Some(Role::Native(role)) = self.plan.bindings.get(position).map(|planned| &planned.role) else {
            return;
        };
        let (Some(guard), Some(Slot::Native(native))) = (role.guard(), self.bindings.get_mut(position))
        else {
            return;
        };
        let mut asking = Asking { pipeline: &self.plan, authority: &mut scratch.authority };
        let mut ask = |credentials: &[u8], engine: &mut Engine| asking.ask(guard, credentials, engine, now);
        native.ask_guard(now.monotonic_ms, &mut self.engine, &mut ask);
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
        let opener = || self.plan.opener.as_ref().map_or("", |opener| &*opener.guard.name);
        self.plan.bindings.get(binding.0 as usize).map_or_else(opener, |planned| planned.name.as_str())
    }
}

/// Enters a portal of the binding at a position: in its place, or at its home, as one that opens streams to it.
fn add_portal(
    position: usize,
    crossing: Crossing,
    planned: &mut Vec<zilla_engine::Binding>,
    bindings: &mut Vec<Slot>,
) {
    let (binding, opener) = (BindingIndex(position as u32), BindingIndex(planned.len() as u32));
    let (Some(engine), Some(slot)) = (planned.get_mut(position), bindings.get_mut(position)) else { return };
    let quota = engine.quota.unwrap_or_else(|| Limits::default().quota());
    match crossing {
        Crossing::Away(link) => {
            // Its routes decide at its home, once.
            *engine =
                zilla_engine::Binding { routing: Routing::None, routes: Vec::new(), quota: Some(quota) };
            *slot = Slot::Portal(Portal::Away(Away::new(binding, link)));
        }
        Crossing::Home(links) => {
            let routes = vec![Route { exit: Some(binding), ..Route::default() }];
            planned.push(zilla_engine::Binding { routing: Routing::Opened, routes, quota: Some(quota) });
            bindings.push(Slot::Portal(Portal::Home(Home::new(opener, binding, quota.streams, links))));
        }
    }
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
