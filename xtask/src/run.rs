//! `cargo xtask run`: from a checkout to a gateway that answers.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::cargo::{self, Failed};
use crate::nearest::nearest;
use crate::paths::{Workspace, shown};
use crate::plugins::{self, Selection};
use crate::progress::Progress;
use crate::setup;

/// Started when no example is named.
const DEFAULT_EXAMPLE: &str = "http.echo";

/// What follows this in an example's `zilla.yaml` is the command that shows it at work.
const TRY_PREFIX: &str = "# try: ";

/// What to start, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Run {
    /// A folder with a `zilla.yaml`, or the name of an example; none: `http.echo`.
    pub example: Option<String>,
    /// Build the host with the release profile.
    pub release: bool,
    /// Handed to `zilla start`.
    pub zilla_args: Vec<String>,
}

/// Prepares the example, builds the plugins and the host, then becomes `zilla start`. Returns only if that fails.
///
/// # Errors
///
/// See [`Error`].
pub fn command(workspace: &Workspace, wanted: &Run) -> Result<ExitCode, Error> {
    let config = config_of(workspace, wanted.example.as_deref().unwrap_or(DEFAULT_EXAMPLE))?;
    let text = fs::read_to_string(&config).map_err(|error| Error::Config { path: config.clone(), error })?;
    let crates = plugins::find(workspace, &Selection::Plugins)?;

    let setup = config.with_file_name(setup::SCRIPT);
    let has_setup = setup.is_file();
    let mut progress = Progress::of(if has_setup { 4 } else { 3 });
    let variables = match config.parent().filter(|_| has_setup) {
        Some(folder) => {
            progress.step(&format!("example: {}", shown(&setup)), || setup::run(&setup, folder))?
        }
        None => Vec::new(),
    };
    let built = progress.step(&plugins::step_title(&crates), || plugins::build_crates(workspace, &crates))?;
    let zilla = zilla(workspace, wanted.release);
    let note =
        if zilla.is_file() { "" } else { " (the first build compiles wasmtime and takes a few minutes)" };
    progress.step(&format!("host: zilla{note}"), || build_host(workspace, wanted.release))?;

    progress.announce(&format!("{} start -c {}", shown(&zilla), shown(&config)));
    if let Some(line) = try_line(&text) {
        eprintln!("      try: {line}");
    }
    let mut command = Command::new(zilla);
    command.arg("start").arg("-c").arg(config).arg("--plugins").arg(built.dir).args(&wanted.zilla_args);
    command.envs(variables);
    become_command(command)
}

