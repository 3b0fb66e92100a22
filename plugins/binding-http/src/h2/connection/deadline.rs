//! Time limits. The host holds at most one timer for a connection. It comes no later than the earliest
//! deadline; then all of them are looked at. A deadline that moves away costs nothing until then.

use super::{Connection, Leaving};
use crate::h2::frame::Code;
use crate::h2::streams::{Place, Reply, Request, Stream, Tunnel};
use crate::options::HttpTimeouts;
use crate::request::Expects;
use crate::status::Refusal;
use zilla_sdk::{CloseCode, Context};

/// The one timer of a connection; that of HTTP/1.1 is moved if both were spoken.
const TIMER: u32 = 0;

/// What time limits are counted from.
#[derive(Debug)]
pub(super) struct Clock {
    /// When the preface, the frame or the field block began that is not complete.
    frame_ms: u64,
    /// When `SETTINGS` were sent, until they are acknowledged.
    settings_ms: Option<u64>,
    /// When the last stream ended.
    idle_ms: u64,
    /// When the client last took octets, or when there first were octets that it did not take.
    sent_ms: u64,
    is_blocked: bool,
    /// No deadline is earlier than this.
    due_ms: u64,
    /// When the host's timer comes, if it is set.
    armed_ms: Option<u64>,
}

impl Clock {
    pub(super) fn new(now_ms: u64) -> Self {
        Self {
            frame_ms: now_ms,
            settings_ms: Some(now_ms),
            idle_ms: now_ms,
            sent_ms: now_ms,
            is_blocked: false,
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

    /// A frame or a field block begins that is not complete.
    pub(super) fn frame_began(&mut self, timeouts: &HttpTimeouts, now_ms: u64) {
        self.frame_ms = now_ms;
        self.due_in(timeouts.header_read_ms, now_ms);
    }

    pub(super) fn settled(&mut self) {
        self.settings_ms = None;
    }

    pub(super) fn sent(&mut self, now_ms: u64) {
        self.sent_ms = now_ms;
    }

    pub(super) fn idle(&mut self, timeouts: &HttpTimeouts, now_ms: u64) {
        self.idle_ms = now_ms;
        self.due_in(timeouts.idle_ms, now_ms);
    }

    pub(super) fn leaving(&mut self, timeouts: &HttpTimeouts, now_ms: u64) {
        self.idle_ms = now_ms;
        self.due_in(timeouts.drain_idle_ms, now_ms);
    }

    pub(super) fn stream_began(&mut self, expects: Expects, timeouts: &HttpTimeouts, now_ms: u64) {
        self.stream_moved(timeouts, now_ms);
        self.due_in(timeouts.body_read_ms, now_ms);
        if expects == Expects::Ours {
            self.due_ms = now_ms;
        }
    }

    pub(super) fn stream_moved(&mut self, timeouts: &HttpTimeouts, now_ms: u64) {
        self.due_in(timeouts.response_ms, now_ms);
    }

    /// There is content that the client does not take.
    pub(super) fn write_began(&mut self, timeouts: &HttpTimeouts, now_ms: u64) {
        self.due_in(timeouts.write_ms, now_ms);
    }
}

/// What is due of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wake {
    /// The exit has had its chance to refuse the request: a client that waits may send the content.
    Continue,
    /// The content of the request does not go on.
    Body,
    /// The exit does not answer.
    Response,
    /// The client opens no window for the response.
    Write,
}

fn after(since_ms: u64, ms: u64) -> Option<u64> {
    (ms > 0).then(|| since_ms.saturating_add(ms))
}

impl Connection {
    /// Sets the host's timer, if none is set that comes early enough.
    pub(super) fn arm(&mut self, cx: &mut Context<'_>) {
        let now_ms = cx.now().monotonic_ms;
        let is_blocked = !self.outbox.is_empty() || !self.queue.is_empty() && cx.reply().credit() == 0;
        if is_blocked && !self.clock.is_blocked {
            self.clock.sent_ms = now_ms;
            self.clock.write_began(&self.shared.options.timeouts, now_ms);
        }
        self.clock.is_blocked = is_blocked;
        if self.clock.due_ms <= now_ms {
            self.clock.due_ms = self.earliest();
        }
        let due_ms = self.clock.due_ms;
        if due_ms < u64::MAX && self.clock.armed_ms.is_none_or(|armed_ms| due_ms < armed_ms) {
            self.clock.armed_ms = Some(due_ms);
            cx.timer(TIMER, due_ms);
        }
    }

