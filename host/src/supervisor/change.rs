//! Changes: what was asked for, and what is done for it on a thread of its own, while the supervisor answers.

use super::build::Built;
use crate::plan::Plan;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::path::PathBuf;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Commands that wait for the change that is being made; a further one is refused.
const CHANGES_MAX: usize = 16;

/// Something that leads to a generation, and whoever waits for what comes of it.
pub(super) struct Change {
    pub(super) reason: &'static str,
    /// A plugin file that is put in the place of the one of its type first.
    pub(super) swap: Option<PathBuf>,
    pub(super) answer: Option<oneshot::Sender<Value>>,
}

impl Change {
    /// The files are read again.
    pub(super) fn reload(reason: &'static str, answer: Option<oneshot::Sender<Value>>) -> Self {
        Self { reason, swap: None, answer }
    }

    /// A plugin is replaced.
    pub(super) fn swap(file: PathBuf, answer: oneshot::Sender<Value>) -> Self {
        Self { reason: "swap", swap: Some(file), answer: Some(answer) }
    }

    /// Tells whoever waits.
    pub(super) fn answer(self, text: Value) {
        if let Some(answer) = self.answer {
            // Whoever asked may have gone.
            let _ = answer.send(text);
        }
    }
}

/// Changes that are to be made one after the other, in the order in which they were asked for.
#[derive(Default)]
pub(super) struct Changes(VecDeque<Change>);

impl Changes {
    /// Takes one in.
    pub(super) fn push(&mut self, change: Change) {
        let is_redundant = || self.0.iter().any(|waiting| waiting.swap.is_none());
        if change.answer.is_none() && is_redundant() {
            // The files are going to be read in any case, and nobody waits for this one.
        } else if change.answer.is_some() && self.0.len() >= CHANGES_MAX {
            change.answer(json!({"error": format!("{CHANGES_MAX} changes wait already: try again later")}));
        } else {
            self.0.push_back(change);
        }
    }

    /// The next one.
    pub(super) fn pop(&mut self) -> Option<Change> {
        self.0.pop_front()
    }

    /// Forgets them all, which those who wait are told.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// What is being done for a change.
pub(super) struct Work {
    pub(super) change: Change,
    task: JoinHandle<Result<Done, String>>,
}

/// What was done.
pub(super) enum Done {
    /// The files are those of the start, or not.
    Compared { is_same: bool },
    /// The files were read.
    Loaded(Plan),
    /// What a plan needs was made.
    Built(Built),
}

impl Work {
    pub(super) fn start(
        change: Change,
        work: impl FnOnce() -> Result<Done, String> + Send + 'static,
    ) -> Self {
        Self { change, task: tokio::task::spawn_blocking(work) }
    }
}

/// Waits until it is done, forever if there is nothing to do. Whoever waits may be called away and come back.
pub(super) async fn done(work: &mut Option<Work>) -> (Change, Result<Done, String>) {
    let Some(Work { task, .. }) = work else { return std::future::pending().await };
    let done = task.await.unwrap_or_else(|error| Err(format!("internal: {error}")));
    let Work { change, .. } = work.take().expect("it was waited for above");
    (change, done)
}
