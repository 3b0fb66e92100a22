//! `zilla check`, and what `zilla start` does first.

use super::{PluginArgs, fail, print};
use crate::plan::Plan;
use crate::plugin::{Library, RuntimeOptions};
use clap::Args;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use zilla_config::{Outcome, Source, parse, render};

#[derive(Args, Debug)]
pub(super) struct CheckArgs {
    /// The configuration.
    #[arg(value_name = "FILE", default_value = "zilla.yaml")]
    file: PathBuf,
    #[command(flatten)]
    plugins: PluginArgs,
}

pub(super) fn check(args: &CheckArgs) -> ExitCode {
    crate::log::start(crate::log::LogFormat::Text, Some(tracing_subscriber::filter::LevelFilter::WARN));
    let file = match read(&args.file) {
        Ok(file) => file,
        Err(error) => return fail(&error),
    };
    let library = match args.plugins.library(RuntimeOptions::default()) {
        Ok(library) => library,
        Err(error) => return fail(&error),
    };
    match plan(file, &library) {
        Some(plan) => {
            let (bindings, plugins) = (plan.bindings.len(), plan.plugins());
            print(&format!(
                "{}: valid, {bindings} bindings, {plugins} of them plugins\n",
                args.file.display()
            ))
        }
        None => ExitCode::FAILURE,
    }
}

/// Reads a file. Its problems are kept for [`plan`], so that all are shown together.
pub(super) fn read(file: &Path) -> Result<File, String> {
    let text = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let text = String::from_utf8(text).map_err(|error| {
        format!(
            "{}: expected UTF-8, found other octets at {}",
            file.display(),
            error.utf8_error().valid_up_to()
        )
    })?;
    let source = Source::new(file.display().to_string(), text);
    let outcome = parse(&source, &mut |name| std::env::var(name).ok());
    Ok(File { source, outcome })
}

/// A file as it was read.
pub(super) struct File {
    source: Source,
    outcome: Outcome,
}

impl File {
    /// How many bindings it has, as far as could be read.
    pub(super) fn bindings(&self) -> usize {
        let config = self.outcome.config.as_ref().or(self.outcome.partial.as_ref());
        config.map_or(0, |config| config.bindings.len())
    }
}

/// Checks a file against its plugins and prints every problem; none if there is an error.
pub(super) fn plan(file: File, library: &Library) -> Option<Plan> {
    let File { source, outcome: Outcome { config, partial, mut problems } } = file;
    tracing::debug!(file = source.name, directories = ?library.directories(), "checking");
    let plan = config.and_then(|config| {
        let (plan, more) = Plan::make(&config, library);
        problems.extend(more);
        plan
    });
    if let Some(partial) = partial {
        problems.extend(Plan::check_partial(&partial, library));
    }
    // Whoever reads it may have gone, which is no reason to stop.
    let _ = std::io::stderr().lock().write_all(render(&source, &problems).as_bytes());
    plan
}
