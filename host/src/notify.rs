//! What the service manager is told: started, reloading, stopping, and alive.
//!
//! The protocol is that of sd_notify(3): lines of `NAME=VALUE`, one datagram a message, to the socket that
//! `NOTIFY_SOCKET` names. Where the variable is missing, as on a terminal, nothing is told. What cannot be sent is
//! logged and costs nothing else: the gateway serves all the same.

use crate::worker::command::Command;
use std::ffi::{OsStr, OsString};
use std::future::Future;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};

/// The socket: a path, or the name of an abstract one after `@`.
const SOCKET_VARIABLE: &str = "NOTIFY_SOCKET";

/// Microseconds after which a service that says nothing is taken for dead.
const WATCHDOG_VARIABLE: &str = "WATCHDOG_USEC";

/// The process that the watchdog is meant for.
const WATCHDOG_PID_VARIABLE: &str = "WATCHDOG_PID";

/// How long a service manager may take to make room for a message; then it is not sent.
const SEND_TIMEOUT: Duration = Duration::from_secs(1);

/// Tells the service manager, if there is one.
#[derive(Clone)]
pub(crate) struct Notifier {
    destination: Option<Arc<Destination>>,
    watchdog: Option<Duration>,
}

struct Destination {
    socket: UnixDatagram,
    address: SocketAddr,
}

impl Notifier {
    /// As the environment of the process says. A socket that cannot be used is logged and left out.
    pub(crate) fn from_environment(env: impl Fn(&str) -> Option<OsString>) -> Self {
        let name = env(SOCKET_VARIABLE).filter(|name| !name.is_empty());
        let destination = name.and_then(|name| match Destination::open(&name) {
            Ok(destination) => Some(Arc::new(destination)),
            Err(error) => {
                tracing::warn!(socket = %name.display(), %error, "the service manager is not told anything");
                None
            }
        });
        let watchdog = watchdog(env, std::process::id());
        Self { destination, watchdog }
    }

    /// What was started, or read again, is complete.
    pub(crate) fn ready(&self, status: &str) {
        self.send(&format!("READY=1\nSTATUS={status}"));
    }

    /// Files are read again; [`Notifier::ready`] follows, also if they are wrong.
    pub(crate) fn reloading(&self) {
        if self.destination.is_some() {
            self.send(&format!("RELOADING=1\nMONOTONIC_USEC={}", monotonic_us()));
        }
    }

    /// The process is about to end.
    pub(crate) fn stopping(&self, status: &str) {
        self.send(&format!("STOPPING=1\nSTATUS={status}"));
    }

    /// Says that the process is alive, twice in the time that the service manager asks for, as long as every worker
    /// answers. One that does not keeps it from being said, until it does or the service manager ends the process.
    /// None if nobody wants to know.
    pub(crate) fn watch(
        &self,
        workers: Vec<mpsc::WeakSender<Command>>,
    ) -> Option<impl Future<Output = ()> + Send + 'static> {
        let (notifier, limit) = (self.clone(), self.watchdog?);
        notifier.destination.is_some().then(|| notifier.keep_alive(limit, workers))
    }

    async fn keep_alive(self, limit: Duration, workers: Vec<mpsc::WeakSender<Command>>) {
        loop {
            let next = Instant::now() + limit / 2;
            let mut answers = std::pin::pin!(all_answer(&workers));
            if timeout(limit / 4, answers.as_mut()).await.is_err() {
                tracing::warn!(limit_ms = limit.as_millis() as u64, "a worker does not answer the watchdog");
                answers.await;
            }
            self.send("WATCHDOG=1");
            sleep_until(next).await;
        }
    }

    fn send(&self, message: &str) {
        let Some(Destination { socket, address }) = self.destination.as_deref() else { return };
        if let Err(error) = socket.send_to_addr(message.as_bytes(), address) {
            let what = message.lines().next().unwrap_or_default();
            tracing::warn!(what, %error, "the service manager could not be told");
        }
    }
}

