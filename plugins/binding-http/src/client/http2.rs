//! A connection to an origin that speaks HTTP/2 (RFC 9113): many requests at a time.
//!
//! ```text
//!                reader            responses.rs, content.rs, control.rs
//!  origin ──▶ octets ─▶ frames ─▶ fields, content ─▶ openers
//!                                       │
//!  origin ◀── one octet stream ◀─ round-robin ◀───── openers
//!              as credit allows    sending.rs
//! ```
//!
//! Octets of the origin are given back as credit as soon as they were looked at, unless it does not take what
//! this end has to say: what it may send of content, its windows say. A window is given back as an opener takes
//! the content, so one that takes nothing holds up its own response alone.

mod closing;
mod content;
mod control;
mod deadline;
mod exchanges;
mod fields;
mod responses;
mod sending;

use super::Client;
use super::request::Request;
use crate::h2::budget::Budget;
use crate::h2::flow::{ReceiveWindow, SendWindow};
use crate::h2::frame::{self, FRAME_OCTETS_MIN, U31_MAX};
use crate::h2::hpack::{Decoder, Encoder};
use crate::h2::reader::{Found, Reader};
use crate::h2::settings::{Settings, TABLE_OCTETS, WINDOW_OCTETS};
use deadline::Clock;
use exchanges::{Exchanges, Place};
use fields::FieldList;
use std::collections::VecDeque;
use std::rc::Rc;
use zilla_sdk::{Attributes, Context, Payload, StreamId};

/// Octets for the origin that wait for its credit, above which nothing that it sends is given back as credit: an
/// origin that wants much answered and reads nothing is not listened to.
const OUTBOX_OCTETS_MAX: usize = 16_384;

/// One connection to an origin that speaks HTTP/2.
#[derive(Debug)]
pub(super) struct Http2 {
    client: Rc<Client>,
    pub(super) stream: StreamId,
    reader: Reader,
    /// Octets looked at and not given back as credit.
    unpaid: u64,
    decoder: Decoder,
    encoder: Encoder,
    fields: FieldList,
    /// What the origin said of itself.
    peer: Settings,
    /// The origin has said it.
    has_settings: bool,
    receive_window: ReceiveWindow,
    send_window: SendWindow,
    exchanges: Exchanges,
    /// Requests that have content to send and a window for it, in turn.
    queue: VecDeque<Place>,
    /// Requests for another protocol: whether the origin takes them is not known before its settings.
    tunnels: Vec<Request>,
    /// Octets encoded and not sent for want of credit: heads of requests, and what answers control frames.
    outbox: Vec<u8>,
    /// The stream of the next request.
    next_id: u32,
    leaving: Leaving,
    /// A response has come on it.
    is_used: bool,
    resets: Budget,
    controls: Budget,
    clock: Clock,
    /// Requests that had no effect and are to be sent elsewhere.
    pub(super) given_back: Vec<Request>,
    /// It cannot be used any more, and its stream is over.
    pub(super) is_over: bool,
}

/// How far the connection is from its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaving {
    /// It takes requests.
    No,
    /// It takes no more requests, and ends with the last that it has.
    Told,
    /// Nothing is left but to send what is encoded.
    Closing,
}

impl Http2 {
    /// A connection whose exit has answered. The preface and `SETTINGS` are sent.
    pub(super) fn new(client: Rc<Client>, stream: StreamId, cx: &mut Context<'_>) -> Self {
        let now_ms = cx.now().monotonic_ms;
        let (header_bytes, limits) = (client.limits.header_bytes, client.limits.h2);
        let settings = Settings { push: false, streams: u32::MAX, ..limits.settings(header_bytes) };
        let mut connection = Self {
            stream,
            reader: Reader::new(limits.reader(header_bytes)),
            unpaid: 0,
            // Until it has acknowledged a smaller table, the origin may use the usual one.
            decoder: Decoder::new(limits.table_bytes.max(TABLE_OCTETS) as usize),
            encoder: Encoder::new(),
            fields: FieldList::default(),
            peer: Settings::default(),
            has_settings: false,
            receive_window: ReceiveWindow::new(limits.connection_window_bytes),
            send_window: SendWindow::new(WINDOW_OCTETS),
            exchanges: Exchanges::default(),
            queue: VecDeque::new(),
            tunnels: Vec::new(),
            outbox: Vec::new(),
            next_id: 1,
            leaving: Leaving::No,
            is_used: false,
            resets: Budget::new(limits.resets, now_ms),
            controls: Budget::new(limits.control_frames, now_ms),
            clock: Clock::new(now_ms),
            given_back: Vec::new(),
            is_over: false,
            client,
        };
        connection.write(cx, |out, _| {
            out.extend_from_slice(frame::PREFACE);
            frame::write_settings(out, &settings);
            if limits.connection_window_bytes > WINDOW_OCTETS {
                frame::write_window_update(out, 0, limits.connection_window_bytes - WINDOW_OCTETS);
            }
        });
        connection
    }

