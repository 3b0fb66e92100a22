//! From messages to frames.

use super::{Side, Socket};
use crate::close::{self, Close};
use crate::frame::{CONTROL_OCTETS_MAX, Header, Opcode};
use crate::mask;
use zilla_sdk::{CloseCode, Context, Data, host};

/// Octets that wait for the peer to read, above which what it sends is not read.
const WAITING_OCTETS_MAX: usize = 65_536;

/// Octets that may wait besides those that the application had credit for: headers of frames, of which a message
/// without payload has nothing else. Past it, the application is refused.
const HEADERS_OCTETS_MAX: usize = 1 << 20;

/// Where this side is in its frames and messages, and what waits for the peer to take it.
#[derive(Debug)]
pub(super) struct Outgoing {
    side: Side,
    /// Whole frames, less what was sent of the first.
    outbox: Vec<u8>,
    /// Octets of the application that are in the outbox: it gets them back as credit when they leave.
    owed: u64,
    /// Whether a message is not over.
    is_within_message: bool,
    /// The answer to the last ping, while the outbox is not empty.
    pong: Option<Box<[u8]>>,
    keys: Keys,
}

impl Outgoing {
    pub(super) fn new(side: Side) -> Self {
        let keys = Keys::default();
        Self { side, outbox: Vec::new(), owed: 0, is_within_message: false, pong: None, keys }
    }

    /// Whether so much waits that there is no sense in hearing more.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.outbox.len() > WAITING_OCTETS_MAX
    }

    pub(super) fn is_empty(&self) -> bool {
        self.outbox.is_empty()
    }

    fn key(&mut self) -> Option<[u8; 4]> {
        (self.side == Side::Client).then(|| self.keys.next())
    }
}

/// Keys of frames to come: from a generator whose octets nobody can foretell (RFC 6455, 5.3 and 10.3), asked for
/// many at a time.
#[derive(Debug, Default)]
struct Keys(Vec<u8>);

/// Keys that are asked for at a time, in octets.
const KEYS_OCTETS: u32 = 256;

impl Keys {
    fn next(&mut self) -> [u8; 4] {
        loop {
            if let Some((rest, key)) = self.0.split_last_chunk::<4>() {
                let key = *key;
                self.0.truncate(rest.len());
                return key;
            }
            self.0 = host::random(KEYS_OCTETS);
        }
    }
}

impl Socket {
    /// Sends a piece of a message.
    #[inline]
    pub(super) fn send(&mut self, data: &Data<'_>, cx: &mut Context<'_>) {
        let octets = data.payload.len();
        if self.has_closed {
            return cx.from(self.app).consume(octets as u64);
        }
        let outgoing = &mut self.outgoing;
        let (opcode, fin) = match (outgoing.is_within_message, data.init) {
            (true, true) => return self.app_misuses("a message within another", cx),
            (true, false) if octets == 0 && !data.fin => return,
            (true, false) => (Opcode::Continuation, data.fin),
            (false, init) => {
                let is_text = data.attributes.get("type") == Some(b"text");
                // A piece of no message is one.
                (if is_text { Opcode::Text } else { Opcode::Binary }, data.fin || !init)
            }
        };
        outgoing.is_within_message = !fin;
        let header = Header { fin, compressed: false, opcode, mask: outgoing.key(), octets: octets as u64 };
        let mut wire = cx.to(self.wire);
        match header.mask {
            None => {
                wire.write(&mut outgoing.outbox, |out| header.write(out));
                let sent = if outgoing.outbox.is_empty() { pass(&mut wire, data) } else { 0 };
                outgoing.outbox.extend_from_slice(&data.payload[sent..]);
            }
            Some(mask) => wire.write(&mut outgoing.outbox, |out| {
                header.write(out);
                let start = out.len();
                out.extend_from_slice(&data.payload);
                mask::apply(&mut out[start..], mask);
            }),
        }
        if outgoing.outbox.is_empty() {
            return cx.from(self.app).consume(octets as u64);
        }
        outgoing.owed += octets as u64;
        if outgoing.outbox.len() as u64 > outgoing.owed + HEADERS_OCTETS_MAX as u64 {
            self.app_misuses("more empty messages than the peer reads", cx);
        }
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
        let mask = self.outgoing.key();
        let header = Header { fin: true, compressed: false, opcode, mask, octets: payload.len() as u64 };
        cx.to(self.wire).write(&mut self.outgoing.outbox, |out| {
            header.write(out);
            let start = out.len();
            out.extend_from_slice(payload);
            mask::apply(&mut out[start..], mask.unwrap_or_default());
        });
    }

    /// The application breaks the rules of messages.
    fn app_misuses(&mut self, how: &str, cx: &mut Context<'_>) {
        host::log(host::Level::Warn, how);
        cx.close_stream(self.app, CloseCode::Violation);
        self.shut(&Close::new(close::INTERNAL, "internal error"), cx);
    }
}

/// Shortest payload in octets that is passed on as borrowed. A copy of a shorter one costs less than the
/// frame of its own that a borrowed payload needs, for copied octets join the frame before them.
const PASSED_OCTETS_MIN: usize = 1_024;

#[inline]
fn pass(wire: &mut zilla_sdk::Sender<'_>, data: &Data<'_>) -> usize {
    match data.payload.len() {
        PASSED_OCTETS_MIN.. => wire.pass_payload(data.payload),
        _ => wire.data_slice(&data.payload),
    }
}
