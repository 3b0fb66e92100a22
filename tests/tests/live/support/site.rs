//! A host with a folder of its own, in which tests change what it runs.

use serde_json::Value;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use zilla_tests::{Folder, Host, Output, PATIENCE, command, files, host::Start, plugin, until};

/// A running host, its `zilla.yaml`, its plugins and its control socket.
pub(crate) struct Site {
    // Dropped first: the host must not see its folder go.
    pub(crate) host: Host,
    folder: Folder,
    socket: PathBuf,
}

/// How a site is started.
pub(crate) struct Opening {
    arguments: Vec<String>,
    workers: usize,
    start: Start,
    script: String,
    keeps_code: bool,
    socket: Option<PathBuf>,
}

impl Opening {
    /// Compiles each version of a plugin, as a host does that has never seen it.
    pub(crate) fn without_cache(self) -> Self {
        Self { keeps_code: false, ..self }
    }

    /// With another number of workers than two.
    pub(crate) fn workers(self, workers: usize) -> Self {
        Self { workers, ..self }
    }

    /// After a line of shell script.
    pub(crate) fn after(self, script: &str) -> Self {
        Self { script: script.to_owned(), ..self }
    }

    /// Takes commands at another place than its folder.
    pub(crate) fn control(self, socket: PathBuf) -> Self {
        Self { socket: Some(socket), ..self }
    }

    /// Starts it, and waits until it says that it has started.
    #[track_caller]
    pub(crate) fn start(self, yaml: &str) -> Site {
        self.start_in(Folder::new(), yaml, |_| {})
    }

    /// Starts it in a folder, after something was done to what is in it.
    #[track_caller]
    pub(crate) fn start_in(self, folder: Folder, yaml: &str, prepare: impl FnOnce(&Folder)) -> Site {
        let site = self.start_unseen_in(folder, yaml, prepare);
        site.host.log().wait_for_event("INFO", "started");
        site
    }

    /// Starts it and waits for nothing.
    #[track_caller]
    pub(crate) fn start_unseen(self, yaml: &str) -> Site {
        self.start_unseen_in(Folder::new(), yaml, |_| {})
    }

    #[track_caller]
    fn start_unseen_in(self, folder: Folder, yaml: &str, prepare: impl FnOnce(&Folder)) -> Site {
        folder.write("zilla.yaml", yaml);
        std::fs::create_dir(folder.join("plugins")).expect("a folder of its own");
        for type_name in ["echo", "http", "moody", "ws"] {
            folder.write(&format!("plugins/{}", plugin::file_name(type_name)), plugin::built(type_name));
        }
        prepare(&folder);
        let workers = format!("--workers={}", self.workers);
        let mut arguments = vec!["start".to_owned(), workers, "--log-format=json".to_owned()];
        let mut path = |name: &str, path: &Path| arguments.push(format!("--{name}={}", path.display()));
        path("config", &folder.join("zilla.yaml"));
        path("plugins", &folder.join("plugins"));
        let socket = self.socket.unwrap_or_else(|| folder.join("zilla.sock"));
        path("control", &socket);
        match self.keeps_code {
            true => path("cache", &files::cache()),
            false => arguments.push("--no-cache".to_owned()),
        }
        arguments.extend(self.arguments);
        // These take the place of the options that other hosts of tests get.
        let quoted: Vec<_> = arguments.iter().map(|argument| format!("'{argument}'")).collect();
        let script = format!("set -- {}\n{}", quoted.join(" "), self.script);
        let host = self.start.after(&script).start_unseen("");
        Site { host, folder, socket }
    }
}

impl Site {
    /// A host to be started with more arguments.
    pub(crate) fn with(arguments: &[&str]) -> Opening {
        let arguments = arguments.iter().map(ToString::to_string).collect();
        Opening {
            arguments,
            workers: 2,
            start: Host::with(&[]),
            script: "true".to_owned(),
            keeps_code: true,
            socket: None,
        }
    }

    /// The path of a file in its folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Where it takes commands.
    pub(crate) fn socket(&self) -> PathBuf {
        self.socket.clone()
    }

    /// The file of a plugin.
    pub(crate) fn plugin(&self, type_name: &str) -> PathBuf {
        self.path("plugins").join(plugin::file_name(type_name))
    }

