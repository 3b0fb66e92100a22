//! Time limits of a connection. They are kept here, and the host holds at most one timer for each: a deadline
//! that moves away costs nothing, for the timer of the old one is set anew when it comes.

use super::Client;
use super::exchange::{Reading, Sending};
use super::upstream::Upstream;
use zilla_sdk::host::{self, Level};
use zilla_sdk::{CloseCode, Context};

/// The one timer of a connection; and that of a request that waits for one.
pub(super) const TIMER: u32 = 0;

/// What time limits are counted from.
#[derive(Debug)]
pub(super) struct Clock {
    /// When the response last came further, or when it began to be waited for, or when the connection became
    /// idle.
    pub(super) moved_ms: u64,
    /// When the origin last took octets, or was last offered some.
    pub(super) sent_ms: u64,
    /// When the host's timer comes, if it is set.
    armed_ms: Option<u64>,
}

impl Clock {
    pub(super) fn new(now_ms: u64) -> Self {
        Self { moved_ms: now_ms, sent_ms: now_ms, armed_ms: None }
    }
}

/// Why a connection wants to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wake {
    /// Nothing is asked of it.
    Idle,
    /// The origin does not take the request.
    Write,
    /// The origin does not answer.
    Response,
    /// The content of the response does not go on.
    Body,
}

impl Upstream {
    /// Sets the host's timer, if none is set that comes early enough.
    pub(super) fn arm(&mut self, client: &Client, cx: &mut Context<'_>) {
        let Some((due_ms, _)) = self.due(client) else { return };
        if self.clock.armed_ms.is_none_or(|armed_ms| due_ms < armed_ms) {
            self.clock.armed_ms = Some(due_ms);
            cx.timer_on(self.stream, TIMER, due_ms);
        }
    }

    /// The timer came: does what is due, if it did not move away.
    pub(super) fn wake(&mut self, client: &Client, cx: &mut Context<'_>) {
        self.clock.armed_ms = None;
        let due = self.due(client).filter(|(due_ms, _)| *due_ms <= cx.now().monotonic_ms);
        let why = match due {
            None => return,
            Some((_, Wake::Idle)) => return self.close(cx),
            Some((_, Wake::Write)) => "the origin does not take the request in time",
            Some((_, Wake::Response)) => "the origin does not answer in time",
            Some((_, Wake::Body)) => "the content of the response does not go on in time",
        };
        host::log(Level::Info, why);
        self.fail(CloseCode::Timeout, cx);
    }

    /// Whether the origin is to take octets, and does not. Those that the host moves may not have come.
    fn is_blocked(&self) -> bool {
        let waits = self.exchange.as_ref().is_some_and(|exchange| {
            let is_tunnel = matches!(exchange.reading, Reading::Raw | Reading::RawOver);
            let is_asked = exchange.request.upgrade.is_some();
            let has_content = !exchange.request.held.is_empty() || exchange.is_sending_by_host;
            has_content && !is_tunnel && !is_asked
        });
        !self.outbox.is_empty() || waits
    }

    /// The earliest time limit that applies.
    fn due(&self, client: &Client) -> Option<(u64, Wake)> {
        let timeouts = &client.options().timeouts;
        let after = |since_ms: u64, ms: u64, wake| (ms > 0).then(|| (since_ms.saturating_add(ms), wake));
        let Some(exchange) = &self.exchange else {
            return after(self.clock.moved_ms, timeouts.idle_ms, Wake::Idle);
        };
        let write = match self.is_blocked() {
            true => after(self.clock.sent_ms, timeouts.write_ms, Wake::Write),
            false => None,
        };
        let request = &exchange.request;
        let is_asked =
            exchange.sending != Sending::Open || request.upgrade.is_some() || request.expects_continue;
        let read = match exchange.reading {
            Reading::Head if is_asked => after(self.clock.moved_ms, timeouts.response_ms, Wake::Response),
            Reading::Body(_) if self.inbox.is_empty() => {
                after(self.clock.moved_ms, timeouts.body_read_ms, Wake::Body)
            }
            Reading::Head | Reading::Body(_) | Reading::Raw | Reading::RawOver => None,
        };
        match (write, read) {
            (Some(write), Some(read)) => Some(if write.0 < read.0 { write } else { read }),
            (write, read) => write.or(read),
        }
    }
}
