//! The command line.

mod check;
mod control;
mod plugin;
mod start;

use crate::plugin::{Cache, Library, Runtime, RuntimeOptions};
use clap::{Args, Parser, Subcommand};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// Directories of the search path, separated by `:`.
const PLUGINS_VARIABLE: &str = "ZILLA_PLUGINS";

/// Runs zilla.yaml on WASM plugins.
///
/// The host owns sockets and streams; every other binding is a WASM component, found by its type name.
#[derive(Debug, Parser)]
#[command(name = "zilla", version, disable_help_subcommand = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  zilla start -c zilla.yaml          run a configuration
  zilla check zilla.yaml             say everything that is wrong with it
  zilla plugin list                  plugins that are found, and where
  zilla plugin inspect FILE.wasm     type, kinds, options and imports of one
  zilla plugin swap FILE.wasm        put it in the place of the one that a running host has
  zilla status                       what a running host runs

Plugins are looked for in each --plugins DIR, then in the directories of ZILLA_PLUGINS (separated by `:`),
then beside the executable (plugins/), then in the build output (target/plugins/bin of the checkout).";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a configuration until SIGTERM or SIGINT.
    Start(start::StartArgs),
    /// Check a configuration and every plugin that it names; exit code 1 if anything is wrong.
    Check(check::CheckArgs),
    /// Look at plugins.
    #[command(subcommand)]
    Plugin(plugin::PluginCommand),
    /// Show what a running host runs: generations, plugins, streams, the last error.
    Status(control::StatusArgs),
    /// Have a running host read its files again now.
    Reload(control::ControlArgs),
    /// Have a running host drain and end.
    Stop(control::ControlArgs),
    /// Print the version.
    Version,
}

/// Where plugins come from.
#[derive(Args, Clone, Debug, Default)]
struct PluginArgs {
    /// Directory to look for plugins in, before all others; may be repeated.
    #[arg(long = "plugins", value_name = "DIR")]
    plugins: Vec<PathBuf>,
    /// Directory to keep compiled plugins in [default: $XDG_CACHE_HOME/zilla or ~/.cache/zilla].
    #[arg(long, value_name = "DIR", env = "ZILLA_CACHE")]
    cache: Option<PathBuf>,
    /// Compile plugins at each start.
    #[arg(long, conflicts_with = "cache")]
    no_cache: bool,
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Start(args) => start::start(&args),
        Command::Check(args) => check::check(&args),
        Command::Plugin(command) => plugin::plugin(&command),
        Command::Status(args) => control::status(&args),
        Command::Reload(args) => control::reload(&args),
        Command::Stop(args) => control::stop(&args),
        Command::Version => print(&format!("zilla {}\n", env!("CARGO_PKG_VERSION"))),
    }
}

impl PluginArgs {
    /// The plugins of the search path, with a WebAssembly engine for `instances` of them.
    fn library(&self, options: RuntimeOptions) -> Result<Library, String> {
        let runtime = Runtime::new(options).map_err(|error| error.to_string())?;
        Ok(Library::scan(&runtime, self.cache(), self.directories()))
    }

    fn directories(&self) -> Vec<PathBuf> {
        let variable = std::env::var_os(PLUGINS_VARIABLE).unwrap_or_default();
        let set =
            std::env::split_paths(&variable).filter(|path| !path.as_os_str().is_empty()).collect::<Vec<_>>();
        let executable = std::env::current_exe().ok();
        let beside = executable.as_deref().and_then(std::path::Path::parent);
        let installed = beside.map(|directory| directory.join("plugins"));
        // `target/debug/zilla` of a checkout: its plugins are in `target/plugins/bin`.
        let built = beside.and_then(std::path::Path::parent).map(|target| target.join("plugins/bin"));
        let default = installed.into_iter().chain(built.filter(|directory| directory.is_dir()));
        self.plugins.iter().cloned().chain(set).chain(default).collect()
    }

    fn cache(&self) -> Option<Cache> {
        if self.no_cache {
            return None;
        }
        let directory =
            self.cache.clone().or_else(|| Cache::default_directory(|name| std::env::var(name).ok()))?;
        match Cache::open(&directory) {
            Ok(cache) => Some(cache),
            Err(error) => {
                tracing::warn!(directory = %directory.display(), %error, "compiled plugins are not kept");
                None
            }
        }
    }
}

/// Columns padded to their widest cell.
fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (index, cell) in row.iter().enumerate() {
            let width = rows.iter().map(|row| row[index].chars().count()).max().unwrap_or_default();
            line.push_str(&format!("{cell:width$}  "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Prints to standard output. Whoever reads it may have gone, which is no failure of the command.
fn print(text: &str) -> ExitCode {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

/// Prints what went wrong to standard error.
fn fail(text: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr().lock(), "error: {text}");
    ExitCode::FAILURE
}
