//! What runs beside the workers: signals, changed files and commands, and the generation that they lead to.
//!
//! A generation is what one reading of `zilla.yaml` and the plugins amounts to. The next one is built off the
//! workers, and only what is complete is applied: a file that is wrong keeps what runs. At most two generations
//! have streams at a time: while the streams of the one before last drain, a further one waits, at most for the
//! drain limit, when they are closed.
//!
//! ```text
//!   Change ──▶ Changes ──▶ Work: load ──▶ Pending ──▶ Work: build ──▶ apply ──▶ conclude
//!   asked for    wait in     files and      waits for    instances       the workers
//!                order       plugins        a drain      and sockets     are told
//! ```
//!
//! One thing is worked on at a time, on a thread of its own, while the loop of `Supervisor::run` answers.

mod build;
mod change;

use crate::control::{Control, Request, Requested};
use crate::notify::Notifier;
use crate::plan::Plan;
use crate::process::{StartError, WorkerHandle};
use crate::reload::{LoadFailure, Loader};
use crate::watch::Watch;
use crate::worker::command::{Apply, Command, PipelineReport};
use crate::worker::crossing::Bell;
use build::Built;
use change::{Change, Changes, Done, Work, done};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::future::Future as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

/// Why files are read again without being told to.
const FILE_CHANGED: &str = "a file changed";

/// How a process runs.
pub struct SupervisorOptions {
    /// Reads `zilla.yaml` and the plugins again.
    pub loader: Arc<Loader>,
    /// Time that streams have to end, when their generation or the process does.
    pub drain_limit: Duration,
    /// Whether changed files are applied without being asked for.
    pub watch: bool,
    /// Where commands come from; none if there is no place for a socket.
    pub control: Option<Control>,
}

/// See the module.
pub(crate) struct Supervisor {
    workers: Vec<WorkerHandle>,
    options: SupervisorOptions,
    signals: Signals,
    notifier: Notifier,
    current: Plan,
    generation: u64,
    last_error: Option<String>,
    /// What was asked for and has not begun.
    changes: Changes,
    /// What is being done for the change that has.
    work: Option<Work>,
    /// What is to be applied when the generation before last has drained.
    pending: Option<Pending>,
}

/// A plan that waits, and what led to it.
struct Pending {
    plan: Plan,
    change: Change,
}

/// What applying a plan came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Applied {
    Unchanged,
    Generation { started: usize, ended: usize, renewed: usize },
}

