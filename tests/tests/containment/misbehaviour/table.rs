//! The table, as Markdown.

use super::cases::{Loaded, Running};
use super::town::{Fate, Outcome, Refusal};
use std::fmt;

const HEAD: &str = "\
# What a plugin that goes wrong costs

Seen, not promised: `tests/tests/containment/misbehaviour.rs` has each of these happen in a real host with one worker, writes
down what its clients and its log saw, and fails if this file says something else. `UPDATE_EXPECT=1` writes it anew.

While each happens, clients ask without a pause, and none of them may miss an answer: one a neighbour that shares the
`tcp` binding and so the pipeline with the plugin, one an echo in another pipeline, and two an `http` server in a third,
each on one connection from the beginning to the end.
";

const LOADED: &str = "
## Before it serves anything

`zilla reload` with such a plugin is refused, with what is told here, and what runs is kept.

| a plugin that | is told | what runs | neighbours |
|---|---|---|---|
";

const RUNNING: &str = "
## While it serves

*Its stream* is the one on which it goes wrong, *others* are those of the same instance, *next* is one that begins
afterwards. The log has the limits and rules by their names, under the name of the binding. A stream that is aborted is
reset, too: its client sees RST.

| a plugin that | its stream | others | next | the log names | neighbours |
|---|---|---|---|---|---|
";

const TAIL: &str = "
What waits for a binding is bounded for all its senders together (`queued-frames`), and each has a share of it that the others
cannot use. So a plugin that floods its peer in one call is aborted, and its neighbour, which sends to the same peer all the
while, is not.
";

/// Rows of both parts.
#[derive(Default)]
pub(super) struct Table {
    loaded: String,
    running: String,
}

impl Table {
    pub(super) fn add_loaded(&mut self, case: &Loaded, refusal: &Refusal) {
        let runs = if refusal.is_kept { "is kept" } else { "is replaced" };
        let neighbours = neighbours(refusal.elsewhere_failed);
        self.loaded += &format!("| {} | {} | {runs} | {neighbours} |\n", case.name, case.told);
    }

    pub(super) fn add_running(&mut self, case: &Running, outcome: &Outcome) {
        let Outcome { own, sibling, next, log, beside_failed, elsewhere_failed } = outcome;
        let log = if log.is_empty() { "nothing".to_owned() } else { log.join("; ") };
        let neighbours = neighbours(beside_failed + elsewhere_failed);
        let next = if *next == Fate::GoesOn { "is served".to_owned() } else { next.to_string() };
        self.running += &format!("| {} | {own} | {sibling} | {next} | {log} | {neighbours} |\n", case.name);
    }

    pub(super) fn text(&self) -> String {
        let Self { loaded, running } = self;
        format!("{HEAD}{LOADED}{loaded}{RUNNING}{running}{TAIL}")
    }
}

fn neighbours(failed: u64) -> &'static str {
    if failed == 0 { "miss nothing" } else { "MISS ANSWERS" }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GoesOn => "goes on",
            Self::Ended => "ends in order",
            Self::Aborted => "is aborted",
            Self::BrokenOff => "is gone with its client",
            Self::Waits => "waits until its client leaves",
        })
    }
}
