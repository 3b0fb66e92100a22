//! Promises of the crate as a whole.

mod hostile;
mod messages;
mod model;
mod schema;

use crate::{Config, Outcome, Source, parse};

fn outcome(yaml: &str) -> Outcome {
    parse(&source(yaml), &mut |_| None)
}

fn source(yaml: &str) -> Source {
    Source::new("zilla.yaml", yaml)
}

/// The configuration of a file without a problem.
#[track_caller]
fn config(yaml: &str) -> Config {
    let outcome = outcome(yaml);
    let problems: Vec<String> = outcome.problems.iter().map(ToString::to_string).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    outcome.config.expect("no problem, so a configuration")
}
