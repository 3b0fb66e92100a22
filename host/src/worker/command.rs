//! What a worker is told, and what it reports.

use crate::native::tcp::Listening;
use crate::plan::{Fingerprint, Pipeline};
use crate::plugin::{GuardInstance, Instance, MatcherInstance};
use crate::worker::crossing::LinkEnd;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Commands that wait for a worker; whoever sends more waits.
pub(crate) const COMMANDS_MAX: usize = 16;

/// What a worker is told.
pub(crate) enum Command {
    /// Run these pipelines and no others: keep those that run already, let the rest drain.
    Apply(Apply),
    /// Say what is running.
    Report(oneshot::Sender<Vec<PipelineReport>>),
    /// Accept no more, and end when the last stream has, or after this many ms.
    Drain {
        /// Time that streams have to end.
        limit_ms: u64,
    },
    /// End now.
    Stop,
}

/// A new generation, for one worker.
pub(crate) struct Apply {
    /// Number of the generation, for reports.
    pub(crate) generation: u64,
    /// Pipelines that go on, with these keys and certificates.
    pub(crate) keep: Vec<Arc<Pipeline>>,
    /// Pipelines that begin.
    pub(crate) start: Vec<NewPipeline>,
    /// Time that the streams of those that end have, in ms.
    pub(crate) drain_limit_ms: u64,
    /// Told when new streams go to the new generation.
    pub(crate) done: oneshot::Sender<()>,
}

/// A pipeline with everything that was made for it off the worker.
pub(crate) struct NewPipeline {
    pub(crate) plan: Arc<Pipeline>,
    /// By binding; none for native ones.
    pub(crate) instances: Vec<Option<Box<dyn Instance>>>,
    /// By guard; none for one that a running pipeline asks already.
    pub(crate) guards: Vec<Option<Box<dyn GuardInstance>>>,
    /// By matcher.
    pub(crate) matchers: Vec<Box<dyn MatcherInstance>>,
    /// Sockets on addresses that no running pipeline listens on, by binding.
    pub(crate) listening: Vec<Vec<Listening>>,
    /// Of bindings that have an instance on one worker, by their positions. None where there is one worker.
    pub(crate) crossings: Vec<(usize, Crossing)>,
}

/// The way to an instance that is on one worker, or of others to it.
pub(crate) enum Crossing {
    /// It is at home here; one link from each other worker.
    Home(Vec<LinkEnd>),
    /// It is on another worker.
    Away(LinkEnd),
}

/// What one pipeline is doing on one worker.
#[derive(Clone, Debug)]
pub(crate) struct PipelineReport {
    pub(crate) fingerprint: Fingerprint,
    /// The generation it began in.
    pub(crate) generation: u64,
    /// Open streams, each counted once.
    pub(crate) streams: usize,
    /// Sockets that are open.
    pub(crate) connections: usize,
    /// Instances of plugins by binding, in the order of the plan.
    pub(crate) instances: Vec<usize>,
    pub(crate) is_draining: bool,
}
