//! A running host.

use crate::command::{self, plugin_options};
use crate::{Client, Folder, Line, Log};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

/// `zilla start`, killed when it goes out of scope. A host that has panicked fails its test then.
pub struct Host {
    child: Child,
    log: Log,
    folder: Folder,
    /// How it was started.
    command: Command,
}

/// How a host is started: see [`Host::with`].
#[derive(Debug, Default)]
pub struct Start {
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
    script: Option<String>,
    is_watching: bool,
    plugins: Vec<String>,
    cache: Option<String>,
    prepare: Option<fn(&Path)>,
    setup: Option<PathBuf>,
    has_default_control: bool,
}

/// Where it is told things: in its folder, or hosts would meet at the default place.
const CONTROL: &str = "--control=control.sock";

impl Start {
    /// With more arguments.
    pub fn arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(ToString::to_string));
        self
    }

    /// With a variable in its environment.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// After a line of shell script.
    pub fn after(mut self, script: &str) -> Self {
        self.script = Some(script.to_owned());
        self
    }

    /// With plugins of another folder, before those that are built.
    pub fn plugins(mut self, folder: &str) -> Self {
        self.plugins.push(format!("--plugins={folder}"));
        self
    }

    /// With compiled plugins in another folder than that of all tests.
    pub fn cache(mut self, folder: &str) -> Self {
        self.cache = Some(format!("--cache={folder}"));
        self
    }

    /// After something was put into its folder.
    pub fn prepared(mut self, prepare: fn(&Path)) -> Self {
        self.prepare = Some(prepare);
        self
    }

    /// After a `setup.sh` was run in its folder, with the variables that it prints, as `cargo xtask run` does.
    pub fn set_up(mut self, script: PathBuf) -> Self {
        self.setup = Some(script);
        self
    }

    /// Taking commands where a host does that is told nothing of it: see `XDG_RUNTIME_DIR`.
    pub fn with_default_control(mut self) -> Self {
        self.has_default_control = true;
        self
    }

    /// Applying changed files on its own, which other hosts of these tests do not: plugins may be built meanwhile.
    pub fn watching(mut self) -> Self {
        self.is_watching = true;
        self
    }

    /// Starts it, and waits until it says that it has started.
    #[track_caller]
    pub fn start(self, yaml: &str) -> Host {
        let host = self.arguments(&["--log-format=json"]).start_unseen(yaml);
        host.log.wait_for_event("INFO", "started");
        host
    }

    /// Starts it and waits for nothing: for a host that says nothing, or something else.
    #[track_caller]
    pub fn start_unseen(mut self, yaml: &str) -> Host {
        let folder = Folder::with_config(yaml);
        if let Some(prepare) = self.prepare {
            prepare(folder.path());
        }
        if let Some(script) = &self.setup {
            let variables = xtask::setup::run(script, folder.path());
            self.variables.extend(variables.unwrap_or_else(|error| panic!("{error}")));
        }
        let [plugins, guests, cache] = plugin_options();
        let options = [plugins, guests, self.cache.unwrap_or(cache)];
        let control = (!self.has_default_control).then_some(CONTROL);
        let watch = (!self.is_watching).then_some("--no-watch");
        let own = ["start"].into_iter().chain(control).chain(watch);
        let given = self.plugins.iter().chain(&options).chain(&self.arguments).map(String::as_str);
        let arguments: Vec<&str> = own.chain(given).collect();
        let mut command = match &self.script {
            Some(script) => command::command_after(script, &arguments),
            None => command::command(&arguments),
        };
        command.current_dir(folder.path()).envs(self.variables);
        Host::own(command, folder)
    }
}

impl Host {
    /// Starts a host with one worker, and waits until it says that it has started.
    #[track_caller]
    pub fn start(yaml: &str) -> Self {
        Self::with(&["--workers=1"]).start(yaml)
    }

    /// A host to be started with these arguments.
    pub fn with(arguments: &[&str]) -> Start {
        Start::default().arguments(arguments)
    }

    #[track_caller]
    fn own(mut command: Command, folder: Folder) -> Self {
        let (child, log) = spawn(&mut command);
        Self { child, log, folder, command }
    }

    /// Ends it without a chance to do anything: SIGKILL.
    ///
    /// # Panics
    /// If that cannot be done.
    pub fn kill(&mut self) {
        self.child.kill().expect("a child can be killed");
        command::wait(&mut self.child);
    }

    /// Starts it once more after it has ended, in the same folder and with the same arguments, and waits for nothing. The
    /// log begins anew.
    #[track_caller]
    pub fn start_again(&mut self) {
        (self.child, self.log) = spawn(&mut self.command);
    }

