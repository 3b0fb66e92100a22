//! Commands of `zilla` that come to an end.

use crate::{Folder, PATIENCE, files};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Instant;

/// The program: built with the tests, from the `main.rs` of the host.
///
/// # Panics
/// If it is not beside the running program.
pub fn program() -> PathBuf {
    let running = std::env::current_exe().expect("the running program has a path");
    let beside = running.ancestors().skip(1).take(2).map(|folder| folder.join("zilla-under-test"));
    let found = beside.into_iter().find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("zilla-under-test is not beside {}", running.display()))
}

/// `zilla`, with nothing of this process's environment that it listens to.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    apply(&mut command, arguments);
    command
}

/// The same through `sh`, after a line of script that sets up its process: `ulimit -n 64`.
pub fn command_after(script: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{script}; exec \"$0\" \"$@\"")]).arg(program());
    apply(&mut command, arguments);
    command
}

fn apply(command: &mut Command, arguments: &[&str]) {
    use std::os::unix::process::CommandExt as _;
    if command.get_program() != "sh" {
        command.arg0("zilla");
    }
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    for name in ["ZILLA_LOG", "ZILLA_PLUGINS", "ZILLA_CACHE", "XDG_CACHE_HOME", "RUST_BACKTRACE"] {
        command.env_remove(name);
    }
}

/// Options that let `zilla` find plugins and guests, after building both.
pub fn plugin_options() -> [String; 3] {
    let built = xtask::plugins::built();
    let option = |name: &str, path: &Path| format!("--{name}={}", path.display());
    [option("plugins", &built.dir), option("plugins", &built.guests_dir), option("cache", &files::cache())]
}

/// What a command of `zilla` said.
#[derive(Debug)]
pub struct Output {
    /// Its exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

/// Runs `zilla` in a folder until it ends.
///
/// # Panics
/// If it does not end within [`PATIENCE`].
#[track_caller]
pub fn zilla_in(folder: &Path, arguments: &[&str]) -> Output {
    run(command(arguments).current_dir(folder))
}

/// Runs `zilla` until it ends.
#[track_caller]
pub fn zilla(arguments: &[&str]) -> Output {
    zilla_in(&files::root(), arguments)
}

/// `zilla check` of a configuration, with plugins and guests.
#[track_caller]
pub fn check(yaml: &str) -> Output {
    let folder = Folder::with_config(yaml);
    let options = plugin_options();
    let arguments: Vec<&str> = ["check"].into_iter().chain(options.iter().map(String::as_str)).collect();
    zilla_in(folder.path(), &arguments)
}

/// Runs a prepared command until it ends.
///
/// # Panics
/// If it cannot be started, or does not end within [`PATIENCE`].
#[track_caller]
pub fn run(command: &mut Command) -> Output {
    let mut child = spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
    let (stdout, stderr) = (collect(child.stdout.take()), collect(child.stderr.take()));
    let status = wait(&mut child);
    let text = |thread: std::thread::JoinHandle<String>| thread.join().expect("a reader does not panic");
    Output { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
}

/// Starts a prepared command.
///
/// # Panics
/// If that fails.
#[track_caller]
pub fn spawn(command: &mut Command) -> Child {
    command.spawn().unwrap_or_else(|error| panic!("{}: {error}", command.get_program().display()))
}

/// Waits for the end of a process.
///
/// # Panics
/// If it takes longer than [`PATIENCE`]; the process is killed then.
#[track_caller]
pub fn wait(child: &mut Child) -> ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            return status;
        }
        if start.elapsed() > PATIENCE {
            // It is being reported already.
            let _ = child.kill();
            panic!("the process has not ended within {PATIENCE:?}");
        }
        std::thread::sleep(crate::GLANCE);
    }
}

fn collect(source: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut octets = Vec::new();
        if let Some(mut source) = source {
            // What was read until an error is what there is.
            let _ = source.read_to_end(&mut octets);
        }
        String::from_utf8_lossy(&octets).into_owned()
    })
}
