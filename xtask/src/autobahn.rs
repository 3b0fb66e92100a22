//! `cargo xtask autobahn`: the Autobahn test suite against the gateway's WebSockets, as server and as client.
//!
//! ```text
//! server:  fuzzingclient ──▶ tcp · http · ws ──▶ echo
//! client:  echo.py ──▶ tcp · http · ws ──▶ ws · http · tcp ──▶ fuzzingserver
//! ```

mod report;
mod suite;

use std::fmt;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::cargo::Failed;
use crate::paths::{Workspace, shown};
use crate::plugins::{self, Selection};
use crate::progress::Progress;
use crate::run;
use report::Report;
use suite::Suite;

/// What to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Autobahn {
    /// The gateway as a server.
    pub server: bool,
    /// The gateway as a client.
    pub client: bool,
    /// Cases, as `1.*` or `12.1.3`; none: all.
    pub cases: Vec<String>,
}

/// The name of the gateway in reports.
const AGENT: &str = "zilla";

/// Echoes what the suite's server sends to the gateway's client.
const ECHO: &str = include_str!("autobahn/echo.py");

/// How long a process may take to listen.
const START_MAX: Duration = Duration::from_secs(60);

/// Installs the suite if it is missing, builds the gateway, and tries it. The exit code is not 0 if a case fails.
///
/// # Errors
///
/// See [`Error`].
pub fn command(workspace: &Workspace, wanted: &Autobahn) -> Result<ExitCode, Error> {
    let folder = workspace.target_dir().join("autobahn");
    fs::create_dir_all(&folder).map_err(|error| Error::file(&folder, error))?;
    let crates = plugins::find(workspace, &Selection::Plugins)?;
    let mut progress = Progress::of(3);
    let suite = progress.step("autobahntestsuite", || Suite::install(&folder))?;
    let built = progress.step(&plugins::step_title(&crates), || plugins::build_crates(workspace, &crates))?;
    progress.step("host: zilla", || run::build_host(workspace, false))?;
    let gateway = Gateway { zilla: run::zilla(workspace, false), plugins: built.dir };
    let mut has_failed = false;
    for (is_wanted, role) in [(wanted.server, Role::Server), (wanted.client, Role::Client)] {
        if is_wanted {
            let report = try_role(workspace, &folder, &suite, &gateway, role, &wanted.cases)?;
            eprint!("{report}");
            has_failed |= report.has_failed();
        }
    }
    Ok(if has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Which side of a WebSocket the gateway is.
#[derive(Debug, Clone, Copy)]
enum Role {
    Server,
    Client,
}

impl Role {
    fn word(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
        }
    }
}

/// What the gateway is made of.
struct Gateway {
    zilla: std::path::PathBuf,
    plugins: std::path::PathBuf,
}

fn try_role(
    workspace: &Workspace,
    folder: &Path,
    suite: &Suite,
    gateway: &Gateway,
    role: Role,
    cases: &[String],
) -> Result<Report, Error> {
    let folder = folder.join(role.word());
    // What an earlier round reported must not be taken for this one's.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|error| Error::file(&folder, error))?;
    let [port, upstream] = free_ports().map_err(Error::Ports)?;
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|error| Error::file(&path, error)).map(|()| path)
    };
    let yaml = write("zilla.yaml", configuration(role, port, upstream))?;
    let reports = folder.join("reports");
    let mut host = Command::new(&gateway.zilla);
    host.arg("start").arg("--no-watch").arg("-c").arg(yaml).arg("--plugins").arg(&gateway.plugins);
    host.arg("--control").arg(folder.join("zilla.sock"));
    let _host = Running::start(&mut host, port, &folder.join("zilla.log"))?;
    eprintln!("as a {}: reports in {}", role.word(), shown(&reports));
    match role {
        Role::Server => {
            let url = format!("ws://127.0.0.1:{port}");
            let spec = write("spec.json", suite::client_spec(&reports, AGENT, &url, cases))?;
            suite.run(&["-m", "fuzzingclient", "-s"], &spec, &folder.join("suite.log"))?;
        }
        Role::Client => {
            let url = format!("ws://127.0.0.1:{upstream}");
            let spec = write("spec.json", suite::server_spec(&reports, &url, cases))?;
            let mut server = suite.command(&["-m", "fuzzingserver", "-s"], &spec);
            let _server = Running::start(&mut server, upstream, &folder.join("suite.log"))?;
            let script = write("echo.py", ECHO.to_owned())?;
            let mut echo = Command::new("python3");
            echo.arg("-B").arg(script).args([&format!("127.0.0.1:{port}"), AGENT]);
            echo.env("PYTHONPATH", workspace.root().join("examples"));
            suite::succeed(&mut echo)?;
        }
    }
    Report::read(&reports.join("index.json"), AGENT)
}

