//! The log: one line an event on standard error, as text or JSON.

use std::io::IsTerminal as _;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs: one JSON object a line.
    Json,
}

/// The variable that sets levels where no flag does: `warn`, or `info,zilla::plugin=debug`.
pub const LOG_VARIABLE: &str = "ZILLA_LOG";

/// Begins to log. A flag wins over the variable; `info` if neither is set.
pub fn start(format: LogFormat, level: Option<LevelFilter>) {
    let filter = match level {
        Some(level) => EnvFilter::default().add_directive(level.into()),
        None => EnvFilter::builder()
            .with_env_var(LOG_VARIABLE)
            .with_default_directive(LevelFilter::INFO.into())
            .from_env_lossy(),
    };
    // A line that cannot be written is lost. To tell that on standard error, as is the default, would be a panic of
    // whoever has something to say: a worker, when the disk is full or the reader of a pipe has gone.
    let log = tracing_subscriber::fmt().with_env_filter(filter).log_internal_errors(false);
    let log = log.with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).with_target(false).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}
