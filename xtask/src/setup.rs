//! `setup.sh` of an example: makes what cannot be in the repository, such as keys, before the gateway starts.
//!
//! It runs in the folder of `zilla.yaml` and prints the variables of the gateway's environment on stdout, each as a
//! line `NAME=VALUE`. What it has to say to people goes to stderr.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

/// The name of the script.
pub const SCRIPT: &str = "setup.sh";

/// Runs a script in a folder, and gives the variables that it has printed.
///
/// # Errors
///
/// See [`Error`].
pub fn run(script: &Path, folder: &Path) -> Result<Vec<(String, String)>, Error> {
    let error = |reason| Error { script: script.to_owned(), reason };
    let output = Command::new("bash")
        .arg(script)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|cause| error(Reason::NotStarted(cause)))?;
    if !output.status.success() {
        return Err(error(Reason::Ended(output.status)));
    }
    let said = String::from_utf8_lossy(&output.stdout);
    said.lines().map(|line| variable(line).ok_or_else(|| error(Reason::Said(line.to_owned())))).collect()
}

/// The name and the value in a line.
fn variable(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once('=')?;
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name.then(|| (name.to_owned(), value.to_owned()))
}

/// A script that has not prepared anything.
#[derive(Debug)]
pub struct Error {
    script: PathBuf,
    reason: Reason,
}

#[derive(Debug)]
enum Reason {
    NotStarted(io::Error),
    Ended(ExitStatus),
    Said(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let script = crate::paths::shown(&self.script);
        match &self.reason {
            Reason::NotStarted(error) => write!(f, "cannot start `bash {script}`: {error}"),
            Reason::Ended(status) => write!(f, "failed with {status}, its reason is above: {script}"),
            Reason::Said(line) => {
                write!(
                    f,
                    "{script} printed a line that is not a variable\n  expected: NAME=VALUE\n  found:    {line}"
                )
            }
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// Runs a script that is what `text` says, in a folder with it.
    fn run_text(name: &str, text: &str) -> Result<Vec<(String, String)>, Error> {
        let folder = std::env::temp_dir().join(format!("xtask-setup-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let script = folder.join(SCRIPT);
        fs::write(&script, text).unwrap();
        let result = run(&script, &folder);
        let has_made = folder.join("made").is_file();
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(has_made, text.contains("made"), "it runs in the folder");
        result
    }

    #[test]
    fn what_it_prints_are_variables() {
        let variables = run_text("prints", "touch made; echo KEY_1=a=b; echo EMPTY=; echo said >&2").unwrap();
        let expected = [("KEY_1", "a=b"), ("EMPTY", "")];
        assert_eq!(variables, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn what_is_not_a_variable_is_said() {
        for line in ["done", "=a", "a b=c", "export A=b"] {
            let error = run_text("line", &format!("echo '{line}'")).unwrap_err().to_string();
            assert!(error.ends_with(&format!("expected: NAME=VALUE\n  found:    {line}")), "{error}");
        }
    }

    #[test]
    fn one_that_fails_is_named() {
        let error = run_text("fails", "echo A=b; exit 3").unwrap_err().to_string();
        assert!(error.starts_with("failed with exit status: 3") && error.ends_with(SCRIPT), "{error}");
    }
}
