//! `cargo xtask test`: the plugins and guests first, then every test of the workspace.
//!
//! stdout is the test runner's alone: what this crate says goes to stderr.

use std::process::ExitCode;

use crate::cargo;
use crate::paths::Workspace;
use crate::plugins::{self, Error, Selection};
use crate::progress::Progress;

/// Every package but the benchmark: the peers that it links switch on features of shared dependencies, with which
/// wasmtime would be built once more.
const EVERY_TEST: [&str; 3] = ["--workspace", "--exclude", "zilla-bench"];

/// Builds everything, then runs `cargo test --workspace ARGS`; its exit code is the result.
///
/// # Errors
///
/// [`Error`] if the plugins cannot be built or cargo cannot be started; failing tests are no error but an exit code.
pub fn command(workspace: &Workspace, args: &[String]) -> Result<ExitCode, Error> {
    let crates = plugins::find(workspace, &Selection::All)?;
    let mut progress = Progress::of(2);
    progress.step(&plugins::step_title(&crates), || plugins::build_crates(workspace, &crates))?;

    let mut command = cargo::native(workspace, "test");
    if !names_a_package(args) {
        command.args(EVERY_TEST);
    }
    command.args(args);
    progress.announce(&cargo::line(&command));
    Ok(cargo::exit_code(cargo::status(&mut command)?))
}

/// Whether `-p` is among cargo's own arguments: cargo ignores it, without a word, next to `--workspace`.
fn names_a_package(args: &[String]) -> bool {
    let mut to_cargo = args.iter().take_while(|arg| *arg != "--");
    to_cargo.any(|arg| arg.starts_with("-p") || arg == "--package" || arg.starts_with("--package="))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_named_before_the_runners_arguments() {
        for (line, named) in [
            ("", false),
            ("reload", false),
            ("-- -p", false),
            ("--profile release", false),
            ("-p sdk", true),
            ("-psdk reload", true),
            ("--package sdk", true),
            ("--package=sdk -- --nocapture", true),
        ] {
            let args: Vec<String> = line.split_whitespace().map(String::from).collect();
            assert_eq!(names_a_package(&args), named, "{line:?}");
        }
    }
}
