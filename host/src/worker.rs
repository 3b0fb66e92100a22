//! One worker: a thread with its own sockets, its own engines and its own instances.
//!
//! ```text
//!   loop:  wait    until the reactor, a timer or a command has something
//!          gather  sockets are read straight into the engines
//!          turn    each pipeline: one batch for one binding after the other, until quiet or out of budget
//! ```
//!
//! It runs pipelines: bindings that exit to one another. A new generation starts the pipelines that differ and
//! lets their predecessors drain; the others do not notice. Nothing here is shared with another thread but the
//! channel of commands, the count of what drains, and channels of batches for bindings that see everyone
//! (`pipeline/portal.rs`).

pub(crate) mod command;
pub(crate) mod crossing;
mod isolated;
mod pipeline;
pub(crate) mod reactor;
pub(crate) mod wake;

use crate::clock::Clock;
use crate::plan::Pipeline;
use crate::plugin::Instant;
use command::{Apply, Command, PipelineReport};
use crossing::{Bell, Ear};
use pipeline::handover::hand_over;
use pipeline::{Listeners, Running, Scratch};
use slab::Slab;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant as Deadline, Sleep};
use wake::Token;

/// How far away a deadline is when there is none.
const FAR: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);

/// A worker, to be made and run on a thread of its own.
pub(crate) struct Worker {
    pipelines: Slab<Running>,
    clock: Clock,
    commands: mpsc::Receiver<Command>,
    /// Whether other workers have something for this one, or room for what it has.
    ear: Ear,
    is_rung: bool,
    /// How many pipelines drain, and where that is told.
    draining_count: usize,
    draining: watch::Sender<usize>,
    sleep: Pin<Box<Sleep>>,
    tokens: Vec<Token>,
    scratch: Scratch,
    /// Set once the whole worker drains.
    is_leaving: bool,
    is_stopped: bool,
}

impl Worker {
    /// A worker without pipelines. Must be called within its runtime.
    pub(crate) fn new(commands: mpsc::Receiver<Command>, bell: Bell, draining: watch::Sender<usize>) -> Self {
        Self {
            pipelines: Slab::new(),
            clock: Clock::start(),
            commands,
            ear: bell.ear(),
            is_rung: false,
            draining_count: 0,
            draining,
            sleep: Box::pin(tokio::time::sleep(FAR)),
            tokens: Vec::new(),
            scratch: Scratch::default(),
            is_leaving: false,
            is_stopped: false,
        }
    }

    /// Runs until it is told to stop, or has drained.
    pub(crate) async fn run(mut self) {
        while !(self.is_stopped || self.is_leaving && self.pipelines.is_empty()) {
            self.wait().await;
            let now = self.clock.now();
            self.gather(now);
            self.turn(now);
            self.end_drained(now);
        }
        for running in self.pipelines.drain() {
            self.scratch.guards().stop(&running.plan.guards);
            running.detach();
        }
    }

