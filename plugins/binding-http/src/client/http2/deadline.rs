//! Time limits. The host holds at most one timer for a connection. It comes no later than the earliest deadline;
//! then all of them are looked at. A deadline that moves away costs nothing until then.

use super::Http2;
use super::exchanges::{Exchange, Place, Reading, Sending};
use crate::client::deadline::TIMER;
use crate::client::options::HttpClientTimeouts;
use crate::h2::frame::Code;
use zilla_sdk::host::{self, Level};
use zilla_sdk::{CloseCode, Context};

/// What time limits are counted from.
#[derive(Debug)]
pub(super) struct Clock {
    /// When `SETTINGS` were sent, until they are acknowledged.
    settings_ms: Option<u64>,
    /// When the last request ended.
    idle_ms: u64,
    /// When the origin last took octets, or when there first were octets that it did not take.
    sent_ms: u64,
    is_blocked: bool,
    /// When the origin last sent octets.
    heard_ms: u64,
    /// No deadline is earlier than this.
    due_ms: u64,
    /// When the host's timer comes, if it is set.
    armed_ms: Option<u64>,
}

impl Clock {
    pub(super) fn new(now_ms: u64) -> Self {
        Self {
            settings_ms: Some(now_ms),
            idle_ms: now_ms,
            sent_ms: now_ms,
            is_blocked: false,
            heard_ms: now_ms,
            // All deadlines are looked at once.
            due_ms: now_ms,
            armed_ms: None,
        }
    }

    fn due_in(&mut self, ms: u64, now_ms: u64) {
        if ms > 0 {
            self.due_ms = self.due_ms.min(now_ms.saturating_add(ms));
        }
    }

    pub(super) fn settled(&mut self) {
        self.settings_ms = None;
    }

    pub(super) fn sent(&mut self, now_ms: u64) {
        self.sent_ms = now_ms;
    }

    pub(super) fn heard(&mut self, now_ms: u64) {
        self.heard_ms = now_ms;
    }

    pub(super) fn idle(&mut self, timeouts: &HttpClientTimeouts, now_ms: u64) {
        self.idle_ms = now_ms;
        self.due_in(timeouts.idle_ms, now_ms);
    }

    /// A response is waited for from now on.
    pub(super) fn request_began(&mut self, timeouts: &HttpClientTimeouts, now_ms: u64) {
        self.due_in(timeouts.response_ms, now_ms);
    }

    /// Content of a response is waited for from now on.
    pub(super) fn response_began(&mut self, timeouts: &HttpClientTimeouts, now_ms: u64) {
        self.due_in(timeouts.body_read_ms, now_ms);
    }

    /// There is something that the origin does not take.
    pub(super) fn write_began(&mut self, timeouts: &HttpClientTimeouts, now_ms: u64) {
        self.due_in(timeouts.write_ms, now_ms);
    }
}

/// What is due of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wake {
    /// The origin opens no window for the content.
    Write,
    /// The origin does not answer.
    Response,
    /// The content of the response does not go on.
    Body,
}

fn after(since_ms: u64, ms: u64) -> Option<u64> {
    (ms > 0).then(|| since_ms.saturating_add(ms))
}

impl Http2 {
    /// Sets the host's timer, if none is set that comes early enough.
    pub(in crate::client) fn arm(&mut self, cx: &mut Context<'_>) {
        let now_ms = cx.now().monotonic_ms;
        let is_blocked =
            !self.outbox.is_empty() || !self.queue.is_empty() && cx.to(self.stream).credit() == 0;
        if is_blocked && !self.clock.is_blocked {
            self.clock.sent_ms = now_ms;
            self.clock.write_began(&self.client.options().timeouts, now_ms);
        }
        self.clock.is_blocked = is_blocked;
        if self.clock.due_ms <= now_ms {
            self.clock.due_ms = self.earliest();
        }
        let due_ms = self.clock.due_ms;
        if due_ms < u64::MAX && self.clock.armed_ms.is_none_or(|armed_ms| due_ms < armed_ms) {
            self.clock.armed_ms = Some(due_ms);
            cx.timer_on(self.stream, TIMER, due_ms);
        }
    }