/// Why the gateway was not started.
#[derive(Debug)]
pub enum Error {
    /// No such example.
    Unknown {
        /// What was asked for.
        example: String,
        /// What there is.
        known: Vec<String>,
    },
    /// Its `zilla.yaml` cannot be read.
    Config {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Its `setup.sh` has failed.
    Setup(setup::Error),
    /// The plugins could not be built.
    Plugins(plugins::Error),
    /// The host could not be built.
    Host(Failed),
    /// The host was built and does not start.
    Start {
        /// The command, as typed.
        line: String,
        /// What the system said.
        error: io::Error,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { example, known } => {
                write!(f, "no example is called {example}, and it is not a folder with a zilla.yaml")?;
                if let Some(near) = nearest(example, known.iter().map(String::as_str)) {
                    write!(f, "; did you mean {near}?")?;
                }
                write!(f, "\nexamples: {}", if known.is_empty() { "none".into() } else { known.join(", ") })
            }
            Self::Config { path, error } => write!(f, "cannot read {}: {error}", path.display()),
            Self::Setup(error) => error.fmt(f),
            Self::Plugins(error) => error.fmt(f),
            Self::Host(failed) => failed.fmt(f),
            Self::Start { line, error } => write!(f, "cannot start `{line}`: {error}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<plugins::Error> for Error {
    fn from(error: plugins::Error) -> Self {
        Self::Plugins(error)
    }
}

impl From<setup::Error> for Error {
    fn from(error: setup::Error) -> Self {
        Self::Setup(error)
    }
}

/// The command behind `# try: `, from the first line that starts so.
pub fn try_line(zilla_yaml: &str) -> Option<&str> {
    zilla_yaml.lines().find_map(|line| line.strip_prefix(TRY_PREFIX)).map(str::trim)
}

/// The `zilla.yaml` of a folder as typed, or of an example by its name.
fn config_of(workspace: &Workspace, example: &str) -> Result<PathBuf, Error> {
    let typed = std::path::absolute(example).unwrap_or_else(|_| example.into());
    let folders = [typed, workspace.root().join(example), workspace.root().join("examples").join(example)];
    let configs = folders.map(|folder| folder.join("zilla.yaml"));
    let unknown = || Error::Unknown { example: example.to_owned(), known: workspace.examples() };
    configs.into_iter().find(|config| config.is_file()).ok_or_else(unknown)
}

pub(crate) fn build_host(workspace: &Workspace, release: bool) -> Result<(), Error> {
    let mut command = cargo::native(workspace, "build");
    // With the SDK, though the host does not use it: cargo chooses the features of shared dependencies by what is
    // built together, and so these are the ones that tests use, and wasmtime is built once for both.
    command.args(["-p", "zilla-host", "-p", "zilla-sdk"]);
    if release {
        command.arg("--release");
    }
    cargo::succeed(&mut command).map_err(Error::Host)
}

pub(crate) fn zilla(workspace: &Workspace, release: bool) -> PathBuf {
    let profile = Path::new(if release { "release" } else { "debug" });
    let file = format!("zilla{}", std::env::consts::EXE_SUFFIX);
    workspace.target_dir().join(profile).join(file)
}

/// The gateway takes this process's place: signals, terminal and exit code are its own.
#[cfg(unix)]
fn become_command(mut command: Command) -> Result<ExitCode, Error> {
    use std::os::unix::process::CommandExt;
    let error = command.exec();
    Err(Error::Start { line: cargo::line(&command), error })
}

#[cfg(not(unix))]
fn become_command(mut command: Command) -> Result<ExitCode, Error> {
    match command.status() {
        Ok(status) => Ok(cargo::exit_code(status)),
        Err(error) => Err(Error::Start { line: cargo::line(&command), error }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_try_line_is_shown() {
        let text = "---\n# An echo server.\n# try: curl -d hello http://localhost:7114/\n# try: another\nname: example\n";
        assert_eq!(try_line(text), Some("curl -d hello http://localhost:7114/"));
    }

    #[test]
    fn without_a_try_line_nothing_is_shown() {
        for text in ["", "name: example\n", "  # try: indented\n", "#try: glued\n", "name: x # try: behind\n"]
        {
            assert_eq!(try_line(text), None, "{text:?}");
        }
    }

    #[test]
    fn an_unknown_example_is_answered_with_the_examples() {
        let known = vec!["http.echo".into(), "tcp.echo".into()];
        let error = Error::Unknown { example: "htp.echo".into(), known };
        assert_eq!(
            error.to_string(),
            "no example is called htp.echo, and it is not a folder with a zilla.yaml; did you mean http.echo?\n\
             examples: http.echo, tcp.echo"
        );
    }

    #[test]
    fn a_folder_without_a_config_is_unknown() {
        let workspace = Workspace::current();
        assert!(matches!(config_of(&workspace, "xtask/src"), Err(Error::Unknown { .. })));
    }

    #[test]
    fn the_host_is_where_its_profile_puts_it() {
        let workspace = Workspace::at("/w".into(), Some("/t".into()));
        assert!(zilla(&workspace, false).starts_with("/t/debug"));
        assert!(zilla(&workspace, true).starts_with("/t/release"));
    }
}