/// Why the process ends.
enum Leave {
    Drain(&'static str),
    Stop(&'static str),
}

impl Supervisor {
    pub(crate) fn new(workers: Vec<WorkerHandle>, options: SupervisorOptions) -> Result<Self, StartError> {
        let signals = Signals::listen().map_err(|error| StartError(format!("no signals: {error}")))?;
        Ok(Self {
            workers,
            options,
            signals,
            notifier: Notifier::from_environment(|name| std::env::var_os(name)),
            current: Plan::default(),
            generation: 0,
            last_error: None,
            changes: Changes::default(),
            work: None,
            pending: None,
        })
    }

    /// Applies the first generation.
    pub(crate) async fn start(&mut self, plan: Plan) -> Result<(), StartError> {
        let (addresses, bells) = (plan.addresses(), self.bells());
        let difference = build::difference(&self.current, &plan);
        let built = build::build(plan, difference, &bells, &BTreeSet::new()).map_err(StartError)?;
        self.apply(built).await;
        for address in addresses {
            tracing::info!(%address, "listening");
        }
        tracing::info!(workers = self.workers.len(), plugins = self.current.plugins(), "started");
        self.notifier.ready(&self.summary());
        let workers = self.workers.iter().map(|worker| worker.commands.downgrade()).collect();
        if let Some(watch) = self.notifier.watch(workers) {
            tokio::spawn(watch);
        }
        Ok(())
    }

    /// Serves until the process ends. Nothing that takes long is waited for here: signals and commands are answered
    /// while a change is made.
    pub(crate) async fn run(mut self) -> ExitCode {
        let mut watch = self.options.watch.then(|| self.watch());
        if watch.is_some() {
            // What changed since the files were read was not seen by anybody.
            self.compare();
        }
        let leave = loop {
            self.begin_next();
            let waits_for_drain = self.pending.is_some() && self.work.is_none();
            tokio::select! {
                signal = self.signals.next() => match signal {
                    "SIGHUP" => self.changes.push(Change::reload("SIGHUP", None)),
                    name => break Leave::Drain(name),
                },
                () = changed(&mut watch) => {
                    watch = Some(self.watch());
                    self.changes.push(Change::reload(FILE_CHANGED, None));
                }
                Requested { request, answer } = requested(&mut self.options.control) => match request {
                    // Whoever asked may have gone.
                    Request::Status {} => drop(answer.send(self.status().await)),
                    Request::Reload {} => self.changes.push(Change::reload("reload", Some(answer))),
                    Request::Swap { file } => self.changes.push(Change::swap(PathBuf::from(file), answer)),
                    Request::Stop {} => {
                        let _ = answer.send(json!({"ok": "draining"}));
                        // Without streams the process ends at once, and the answer is to be written before.
                        tokio::task::yield_now().await;
                        break Leave::Drain("stop");
                    }
                },
                (change, done) = done(&mut self.work) => self.go_on(change, done).await,
                () = all_drained(&self.workers), if waits_for_drain => self.build_pending(),
                () = any_ended(&self.workers) => break Leave::Stop("a worker ended unexpectedly"),
            }
        };
        self.leave(leave).await
    }

    fn bells(&self) -> Vec<Bell> {
        self.workers.iter().map(|worker| worker.bell.clone()).collect()
    }

    fn watch(&self) -> Watch {
        Watch::start(self.options.loader.watched())
    }

    /// Sees whether the files are still those of the start.
    fn compare(&mut self) {
        // What the file names besides plugins was not kept to compare.
        let has_others = !self.current.files.is_empty();
        let (loader, plugins) = (Arc::clone(&self.options.loader), self.current.identities());
        let compare =
            move || Ok(Done::Compared { is_same: !has_others && loader.is_as_at_the_start(&plugins) });
        self.work = Some(Work::start(Change::reload(FILE_CHANGED, None), compare));
    }

    /// Begins the next change, if none is being made: reads the files again, after a plugin was put in its place.
    fn begin_next(&mut self) {
        if self.work.is_some() {
            return;
        }
        let Some(change) = self.changes.pop() else { return };
        self.notifier.reloading();
        let (loader, swap) = (Arc::clone(&self.options.loader), change.swap.clone());
        let load = move || {
            if let Some(file) = swap {
                loader.prepare_swap(&file)?.commit()?;
            }
            loader.load()
        };
        let load = move || load().map(Done::Loaded).map_err(|LoadFailure(text)| text);
        self.work = Some(Work::start(change, load));
    }

    /// Goes on with a change, one step of which is done.
    async fn go_on(&mut self, change: Change, done: Result<Done, String>) {
        match done {
            Ok(Done::Compared { is_same: true }) => {}
            Ok(Done::Compared { is_same: false }) => self.changes.push(change),
            Ok(Done::Loaded(plan)) => self.take(plan, change),
            Ok(Done::Built(built)) => {
                let applied = self.apply(built).await;
                self.conclude(change, Ok(applied));
            }
            Err(error) => {
                self.supersede(&json!({"error": format!("a later change is refused instead:\n{error}")}));
                self.conclude(change, Err(error));
            }
        }
    }

    /// Applies a plan now, or when the generation before last has drained. A later one takes its place meanwhile.
    fn take(&mut self, plan: Plan, change: Change) {
        self.supersede(&json!({"ok": "a later change is applied instead"}));
        let is_drained = self.workers.iter().all(|worker| *worker.draining.borrow() == 0);
        let is_over = is_drained || build::difference(&self.current, &plan).is_none();
        self.pending = Some(Pending { plan, change });
        if is_over {
            self.build_pending();
        }
    }

    /// Drops the plan that waits: the files have changed since, so it is no longer what they say.
    fn supersede(&mut self, answer: &Value) {
        if let Some(Pending { change, .. }) = self.pending.take() {
            change.answer(answer.clone());
        }
    }

    /// Makes what the plan that waits needs.
    fn build_pending(&mut self) {
        let Some(Pending { plan, change }) = self.pending.take() else { return };
        let difference = build::difference(&self.current, &plan);
        if difference.is_none() {
            return self.conclude(change, Ok(Applied::Unchanged));
        }
        let (bells, in_use) = (self.bells(), self.current.addresses());
        let build = move || build::build(plan, difference, &bells, &in_use).map(Done::Built);
        self.work = Some(Work::start(change, build));
    }

    /// Logs what came of it, and tells whoever waits.
    fn conclude(&mut self, change: Change, applied: Result<Applied, String>) {
        let (generation, reason) = (self.generation, change.reason);
        let text = match &applied {
            Ok(Applied::Unchanged) => {
                tracing::debug!(reason, "nothing to replace");
                json!({"ok": format!("generation {generation}: nothing to replace")})
            }
            Ok(Applied::Generation { started, ended, renewed }) => {
                tracing::info!(reason, generation, started, ended, renewed, "applied");
                let renewed = match renewed {
                    0 => String::new(),
                    _ => format!(", {renewed} have new keys or certificates"),
                };
                json!({"ok": format!("generation {generation}: {started} pipelines started, {ended} drain{renewed}")})
            }
            // The same error again, say of a file that is written piece by piece, is no news.
            Err(error) if self.last_error.as_ref() == Some(error) => json!({"error": error}),
            Err(error) => {
                tracing::error!(reason, generation, "not applied, what runs is kept:\n{error}");
                json!({"error": error})
            }
        };
        self.last_error = applied.err();
        self.notifier.ready(&self.summary());
        change.answer(text);
    }

    /// Starts the pipelines that are new and ends those that are gone.
    async fn apply(&mut self, built: Built) -> Applied {
        let Built { plan, difference, pipelines } = built;
        self.generation += 1;
        let mut applied = Vec::new();
        for (worker, start) in self.workers.iter().zip(pipelines) {
            let (done, is_done) = oneshot::channel();
            let apply = Apply {
                generation: self.generation,
                keep: difference.keep.clone(),
                start,
                drain_limit_ms: self.drain_limit_ms(),
                done,
            };
            // One that has ended is noticed by `run`.
            let _ = worker.commands.send(Command::Apply(apply)).await;
            applied.push(is_done);
        }
        for is_done in applied {
            let _ = is_done.await;
        }
        self.current = plan;
        Applied::Generation {
            started: difference.start.len(),
            ended: difference.ended,
            renewed: difference.renewed,
        }
    }

    /// What runs, in one line.
    fn summary(&self) -> String {
        let generation = self.generation;
        match self.last_error.as_deref().and_then(|error| error.lines().next()) {
            Some(error) => format!("generation {generation}; a later one was not applied: {error}"),
            None => format!("generation {generation}"),
        }
    }

    async fn status(&self) -> Value {
        let mut reports = Vec::new();
        for worker in &self.workers {
            let (answer, report) = oneshot::channel();
            let _ = worker.commands.send(Command::Report(answer)).await;
            reports.push(report.await.unwrap_or_default());
        }
        let reports: Vec<PipelineReport> = reports.into_iter().flatten().collect();
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "pid": std::process::id(),
            "config": self.options.loader.config(),
            "workers": self.workers.len(),
            "generation": self.generation,
            "pipelines": build::status(&self.current, self.workers.len(), &reports),
            "loading": self.work.as_ref().map(|work| work.change.reason),
            "pending": self.pending.as_ref().map(|pending| {
                json!({"generation": self.generation + 1, "reason": pending.change.reason})
            }),
            "last_error": self.last_error,
        })
    }

