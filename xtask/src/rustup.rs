//! `rustup target add`, for at most 90 seconds, and the memory of its failure.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::paths::{self, Workspace};
use crate::toolchain::TARGET;

/// `rustup target add` downloads about 20 MB; without a network it may hang. Then the next way is tried.
const RUSTUP_LIMIT: Duration = Duration::from_secs(90);

/// How often the download is looked at.
const RUSTUP_POLL: Duration = Duration::from_millis(50);

/// How long a failed `rustup target add` is not tried again, or every build would wait for it.
const RUSTUP_FAILURE_KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// Whether rustup may be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rustup {
    /// Not on `PATH`.
    Absent,
    /// It is there.
    Ready,
    /// It was asked within the last day and failed, for this reason.
    Failed(String),
}

/// Whether rustup is on `path`, and whether `failure_file` speaks against asking it.
pub(crate) fn state(failure_file: &Path, path: Option<&OsStr>) -> Rustup {
    if paths::program("rustup", path).is_none() {
        return Rustup::Absent;
    }
    let failure = fs::read_to_string(failure_file).ok().and_then(|text| RustupFailure::from_text(&text));
    match failure {
        Some(failure) if failure.counts_at(now()) => Rustup::Failed(failure.reason),
        _ => Rustup::Ready,
    }
}

/// Has rustup add the target to `sysroot`; a failure goes into `failure_file`, where the next [`state`] finds it.
pub(crate) fn add_target(workspace: &Workspace, sysroot: &Path, failure_file: &Path) {
    eprintln!("rustup target add {TARGET} (once, at most {} s)", RUSTUP_LIMIT.as_secs());
    let mut rustup = Command::new("rustup");
    // Its reason is wanted here, not its backtrace.
    rustup.args(["target", "add", TARGET]).current_dir(workspace.root()).env_remove("RUST_BACKTRACE");
    let added = within(&mut rustup, RUSTUP_LIMIT).and_then(|()| {
        let there = sysroot.join("lib/rustlib").join(TARGET).is_dir();
        if there { Ok(()) } else { Err(format!("it added the target elsewhere than {}", sysroot.display())) }
    });
    // Without the file rustup is merely asked again by the next build.
    let _ = match added {
        Ok(()) => fs::remove_file(failure_file),
        Err(reason) => {
            eprintln!("rustup could not: {reason}");
            fs::write(failure_file, RustupFailure { at: now(), reason }.to_text())
        }
    };
}

/// Runs `command`, and ends it when it takes longer than `limit`.
fn within(command: &mut Command, limit: Duration) -> Result<(), String> {
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().map_err(|error| error.to_string())?;
    let start = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(status.to_string()),
            Ok(None) if start.elapsed() < limit => thread::sleep(RUSTUP_POLL),
            Ok(None) => {
                // It may have ended this instant; either way it is waited for.
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("no answer within {} s", limit.as_secs()));
            }
            Err(error) => return Err(error.to_string()),
        }
    }
}

/// What `target/rustup-failed` remembers: the seconds since 1970 on its first line, the reason below.
#[derive(Debug, Clone, PartialEq, Eq)]
struct RustupFailure {
    at: SystemTime,
    reason: String,
}

impl RustupFailure {
    fn to_text(&self) -> String {
        let seconds = self.at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        format!("{seconds}\n{}\n", self.reason)
    }

    fn from_text(text: &str) -> Option<Self> {
        let (seconds, reason) = text.split_once('\n')?;
        let at = UNIX_EPOCH.checked_add(Duration::from_secs(seconds.parse().ok()?))?;
        Some(Self { at, reason: reason.trim().to_owned() })
    }

    /// A failure from the future is a clock that was set back, and does not count.
    fn counts_at(&self, now: SystemTime) -> bool {
        now.duration_since(self.at).is_ok_and(|age| age < RUSTUP_FAILURE_KEPT)
    }
}

#[expect(clippy::disallowed_methods, reason = "a failure is remembered across processes, by the wall clock")]
fn now() -> SystemTime {
    SystemTime::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rustup_failure_counts_for_a_day() {
        let at = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let failure = RustupFailure { at, reason: "exit status: 1".into() };
        let hour = Duration::from_secs(60 * 60);
        assert!(failure.counts_at(at));
        assert!(failure.counts_at(at + 23 * hour));
        assert!(!failure.counts_at(at + 24 * hour));
        assert!(!failure.counts_at(at - hour), "a clock set back must not silence rustup for years");
    }

    #[test]
    fn a_rustup_failure_survives_its_file() {
        let at = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let failure = RustupFailure { at, reason: "no answer within 90 s".into() };
        assert_eq!(RustupFailure::from_text(&failure.to_text()), Some(failure));
        for text in ["", "yesterday\nreason", "99999999999999999999\nreason", "18446744073709551615\nreason"]
        {
            assert_eq!(RustupFailure::from_text(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_command_that_hangs_is_ended() {
        assert_eq!(within(&mut Command::new("true"), RUSTUP_LIMIT), Ok(()));
        assert!(within(&mut Command::new("false"), RUSTUP_LIMIT).is_err());
        let hanging = within(Command::new("sleep").arg("600"), Duration::ZERO);
        assert_eq!(hanging, Err("no answer within 0 s".into()));
    }
}
