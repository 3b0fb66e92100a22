//! From messages to frames.

use super::{Side, Socket};
use crate::close::{self, Close};
use crate::frame::{CONTROL_OCTETS_MAX, Header, Opcode};
use crate::mask;
use zilla_sdk::{CloseCode, Context, Data, Payload, host};

/// Octets that wait for the peer to read, above which what it sends is not read.
const WAITING_OCTETS_MAX: usize = 65_536;

/// Octets that may wait besides those that the application had credit for: headers of frames, of which a message
/// without payload has nothing else. Past it, the application is refused.
const HEADERS_OCTETS_MAX: usize = 1 << 20;

/// Where this side is in its frames and messages, and what waits for the peer to take it.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    /// Whole frames, less what was sent of the first.
    outbox: Vec<u8>,
    /// Octets of the application that are in the outbox: it gets them back as credit when they leave.
    owed: u64,
    /// Whether a message is not over.
    is_within_message: bool,
    /// Whether that message is compressed.
    is_deflating: bool,
    /// The answer to the last ping, while the outbox is not empty.
    pong: Option<Box<[u8]>>,
}

impl Outgoing {
    /// Whether so much waits that there is no sense in hearing more.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.outbox.len() > WAITING_OCTETS_MAX
    }

    pub(super) fn is_empty(&self) -> bool {
        self.outbox.is_empty()
    }
}

/// A piece of a message that the application sends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece<'a> {
    pub(crate) init: bool,
    pub(crate) fin: bool,
    pub(crate) is_text: bool,
    pub(crate) octets: &'a [u8],
    /// The octets once more, if they can be passed on without a copy.
    pub(crate) payload: Option<Payload<'a>>,
}

impl<'a> From<&Data<'a>> for Piece<'a> {
    fn from(data: &Data<'a>) -> Self {
        Self {
            init: data.init,
            fin: data.fin,
            is_text: data.attributes.get("type") == Some(b"text"),
            octets: data.payload.as_slice(),
            payload: Some(data.payload),
        }
    }
}

/// Keys of frames to come: from a generator whose octets nobody can foretell (RFC 6455, 5.3 and 10.3), asked for
/// many at a time.
#[derive(Debug, Default)]
pub(crate) struct Keys(Vec<u8>);

/// Keys that are asked for at a time, in octets.
const KEYS_OCTETS: u32 = 4_096;

impl Keys {
    fn next(&mut self) -> [u8; 4] {
        loop {
            if let Some((rest, key)) = self.0.split_last_chunk::<4>() {
                let (rest, key) = (rest.len(), *key);
                self.0.truncate(rest);
                return key;
            }
            self.0 = host::random(KEYS_OCTETS);
        }
    }
}

impl Socket {
    /// The masking key of the next frame; servers have none.
    fn key(&self) -> Option<[u8; 4]> {
        (self.side == Side::Client).then(|| self.shared.keys.borrow_mut().next())
    }

    /// Sends a piece of a message.
    #[inline]
    pub(crate) fn send(&mut self, piece: &Piece<'_>, cx: &mut Context<'_>) {
        let octets = piece.octets.len();
        if self.has_closed {
            return cx.from(self.app).consume(octets as u64);
        }
        let outgoing = &mut self.outgoing;
        let (opcode, fin) = match (outgoing.is_within_message, piece.init) {
            (true, true) => return self.app_misuses("a message within another", cx),
            (true, false) if octets == 0 && !piece.fin => return,
            (true, false) => (Opcode::Continuation, piece.fin),
            // A piece of no message is one.
            (false, init) => (if piece.is_text { Opcode::Text } else { Opcode::Binary }, piece.fin || !init),
        };
        outgoing.is_within_message = !fin;
        self.send_frame(opcode, fin, piece, cx);
        let outgoing = &mut self.outgoing;
        if outgoing.outbox.is_empty() {
            return cx.from(self.app).consume(octets as u64);
        }
        outgoing.owed += octets as u64;
        if outgoing.outbox.len() as u64 > outgoing.owed + HEADERS_OCTETS_MAX as u64 {
            self.app_misuses("more empty messages than the peer reads", cx);
        }
    }

