//! Kind `proxy`: reads what a client asks for, finds a route by it, and passes everything on as it came.
//!
//! ```text
//!   near, accepted ── hello ──▶ far, opened by routes ── forwarded by the engine, both ways ──▶ over
//! ```
//!
//! Once there is a route, ciphertext does not enter the binding any more.

use super::super::{Checked, NativeBinding, OptionsError, Others, Role, Seat};
use super::handshakes::{HANDSHAKES, Handshakes, TIMEOUT};
use super::hello::{self, Hello};
use super::negotiated::attribute;
use super::options::HANDSHAKE_TIMEOUT_MS;
use super::relay::Relay;
use super::reports::Reports;
use crate::native::tcp::Listener;
use crate::worker::wake::Socket;
use slab::Slab;
use std::fmt;
use std::sync::Arc;
use zilla_config::Binding;
use zilla_engine::{Batch, CloseCode, Engine, Frame, FrameKind, StreamId, attributes};

/// Timer of the binding.
const TOKEN_HELLOS: u32 = 1;

/// Reads a binding that fits the schemas.
pub(super) fn read(binding: &Binding) -> Result<Checked, Vec<OptionsError>> {
    let conditions = super::super::options::conditions(binding, super::options::condition)?;
    Ok(Checked::new(Arc::new(Proxy), conditions))
}

/// Passes on.
#[derive(Debug)]
struct Proxy;

impl Role for Proxy {
    fn start(&self, seat: Seat, _listeners: Vec<Listener>) -> Box<dyn NativeBinding> {
        Box::new(TlsProxy {
            hellos: Handshakes::new(seat.clone(), HANDSHAKE_TIMEOUT_MS),
            seat,
            pairs: Slab::new(),
            near: Vec::new(),
            touched: Vec::new(),
            ended: Vec::new(),
            reports: Reports::default(),
            now_ms: 0,
        })
    }
}

/// A connection that is passed on. The id of its far stream says where it is.
struct Pair {
    near: StreamId,
    /// Until the client has said what it asks for.
    waiting: Option<Waiting>,
    there: Relay,
    back: Relay,
    /// Attributes of the near stream, until there is an answer to pass on.
    below: Option<Vec<u8>>,
}

struct Waiting {
    /// Which of the hellos it is.
    place: usize,
    octets: Vec<u8>,
}

impl Pair {
    fn is_answered(&self) -> bool {
        self.below.is_none()
    }

    /// Who the client is, until it is answered.
    fn peer(&self) -> &str {
        self.below.as_deref().and_then(|below| attribute(below, "source")).unwrap_or_default()
    }
}

/// A `tls` proxy on one worker.
struct TlsProxy {
    seat: Seat,
    pairs: Slab<Pair>,
    /// Where the pair of a near stream is, by half of its id.
    near: Vec<Option<usize>>,
    /// Hellos that have not come, each by the index of its pair.
    hellos: Handshakes<usize>,
    /// Pairs of which a forward may begin when the batch is handled.
    touched: Vec<usize>,
    /// Pairs that are over. Their indexes are not used again before the next batch, as this one may still have
    /// frames of theirs.
    ended: Vec<usize>,
    reports: Reports,
    now_ms: u64,
}

impl TlsProxy {
    fn on_begin(&mut self, frame: &Frame, batch: &Batch, engine: &mut Engine) {
        if self.hellos.is_full()
            && let Some(oldest) = self.hellos.remove_oldest()
        {
            engine.note_limit(self.seat.binding, HANDSHAKES);
            self.refuse(oldest, CloseCode::Limit, &"there are too many handshakes at a time", engine);
        }
        let below = frame.cut(batch.octets()).map_or(&[][..], |(attributes, _)| attributes).to_vec();
        let entry = self.pairs.vacant_entry();
        let (index, near) = (entry.key(), frame.stream);
        let place = self.hellos.insert(index, self.now_ms);
        entry.insert(Pair {
            near,
            waiting: Some(Waiting { place, octets: Vec::new() }),
            // Until there is a far stream, there is nobody there.
            there: Relay::new(near, 0),
            back: Relay::new(0, near),
            below: Some(below),
        });
        let half = (near >> 1) as usize;
        if self.near.len() <= half {
            self.near.resize(half + 1, None);
        }
        self.near[half] = Some(index);
    }

    /// More of a hello has come, or the client has gone.
    fn on_waiting(&mut self, index: usize, frame: &Frame, batch: &Batch, engine: &mut Engine) {
        let Some(waiting) = self.pairs.get_mut(index).and_then(|pair| pair.waiting.as_mut()) else { return };
        match frame.kind {
            FrameKind::Data => {
                let payload = frame.cut(batch.octets()).map_or(&[][..], |(_, payload)| payload);
                waiting.octets.extend_from_slice(payload);
                match hello::parse(&waiting.octets) {
                    Ok(None) => {}
                    Ok(Some(hello)) => self.open(index, &hello, engine),
                    Err(reason) => self.refuse(index, CloseCode::Violation, &reason, engine),
                }
            }
            FrameKind::End | FrameKind::Abort => {
                self.refuse(index, CloseCode::Cancelled, &"it ended before its hello", engine);
            }
            _ => {}
        }
    }

