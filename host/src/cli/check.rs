//! `zilla check`.

use super::{PluginArgs, fail, print};
use crate::plugin::RuntimeOptions;
use crate::reload::{ConfigFile, LoadFailure};
use clap::Args;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

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
    let library = match args.plugins.library(RuntimeOptions::default()) {
        Ok(library) => library,
        Err(error) => return fail(&error),
    };
    let (plan, text) = match ConfigFile::read(&args.file) {
        Ok(file) => file.plan(&library),
        Err(LoadFailure(error)) => return fail(&error),
    };
    // Whoever reads it may have gone, which is no reason to stop.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
    match plan {
        Some(plan) => {
            let (bindings, plugins) = (plan.bindings(), plan.plugins());
            print(&format!(
                "{}: valid, {bindings} bindings, {plugins} of them plugins\n",
                args.file.display()
            ))
        }
        None => ExitCode::FAILURE,
    }
}