    /// What it has written to standard error.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Its working directory, with its `zilla.yaml`.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where `--control` reaches it.
    pub fn control(&self) -> PathBuf {
        self.folder.join("control.sock")
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its memory that is in use, in KiB.
    pub fn rss_kib(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// The most memory that it has had in use, in KiB.
    pub fn rss_peak_kib(&self) -> u64 {
        self.memory("VmHWM:")
    }

    fn memory(&self, name: &str) -> u64 {
        let status = self.read("status");
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|rest| rest.split_whitespace().next()).and_then(|kib| kib.parse().ok());
        number.unwrap_or_else(|| panic!("{name} is not in:\n{status}"))
    }

    /// How many TCP connections it has that it has not closed.
    ///
    /// # Panics
    /// If the process has ended.
    pub fn connections(&self) -> usize {
        self.sockets(false)
    }

    /// Whether it has a TCP listener.
    ///
    /// # Panics
    /// If the process has ended.
    pub fn is_listening(&self) -> bool {
        self.sockets(true) > 0
    }

    /// TCP sockets that listen, or those that do not.
    fn sockets(&self, listening: bool) -> usize {
        let listed = std::fs::read_dir(self.proc("fd"));
        let listed = listed.unwrap_or_else(|error| panic!("the host is gone: {error}\n{}", self.log));
        let targets = listed.flatten().filter_map(|entry| std::fs::read_link(entry.path()).ok());
        let inode =
            |target: PathBuf| Some(target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned());
        let own: HashSet<String> = targets.filter_map(inode).collect();
        let tables = ["net/tcp", "net/tcp6"].map(|table| std::fs::read_to_string(self.proc(table)));
        let lines: String = tables.into_iter().flatten().collect();
        // The fourth column is the state, of which 0A is a listener, and the tenth is the inode. A table that
        // changes while it is read may have a line twice.
        let inode = |line: &str| {
            let columns: Vec<&str> = line.split_whitespace().collect();
            let is_listener = columns.get(3).is_some_and(|state| *state == "0A");
            columns.get(9).filter(|_| is_listener == listening).map(|inode| (*inode).to_owned())
        };
        lines.lines().filter_map(inode).filter(|inode| own.contains(inode)).collect::<HashSet<_>>().len()
    }

    /// Its threads with a name that starts so: how often each has waited for something.
    pub fn waits_of_threads(&self, name: &str) -> Vec<u64> {
        let mut waits = Vec::new();
        for task in std::fs::read_dir(self.proc("task")).into_iter().flatten().flatten() {
            let read = |file: &str| std::fs::read_to_string(task.path().join(file)).unwrap_or_default();
            if read("comm").starts_with(name) {
                let status = read("status");
                let count = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
                waits.push(count.and_then(|count| count.trim().parse().ok()).unwrap_or_default());
            }
        }
        waits
    }

    fn read(&self, name: &str) -> String {
        let path = self.proc(name);
        std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("the host is gone: {error}\n{}", self.log))
    }

    fn proc(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{name}", self.pid()))
    }

    /// Sends a signal: `TERM`, `INT`.
    ///
    /// # Panics
    /// If the process has ended.
    pub fn signal(&self, name: &str) {
        let status = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.pid())]).status();
        assert!(status.is_ok_and(|status| status.success()), "SIG{name} was not sent");
    }

    /// Waits for its end, and for the last line of its log.
    ///
    /// # Panics
    /// If it does not end within [`crate::PATIENCE`].
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        let status = command::wait(&mut self.child);
        self.log.wait_for_end();
        status
    }

    /// Whether it has not ended.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_none())
    }

    /// Expects that connections reach an echo behind a port, with a new connection.
    #[track_caller]
    pub fn expect_echo(&self, port: u16) {
        Client::connect(port).echo(b"are you there?");
    }

    /// Waits for the line that tells of a trap of a binding.
    #[track_caller]
    pub fn wait_for_trap(&self, binding: &str) -> Line {
        self.log.wait_for(&format!("a trap of {binding}"), |line| {
            line.is("ERROR", "a plugin trapped, its streams are closed") && line.field("binding") == binding
        })
    }
}

#[track_caller]
fn spawn(command: &mut Command) -> (Child, Log) {
    let mut child = command::spawn(command.stderr(Stdio::piped()));
    let log = child.stderr.take().map(Log::read).unwrap_or_default();
    (child, log)
}

impl Drop for Host {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.log.wait_for_end();
        if std::thread::panicking() {
            eprintln!("the log of the host:\n{}", self.log);
        } else {
            let panics = self.log.matching(|line| line.text.contains("panicked at") && line.json.is_null());
            assert!(panics.is_empty(), "the host has panicked:\n{}", self.log);
        }
    }
}
