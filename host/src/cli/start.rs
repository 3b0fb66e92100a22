//! `zilla start`.

use super::control::ControlArgs;
use super::{PluginArgs, fail};
use crate::control::Control;
use crate::log::{self, LogFormat};
use crate::plugin::RuntimeOptions;
use crate::process;
use crate::reload::{ConfigFile, LoadFailure, Loader};
use crate::supervisor::SupervisorOptions;
use clap::Args;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tracing_subscriber::filter::LevelFilter;

/// Instances in use at the same time: those of each worker, those being replaced, and the ones checked first.
const INSTANCES_PER_BINDING_AND_WORKER: u32 = 2;

/// Instances that the pool has room for at least: with `isolation: stream` each accepted stream has one. A slot costs
/// address space only, until it is used.
const INSTANCES_MIN: u32 = 4096;

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
    /// Milliseconds that open streams have to end: after SIGTERM or SIGINT, and when what serves them is replaced.
    #[arg(long, value_name = "MS", default_value_t = 30_000)]
    drain_ms: u64,
    /// Do not apply changed files on their own; SIGHUP and `zilla reload` still do.
    #[arg(long)]
    no_watch: bool,
    #[command(flatten)]
    control: ControlArgs,
    #[command(flatten)]
    plugins: PluginArgs,
}

pub(super) fn start(args: &StartArgs) -> ExitCode {
    let level = if args.verbose { Some(LevelFilter::DEBUG) } else { args.log_level };
    log::start(args.log_format, level);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let workers = args.workers.map_or(cores, usize::from);
    let file = match ConfigFile::read(&args.config) {
        Ok(file) => file,
        Err(LoadFailure(error)) => return fail(&error),
    };
    let instances = file.bindings() as u32 * workers as u32 * INSTANCES_PER_BINDING_AND_WORKER;
    let options = RuntimeOptions { instances_max: instances.max(INSTANCES_MIN) };
    let library = match args.plugins.library(options) {
        Ok(library) => library,
        Err(error) => return fail(&error),
    };
    let digest = file.digest();
    let (plan, text) = file.plan(&library);
    // Whoever reads it may have gone, which is no reason to stop.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
    let Some(plan) = plan else { return ExitCode::FAILURE };
    let control = match control(&args.control) {
        Ok(control) => control,
        Err(error) => return fail(&error),
    };
    let options = SupervisorOptions {
        loader: Arc::new(Loader::new(args.config.clone(), library, digest)),
        drain_limit: Duration::from_millis(args.drain_ms),
        watch: !args.no_watch,
        control,
    };
    process::run(plan, workers, options).unwrap_or_else(|error| fail(&error.to_string()))
}

/// The control socket. One at the default place is a convenience: a second host on the machine goes without.
fn control(args: &ControlArgs) -> Result<Option<Control>, String> {
    let path = args.path();
    match (Control::listen(&path), &args.control) {
        (Ok(control), _) => Ok(Some(control)),
        (Err(error), Some(_)) => Err(format!("{}: {error}", path.display())),
        (Err(error), None) => {
            tracing::warn!(path = %path.display(), %error, "no control socket, `zilla status` cannot reach this host");
            Ok(None)
        }
    }
}