    #[inline]
    fn send_frame(&mut self, opcode: Opcode, fin: bool, piece: &Piece<'_>, cx: &mut Context<'_>) {
        let octets = piece.octets;
        if let Some(deflater) = &mut self.deflater {
            if opcode != Opcode::Continuation {
                self.outgoing.is_deflating = deflater.begin(octets.len(), fin);
            }
            if self.outgoing.is_deflating {
                return self.send_deflated(opcode, fin, octets, cx);
            }
        }
        let mask = self.key();
        let header = Header { fin, compressed: false, opcode, mask, octets: octets.len() as u64 };
        let outbox = &mut self.outgoing.outbox;
        let mut wire = cx.to(self.wire);
        match (mask, piece.payload) {
            // Shorter ones are copied: that costs less than a frame of their own, which they need if borrowed.
            (None, Some(payload)) if octets.len() >= PASSED_OCTETS_MIN => {
                wire.write(outbox, |out| header.write(out));
                let sent = if outbox.is_empty() { wire.pass_payload(payload) } else { 0 };
                outbox.extend_from_slice(&octets[sent..]);
            }
            _ => wire.write(outbox, |out| write(&header, octets, out)),
        }
    }

    fn send_deflated(&mut self, opcode: Opcode, fin: bool, octets: &[u8], cx: &mut Context<'_>) {
        let mask = self.key();
        let (Some(deflater), outbox) = (&mut self.deflater, &mut self.outgoing.outbox) else { return };
        let mut wire = cx.to(self.wire);
        deflater.deflate(octets, fin, |octets| {
            let compressed = opcode != Opcode::Continuation;
            let header = Header { fin, compressed, opcode, mask, octets: octets.len() as u64 };
            wire.write(outbox, |out| write(&header, octets, out));
        });
    }

    /// Sends what waits, as far as the peer takes it.
    pub(super) fn flush(&mut self, cx: &mut Context<'_>) {
        self.alive.is_heard = true;
        let outgoing = &mut self.outgoing;
        let before = outgoing.outbox.len();
        cx.to(self.wire).data(&mut outgoing.outbox);
        let left = (before - outgoing.outbox.len()) as u64;
        let repaid = if outgoing.outbox.is_empty() { outgoing.owed } else { outgoing.owed.min(left) };
        outgoing.owed -= repaid;
        cx.from(self.app).consume(repaid);
        if !outgoing.outbox.is_empty() {
            return;
        }
        // What an idle connection keeps is nothing.
        outgoing.outbox = Vec::new();
        if let Some(payload) = outgoing.pong.take() {
            self.pong(&payload, cx);
        }
        if self.is_over { self.end_wire(cx) } else { self.receive(&[], cx) }
    }

    /// Answers a ping; of those that come while the peer does not read, the last (RFC 6455, 5.5.3).
    pub(super) fn pong(&mut self, payload: &[u8], cx: &mut Context<'_>) {
        if !self.outgoing.is_empty() {
            self.outgoing.pong = Some(payload.into());
        } else if !self.has_closed {
            self.write_control(Opcode::Pong, payload, cx);
        }
    }

    /// Writes the close frame, behind what waits.
    pub(super) fn write_close(&mut self, close: &Close, cx: &mut Context<'_>) {
        let mut body = Vec::new();
        close.write(&mut body);
        self.has_closed = true;
        self.outgoing.pong = None;
        self.write_control(Opcode::Close, &body, cx);
    }

    pub(super) fn write_control(&mut self, opcode: Opcode, payload: &[u8], cx: &mut Context<'_>) {
        debug_assert!(payload.len() <= CONTROL_OCTETS_MAX);
        let mask = self.key();
        let header = Header { fin: true, compressed: false, opcode, mask, octets: payload.len() as u64 };
        cx.to(self.wire).write(&mut self.outgoing.outbox, |out| write(&header, payload, out));
    }

    /// The application breaks the rules of messages.
    fn app_misuses(&mut self, how: &str, cx: &mut Context<'_>) {
        host::log(host::Level::Warn, how);
        cx.close_stream(self.app, CloseCode::Violation);
        self.shut(&Close::new(close::INTERNAL, "internal error"), cx);
    }
}

/// Shortest payload in octets that is passed on as borrowed.
const PASSED_OCTETS_MIN: usize = 1_024;

/// Appends a frame, masked if its header says so.
#[inline]
fn write(header: &Header, payload: &[u8], out: &mut Vec<u8>) {
    header.write(out);
    let start = out.len();
    out.extend_from_slice(payload);
    if let Some(mask) = header.mask {
        mask::apply(&mut out[start..], mask);
    }
}
