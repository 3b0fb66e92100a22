//! The suite itself: a Python 2.7 program in a virtual environment of its own.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Error;
use crate::cargo;
use crate::paths;

/// What is installed, step by step: later packages need those before to build, and none finds them by itself.
const STEPS: [&[&str]; 3] = [
    &["pip==20.3.4", "setuptools==44.0.0"],
    &[
        "--no-build-isolation",
        "incremental==16.10.1",
        "cryptography==3.3.2",
        "pyOpenSSL==19.1.0",
        "Twisted==19.10.0",
    ],
    &["--no-build-isolation", "autobahntestsuite==25.10.1"],
];

/// The last release of virtualenv that makes environments of Python 2.7.
const VIRTUALENV: &str = "virtualenv==20.15.1";

/// The suite, installed.
pub(super) struct Suite {
    wstest: PathBuf,
}

impl Suite {
    /// Installs it below a folder, unless it is there.
    pub(super) fn install(folder: &Path) -> Result<Self, Error> {
        let (environment, tools) = (folder.join("venv27"), folder.join("virtualenv"));
        let wstest = environment.join("bin/wstest");
        if wstest.is_file() {
            return Ok(Self { wstest });
        }
        let python = python().ok_or(Error::NoPython)?;
        let pip = |python: &Path| {
            let mut pip = Command::new(python);
            pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
            pip.stderr(Stdio::null());
            pip
        };
        succeed(pip(&python).arg("--target").arg(&tools).arg(VIRTUALENV))?;
        let mut make = Command::new(&python);
        make.args(["-m", "virtualenv", "--quiet"]).arg(&environment).env("PYTHONPATH", &tools);
        succeed(&mut make)?;
        for packages in STEPS {
            succeed(pip(&environment.join("bin/python")).args(packages))?;
        }
        Ok(Self { wstest })
    }

    /// A command of the suite with a specification.
    pub(super) fn command(&self, arguments: &[&str], spec: &Path) -> Command {
        let mut command = Command::new(&self.wstest);
        command.args(arguments).arg(spec);
        // It writes where it stands.
        if let Some(folder) = spec.parent() {
            command.current_dir(folder);
        }
        command
    }

    /// Runs a command of the suite to its end.
    pub(super) fn run(&self, arguments: &[&str], spec: &Path, log: &Path) -> Result<(), Error> {
        let file = fs::File::create(log).map_err(|error| Error::file(log, error))?;
        let stderr = file.try_clone().map_err(|error| Error::file(log, error))?;
        succeed(self.command(arguments, spec).stdout(file).stderr(stderr))
    }
}

/// Runs a step.
pub(super) fn succeed(command: &mut Command) -> Result<(), Error> {
    let status = command.stdin(Stdio::null()).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(Error::Step(cargo::line(command))),
        Err(error) => Err(Error::Start { line: cargo::line(command), error }),
    }
}

/// A Python 2.7: one that pyenv has made, or that of the path. What pyenv puts into the path may refuse.
fn python() -> Option<PathBuf> {
    let versions = PathBuf::from(env::var_os("HOME")?).join(".pyenv/versions");
    let mut made: Vec<PathBuf> = fs::read_dir(versions)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin/python2.7"))
        .filter(|python| python.is_file())
        .collect();
    made.sort();
    made.pop().or_else(|| paths::program("python2.7", env::var_os("PATH").as_deref().map(OsStr::new)))
}

/// What the suite as a client is told.
pub(super) fn client_spec(reports: &Path, agent: &str, url: &str, cases: &[String]) -> String {
    let servers = format!("\"servers\": [{{\"agent\": \"{agent}\", \"url\": \"{url}\"}}]");
    spec(reports, &servers, cases)
}

/// What the suite as a server is told.
pub(super) fn server_spec(reports: &Path, url: &str, cases: &[String]) -> String {
    spec(reports, &format!("\"url\": \"{url}\""), cases)
}

fn spec(reports: &Path, who: &str, cases: &[String]) -> String {
    let cases: Vec<String> = cases.iter().map(|case| format!("\"{case}\"")).collect();
    let cases = if cases.is_empty() { "\"*\"".to_owned() } else { cases.join(", ") };
    let reports = reports.display();
    format!(
        "{{\"outdir\": \"{reports}\", {who}, \"cases\": [{cases}], \"exclude-cases\": [], \"exclude-agent-cases\": {{}}}}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_cases_all_are_tried() {
        let spec = |cases: &[&str]| {
            let cases: Vec<String> = cases.iter().map(ToString::to_string).collect();
            client_spec(Path::new("/r"), "a", "ws://b", &cases)
        };
        assert!(spec(&[]).contains("\"cases\": [\"*\"]"));
        assert!(spec(&["1.*", "2.3"]).contains("\"cases\": [\"1.*\", \"2.3\"]"));
    }
}
