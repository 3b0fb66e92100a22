//! Whether a silent peer is still there (RFC 6455, 5.5.2).

use super::{PING_TIMER, Socket};
use crate::close::Close;
use crate::frame::Opcode;
use zilla_sdk::{CloseCode, Context};

/// What is known of a peer's life.
#[derive(Clone, Copy, Debug)]
pub(super) struct Alive {
    /// Whether it has sent or taken octets since it was last looked at.
    pub(super) is_heard: bool,
    /// Whether a ping waits for any sign.
    is_asked: bool,
}

impl Default for Alive {
    /// One whose handshake was just heard.
    fn default() -> Self {
        Self { is_heard: true, is_asked: false }
    }
}

impl Socket {
    /// Looks at the peer, now and then.
    pub(super) fn watch(&mut self, cx: &mut Context<'_>) {
        let ping = self.shared.ping;
        if ping.interval_ms == 0 || self.has_closed || self.closed.is_some() || self.fault.is_some() {
            return;
        }
        // What waits here to be handled was not read, and the answer may be behind it.
        let is_heard = std::mem::take(&mut self.alive.is_heard) || !self.inbox.is_empty();
        let next_ms = match (is_heard, self.alive.is_asked) {
            (false, true) => return self.give_up(cx),
            (true, _) => {
                self.alive.is_asked = false;
                ping.interval_ms
            }
            (false, false) => {
                self.alive.is_asked = true;
                if self.outgoing.is_empty() {
                    self.write_control(Opcode::Ping, &[], cx);
                }
                ping.timeout_ms
            }
        };
        cx.timer_on(self.wire, PING_TIMER, cx.now().monotonic_ms.saturating_add(next_ms));
    }

    fn give_up(&mut self, cx: &mut Context<'_>) {
        cx.close_stream(self.app, CloseCode::Timeout);
        // It may hear and not speak.
        self.shut(&Close::new(crate::close::POLICY, "no sign of life"), cx);
    }
}