impl Destination {
    fn open(name: &OsStr) -> io::Result<Self> {
        let address = match name.as_bytes() {
            [b'@', name @ ..] => abstract_address(name)?,
            [b'/', ..] => SocketAddr::from_pathname(name)?,
            _ => {
                let expected = "expected an absolute path, or @ and the name of an abstract socket";
                return Err(io::Error::new(io::ErrorKind::Unsupported, expected));
            }
        };
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(SEND_TIMEOUT))?;
        Ok(Self { socket, address })
    }
}

#[cfg(target_os = "linux")]
fn abstract_address(name: &[u8]) -> io::Result<SocketAddr> {
    use std::os::linux::net::SocketAddrExt as _;
    SocketAddr::from_abstract_name(name)
}

#[cfg(not(target_os = "linux"))]
fn abstract_address(_name: &[u8]) -> io::Result<SocketAddr> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "only Linux has abstract sockets"))
}

/// The time within which the service manager wants to hear from this process; none if it does not.
fn watchdog(env: impl Fn(&str) -> Option<OsString>, pid: u32) -> Option<Duration> {
    let number = |name| env(name)?.to_str()?.parse::<u64>().ok();
    let is_for_another = env(WATCHDOG_PID_VARIABLE).is_some()
        && number(WATCHDOG_PID_VARIABLE).is_none_or(|meant| meant != u64::from(pid));
    let limit_us = number(WATCHDOG_VARIABLE).filter(|limit_us| *limit_us > 0)?;
    (!is_for_another).then(|| Duration::from_micros(limit_us))
}

/// Waits until every worker has said what it runs. One that has ended has nothing to say, and is noticed elsewhere.
async fn all_answer(workers: &[mpsc::WeakSender<Command>]) {
    let mut answers = Vec::with_capacity(workers.len());
    for worker in workers.iter().filter_map(mpsc::WeakSender::upgrade) {
        let (report, is_reported) = oneshot::channel();
        let _ = worker.send(Command::Report(report)).await;
        answers.push(is_reported);
    }
    for answer in answers {
        let _ = answer.await;
    }
}

/// The clock by which a service manager tells the answer to its signal from an earlier one: `CLOCK_MONOTONIC`, which
/// the standard library reads for its `Instant` and does not show.
#[cfg(target_os = "linux")]
fn monotonic_us() -> u64 {
    use std::ffi::{c_int, c_long};

    const CLOCK_MONOTONIC: c_int = 1;

    #[repr(C)]
    struct Timespec {
        seconds: c_long,
        nanoseconds: c_long,
    }

    #[expect(unsafe_code, reason = "the C library that the standard library is linked to has it")]
    unsafe extern "C" {
        fn clock_gettime(clock: c_int, time: *mut Timespec) -> c_int;
    }

    let mut time = Timespec { seconds: 0, nanoseconds: 0 };
    #[expect(unsafe_code, reason = "it writes to what it is given, for as long as it runs")]
    // SAFETY: the pointer is to a local value with the layout that clock_gettime(2) writes. It cannot fail for this
    // clock; if it did, the time would be 0, which is a time in the past.
    unsafe {
        clock_gettime(CLOCK_MONOTONIC, &raw mut time);
    }
    time.seconds as u64 * 1_000_000 + time.nanoseconds as u64 / 1_000
}