/// The gateway's `zilla.yaml`: everything that can be compressed is.
fn configuration(role: Role, port: u16, upstream: u16) -> String {
    const DEFLATE: &str = "permessage-deflate: {context-takeover: true, threshold-bytes: 0}";
    let mut bindings = vec![
        ("north_tcp", "tcp", "server", format!("{{host: 127.0.0.1, port: {port}}}")),
        ("north_http", "http", "server", "{upgrade: [websocket]}".to_owned()),
    ];
    match role {
        Role::Server => {
            bindings.push(("north_ws", "ws", "server", format!("{{{DEFLATE}}}")));
            bindings.push(("echo", "echo", "server", "{}".to_owned()));
        }
        Role::Client => {
            bindings.push(("north_ws", "ws", "server", "{}".to_owned()));
            bindings.push(("south_ws", "ws", "client", format!("{{{DEFLATE}}}")));
            // The suite's server refuses who names another port than its own.
            let authority = format!("{{\":authority\": \"127.0.0.1:{upstream}\"}}");
            let options = format!("{{upgrade: [websocket], overrides: {authority}}}");
            bindings.push(("south_http", "http", "client", options));
            bindings.push(("south_tcp", "tcp", "client", format!("{{host: 127.0.0.1, port: {upstream}}}")));
        }
    }
    let mut yaml = String::from("name: autobahn\nbindings:\n");
    for (at, (name, type_name, kind, options)) in bindings.iter().enumerate() {
        yaml += &format!("  {name}:\n    type: {type_name}\n    kind: {kind}\n");
        if options != "{}" {
            yaml += &format!("    options: {options}\n");
        }
        if let Some((next, ..)) = bindings.get(at + 1) {
            yaml += &format!("    exit: {next}\n");
        }
    }
    yaml
}

/// Two ports that nobody listens on.
fn free_ports() -> io::Result<[u16; 2]> {
    let listeners = [0, 0].map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)));
    let [one, other] = listeners;
    Ok([one?.local_addr()?.port(), other?.local_addr()?.port()])
}

/// A process that is ended when it goes out of scope.
struct Running(Child);

impl Running {
    /// Starts a process and waits until it listens.
    fn start(command: &mut Command, port: u16, log: &Path) -> Result<Self, Error> {
        let file = fs::File::create(log).map_err(|error| Error::file(log, error))?;
        let stderr = file.try_clone().map_err(|error| Error::file(log, error))?;
        command.stdin(Stdio::null()).stdout(file).stderr(stderr);
        let child =
            command.spawn().map_err(|error| Error::Start { line: crate::cargo::line(command), error })?;
        let (mut running, start) = (Self(child), Instant::now());
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if start.elapsed() > START_MAX || running.0.try_wait().is_ok_and(|status| status.is_some()) {
                return Err(Error::Silent { line: crate::cargo::line(command), log: shown(log) });
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(running)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Why the suite did not run to its end.
#[derive(Debug)]
pub enum Error {
    /// There is no Python 2.7, for which the suite is written.
    NoPython,
    /// A step of the installation, or the suite itself, failed.
    Step(String),
    /// A file of the suite could not be written or read.
    File {
        /// Which.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// There are no free ports.
    Ports(io::Error),
    /// A process did not start.
    Start {
        /// Its command line.
        line: String,
        /// Why.
        error: io::Error,
    },
    /// A process started, and does not listen.
    Silent {
        /// Its command line.
        line: String,
        /// Where it says why.
        log: String,
    },
    /// The plugins could not be built.
    Plugins(plugins::Error),
    /// The host could not be built.
    Host(run::Error),
}

impl Error {
    fn file(path: &Path, error: io::Error) -> Self {
        Self::File { path: shown(path), error }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPython => f.write_str(
                "the suite needs Python 2.7, and there is none in PATH or in ~/.pyenv; type\n  pyenv install 2.7.18",
            ),
            Self::Step(line) => write!(f, "this failed:\n  {line}"),
            Self::File { path, error } => write!(f, "{path}: {error}"),
            Self::Ports(error) => write!(f, "no free port: {error}"),
            Self::Start { line, error } => write!(f, "{line}: {error}"),
            Self::Silent { line, log } => write!(f, "it does not listen, see {log}:\n  {line}"),
            Self::Plugins(error) => error.fmt(f),
            Self::Host(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl From<plugins::Error> for Error {
    fn from(error: plugins::Error) -> Self {
        Self::Plugins(error)
    }
}

impl From<run::Error> for Error {
    fn from(error: run::Error) -> Self {
        Self::Host(error)
    }
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        Self::Step(failed.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_tried_through_both_kinds() {
        let yaml = configuration(Role::Client, 1, 2);
        assert_eq!(yaml.matches("type: ws").count(), 2);
        assert!(yaml.ends_with("    options: {host: 127.0.0.1, port: 2}\n"), "{yaml}");
        assert!(configuration(Role::Server, 1, 2).ends_with("  echo:\n    type: echo\n    kind: server\n"));
    }
}
