//! `cargo xtask bench`: measures the gateway.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::process::{Command, ExitCode};

use crate::cargo::{self, Failed};
use crate::paths::{self, Workspace};
use crate::plugins::{self, Selection};
use crate::progress::Progress;

/// The programs measured with and against, and Debian's packages of them. A path stands for itself.
const PEERS: [(&str, &str); 5] = [
    ("wrk", "wrk"),
    ("h2load", "nghttp2-client"),
    ("nginx", "nginx-light"),
    ("/usr/lib/nginx/modules/ngx_stream_module.so", "libnginx-mod-stream"),
    ("haproxy", "haproxy"),
];

/// The package that measures, and its program.
const BENCHMARK: &str = "zilla-bench";

/// Debian puts servers here, and leaves it out of a user's `PATH`.
const SERVERS: &str = "/usr/sbin";

/// What to measure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bench {
    /// The micro-benchmarks instead of the comparison.
    pub criterion: bool,
    /// Handed to the benchmark.
    pub args: Vec<String>,
}

/// Builds the plugins, the host and the benchmark, then runs it; its exit code is the result.
///
/// # Errors
///
/// See [`Error`].
pub fn command(workspace: &Workspace, wanted: &Bench) -> Result<ExitCode, Error> {
    if !wanted.criterion {
        let missing = missing_packages(|program| is_installed(program, env::var_os("PATH")));
        if !missing.is_empty() {
            return Err(Error::Missing(missing));
        }
    }
    // One row has a guest of the tests loop beside what it measures.
    let crates = plugins::find(workspace, &Selection::All)?;
    let mut progress = Progress::of(if wanted.criterion { 1 } else { 2 });
    progress.step(&plugins::step_title(&crates), || plugins::build_crates(workspace, &crates))?;

    let mut command = if wanted.criterion {
        let mut command = cargo::native(workspace, "bench");
        command.args(["-p", BENCHMARK, "--"]);
        command
    } else {
        progress.step(&format!("zilla and {BENCHMARK}, optimised"), || build(workspace))?;
        Command::new(workspace.target_dir().join("release").join(BENCHMARK))
    };
    command.args(&wanted.args);
    progress.announce(&cargo::line(&command));
    Ok(cargo::exit_code(cargo::status(&mut command)?))
}

/// Both with one command: what they share is then compiled once, with the features that either asks for.
fn build(workspace: &Workspace) -> Result<(), Failed> {
    let mut command = cargo::native(workspace, "build");
    command.args(["--release", "-p", "zilla-host", "-p", BENCHMARK]);
    cargo::succeed(&mut command)
}

/// Why nothing was measured.
#[derive(Debug)]
pub enum Error {
    /// These packages are not installed.
    Missing(Vec<&'static str>),
    /// The plugins could not be built.
    Plugins(plugins::Error),
    /// What measures could not be built or started.
    Failed(Failed),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(packages) => {
                write!(
                    f,
                    "the benchmark needs programs that are not installed; type\n  apt-get install {}",
                    packages.join(" ")
                )
            }
            Self::Plugins(error) => error.fmt(f),
            Self::Failed(failed) => failed.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl From<plugins::Error> for Error {
    fn from(error: plugins::Error) -> Self {
        Self::Plugins(error)
    }
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        Self::Failed(failed)
    }
}

fn missing_packages(installed: impl Fn(&str) -> bool) -> Vec<&'static str> {
    PEERS.iter().filter(|(program, _)| !installed(program)).map(|(_, package)| *package).collect()
}

fn is_installed(program: &str, path: Option<OsString>) -> bool {
    let there = |path: &OsStr| paths::program(program, Some(path)).is_some();
    path.is_some_and(|path| there(&path)) || there(OsStr::new(SERVERS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_programs_are_named_by_their_packages() {
        assert_eq!(missing_packages(|_| true), [""; 0]);
        assert_eq!(missing_packages(|program| program != "nginx"), ["nginx-light"]);
        assert_eq!(missing_packages(|program| !program.starts_with('/')), ["libnginx-mod-stream"]);
        assert_eq!(
            Error::Missing(missing_packages(|_| false)).to_string(),
            "the benchmark needs programs that are not installed; type\n  apt-get install wrk nghttp2-client nginx-light \
             libnginx-mod-stream haproxy"
        );
    }
}
