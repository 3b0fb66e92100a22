//! Commands to a running host, over a local socket: one JSON object a line each way.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};

/// Octets of a command; a longer one is refused.
const REQUEST_OCTETS_MAX: u64 = 64 << 10;

/// Octets of an answer.
const ANSWER_OCTETS_MAX: u64 = 64 << 20;

/// Commands that wait for the host; whoever sends more waits.
const REQUESTS_MAX: usize = 16;

/// Time to send a command.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// What a host can be asked. Keys that a command does not have are refused.
// The empty ones have braces, since serde looks at nothing but the tag of a unit.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(tag = "command", rename_all = "lowercase", deny_unknown_fields)]
pub enum Request {
    /// What is running.
    Status {},
    /// Read the files again now.
    Reload {},
    /// Drain, and end.
    Stop {},
    /// Put a plugin file in the place of the one of its type.
    Swap {
        /// Path of the file, absolute.
        file: String,
    },
}

/// A request that waits for its answer.
pub(crate) struct Requested {
    pub(crate) request: Request,
    pub(crate) answer: oneshot::Sender<Value>,
}

/// The host's end of the socket.
pub struct Control {
    path: PathBuf,
    listener: std::os::unix::net::UnixListener,
    requests: Option<mpsc::Receiver<Requested>>,
}

impl Control {
    /// Where the socket is if nothing else is said: in the user's own directory for such things.
    pub fn default_path(env: impl Fn(&str) -> Option<String>) -> PathBuf {
        let runtime = env("XDG_RUNTIME_DIR").filter(|value| !value.is_empty());
        let base =
            runtime.map_or_else(|| std::env::temp_dir().join(format!("zilla-{}", user())), PathBuf::from);
        base.join("zilla.sock")
    }

    /// Listens, for this user only. A socket that a host left behind is replaced; one that is answered is not.
    pub fn listen(path: &Path) -> io::Result<Self> {
        if let Some(directory) = path.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        }
        if StdUnixStream::connect(path).is_ok() {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "another host answers there"));
        }
        match fs::symlink_metadata(path) {
            Ok(found) if found.file_type().is_socket() => fs::remove_file(path)?,
            Ok(_) => {
                return Err(io::Error::new(
                    io::ErrorKind::AlreadyExists,
                    "there is a file that is no socket",
                ));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let listener = std::os::unix::net::UnixListener::bind(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        listener.set_nonblocking(true)?;
        Ok(Self { path: path.to_owned(), listener, requests: None })
    }

    /// The next request. Must be called within a runtime.
    pub(crate) async fn requested(&mut self) -> Requested {
        if self.requests.is_none() {
            let (sender, receiver) = mpsc::channel(REQUESTS_MAX);
            match self.listener.try_clone().and_then(UnixListener::from_std) {
                Ok(listener) => drop(tokio::spawn(accept(listener, sender))),
                Err(error) => tracing::error!(%error, "no commands can be taken"),
            }
            self.requests = Some(receiver);
        }
        match self.requests.as_mut().expect("it was set above").recv().await {
            Some(requested) => requested,
            None => std::future::pending().await,
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // It may have been removed already.
        let _ = fs::remove_file(&self.path);
    }
}

fn user() -> u32 {
    fs::metadata("/proc/self").map_or(0, |metadata| metadata.uid())
}

async fn accept(listener: UnixListener, requests: mpsc::Sender<Requested>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream, requests.clone()));
    }
}

async fn serve(mut stream: UnixStream, requests: mpsc::Sender<Requested>) {
    let mut line = String::new();
    let (reader, mut writer) = stream.split();
    let mut reader = tokio::io::BufReader::new(reader.take(REQUEST_OCTETS_MAX));
    let read = tokio::time::timeout(REQUEST_TIMEOUT, reader.read_line(&mut line)).await;
    if !matches!(read, Ok(Ok(_))) {
        return;
    }
    let answer = match serde_json::from_str(&line) {
        Ok(request) => {
            let (answer, answered) = oneshot::channel();
            // Both fail only if the host is ending.
            let _ = requests.send(Requested { request, answer }).await;
            answered.await.unwrap_or_else(|_| json!({"error": "the host is ending"}))
        }
        Err(error) => json!({ "error": format!("expected a command, found: {error}") }),
    };
    // Whoever asked may have gone.
    let _ = writer.write_all(format!("{answer}\n").as_bytes()).await;
}

/// Asks a running host.
pub fn ask(path: &Path, request: &Request) -> io::Result<Value> {
    let mut stream = StdUnixStream::connect(path)?;
    let text = serde_json::to_string(request).map_err(io::Error::other)?;
    stream.write_all(format!("{text}\n").as_bytes())?;
    let mut answer = String::new();
    BufReader::new(stream.take(ANSWER_OCTETS_MAX)).read_line(&mut answer)?;
    serde_json::from_str(&answer).map_err(io::Error::other)
}
