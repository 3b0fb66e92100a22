//! A server process: started alone in its process group, waited for, and never left behind.

use crate::Failure;
use crate::load::dial::Dial;
use crate::rows::CREDENTIALS;
use rustls::ClientConfig;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};
use zilla_tests::websocket::handshake;

/// How long a server may take to its first answer. Debugging symbols and a busy machine make it long.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// Between two attempts to reach a server that starts.
const ATTEMPT_PAUSE: Duration = Duration::from_micros(200);

/// How long one attempt may take.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(5);

/// Octets of a server's log that are shown when it fails.
const LOG_SHOWN_OCTETS_MAX: usize = 4_096;

/// How a client of HTTP/2 begins: its preface and empty SETTINGS (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// A frame of HTTP/2 begins with its length, and then has its type (RFC 9113, 4.1).
const H2_LENGTH_OCTETS: usize = 3;

/// The type of SETTINGS (RFC 9113, 6.5).
const H2_SETTINGS: u8 = 4;

/// Exit code after a signal: 128 and SIGINT's number.
const STOPPED_CODE: i32 = 130;

/// Process groups of the servers that run.
static GROUPS: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// A server that runs. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
    /// From its start to its first answer.
    pub(crate) started_in: Duration,
}

/// What a server is asked to know that it serves.
#[derive(Clone, Debug)]
pub(crate) enum Question {
    /// A GET with credentials that is answered with 200.
    Http,
    /// A handshake of WebSockets, answered with 101.
    WebSocket,
    /// The preface of HTTP/2, answered with SETTINGS.
    Http2,
    /// Octets that come back, through TLS if so.
    Echo(Option<Arc<ClientConfig>>),
}

impl Server {
    /// Starts a server on these cores and waits for its first answer.
    pub(crate) fn start(
        command: &Command,
        cores: &str,
        port: u16,
        question: &Question,
        log: &Path,
    ) -> Result<Self, Failure> {
        let mut pinned = Command::new("taskset");
        pinned.args(["-c", cores]).arg(command.get_program()).args(command.get_args());
        let output = File::create(log)?;
        pinned.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).process_group(0);
        let begin = Instant::now();
        let child = pinned.spawn().map_err(|error| format!("cannot start taskset: {error}"))?;
        lock_groups().insert(child.id());
        let mut server = Self { child, port, started_in: Duration::ZERO };
        while !is_answered(port, question) {
            let is_over = server.child.try_wait()?.is_some();
            if is_over || begin.elapsed() > ANSWER_LIMIT {
                let how = if is_over { "ended before it answered" } else { "does not answer" };
                let said = fs::read(log).unwrap_or_default();
                let said = said.get(said.len().saturating_sub(LOG_SHOWN_OCTETS_MAX)..).unwrap_or_default();
                let program = command.get_program().display();
                return Err(format!("{program} {how}; it says:\n{}", String::from_utf8_lossy(said)).into());
            }
            std::thread::sleep(ATTEMPT_PAUSE);
        }
        server.started_in = begin.elapsed();
        Ok(server)
    }

    /// The process and those that it started.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let group = self.child.id();
        let of_group = |entry: fs::DirEntry| {
            let process = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            // Behind the name in parentheses: state, parent, process group.
            let (_, behind) = stat.rsplit_once(')')?;
            (behind.split_whitespace().nth(2)?.parse() == Ok(group)).then_some(process)
        };
        fs::read_dir("/proc").map(|all| all.flatten().filter_map(of_group).collect()).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let group = self.child.id();
        kill(group);
        // Its leader too is dead by now. Neither fails but for a child that is gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
        lock_groups().remove(&group);
    }
}

/// A port that nothing listens on now.
pub(crate) fn free_port() -> Result<u16, Failure> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// From here on, SIGINT and SIGTERM end the servers, and then this process.
pub(crate) fn stop_all_on_signals() -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let wait = move || {
        let stopped = runtime.block_on(async {
            let (mut interrupt, mut terminate) =
                (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
            Ok::<_, std::io::Error>(())
        });
        if stopped.is_ok() {
            // Kept locked: no server is started from here on.
            let groups = lock_groups();
            groups.iter().for_each(|group| kill(*group));
            crate::scratch::remove();
            eprintln!("\nstopped");
            std::process::exit(STOPPED_CODE);
        }
    };
    std::thread::Builder::new().name("signals".into()).spawn(wait)?;
    Ok(())
}

fn lock_groups() -> std::sync::MutexGuard<'static, BTreeSet<u32>> {
    GROUPS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn kill(group: u32) {
    // The shell's own `kill`: the program of that name is not everywhere. It fails if all have ended.
    let line = format!("kill -KILL -{group} 2>/dev/null");
    let _ = Command::new("sh").args(["-c", &line]).status();
}

fn is_answered(port: u16, question: &Question) -> bool {
    let ask = || {
        let tls = match question {
            Question::Http | Question::WebSocket | Question::Http2 => None,
            Question::Echo(tls) => tls.clone(),
        };
        let (mut connection, _) = Dial { port, tls }.connect_blocking(ATTEMPT_LIMIT)?;
        // What is sent, how many octets of the answer are of no interest, and the next ones.
        let (asked, skipped, expected): (_, _, &[u8]) = match question {
            Question::Http => {
                let get = format!(
                    "GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {CREDENTIALS}\r\n\r\n"
                );
                (get.into_bytes(), 0, b"HTTP/1.1 200")
            }
            Question::WebSocket => (handshake("/", "").into_bytes(), 0, b"HTTP/1.1 101"),
            Question::Http2 => (PREFACE.to_vec(), H2_LENGTH_OCTETS, &[H2_SETTINGS]),
            Question::Echo(_) => (b"echo".to_vec(), 0, b"echo"),
        };
        connection.write_all(&asked)?;
        let mut answer = vec![0; skipped + expected.len()];
        connection.read_exact(&mut answer)?;
        Ok::<_, std::io::Error>(answer.ends_with(expected))
    };
    ask().unwrap_or(false)
}
