//! `zilla start`.

use super::{PluginArgs, fail};
use crate::cli::check;
use crate::log::{self, LogFormat};
use crate::plugin::RuntimeOptions;
use crate::process::{self, ProcessOptions};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use tracing_subscriber::filter::LevelFilter;

/// Instances in use at the same time: those of each worker, those being replaced, and the ones checked first.
const INSTANCES_PER_BINDING_AND_WORKER: u32 = 2;

/// Instances that the pool has room for at least.
const INSTANCES_MIN: u32 = 64;

#[derive(Args, Debug)]
pub(super) struct StartArgs {
    /// The configuration.
    #[arg(short, long, value_name = "FILE", default_value = "zilla.yaml")]
    config: PathBuf,
    /// Threads that serve [default: the number of cores].
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: Option<u16>,
    /// Log at debug level.
    #[arg(short, long)]
    verbose: bool,
    /// Level of the log: off, error, warn, info, debug or trace [default: info, or as ZILLA_LOG says].
    #[arg(long, value_name = "LEVEL", conflicts_with = "verbose")]
    log_level: Option<LevelFilter>,
    /// Format of the log.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    log_format: LogFormat,
    /// Milliseconds that open streams have to end after SIGTERM or SIGINT.
    #[arg(long, value_name = "MS", default_value_t = 30_000)]
    drain_ms: u64,
    #[command(flatten)]
    plugins: PluginArgs,
}

pub(super) fn start(args: &StartArgs) -> ExitCode {
    let level = if args.verbose { Some(LevelFilter::DEBUG) } else { args.log_level };
    log::start(args.log_format, level);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let workers = args.workers.map_or(cores, usize::from);
    let file = match check::read(&args.config) {
        Ok(file) => file,
        Err(error) => return fail(&error),
    };
    let instances = file.bindings() as u32 * workers as u32 * INSTANCES_PER_BINDING_AND_WORKER;
    let options = RuntimeOptions { instances_max: instances.max(INSTANCES_MIN), ..RuntimeOptions::default() };
    let library = match args.plugins.library(options) {
        Ok(library) => library,
        Err(error) => return fail(&error),
    };
    let Some(plan) = check::plan(file, &library) else { return ExitCode::FAILURE };
    let options = ProcessOptions { workers, drain_limit: Duration::from_millis(args.drain_ms) };
    process::run(plan, options).unwrap_or_else(|error| fail(&error.to_string()))
}