    /// Lets streams end, or not, and the process with them.
    async fn leave(mut self, leave: Leave) -> ExitCode {
        let is_failure = matches!(leave, Leave::Stop(_));
        // Nothing is applied any more, which whoever waits for it is told by this.
        self.pending = None;
        self.changes.clear();
        if let Some(Work { change, .. }) = self.work.take()
            && change.swap.is_some()
        {
            change.answer(
                json!({"error": "the host is ending, and may have put the file in its place already"}),
            );
        }
        match leave {
            Leave::Drain(reason) => {
                tracing::info!(reason, limit_ms = self.drain_limit_ms(), "draining");
                let limit_ms = self.drain_limit_ms();
                self.notifier.stopping(&format!("draining: {reason}"));
                self.tell(|| Command::Drain { limit_ms }).await;
            }
            Leave::Stop(reason) => {
                tracing::error!(reason, "stopping");
                self.notifier.stopping(reason);
                self.tell(|| Command::Stop).await;
            }
        }
        let mut is_told = false;
        loop {
            tokio::select! {
                () = all_ended(&self.workers) => break,
                name = self.signals.next(), if !is_told => {
                    if name != "SIGHUP" {
                        is_told = true;
                        tracing::warn!(signal = name, "stopping at once");
                        self.tell(|| Command::Stop).await;
                    }
                }
                Requested { request, answer } = requested(&mut self.options.control) => {
                    let _ = answer.send(match request {
                        Request::Status {} => self.status().await,
                        Request::Stop {} => json!({"ok": "draining"}),
                        Request::Reload {} | Request::Swap { .. } => json!({"error": "the host is ending"}),
                    });
                }
            }
        }
        let threads = self.workers.into_iter().map(|worker| worker.thread);
        let is_panicked = threads.map(JoinHandle::join).filter(Result::is_err).count() > 0;
        tracing::info!("stopped");
        if is_panicked || is_failure { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }

    async fn tell(&self, command: impl Fn() -> Command) {
        for worker in &self.workers {
            // One that has ended needs no command.
            let _ = worker.commands.send(command()).await;
        }
    }

    fn drain_limit_ms(&self) -> u64 {
        self.options.drain_limit.as_millis() as u64
    }
}

async fn changed(watch: &mut Option<Watch>) {
    match watch {
        Some(watch) => watch.changed().await,
        None => std::future::pending().await,
    }
}

async fn requested(control: &mut Option<Control>) -> Requested {
    match control {
        Some(control) => control.requested().await,
        None => std::future::pending().await,
    }
}

async fn any_ended(workers: &[WorkerHandle]) {
    let mut closed: Vec<_> = workers.iter().map(|worker| Box::pin(worker.commands.closed())).collect();
    std::future::poll_fn(|cx| {
        let is_closed = closed.iter_mut().any(|worker| worker.as_mut().poll(cx).is_ready());
        if is_closed { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

/// Waits until no pipeline drains. Workers close what is left at the drain limit, so this ends.
async fn all_drained(workers: &[WorkerHandle]) {
    for worker in workers {
        // One that has ended drains no more.
        let _ = worker.draining.clone().wait_for(|count| *count == 0).await;
    }
}

async fn all_ended(workers: &[WorkerHandle]) {
    for worker in workers {
        worker.commands.closed().await;
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.hangup.recv() => "SIGHUP",
        }
    }
}