    /// Waits for something to do. The reactor is looked at between any two turns, so that sockets that become
    /// ready during one are in the next.
    async fn wait(&mut self) {
        let deadline = self.pipelines.iter().filter_map(|(_, running)| running.next_deadline()).min();
        let deadline = deadline.map_or_else(|| Deadline::now() + FAR, |deadline| self.clock.at(deadline));
        // A far deadline moves with the time; it is only worth setting again when a near one is due.
        if deadline < self.sleep.deadline() || self.sleep.is_elapsed() {
            self.sleep.as_mut().reset(deadline);
        }
        let mut has_yielded = false;
        std::future::poll_fn(|cx| {
            let has_work = wake::poll(cx.waker())
                || self.is_rung
                || self.pipelines.iter().any(|(_, running)| running.is_ready());
            if has_work && !has_yielded {
                has_yielded = true;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let mut is_told = false;
            while !self.is_stopped
                && let Poll::Ready(command) = self.commands.poll_recv(cx)
            {
                self.obey(command.unwrap_or(Command::Stop));
                is_told = true;
            }
            self.is_rung |= self.ear.poll(cx);
            let is_due = self.sleep.as_mut().poll(cx).is_ready();
            // Once the reactor was looked at, whatever came wakes.
            has_yielded = true;
            if has_work || is_told || is_due || self.is_rung { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Apply(apply) => self.apply(apply),
            // Whoever asked may have gone.
            Command::Report(answer) => drop(answer.send(self.report())),
            Command::Drain { limit_ms } => {
                self.is_leaving = true;
                let now_ms = self.clock.now().monotonic_ms;
                for (_, running) in &mut self.pipelines {
                    running.end_listening(now_ms);
                    running.drain(now_ms, limit_ms);
                }
                self.count_draining();
            }
            Command::Stop => self.is_stopped = true,
        }
    }

    /// Lets new streams go to a new generation.
    fn apply(&mut self, apply: Apply) {
        let now_ms = self.clock.now().monotonic_ms;
        let (mut listeners, mut ending, mut started) = (Listeners::new(), Vec::new(), Vec::new());
        for (index, running) in &mut self.pipelines {
            if running.drain_until_ms.is_some() {
                continue;
            }
            let same = |kept: &&Arc<Pipeline>| kept.fingerprint == running.plan.fingerprint;
            if let Some(kept) = apply.keep.iter().find(same) {
                running.renew(kept);
            } else {
                let taken = running.take_listeners().into_iter();
                listeners.extend(
                    taken.map(|(position, listener)| (listener.address(), (index, position, listener))),
                );
                ending.push(index);
            }
        }
        for mut new in apply.start {
            let (name, guards) = (new.plan.name.clone(), std::mem::take(&mut new.guards));
            self.scratch.guards().start(&new.plan.guards, guards, now_ms);
            let entry = self.pipelines.vacant_entry();
            match Running::start(entry.key() as u32, apply.generation, new, &mut listeners) {
                Ok(running) => {
                    started.push(entry.key());
                    entry.insert(running);
                }
                // The sockets are open and the instances made: only the reactor itself can have failed.
                Err(error) => tracing::error!(pipeline = name, %error, "a pipeline did not start"),
            }
        }
        // What another worker that was told before has sent to them was heard when nobody looked for it.
        self.is_rung = true;
        hand_over(&mut self.pipelines, &ending, &started, now_ms);
        for (index, position, listener) in listeners.into_values() {
            self.pipelines[index].accept_last(position, &listener, now_ms);
        }
        for index in ending {
            self.pipelines[index].drain(now_ms, apply.drain_limit_ms);
        }
        self.count_draining();
        // Whoever asked may have gone.
        let _ = apply.done.send(());
    }

    fn report(&self) -> Vec<PipelineReport> {
        let report = |running: &Running| PipelineReport {
            fingerprint: running.plan.fingerprint,
            generation: running.generation,
            streams: running.streams(),
            connections: running.connections(),
            instances: running.instances(),
            is_draining: running.drain_until_ms.is_some(),
        };
        self.pipelines.iter().map(|(_, running)| report(running)).collect()
    }

    /// Lets the sockets that have news read and write, and takes in what other workers have brought.
    fn gather(&mut self, now: Instant) {
        let mut tokens = std::mem::take(&mut self.tokens);
        wake::take(&mut tokens);
        for token in tokens.drain(..) {
            if let Some(running) = self.pipelines.get_mut(token.pipeline as usize) {
                running.on_ready(token.binding, token.socket, now.monotonic_ms);
            }
        }
        self.tokens = tokens;
        if std::mem::take(&mut self.is_rung) {
            for (_, running) in &mut self.pipelines {
                self.is_rung |= running.receive();
            }
        }
    }

    /// One turn of each. Those of guards come last: what was asked of a guard may have it open streams.
    fn turn(&mut self, now: Instant) {
        for is_of_guard in [false, true] {
            let pipelines = self.pipelines.iter_mut().map(|(_, running)| running);
            for running in pipelines.filter(|running| running.is_of_guard() == is_of_guard) {
                running.turn(now, &mut self.scratch);
            }
        }
    }

    /// Forgets pipelines that have drained, or had their time.
    fn end_drained(&mut self, now: Instant) {
        if self.draining_count == 0 {
            return;
        }
        let mut over = Vec::new();
        for (index, running) in &mut self.pipelines {
            let is_late = running.drain_until_ms.is_some_and(|until| now.monotonic_ms >= until);
            if running.is_drained() {
                over.push(index);
            } else if is_late {
                running.close(now, &mut self.scratch);
                over.push(index);
            }
        }
        for index in over {
            let over = self.pipelines.remove(index);
            self.scratch.guards().stop(&over.plan.guards);
            over.detach();
        }
        self.count_draining();
    }

    fn count_draining(&mut self) {
        let count = self.pipelines.iter().filter(|(_, running)| running.drain_until_ms.is_some()).count();
        self.draining_count = count;
        self.draining.send_if_modified(|known| std::mem::replace(known, count) != count);
    }
}
