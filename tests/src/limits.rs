//! File descriptors of this process.

use std::process::Command;
use std::sync::OnceLock;

/// Raises the number of file descriptors that this process and those it starts may have as far as it may, and
/// says how many that are.
pub fn raise_descriptors() -> usize {
    static RAISED: OnceLock<usize> = OnceLock::new();
    *RAISED.get_or_init(|| {
        let (_, most) = descriptors();
        let pid = std::process::id();
        // Where it fails, the limit stays as it is and is what is said.
        let _ = Command::new("prlimit")
            .args([format!("--pid={pid}"), format!("--nofile={most}:{most}")])
            .status();
        descriptors().0
    })
}

/// The limit in force, and the one that it may be raised to.
fn descriptors() -> (usize, usize) {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap_or_default();
    let mut numbers = line.split_whitespace().map(|number| number.parse().unwrap_or(usize::MAX));
    let soft = numbers.next().unwrap_or(1024);
    (soft, numbers.next().unwrap_or(soft))
}
