//! What is told of handshakes that fail: each at debug, and one a second to whoever runs the host.

use std::fmt;

/// How often a failure is told at info, in ms. Anybody can make handshakes fail.
const REPORT_MS: u64 = 1_000;

/// Of one binding on one worker.
#[derive(Default)]
pub(super) struct Reports {
    next_ms: u64,
    untold: u64,
}

impl Reports {
    /// Tells of a failure: of whom, and why.
    pub(super) fn failed(&mut self, binding: &str, peer: &str, reason: &dyn fmt::Display, now_ms: u64) {
        if now_ms < self.next_ms {
            self.untold += 1;
            tracing::debug!(binding, peer, %reason, "a TLS handshake failed");
            return;
        }
        self.next_ms = now_ms + REPORT_MS;
        let untold = std::mem::take(&mut self.untold);
        tracing::info!(binding, peer, %reason, untold, "a TLS handshake failed");
    }
}