    /// Replaces a file as a whole: by renaming another one.
    pub(crate) fn replace(&self, path: &Path, content: impl AsRef<[u8]>) {
        let new = path.with_extension("new");
        let replaced = std::fs::write(&new, content).and_then(|()| std::fs::rename(&new, path));
        replaced.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    /// Replaces `zilla.yaml`.
    pub(crate) fn configure(&self, yaml: &str) {
        self.replace(&self.path("zilla.yaml"), yaml);
    }

    /// Replaces a plugin.
    pub(crate) fn install(&self, type_name: &str, component: &[u8]) {
        self.replace(&self.plugin(type_name), component);
    }

    /// `zilla`, told which host is meant.
    pub(crate) fn command(&self, arguments: &[&str]) -> std::process::Command {
        let control = format!("--control={}", self.socket().display());
        let arguments: Vec<&str> = arguments.iter().copied().chain([control.as_str()]).collect();
        command::command(&arguments)
    }

    /// Sends a command, a line of JSON, and does not wait for its answer.
    #[track_caller]
    pub(crate) fn ask(&self, line: &str) -> Asked {
        let mut socket = UnixStream::connect(self.socket()).expect("the host takes commands");
        socket.set_read_timeout(Some(PATIENCE)).expect("a time that is not zero");
        socket.write_all(format!("{line}\n").as_bytes()).expect("the host reads");
        Asked(BufReader::new(socket))
    }

    /// Runs a command of `zilla` about this host.
    #[track_caller]
    pub(crate) fn zilla(&self, arguments: &[&str]) -> Output {
        command::run(&mut self.command(arguments))
    }

    /// `zilla reload`, which is to succeed.
    ///
    /// # Panics
    /// If it does not.
    #[track_caller]
    pub(crate) fn reload(&self) -> String {
        let output = self.zilla(&["reload"]);
        assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{}", self.host.log());
        output.stdout
    }

    /// `zilla reload`, which is to fail; the answer is what is told.
    #[track_caller]
    pub(crate) fn expect_refusal(&self) -> String {
        let output = self.zilla(&["reload"]);
        assert_eq!((output.code, output.stdout.as_str()), (Some(1), ""), "{output:?}");
        output.stderr
    }

    /// `zilla status --json`.
    ///
    /// # Panics
    /// If that is no JSON.
    #[track_caller]
    pub(crate) fn status(&self) -> Status {
        let output = self.zilla(&["status", "--json"]);
        assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
        Status(serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}")))
    }

    /// Waits until the status is so.
    #[track_caller]
    pub(crate) fn wait_for_status(&self, what: &str, holds: impl Fn(&Status) -> bool) -> Status {
        let mut status = self.status();
        until(&format!("the status has {what}"), || {
            status = self.status();
            holds(&status)
        });
        status
    }

    /// Waits until nothing of an earlier generation is left.
    #[track_caller]
    pub(crate) fn wait_until_drained(&self) {
        self.wait_for_status("nothing that drains", |status| status.draining().is_empty());
    }
}

/// A command that was sent.
pub(crate) struct Asked(BufReader<UnixStream>);

impl Asked {
    /// Its answer, a line of JSON.
    #[track_caller]
    pub(crate) fn answer(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("an answer in time");
        line
    }

    /// Whether it has been answered.
    pub(crate) fn is_answered(&mut self) -> bool {
        self.0.get_ref().set_nonblocking(true).expect("a socket");
        let octets = self.0.fill_buf().map(<[u8]>::len);
        self.0.get_ref().set_nonblocking(false).expect("a socket");
        octets.is_ok()
    }
}

/// What `zilla status --json` says.
#[derive(Clone, Debug)]
pub(crate) struct Status(pub(crate) Value);

impl Status {
    /// The number of the generation.
    pub(crate) fn generation(&self) -> u64 {
        self.0["generation"].as_u64().unwrap_or_else(|| panic!("no generation: {}", self.0))
    }

    /// The last error; empty if there is none.
    pub(crate) fn last_error(&self) -> &str {
        assert!(self.0.get("last_error").is_some(), "no last_error: {}", self.0);
        self.0["last_error"].as_str().unwrap_or_default()
    }

    /// Generations that drain, and how many streams each has.
    pub(crate) fn draining(&self) -> Vec<(u64, u64)> {
        let number = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("no number: {}", self.0));
        let rows = self.pipelines().filter(|row| row["state"] == "draining");
        rows.map(|row| (number(&row["generation"]), number(&row["streams"]))).collect()
    }

    /// What is in the place of a current pipeline, by the name of its first binding.
    #[track_caller]
    pub(crate) fn pipeline(&self, name: &str) -> &Value {
        let name = format!("test:{name}");
        let found = self.pipelines().find(|row| row["name"] == name.as_str());
        found.unwrap_or_else(|| panic!("no pipeline {name}: {:#}", self.0))
    }

    /// Names of the current pipelines.
    pub(crate) fn names(&self) -> Vec<&str> {
        let current = self.pipelines().filter(|row| row["state"] == "current");
        current.filter_map(|row| row["name"].as_str()).collect()
    }

    /// Digests of a type's file, of all bindings that it serves.
    pub(crate) fn digests(&self, type_name: &str) -> Vec<&str> {
        let bindings = self.pipelines().flat_map(|row| row["bindings"].as_array().into_iter().flatten());
        bindings.filter(|row| row["type"] == type_name).filter_map(|row| row["digest"].as_str()).collect()
    }

    fn pipelines(&self) -> impl Iterator<Item = &Value> {
        self.0["pipelines"].as_array().into_iter().flatten()
    }
}
