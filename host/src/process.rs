//! The process: one thread for each worker, signals, and an orderly end.

use crate::native::tcp::{Listening, listen};
use crate::plan::{Plan, Role};
use crate::worker::{COMMANDS_MAX, Command, Worker};
use std::fmt;
use std::future::Future as _;
use std::process::ExitCode;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

/// How a process runs a plan.
#[derive(Clone, Copy, Debug)]
pub struct ProcessOptions {
    /// Threads, at least one.
    pub workers: usize,
    /// Time that open streams have to end after SIGTERM or SIGINT.
    pub drain_limit: Duration,
}

/// Why a process does not start.
#[derive(Debug)]
pub struct StartError(String);

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StartError {}

struct Running {
    thread: JoinHandle<()>,
    commands: mpsc::Sender<Command>,
}

/// Runs a plan until a signal ends it: the first lets streams end within the drain limit, the second ends at
/// once.
pub fn run(plan: Plan, options: ProcessOptions) -> Result<ExitCode, StartError> {
    let runtime = runtime().map_err(|error| StartError(format!("no runtime: {error}")))?;
    let _entered = runtime.enter();
    // Before the workers, so that a signal during the start is not lost.
    let mut signals = Signals::listen().map_err(|error| StartError(format!("no signals: {error}")))?;
    let listeners = plan.listeners();
    let plugins = plan.plugins();
    let workers = start(plan, options.workers)?;
    for address in listeners {
        tracing::info!(%address, "listening");
    }
    tracing::info!(workers = workers.len(), plugins, "started");
    Ok(runtime.block_on(supervise(workers, &mut signals, options.drain_limit)))
}

fn start(plan: Plan, count: usize) -> Result<Vec<Running>, StartError> {
    let plan = std::sync::Arc::new(plan);
    let (ready, started) = std::sync::mpsc::channel();
    let mut workers = Vec::new();
    for index in 0..count.max(1) {
        let listening = listen_all(&plan)?;
        let (commands, receiver) = mpsc::channel(COMMANDS_MAX);
        let (plan, ready) = (std::sync::Arc::clone(&plan), ready.clone());
        let work = move || {
            let worker = runtime().map_err(|error| error.to_string()).and_then(|runtime| {
                let worker = {
                    let _entered = runtime.enter();
                    Worker::new(plan.limits, &plan.bindings, listening, receiver)
                };
                worker.map(|worker| (runtime, worker)).map_err(|trap| trap.to_string())
            });
            match worker {
                Ok((runtime, worker)) => {
                    // Nobody hears it if the start was given up; the channel of commands is closed then.
                    let _ = ready.send(Ok(()));
                    // Sockets are looked at by this future alone, so it may run as long as it has work.
                    runtime.block_on(tokio::task::unconstrained(worker.run()));
                }
                Err(error) => drop(ready.send(Err(error))),
            }
        };
        let thread = std::thread::Builder::new().name(format!("zilla-{index}")).spawn(work);
        let thread = thread.map_err(|error| StartError(format!("no thread for worker {index}: {error}")))?;
        workers.push(Running { thread, commands });
    }
    drop(ready);
    for _ in &workers {
        match started.recv() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(StartError(error)),
            Err(_) => return Err(StartError("a worker ended while it started".to_owned())),
        }
    }
    Ok(workers)
}

/// The sockets of one worker, by binding.
fn listen_all(plan: &Plan) -> Result<Vec<Vec<Listening>>, StartError> {
    let listen = |planned: &crate::plan::Planned| match &planned.role {
        Role::Tcp(options) => {
            listen(options).map_err(|error| StartError(format!("{}: {error}", planned.name)))
        }
        Role::Plugin { .. } => Ok(Vec::new()),
    };
    plan.bindings.iter().map(listen).collect()
}

fn runtime() -> std::io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

async fn supervise(workers: Vec<Running>, signals: &mut Signals, drain_limit: Duration) -> ExitCode {
    let commands: Vec<_> = workers.iter().map(|worker| worker.commands.clone()).collect();
    let threads: Vec<_> = workers.into_iter().map(|worker| worker.thread).collect();
    // Workers drop their receivers when they end; one that ends on its own has panicked.
    let ended = any_closed(&commands);
    tokio::select! {
        name = signals.next() => {
            let limit_ms = drain_limit.as_millis() as u64;
            tracing::info!(signal = name, limit_ms, "draining");
            tell(&commands, Command::Drain { limit_ms }).await;
        }
        () = ended => {
            tracing::error!("a worker ended unexpectedly, the others are drained");
            tell(&commands, Command::Drain { limit_ms: drain_limit.as_millis() as u64 }).await;
        }
    }
    let all_ended = async {
        for worker in &commands {
            worker.closed().await;
        }
    };
    tokio::select! {
        () = all_ended => {}
        name = signals.next() => {
            tracing::warn!(signal = name, "stopping at once");
            tell(&commands, Command::Stop).await;
        }
    }
    let is_panicked = threads.into_iter().map(JoinHandle::join).filter(Result::is_err).count() > 0;
    tracing::info!("stopped");
    if is_panicked { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

async fn any_closed(commands: &[mpsc::Sender<Command>]) {
    let mut closed: Vec<_> = commands.iter().map(|worker| Box::pin(worker.closed())).collect();
    std::future::poll_fn(|cx| {
        let is_closed = closed.iter_mut().any(|worker| worker.as_mut().poll(cx).is_ready());
        if is_closed { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

async fn tell(workers: &[mpsc::Sender<Command>], command: Command) {
    for worker in workers {
        // One that has ended needs no command.
        let _ = worker.send(command).await;
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