    /// Opens the far stream, and sends on what has come.
    fn open(&mut self, index: usize, hello: &Hello, engine: &mut Engine) {
        let Some(pair) = self.pairs.get_mut(index) else { return };
        let Some(Waiting { place, octets }) = pair.waiting.take() else { return };
        let far = far_of(index);
        let attributes = asked(pair.below.as_deref().unwrap_or_default(), hello);
        let begin = Frame {
            link: pair.near,
            attributes: attributes.len() as u32,
            ..Frame::new(far, FrameKind::Begin)
        };
        engine.handle(self.seat.binding, &[begin], &[], &attributes);
        pair.there = Relay::new(pair.near, far);
        pair.back = Relay::new(far, pair.near);
        pair.there.pass(&octets, self.seat.binding, engine);
        self.hellos.remove(place);
        self.touched.push(index);
        tracing::debug!(
            binding = self.seat.name,
            peer = pair.peer(),
            authority = hello.server_name,
            "a TLS connection is passed on"
        );
    }

    fn refuse(&mut self, index: usize, code: CloseCode, reason: &dyn fmt::Display, engine: &mut Engine) {
        let Some(pair) = self.pairs.get_mut(index) else { return };
        if let Some(Waiting { place, .. }) = pair.waiting.take() {
            self.hellos.remove(place);
            self.reports.failed(&self.seat.name, pair.peer(), reason, self.now_ms);
        }
        pair.there.close(code, self.seat.binding, engine);
        pair.back.close(code, self.seat.binding, engine);
        self.end_if_over(index);
    }

    fn on_near(&mut self, frame: &Frame, batch: &Batch, engine: &mut Engine) {
        let Some(index) = self.near.get((frame.stream >> 1) as usize).copied().flatten() else { return };
        let Some(pair) = self.pairs.get_mut(index) else { return };
        if pair.waiting.is_some() {
            return self.on_waiting(index, frame, batch, engine);
        }
        pair.there.on_source(frame, batch, self.seat.binding, engine);
        pair.back.on_target(frame, self.seat.binding, engine);
        self.touched.push(index);
        self.end_if_over(index);
    }

    fn on_far(&mut self, frame: &Frame, batch: &Batch, engine: &mut Engine) {
        let Some(index) = (frame.stream as usize >> 1).checked_sub(1) else { return };
        let Some(pair) = self.pairs.get_mut(index).filter(|pair| pair.waiting.is_none()) else { return };
        if frame.kind == FrameKind::Begin {
            pair.below = None;
            let attributes = frame.cut(batch.octets()).map_or(&[][..], |(attributes, _)| attributes);
            let answer = Frame::new(pair.near, FrameKind::Begin);
            let answer = Frame { attributes: attributes.len() as u32, ..answer };
            engine.handle(self.seat.binding, &[answer], &[], attributes);
        }
        if frame.kind == FrameKind::Abort && !pair.is_answered() && frame.value == CloseCode::NoRoute.value()
        {
            self.reports.failed(&self.seat.name, pair.peer(), &"no route fits", self.now_ms);
        }
        pair.back.on_source(frame, batch, self.seat.binding, engine);
        pair.there.on_target(frame, self.seat.binding, engine);
        self.touched.push(index);
        self.end_if_over(index);
    }

    fn end_if_over(&mut self, index: usize) {
        let is_over = |pair: &Pair| pair.there.is_over && pair.back.is_over;
        if let Some(pair) = self.pairs.get(index).filter(|pair| is_over(pair))
            && let Some(place) = self.near.get_mut((pair.near >> 1) as usize)
            && place.take().is_some()
        {
            self.ended.push(index);
        }
    }

    fn end_late(&mut self, engine: &mut Engine) {
        self.hellos.timer_came();
        while let Some(index) = self.hellos.remove_late(self.now_ms) {
            engine.note_limit(self.seat.binding, TIMEOUT);
            self.refuse(index, CloseCode::Timeout, &"it took too long", engine);
        }
    }
}

impl NativeBinding for TlsProxy {
    fn on_ready(&mut self, _socket: Socket, _now_ms: u64, _engine: &mut Engine) {}

    fn deliver(&mut self, batch: &Batch, now_ms: u64, engine: &mut Engine, _others: &mut dyn Others) {
        self.now_ms = now_ms;
        for index in self.ended.drain(..) {
            self.pairs.remove(index);
        }
        for frame in &batch.frames {
            match (frame.kind, frame.stream) {
                (FrameKind::Signal, 0) if frame.link == TOKEN_HELLOS => self.end_late(engine),
                (_, 0) => {}
                (FrameKind::Begin, stream) if stream & 1 == 1 => self.on_begin(frame, batch, engine),
                (_, stream) if stream & 1 == 1 => self.on_near(frame, batch, engine),
                _ => self.on_far(frame, batch, engine),
            }
        }
        for index in std::mem::take(&mut self.touched) {
            if let Some(pair) = self.pairs.get_mut(index) {
                pair.there.forward(self.seat.binding, engine);
                if pair.is_answered() {
                    pair.back.forward(self.seat.binding, engine);
                }
            }
        }
        if let Some(deadline) = self.hellos.timer() {
            let timer = Frame::new(0, FrameKind::Timer);
            let timer = Frame { link: TOKEN_HELLOS, value: deadline, ..timer };
            engine.handle(self.seat.binding, &[timer], &[], &[]);
        }
    }

    fn connections(&self) -> usize {
        0
    }
}

/// Attributes of the far stream: those of the near one, and what the client asks for.
fn asked(below: &[u8], hello: &Hello) -> Vec<u8> {
    let mut all = Vec::with_capacity(below.len() + 64);
    for (name, value) in attributes::entries(below) {
        if name != b"authority" && name != b"alpn" {
            attributes::push(&mut all, name, value);
        }
    }
    if let Some(name) = &hello.server_name {
        attributes::push(&mut all, b"authority", name.as_bytes());
    }
    for protocol in &hello.protocols {
        attributes::push(&mut all, b"alpn", protocol);
    }
    all
}

/// The id of the far stream of a pair.
fn far_of(index: usize) -> StreamId {
    (index as u32 + 1) << 1
}