    /// Whether it is used for the request that came on that stream.
    pub(super) fn serves(&self, opener: StreamId) -> bool {
        self.exchanges.find_opener(opener).is_some() || self.tunnel(opener).is_some()
    }

    /// Whether it takes one more request: by our limit, and by that of the origin.
    pub(super) fn has_room(&self) -> bool {
        let most = self.client.limits.h2.concurrent_streams.min(self.peer.streams) as usize;
        self.leaving == Leaving::No && self.len() < most && self.next_id <= U31_MAX
    }

    /// Whether nothing is asked of it.
    pub(super) fn is_idle(&self) -> bool {
        self.leaving == Leaving::No && self.len() == 0
    }

    /// Whether it takes no more requests, and ends with those that it has.
    pub(super) fn is_leaving(&self) -> bool {
        self.leaving != Leaving::No
    }

    /// Requests that it has.
    fn len(&self) -> usize {
        self.exchanges.len() + self.tunnels.len()
    }

    fn is_closing(&self) -> bool {
        self.leaving == Leaving::Closing
    }

    /// Takes octets of the origin.
    pub(super) fn receive(&mut self, payload: Payload<'_>, cx: &mut Context<'_>) {
        self.clock.heard(cx.now().monotonic_ms);
        let mut rest = payload;
        while !self.is_closing() {
            let (taken, found) = match self.reader.next(rest.as_slice()) {
                Ok(next) => next,
                Err(wrong) => {
                    self.wrong(wrong, cx);
                    break;
                }
            };
            let (now, later) = rest.split_at(taken);
            let handled = match found {
                Found::Nothing => break,
                Found::Part => Ok(()),
                Found::Block(block) => self.on_block(&block, cx),
                Found::Frame(head, payload) => self.on_frame(head, &payload, cx),
                Found::Data(head) => self.on_data(head, cx),
                Found::Content(id) => self.on_content(id, now, cx),
                Found::Padding(id) => {
                    self.give_back(id, taken, cx);
                    Ok(())
                }
                Found::DataEnd(id, ends) => self.on_data_end(id, ends, cx),
            };
            if let Err(wrong) = handled {
                self.wrong(wrong, cx);
            }
            rest = later;
        }
        self.unpaid += payload.len() as u64;
        self.pay(cx);
    }

    /// Gives back credit, unless too much waits for the origin.
    fn pay(&mut self, cx: &mut Context<'_>) {
        if self.outbox.len() <= OUTBOX_OCTETS_MAX && !self.is_closing() {
            cx.from(self.stream).consume(std::mem::take(&mut self.unpaid));
        }
    }

    /// Writes frames without content, as the origin's credit allows; the rest waits in the outbox.
    fn write(&mut self, cx: &mut Context<'_>, write: impl FnOnce(&mut Vec<u8>, &mut Encoder)) {
        let encoder = &mut self.encoder;
        cx.to(self.stream).write(&mut self.outbox, |out| write(out, encoder));
    }

    /// Longest payload of frames to the origin: the least that it takes. See [the module](crate::h2).
    fn frame_octets_max(&self) -> usize {
        self.peer.frame_octets.min(FRAME_OCTETS_MIN) as usize
    }

    /// The exchange whose opener the current event came from.
    fn current(&self, cx: &Context<'_>) -> Option<Place> {
        self.exchanges.find_opener(cx.stream())
    }

    fn tunnel(&self, opener: StreamId) -> Option<usize> {
        self.tunnels.iter().position(|request| request.stream == opener)
    }

    /// An opener sends content.
    pub(super) fn send(&mut self, payload: Payload<'_>, cx: &mut Context<'_>) {
        if let Some(place) = self.current(cx) {
            self.send_content(place, payload, cx);
        } else if let Some(at) = self.tunnel(cx.stream()) {
            self.tunnels[at].held.push(&payload);
        }
    }

    /// An opener ends its request.
    pub(super) fn send_end(&mut self, trailers: Attributes<'_>, cx: &mut Context<'_>) {
        if let Some(place) = self.current(cx) {
            self.request_ends(place, trailers, cx);
        } else if let Some(at) = self.tunnel(cx.stream()) {
            self.tunnels[at].end = Some(trailers.block().to_vec());
        }
    }
}
