//! One connection: frames that arrive, the streams that they belong to, and what goes back.
//!
//! ```text
//!               frames.rs        request.rs, control.rs
//!  client ──▶ octets ─▶ frames ─▶ fields, content ─▶ exits
//!                                       │
//!  client ◀── one octet stream ◀─ round-robin ◀────── exits
//!              as credit allows   schedule.rs   reply.rs
//! ```
//!
//! Octets of the client are given back as credit as soon as they were looked at, unless it does not take what
//! this end has to say: what it may send of content, its windows say. Content of requests is passed on piece
//! by piece, as it arrives.

mod closing;
mod control;
mod deadline;
mod frames;
mod reply;
mod request;
mod schedule;
mod tunnel;

use super::budget::Budget;
use super::flow::{ReceiveWindow, SendWindow};
use super::frame::{self, FRAME_OCTETS_MIN};
use super::hpack::{Decoder, Encoder};
use super::reader::Reader;
use super::settings::{Settings, TABLE_OCTETS, WINDOW_OCTETS};
use super::streams::{Place, Streams};
use crate::connection::Shared;
use crate::target::Scheme;
use deadline::Clock;
use std::collections::VecDeque;
use std::rc::Rc;
use zilla_sdk::{Attributes, Begin, CloseCode, Context, Data, Payload, Stream};

/// Octets for the client that wait for its credit, above which nothing that it sends is given back as
/// credit: a client that asks much and reads nothing is not listened to.
const OUTBOX_OCTETS_MAX: usize = 16_384;

/// One connection that speaks HTTP/2.
#[derive(Debug)]
pub(crate) struct Connection {
    shared: Rc<Shared>,
    scheme: Scheme,
    /// The address that the client connects from, if it is known and exits are told.
    address: Option<Box<str>>,
    reader: Reader,
    /// Octets looked at and not given back as credit.
    unpaid: u64,
    decoder: Decoder,
    encoder: Encoder,
    /// What the client said of itself.
    peer: Settings,
    receive_window: ReceiveWindow,
    send_window: SendWindow,
    streams: Streams,
    /// Streams that have content to send and a window for it, in turn.
    queue: VecDeque<Place>,
    /// Octets encoded and not sent for want of credit: heads of responses, and what answers control frames.
    outbox: Vec<u8>,
    /// The last stream that the client opened.
    last: u32,
    leaving: Leaving,
    resets: Budget,
    controls: Budget,
    clock: Clock,
}

/// How far the connection is from its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaving {
    /// It goes on.
    No,
    /// The client was told that there will be an end. Streams that it opens meanwhile are handled.
    Announced,
    /// The client was told which stream is the last. Those that it opens after it are read over.
    Told,
    /// Nothing is left but to send what is encoded.
    Closing,
}

impl Connection {
    /// A connection of which so many octets of the client's preface have come. Its `SETTINGS` are sent. `address` is
    /// where it comes from, if exits are told.
    pub(crate) fn new(
        shared: Rc<Shared>,
        scheme: Scheme,
        address: Option<Box<str>>,
        preface: usize,
        cx: &mut Context<'_>,
    ) -> Self {
        let now_ms = cx.now().monotonic_ms;
        let limits = shared.limits.h2;
        let connect = !shared.options.upgrade.is_empty();
        let settings = Settings { connect, ..limits.settings(shared.limits.header_bytes) };
        let mut connection = Self {
            scheme,
            address,
            reader: Reader::behind_preface(limits.reader(shared.limits.header_bytes), preface),
            unpaid: 0,
            // Until it has acknowledged a smaller table, the client may use the usual one.
            decoder: Decoder::new(limits.table_bytes.max(TABLE_OCTETS) as usize),
            encoder: Encoder::new(),
            peer: Settings::default(),
            receive_window: ReceiveWindow::new(limits.connection_window_bytes),
            send_window: SendWindow::new(WINDOW_OCTETS),
            streams: Streams::default(),
            queue: VecDeque::new(),
            outbox: Vec::new(),
            last: 0,
            leaving: Leaving::No,
            resets: Budget::new(limits.resets, now_ms),
            controls: Budget::new(limits.control_frames, now_ms),
            clock: Clock::new(now_ms),
            shared,
        };
        connection.write(cx, |out, _| {
            frame::write_settings(out, &settings);
            if limits.connection_window_bytes > WINDOW_OCTETS {
                frame::write_window_update(out, 0, limits.connection_window_bytes - WINDOW_OCTETS);
            }
        });
        connection.arm(cx);
        connection
    }