/// Only Linux has a service manager that asks for it.
#[cfg(not(target_os = "linux"))]
fn monotonic_us() -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;
    use tokio::sync::mpsc::Receiver;

    /// A service manager's end of a socket in the file system, removed with it.
    struct Manager {
        socket: UnixDatagram,
        path: PathBuf,
    }

    impl Manager {
        fn listen(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("zilla-notify-{name}-{}", std::process::id()));
            let _ = std::fs::remove_file(&path);
            let socket = UnixDatagram::bind(&path).unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
            Self { socket, path }
        }

        fn notifier(&self, variables: &[(&str, &str)]) -> Notifier {
            Notifier::from_environment(|name| match name {
                SOCKET_VARIABLE => Some(self.path.clone().into()),
                _ => variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into()),
            })
        }

        fn expect_nothing(&self) {
            self.socket.set_nonblocking(true).unwrap();
            let error = self.socket.recv(&mut [0; 64]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
            self.socket.set_nonblocking(false).unwrap();
        }
    }

    impl Drop for Manager {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.path);
        }
    }

    fn received(socket: &UnixDatagram) -> String {
        let mut message = [0; 4096];
        let length = socket.recv(&mut message).unwrap();
        String::from_utf8(message[..length].to_vec()).unwrap()
    }

    #[test]
    fn the_life_of_a_service_is_told() {
        let manager = Manager::listen("life");
        let notifier = manager.notifier(&[]);
        notifier.ready("generation 1");
        assert_eq!(received(&manager.socket), "READY=1\nSTATUS=generation 1");
        let before = monotonic_us();
        notifier.reloading();
        let message = received(&manager.socket);
        let time = message.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap().parse::<u64>().unwrap();
        assert!(before > 0 && (before..=monotonic_us()).contains(&time), "{time}");
        notifier.stopping("draining: SIGTERM");
        assert_eq!(received(&manager.socket), "STOPPING=1\nSTATUS=draining: SIGTERM");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn an_abstract_socket_is_named_after_an_at_sign() {
        use std::os::linux::net::SocketAddrExt as _;
        let name = format!("zilla-notify-{}", std::process::id());
        let manager = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        let value = format!("@{name}");
        let notifier =
            Notifier::from_environment(|name| (name == SOCKET_VARIABLE).then(|| value.clone().into()));
        notifier.ready("generation 7");
        assert_eq!(received(&manager), "READY=1\nSTATUS=generation 7");
    }

    #[test]
    fn without_a_socket_that_can_be_used_nothing_is_told() {
        for name in [None, Some(""), Some("vsock:2:1234"), Some("relative"), Some("/nowhere/at/all")] {
            let environment = |variable: &str| match variable {
                SOCKET_VARIABLE => name.map(OsString::from),
                _ => None,
            };
            let notifier = Notifier::from_environment(environment);
            notifier.ready("generation 1");
            notifier.reloading();
            assert!(notifier.watch(Vec::new()).is_none());
        }
    }

    #[test]
    fn the_watchdog_is_heeded_if_it_is_meant_for_this_process() {
        for (limit, pid, expected) in [
            (Some("2000000"), None, Some(Duration::from_secs(2))),
            (Some("2000000"), Some("42"), Some(Duration::from_secs(2))),
            (Some("2000000"), Some("43"), None),
            (Some("2000000"), Some("-"), None),
            (Some("0"), None, None),
            (Some("soon"), None, None),
            (None, Some("42"), None),
        ] {
            let environment = |name: &str| match name {
                WATCHDOG_VARIABLE => limit.map(OsString::from),
                WATCHDOG_PID_VARIABLE => pid.map(OsString::from),
                _ => None,
            };
            assert_eq!(watchdog(environment, 42), expected, "{limit:?} {pid:?}");
        }
    }

    fn asked(worker: &mut Receiver<Command>) -> oneshot::Sender<Vec<crate::worker::command::PipelineReport>> {
        match worker.blocking_recv() {
            Some(Command::Report(answer)) => answer,
            Some(_) | None => panic!("the worker was not asked for a report"),
        }
    }

    #[test]
    fn the_process_is_alive_while_every_worker_answers() {
        let manager = Manager::listen("watchdog");
        let notifier = manager.notifier(&[(WATCHDOG_VARIABLE, "2000")]);
        let (one, mut worker_one) = mpsc::channel(1);
        let (two, mut worker_two) = mpsc::channel(1);
        let (gone, _) = mpsc::channel(1);
        let watch = notifier.watch(vec![one.downgrade(), two.downgrade(), gone.downgrade()]).unwrap();
        let (end, ended) = oneshot::channel::<()>();
        let supervisor = std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                tokio::select! { () = watch => (), _ = ended => () }
            });
        });
        for _ in 0..3 {
            let (first, second) = (asked(&mut worker_one), asked(&mut worker_two));
            first.send(Vec::new()).unwrap();
            manager.expect_nothing();
            second.send(Vec::new()).unwrap();
            assert_eq!(received(&manager.socket), "WATCHDOG=1");
        }
        drop(end);
        supervisor.join().unwrap();
    }
}
