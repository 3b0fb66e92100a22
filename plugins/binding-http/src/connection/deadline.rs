//! Time limits. They are kept here, and the host holds at most one timer for a connection: a deadline that
//! moves away costs nothing, for the timer of the old one is set anew when it comes.

use super::{Connection, Receiving, Reply};
use crate::request::Expects;
use crate::status::Refusal;
use zilla_sdk::{CloseCode, Context};

/// The one timer of a connection.
const TIMER: u32 = 0;

/// What time limits are counted from.
#[derive(Debug)]
pub(super) struct Clock {
    /// When the request last came further, or when the connection became idle.
    moved_ms: u64,
    /// When the client last took octets, or when there first were octets that it did not take.
    sent_ms: u64,
    /// No request has come yet.
    is_fresh: bool,
    /// There are octets that the client does not take.
    is_blocked: bool,
    /// When the host's timer comes, if it is set.
    armed_ms: Option<u64>,
}

impl Clock {
    pub(super) fn new(now_ms: u64) -> Self {
        Self { moved_ms: now_ms, sent_ms: now_ms, is_fresh: true, is_blocked: false, armed_ms: None }
    }

    /// The first octets of a head came. The first head of a connection counts from its start.
    pub(super) fn head_began(&mut self, now_ms: u64) {
        if !self.is_fresh {
            self.moved_ms = now_ms;
        }
    }

    pub(super) fn moved(&mut self, now_ms: u64) {
        self.moved_ms = now_ms;
    }

    pub(super) fn sent(&mut self, now_ms: u64) {
        self.sent_ms = now_ms;
    }

    pub(super) fn idle(&mut self, now_ms: u64) {
        self.is_fresh = false;
        self.moved_ms = now_ms;
    }
}

/// Why the connection wants to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wake {
    /// The client does not take the response.
    Write,
    /// The head does not end.
    Head,
    /// No further request comes.
    Idle,
    /// The body does not go on.
    Body,
    /// The exit has had its chance to refuse the request: a client that waits may send the body.
    Continue,
    /// The exit does not answer.
    Response,
}

impl Connection {
    /// Sets the host's timer, if none is set that comes early enough.
    pub(super) fn arm(&mut self, cx: &mut Context<'_>) {
        let blocked = !self.outbox.is_empty() || !self.held.is_empty() || self.is_reply_moved();
        if blocked && !self.clock.is_blocked {
            self.clock.sent_ms = cx.now().monotonic_ms;
        }
        self.clock.is_blocked = blocked;
        let Some((due_ms, _)) = self.due() else { return };
        if self.clock.armed_ms.is_none_or(|armed_ms| due_ms < armed_ms) {
            self.clock.armed_ms = Some(due_ms);
            cx.timer(TIMER, due_ms);
        }
    }

    /// The timer came: does what is due, if it did not move away.
    pub(super) fn wake(&mut self, cx: &mut Context<'_>) {
        self.clock.armed_ms = None;
        match self.due() {
            Some((due_ms, wake)) if due_ms <= cx.now().monotonic_ms => self.on_wake(wake, cx),
            _ => {}
        }
    }

    /// How long the next request is waited for.
    fn idle_ms(&self) -> u64 {
        let timeouts = &self.shared.options.timeouts;
        match (self.draining, timeouts.idle_ms) {
            (false, idle_ms) => idle_ms,
            (true, 0) => timeouts.drain_idle_ms,
            (true, idle_ms) => idle_ms.min(timeouts.drain_idle_ms),
        }
    }

    /// The earliest time limit that applies.
    fn due(&self) -> Option<(u64, Wake)> {
        let timeouts = &self.shared.options.timeouts;
        let after = |since_ms: u64, ms: u64, wake| (ms > 0).then(|| (since_ms.saturating_add(ms), wake));
        let write = match self.clock.is_blocked {
            true => after(self.clock.sent_ms, timeouts.write_ms, Wake::Write),
            false => None,
        };
        let moved_ms = self.clock.moved_ms;
        let read = match (&self.receiving, &self.exchange) {
            (Receiving::Head, _) if !self.outbox.is_empty() => None,
            (Receiving::Head, _) if self.inbox.is_empty() && !self.clock.is_fresh => {
                after(moved_ms, self.idle_ms(), Wake::Idle)
            }
            (Receiving::Head, _) => after(moved_ms, timeouts.header_read_ms, Wake::Head),
            (Receiving::Body(_), Some(exchange)) if exchange.expects == Expects::Ours => {
                Some((moved_ms, Wake::Continue))
            }
            // The exit is waited for, as long as it likes.
            (Receiving::Body(_), Some(exchange)) if exchange.expects == Expects::Exits => None,
            // The client is waited for; or the exit, which has answered and neither takes nor refuses the rest.
            (Receiving::Body(_), Some(exchange))
                if self.inbox.is_empty() || exchange.reply == Reply::Over =>
            {
                after(moved_ms, timeouts.body_read_ms, Wake::Body)
            }
            (Receiving::Whole, Some(exchange)) if exchange.reply == Reply::Awaited => {
                after(moved_ms, timeouts.response_ms, Wake::Response)
            }
            (Receiving::Body(_) | Receiving::Whole | Receiving::Raw | Receiving::Over, _) => None,
        };
        match (write, read) {
            (Some(write), Some(read)) => Some(if write.0 < read.0 { write } else { read }),
            (write, read) => write.or(read),
        }
    }

    fn on_wake(&mut self, wake: Wake, cx: &mut Context<'_>) {
        match wake {
            Wake::Write => self.abort(CloseCode::Timeout, cx),
            Wake::Idle => self.close(cx),
            Wake::Head if self.inbox.is_empty() => self.close(cx),
            Wake::Head => self.refuse(Refusal::new(408, "the head did not come in time"), cx),
            Wake::Body => self.refuse(Refusal::new(408, "the body did not come in time"), cx),
            Wake::Continue => self.send_continue(cx),
            Wake::Response => self.refuse(Refusal::new(504, "the exit did not answer in time"), cx),
        }
    }
}