    /// The timer came: does what is due.
    pub(super) fn wake(&mut self, cx: &mut Context<'_>) {
        self.clock.armed_ms = None;
        let now_ms = cx.now().monotonic_ms;
        let is_due = |deadline: Option<u64>| deadline.is_some_and(|due_ms| due_ms <= now_ms);
        if is_due(self.write_deadline()) {
            return self.abort(CloseCode::Timeout, cx);
        }
        if self.is_closing() {
            self.clock.due_ms = self.earliest();
            return;
        }
        if is_due(self.frame_deadline()) {
            self.goaway(Code::EnhanceYourCalm, "a frame or a field block did not come in time", cx);
        } else if is_due(self.settings_deadline()) {
            self.goaway(Code::SettingsTimeout, "SETTINGS were not acknowledged in time", cx);
        } else if is_due(self.idle_deadline()) {
            self.leave(cx);
        }
        self.wake_streams(now_ms, cx);
        self.clock.due_ms = self.earliest();
    }

    fn wake_streams(&mut self, now_ms: u64, cx: &mut Context<'_>) {
        let timeouts = self.shared.options.timeouts;
        let due = |(place, stream): (Place, &mut Stream)| {
            let (due_ms, wake) = stream_deadline(stream, &timeouts)?;
            (due_ms <= now_ms).then_some((place, wake))
        };
        let due: Vec<_> = self.streams.iter().filter_map(due).collect();
        for (place, wake) in due {
            match wake {
                Wake::Continue => self.send_continue(place, cx),
                Wake::Body => self.refuse(place, Refusal::new(408, "the body did not come in time"), cx),
                Wake::Response => {
                    self.refuse(place, Refusal::new(504, "the exit did not answer in time"), cx);
                }
                Wake::Write => self.reset_stream(place, Code::Cancel, cx),
            }
        }
    }

    fn earliest(&mut self) -> u64 {
        let timeouts = self.shared.options.timeouts;
        let streams = self.streams.iter().filter_map(|(_, stream)| stream_deadline(stream, &timeouts));
        let stream = streams.map(|(due_ms, _)| due_ms).min();
        let write = self.write_deadline();
        let rest = match self.is_closing() {
            true => [None; 4],
            false => [stream, self.frame_deadline(), self.settings_deadline(), self.idle_deadline()],
        };
        rest.into_iter().chain([write]).flatten().min().unwrap_or(u64::MAX)
    }

    /// The client takes nothing of what is there for it.
    fn write_deadline(&self) -> Option<u64> {
        after(self.clock.sent_ms, self.shared.options.timeouts.write_ms).filter(|_| self.clock.is_blocked)
    }

    fn frame_deadline(&self) -> Option<u64> {
        after(self.clock.frame_ms, self.shared.options.timeouts.header_read_ms)
            .filter(|_| self.reader.waits_for_rest())
    }

    fn settings_deadline(&self) -> Option<u64> {
        after(self.clock.settings_ms?, self.shared.options.timeouts.settings_ms)
    }

    /// No stream is open, or the answer to the announcement of the end does not come.
    fn idle_deadline(&self) -> Option<u64> {
        let timeouts = &self.shared.options.timeouts;
        match self.leaving {
            Leaving::Announced => after(self.clock.idle_ms, timeouts.drain_idle_ms),
            Leaving::No if self.streams.len() == 0 => after(self.clock.idle_ms, timeouts.idle_ms),
            Leaving::No | Leaving::Told | Leaving::Closing => None,
        }
    }
}

/// The earliest time limit that applies to a stream.
fn stream_deadline(stream: &Stream, timeouts: &HttpTimeouts) -> Option<(u64, Wake)> {
    let with = |deadline: Option<u64>, wake| deadline.map(|due_ms| (due_ms, wake));
    if stream.expects == Expects::Ours && stream.reply == Reply::Awaited {
        return Some((stream.moved_ms, Wake::Continue));
    }
    // Who is to speak when is the other protocol's to say.
    if stream.tunnel == Tunnel::Open {
        return None;
    }
    // The client waits for us, or does not open its window: another stream's turn is no reason to wait that long.
    let write = match stream.held.is_empty() {
        true => None,
        false => with(after(stream.sent_ms, timeouts.write_ms), Wake::Write),
    };
    let read = match stream.request {
        Request::Open | Request::Ended if stream.tunnel == Tunnel::Asked => {
            with(after(stream.moved_ms, timeouts.response_ms), Wake::Response)
        }
        // The client is waited for; or the exit, which has answered and neither takes nor refuses the rest.
        Request::Open if stream.is_taken && (stream.inbox.is_empty() || stream.reply == Reply::Over) => {
            with(after(stream.moved_ms, timeouts.body_read_ms), Wake::Body)
        }
        Request::Ended if stream.reply == Reply::Over => {
            with(after(stream.moved_ms, timeouts.body_read_ms), Wake::Body)
        }
        Request::Ended if stream.reply == Reply::Awaited => {
            with(after(stream.moved_ms, timeouts.response_ms), Wake::Response)
        }
        Request::Open | Request::Ended => None,
    };
    [write, read].into_iter().flatten().min_by_key(|(due_ms, _)| *due_ms)
}
