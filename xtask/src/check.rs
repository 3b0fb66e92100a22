//! `cargo xtask check`: format, lints and docs. One failure does not hide the next.

use std::process::{Command, ExitCode};

use crate::cargo;
use crate::paths::Workspace;
use crate::plugins::{self, Error, Selection};
use crate::progress::Progress;
use crate::toolchain;

/// Goes through all checks, then lists what failed with the command to repeat it.
///
/// # Errors
///
/// [`Error`] if the plugins cannot be found; a check that fails is no error but exit code 1.
pub fn command(workspace: &Workspace) -> Result<ExitCode, Error> {
    let plugins = plugin_clippy(workspace)?;
    let checks: Vec<Command> = [Some(fmt(workspace)), Some(clippy(workspace)), plugins, Some(doc(workspace))]
        .into_iter()
        .flatten()
        .collect();

    let mut progress = Progress::of(checks.len());
    let mut failures = Vec::new();
    for mut check in checks {
        let line = cargo::line(&check);
        if progress.step(&line, || cargo::succeed(&mut check)).is_err() {
            failures.push(line);
        }
    }
    if failures.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("{} failed; to repeat:", failures.len());
    for line in failures {
        eprintln!("  {line}");
    }
    Ok(ExitCode::FAILURE)
}

fn fmt(workspace: &Workspace) -> Command {
    let mut command = cargo::native(workspace, "fmt");
    command.args(["--all", "--check"]);
    command
}

fn clippy(workspace: &Workspace) -> Command {
    let mut command = cargo::native(workspace, "clippy");
    command.args(["--workspace", "--all-targets", "--", "-D", "warnings"]);
    command
}

/// What only exists for the plugins' target (`#[cfg(target_arch = "wasm32")]`, the exports) is seen by this one.
fn plugin_clippy(workspace: &Workspace) -> Result<Option<Command>, Error> {
    let crates = plugins::find(workspace, &Selection::Plugins)?;
    if crates.is_empty() {
        return Ok(None);
    }
    let toolchain = match toolchain::find(workspace) {
        Ok(toolchain) if toolchain.has_clippy() => toolchain,
        Ok(_) => {
            eprintln!("left out: clippy of the plugins, which needs the target installed");
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    let mut command = cargo::for_plugins(workspace, &toolchain, "clippy");
    for made in &crates {
        command.args(["-p", &made.package]);
    }
    command.args(["--", "-D", "warnings"]);
    Ok(Some(command))
}

fn doc(workspace: &Workspace) -> Command {
    let mut command = cargo::native(workspace, "doc");
    command.args(["--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings");
    command
}