    /// The timer came: does what is due.
    pub(in crate::client) fn wake(&mut self, cx: &mut Context<'_>) {
        self.clock.armed_ms = None;
        let now_ms = cx.now().monotonic_ms;
        let is_due = |deadline: Option<u64>| deadline.is_some_and(|due_ms| due_ms <= now_ms);
        if is_due(self.write_deadline()) {
            host::log(Level::Info, "the origin does not take what it is sent in time");
            return self.abort(CloseCode::Timeout, cx);
        }
        if !self.is_closing() {
            if is_due(self.settings_deadline()) {
                self.goaway(Code::SettingsTimeout, "SETTINGS were not acknowledged in time", cx);
            } else if is_due(self.idle_deadline()) {
                self.close(cx);
            } else {
                self.wake_requests(now_ms, cx);
            }
        }
        self.clock.due_ms = self.earliest();
    }

    fn wake_requests(&mut self, now_ms: u64, cx: &mut Context<'_>) {
        let timeouts = self.client.options().timeouts;
        let due = |(place, exchange): (Place, &mut Exchange)| {
            let (due_ms, wake) = deadline(exchange, &timeouts)?;
            (due_ms <= now_ms).then_some((place, wake, exchange.moved_ms))
        };
        let due: Vec<_> = self.exchanges.iter().filter_map(due).collect();
        let heard_ms = self.clock.heard_ms;
        let is_silent = due.iter().any(|(_, wake, moved_ms)| *wake != Wake::Write && heard_ms < *moved_ms);
        for (place, wake, _) in due {
            host::log(
                Level::Info,
                match wake {
                    Wake::Write => "the origin does not take the request in time",
                    Wake::Response => "the origin does not answer in time",
                    Wake::Body => "the content of the response does not go on in time",
                },
            );
            self.fail(place, Code::Cancel, CloseCode::Timeout, cx);
        }
        if is_silent && !self.is_closing() {
            // Nothing at all has come since: further requests are not sent to where nobody listens.
            self.leave(cx);
        }
    }

    fn earliest(&mut self) -> u64 {
        let timeouts = self.client.options().timeouts;
        let requests = self.exchanges.iter().filter_map(|(_, exchange)| deadline(exchange, &timeouts));
        let request = requests.map(|(due_ms, _)| due_ms).min();
        let write = self.write_deadline();
        let rest = match self.is_closing() {
            true => [None; 3],
            false => [request, self.settings_deadline(), self.idle_deadline()],
        };
        rest.into_iter().chain([write]).flatten().min().unwrap_or(u64::MAX)
    }

    /// The origin takes nothing of what is there for it.
    fn write_deadline(&self) -> Option<u64> {
        after(self.clock.sent_ms, self.client.options().timeouts.write_ms).filter(|_| self.clock.is_blocked)
    }

    fn settings_deadline(&self) -> Option<u64> {
        after(self.clock.settings_ms?, self.client.options().timeouts.settings_ms)
    }

    fn idle_deadline(&self) -> Option<u64> {
        after(self.clock.idle_ms, self.client.options().timeouts.idle_ms).filter(|_| self.is_idle())
    }
}

/// The earliest time limit that applies to a request. A tunnel has none.
fn deadline(exchange: &Exchange, timeouts: &HttpClientTimeouts) -> Option<(u64, Wake)> {
    let with = |deadline: Option<u64>, wake| deadline.map(|due_ms| (due_ms, wake));
    let write = match Http2::waits_for_origin(exchange) {
        true => with(after(exchange.sent_ms, timeouts.write_ms), Wake::Write),
        false => None,
    };
    let request = &exchange.request;
    let is_asked = exchange.sending != Sending::Open || request.upgrade.is_some() || request.expects_continue;
    let read = match exchange.reading {
        Reading::Head if is_asked => with(after(exchange.moved_ms, timeouts.response_ms), Wake::Response),
        Reading::Content(_) | Reading::Nothing if exchange.inbox.is_empty() => {
            with(after(exchange.moved_ms, timeouts.body_read_ms), Wake::Body)
        }
        Reading::Head | Reading::Content(_) | Reading::Nothing | Reading::Tunnel | Reading::Over => None,
    };
    [write, read].into_iter().flatten().min_by_key(|(due_ms, _)| *due_ms)
}