    /// Takes octets of the client.
    pub(crate) fn receive(&mut self, payload: Payload<'_>, cx: &mut Context<'_>) {
        self.take(payload, cx);
        self.arm(cx);
    }

    /// Writes frames without content, as the client's credit allows; the rest waits in the outbox.
    fn write(&mut self, cx: &mut Context<'_>, write: impl FnOnce(&mut Vec<u8>, &mut Encoder)) {
        let encoder = &mut self.encoder;
        cx.reply().write(&mut self.outbox, |out| write(out, encoder));
    }

    /// Longest payload of frames to the client: the least that it takes. See [the module](crate::h2).
    fn frame_octets_max(&self) -> usize {
        self.peer.frame_octets.min(FRAME_OCTETS_MIN) as usize
    }

    /// The stream whose exit the current event came on.
    fn current(&self, cx: &Context<'_>) -> Option<Place> {
        self.streams.find_exit(cx.stream())
    }

    fn is_closing(&self) -> bool {
        self.leaving == Leaving::Closing
    }
}

fn from_client(cx: &Context<'_>) -> bool {
    cx.stream() == cx.accepted()
}

impl Stream for Connection {
    fn on_begin(&mut self, begin: Begin<'_>, cx: &mut Context<'_>) {
        if let Some(place) = self.current(cx) {
            self.reply_begins(place, begin.attributes, cx);
            self.arm(cx);
        }
    }

    fn on_flush(&mut self, attributes: Attributes<'_>, cx: &mut Context<'_>) {
        if let Some(place) = self.current(cx).filter(|_| !from_client(cx)) {
            self.reply_advises(place, attributes, cx);
            self.arm(cx);
        }
    }

    fn on_data(&mut self, data: Data<'_>, cx: &mut Context<'_>) {
        if from_client(cx) {
            self.take(data.payload, cx);
        } else if let Some(place) = self.current(cx) {
            self.reply_continues(place, data.payload, cx);
        }
        self.arm(cx);
    }

    fn on_end(&mut self, attributes: Attributes<'_>, cx: &mut Context<'_>) {
        if from_client(cx) {
            self.client_ends(cx);
        } else if let Some(place) = self.current(cx) {
            self.reply_ends(place, attributes, cx);
        }
        self.arm(cx);
    }

    fn on_abort(&mut self, code: CloseCode, _attributes: Attributes<'_>, cx: &mut Context<'_>) {
        if from_client(cx) {
            self.abort(CloseCode::Cancelled, cx);
        } else if let Some(place) = self.current(cx) {
            self.reply_aborts(place, code, cx);
        }
        self.arm(cx);
    }

    fn on_window(&mut self, _octets: u64, cx: &mut Context<'_>) {
        if from_client(cx) {
            self.flush(cx);
        } else if let Some(place) = self.current(cx) {
            self.exit_takes(place, cx);
            self.deliver_inbox(place, cx);
        }
        self.arm(cx);
    }

    fn on_reset(&mut self, code: CloseCode, _attributes: Attributes<'_>, cx: &mut Context<'_>) {
        if from_client(cx) {
            self.abort(CloseCode::Cancelled, cx);
        } else if let Some(place) = self.current(cx) {
            self.request_refused(place, code, cx);
        }
        self.arm(cx);
    }

    fn on_signal(&mut self, _token: u32, cx: &mut Context<'_>) {
        self.wake(cx);
        self.arm(cx);
    }

    fn on_drain(&mut self, cx: &mut Context<'_>) {
        self.announce_leaving(cx);
        self.arm(cx);
    }
}
