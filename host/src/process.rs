//! The process: one thread for each worker.

use crate::plan::Plan;
use crate::supervisor::{Supervisor, SupervisorOptions};
use crate::worker::Worker;
use crate::worker::command::{COMMANDS_MAX, Command};
use crate::worker::crossing::Bell;
use std::fmt;
use std::process::ExitCode;
use std::thread::JoinHandle;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, watch};

/// Why a process does not start.
#[derive(Debug)]
pub struct StartError(pub(crate) String);

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StartError {}

/// A worker's thread.
pub(crate) struct WorkerHandle {
    pub(crate) thread: JoinHandle<()>,
    pub(crate) commands: mpsc::Sender<Command>,
    /// Wakes it from another worker.
    pub(crate) bell: Bell,
    /// How many of its pipelines drain.
    pub(crate) draining: watch::Receiver<usize>,
}

/// Runs a plan until a signal or a command ends it.
pub fn run(plan: Plan, workers: usize, options: SupervisorOptions) -> Result<ExitCode, StartError> {
    let runtime = runtime().map_err(|error| StartError(format!("no runtime: {error}")))?;
    let code = runtime.block_on(async {
        let workers = start_workers(workers.max(1))?;
        let mut supervisor = Supervisor::new(workers, options)?;
        supervisor.start(plan).await?;
        Ok(supervisor.run().await)
    });
    // A plugin may still be compiled for a change that is no longer wanted.
    runtime.shutdown_background();
    code
}

fn start_workers(count: usize) -> Result<Vec<WorkerHandle>, StartError> {
    (0..count).map(start_worker).collect()
}

fn start_worker(index: usize) -> Result<WorkerHandle, StartError> {
    let (commands, receiver) = mpsc::channel(COMMANDS_MAX);
    let (draining_sender, draining) = watch::channel(0);
    let bell = Bell::default();
    let own_bell = bell.clone();
    let work = move || {
        // Without a runtime the channel of commands closes, which the supervisor sees.
        match runtime() {
            Ok(runtime) => {
                runtime.block_on(async {
                    let worker = Worker::new(receiver, own_bell, draining_sender);
                    // Sockets are looked at by this future alone, so it may run as long as it has work.
                    tokio::task::unconstrained(worker.run()).await;
                });
                // A name that is still being looked up holds up nobody's end.
                runtime.shutdown_background();
            }
            Err(error) => tracing::error!(%error, "a worker has no runtime"),
        }
    };
    let thread = std::thread::Builder::new().name(format!("zilla-{index}")).spawn(work);
    let thread = thread.map_err(|error| StartError(format!("no thread for worker {index}: {error}")))?;
    Ok(WorkerHandle { thread, commands, bell, draining })
}

fn runtime() -> std::io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}
