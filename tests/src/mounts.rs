//! Hosts that see a disk that is full, or one that cannot be written to.
//!
//! Each is mounted for that host alone, in a mount namespace of its own. Where a machine does not let its users have one,
//! tests leave these cases out and say so.

use std::process::{Command, Stdio};

/// A script for [`crate::host::Start::after`] that mounts something first; none where that cannot be done. It may use
/// paths relative to the host's folder.
pub fn mounting(mount: &str) -> Option<String> {
    let unshare = unshare()?;
    // `sh` hands its own program and arguments on.
    Some(format!("exec {unshare} sh -c '{mount} && exec \"$0\" \"$@\"' \"$0\" \"$@\""))
}

/// A folder with so much room, in KiB.
pub fn small(folder: &str, kib: u64) -> String {
    format!("mount -t tmpfs -o size={kib}k,mode=700 tmpfs {folder}")
}

/// A folder as it is, which nobody can write to.
pub fn read_only(folder: &str) -> String {
    format!("mount --bind {folder} {folder} && mount -o remount,bind,ro {folder}")
}

/// How a process gets mounts of its own here: as root, or as whoever may be root of a namespace.
fn unshare() -> Option<&'static str> {
    let works = |unshare: &&str| {
        let line = format!("{unshare} sh -c 'mount -t tmpfs tmpfs /tmp'");
        let mut command = Command::new("sh");
        command.args(["-c", &line]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let found = ["unshare --mount", "unshare --map-root-user --mount"].into_iter().find(works);
    if found.is_none() {
        eprintln!("left out: this machine lets nobody have mounts of their own");
    }
    found
}
