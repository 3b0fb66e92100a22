//! The commands of this workspace: `cargo xtask run | test | check | bench | autobahn | plugins`.
//!
//! Not a build script and not part of the gateway: it starts `cargo` and shows what it does. It has no
//! dependencies, so the first `cargo xtask` of a fresh checkout answers in seconds.
//!
//! Tests that need the plugins as components call [`plugins::built`].

pub mod args;
pub mod autobahn;
pub mod bench;
pub mod cargo;
pub mod check;
pub mod help;
pub mod lock;
pub mod manifest;
pub mod nearest;
pub mod paths;
pub mod plugins;
pub mod progress;
pub mod run;
pub mod rustup;
pub mod setup;
pub mod test;
pub mod toolchain;

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use args::Command;
use paths::Workspace;

/// Exit code for a command line that cannot be understood, as clap and most shells have it.
const EXIT_USAGE: u8 = 2;

/// Runs the command line `args` (without the program's name) and gives the exit code.
///
/// A command that starts `cargo test` passes its exit code on; everything else exits with 0, 1 for a
/// failure that is explained on stderr, or 2 for a command line that makes no sense.
pub fn main(args: impl Iterator<Item = String>) -> ExitCode {
    let command = match args::parse(args) {
        Ok(command) => command,
        Err(usage) => {
            eprintln!("error: {usage}\n\n{}", help::text(usage.topic()));
            return ExitCode::from(EXIT_USAGE);
        }
    };
    match obey(command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn obey(command: Command) -> Result<ExitCode, Box<dyn Error>> {
    let workspace = Workspace::current();
    match command {
        Command::Help(topic) => std::io::stdout().write_all(help::text(topic).as_bytes())?,
        Command::Plugins(selection) => plugins::command(&workspace, &selection)?,
        Command::Run(wanted) => return Ok(run::command(&workspace, &wanted)?),
        Command::Test(args) => return Ok(test::command(&workspace, &args)?),
        Command::Check => return Ok(check::command(&workspace)?),
        Command::Autobahn(wanted) => return Ok(autobahn::command(&workspace, &wanted)?),
        Command::Bench(wanted) => return Ok(bench::command(&workspace, &wanted)?),
    }
    Ok(ExitCode::SUCCESS)
}
