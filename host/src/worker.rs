//! One worker: a thread with its own sockets, its own engine and its own instances.
//!
//! ```text
//!   loop:  wait    until the reactor, a timer or a command has something
//!          gather  sockets are read straight into the engine
//!          turn    one batch for one binding after the other, until all is quiet or the budget is spent
//! ```
//!
//! Nothing here is shared with another thread but the channel of commands and the report at the end.

pub(crate) mod reactor;
pub(crate) mod wake;

use crate::clock::Clock;
use crate::native::tcp::{Listening, TcpServer};
use crate::plan::{Planned, Role};
use crate::plugin::{BindingConfig, BindingType, Instance, Instant, Returned, Trap};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use tokio::sync::mpsc;
use tokio::time::{Instant as Deadline, Sleep};
use wake::Token;
use zilla_engine::{Batch, BindingIndex, CloseCode, Engine, Limits};

/// Batches handled before sockets are looked at again.
const TURN_BATCHES_MAX: usize = 256;

/// Commands that wait for a worker; whoever sends more waits.
pub(crate) const COMMANDS_MAX: usize = 16;

/// How far away a deadline is when there is none.
const FAR: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);

/// What a worker is told.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Command {
    /// Accept no more, and end when the last stream has, or after this many ms.
    Drain {
        /// Time that streams have to end.
        limit_ms: u64,
    },
    /// End now.
    Stop,
}

/// A worker's bindings, ready to be run on a thread of their own.
pub(crate) struct Worker {
    engine: Engine,
    bindings: Vec<Slot>,
    clock: Clock,
    commands: mpsc::Receiver<Command>,
    sleep: Pin<Box<Sleep>>,
    tokens: Vec<Token>,
    batch: Batch,
    returned: Returned,
    /// When a drain is over, in ms; none while there is no drain.
    drain_until_ms: Option<u64>,
    is_stopped: bool,
}

enum Slot {
    Tcp(TcpServer),
    Plugin(PluginSlot),
}

struct PluginSlot {
    name: String,
    binding_type: Arc<dyn BindingType>,
    config: Arc<BindingConfig>,
    /// None if a successor of a trapped instance could not be made; tried again for the next batch.
    instance: Option<Box<dyn Instance>>,
}

impl Worker {
    /// Makes the instances of all bindings. Must be called within the worker's runtime.
    pub(crate) fn new(
        limits: Limits,
        planned: &[Planned],
        mut listening: Vec<Vec<Listening>>,
        commands: mpsc::Receiver<Command>,
    ) -> Result<Self, Trap> {
        let mut bindings = Vec::new();
        for (index, planned) in planned.iter().enumerate() {
            let name = planned.name.clone();
            bindings.push(match &planned.role {
                Role::Tcp(_) => {
                    let sockets = listening.get_mut(index).map(std::mem::take).unwrap_or_default();
                    let server = TcpServer::new(BindingIndex(index as u32), name.clone(), sockets);
                    Slot::Tcp(server.map_err(|error| Trap(format!("{name}: {error}")))?)
                }
                Role::Plugin { binding_type, config } => {
                    let mut slot = PluginSlot {
                        name,
                        binding_type: Arc::clone(binding_type),
                        config: Arc::clone(config),
                        instance: None,
                    };
                    slot.attach()?;
                    Slot::Plugin(slot)
                }
            });
        }
        Ok(Self {
            engine: Engine::new(limits, planned.iter().map(|planned| planned.engine.clone()).collect()),
            bindings,
            clock: Clock::start(),
            commands,
            sleep: Box::pin(tokio::time::sleep(FAR)),
            tokens: Vec::new(),
            batch: Batch::default(),
            returned: Returned::default(),
            drain_until_ms: None,
            is_stopped: false,
        })
    }

    /// Runs until it is told to stop, or has drained.
    pub(crate) async fn run(mut self) {
        while !self.is_over() {
            self.wait().await;
            let now = self.clock.now();
            self.gather(now);
            self.turn(now);
        }
        for slot in &mut self.bindings {
            if let Slot::Plugin(PluginSlot { name, instance: Some(instance), .. }) = slot
                && let Err(trap) = instance.detach()
            {
                tracing::warn!(binding = %name, %trap, "a binding trapped while it was detached");
            }
        }
    }

    fn is_over(&mut self) -> bool {
        let Some(until) = self.drain_until_ms else { return self.is_stopped };
        let now = self.clock.now().monotonic_ms;
        let is_drained = self.engine.streams() == 0 && self.connections() == 0;
        if !is_drained && now >= until {
            tracing::warn!(
                streams = self.engine.streams(),
                "drain: the limit is met, what is left is closed"
            );
        }
        self.is_stopped || is_drained || now >= until
    }

    fn connections(&self) -> usize {
        self.bindings.iter().map(|slot| if let Slot::Tcp(tcp) = slot { tcp.connections() } else { 0 }).sum()
    }

    /// Waits for something to do. The reactor is looked at between any two turns, so that sockets that become
    /// ready during one are in the next.
    async fn wait(&mut self) {
        let deadline = match (self.engine.next_deadline(), self.drain_until_ms) {
            (Some(timer), Some(drain)) => self.clock.at(timer.min(drain)),
            (Some(one), None) | (None, Some(one)) => self.clock.at(one),
            (None, None) => Deadline::now() + FAR,
        };
        if self.sleep.deadline() != deadline {
            self.sleep.as_mut().reset(deadline);
        }
        let mut has_yielded = false;
        std::future::poll_fn(|cx| {
            let has_work = wake::poll(cx.waker()) || self.engine.is_ready();
            if has_work && !has_yielded {
                has_yielded = true;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let mut is_told = false;
            while let Poll::Ready(command) = self.commands.poll_recv(cx) {
                let command = command.unwrap_or(Command::Stop);
                self.obey(command);
                is_told = true;
                if matches!(command, Command::Stop) {
                    break;
                }
            }
            let is_due = self.sleep.as_mut().poll(cx).is_ready();
            // Once the reactor was looked at, whatever came wakes.
            has_yielded = true;
            if has_work || is_told || is_due { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Stop => self.is_stopped = true,
            Command::Drain { limit_ms } => {
                let until = self.clock.now().monotonic_ms.saturating_add(limit_ms);
                self.drain_until_ms = Some(until);
                for slot in &mut self.bindings {
                    if let Slot::Tcp(tcp) = slot {
                        tcp.stop_listening();
                    }
                }
                self.engine.drain();
            }
        }
    }

    /// Lets the sockets that have news read and write.
    fn gather(&mut self, now: Instant) {
        let mut tokens = std::mem::take(&mut self.tokens);
        wake::take(&mut tokens);
        for token in tokens.drain(..) {
            if let Some(Slot::Tcp(tcp)) = self.bindings.get_mut(token.binding as usize) {
                tcp.on_ready(token.socket, now.monotonic_ms, &mut self.engine);
            }
        }
        self.tokens = tokens;
    }

    /// Hands batches to bindings, each in turn, until all is quiet or the budget is spent.
    fn turn(&mut self, now: Instant) {
        self.engine.advance(now.monotonic_ms);
        for _ in 0..TURN_BATCHES_MAX {
            let Some(binding) = self.engine.next_ready() else { break };
            self.engine.take(binding, &mut self.batch);
            if !self.batch.is_empty() {
                self.deliver(binding, now);
            }
        }
        self.report_violations();
    }

    fn deliver(&mut self, binding: BindingIndex, now: Instant) {
        match self.bindings.get_mut(binding.0 as usize) {
            Some(Slot::Tcp(tcp)) => tcp.deliver(&self.batch, now.monotonic_ms, &mut self.engine),
            Some(Slot::Plugin(slot)) => match slot.deliver(now, &self.batch, &mut self.returned) {
                Ok(()) => {
                    let Returned { frames, octets } = &self.returned;
                    self.engine.handle(binding, frames, self.batch.octets(), octets);
                }
                Err(trap) => {
                    let streams = self.engine.streams_of(binding);
                    tracing::error!(binding = %slot.name, streams, reason = %trap, "a plugin trapped, its streams are closed");
                    self.engine.fail(binding, CloseCode::Crashed);
                }
            },
            None => {}
        }
    }

    fn report_violations(&mut self) {
        let violations = self.engine.take_violations();
        let Some(first) = violations.first.first() else { return };
        let Some(Slot::Plugin(slot)) = self.bindings.get(first.binding.0 as usize) else { return };
        // One line a turn, however many there are.
        tracing::warn!(
            binding = %slot.name,
            stream = first.stream,
            frame = ?first.frame,
            rule = %first.rule,
            count = violations.count,
            "a plugin broke the rules of frames"
        );
    }
}

impl PluginSlot {
    fn attach(&mut self) -> Result<&mut Box<dyn Instance>, Trap> {
        match self.binding_type.attach(&self.config) {
            Ok((instance, _routes)) => Ok(self.instance.insert(instance)),
            Err(error) => Err(Trap(format!("{}: {error}", self.name))),
        }
    }

    /// A trap costs the instance; its successor is made for the next batch.
    fn deliver(&mut self, now: Instant, batch: &Batch, returned: &mut Returned) -> Result<(), Trap> {
        let instance = match &mut self.instance {
            Some(instance) => instance,
            None => self.attach()?,
        };
        let delivered = instance.deliver(now, batch, returned);
        if delivered.is_err() {
            self.instance = None;
        }
        delivered
    }
}
