//! From frames to messages.

use super::Socket;
use crate::close::{Close, Fault};
use crate::deflate::TAIL;
use crate::frame::{CONTROL_OCTETS_MAX, Header, Opcode};
use crate::incoming::{Kind, Next};
use crate::mask;
use zilla_sdk::{Context, Written};

/// What became of octets.
enum Stop {
    /// More octets are to come.
    Wait,
    /// Credit of the application is to come, or the peer is to read.
    Credit,
    /// The peer broke a rule.
    Fault(Fault),
}

impl Socket {
    /// Takes octets of the peer: those that wait and then these, as far as the application takes them.
    pub(crate) fn receive(&mut self, octets: &[u8], cx: &mut Context<'_>) {
        if !octets.is_empty() {
            self.alive.is_heard = true;
        }
        let taken = if self.inbox.is_empty() {
            let taken = self.handle(octets, cx);
            self.inbox.extend_from_slice(&octets[taken..]);
            taken
        } else {
            let mut inbox = std::mem::take(&mut self.inbox);
            inbox.extend_from_slice(octets);
            let taken = self.handle(&inbox, cx);
            inbox.drain(..taken);
            // What an idle connection keeps is nothing.
            self.inbox = if inbox.is_empty() { Vec::new() } else { inbox };
            taken
        };
        cx.from(self.wire).consume(taken as u64);
    }

    /// Handles octets up to where more are needed, and says how many that were.
    fn handle(&mut self, octets: &[u8], cx: &mut Context<'_>) -> usize {
        let mut rest = octets;
        while !self.is_deaf() {
            match self.step(rest, cx) {
                Ok(taken) => rest = &rest[taken..],
                Err(Stop::Wait) if self.has_peer_ended => self.be_left(cx),
                Err(Stop::Wait | Stop::Credit) => match self.incoming.check_awaited(rest) {
                    Ok(()) => return octets.len() - rest.len(),
                    Err(fault) => self.fail(fault, cx),
                },
                Err(Stop::Fault(fault)) => self.fail(fault, cx),
            }
        }
        octets.len()
    }

    /// Whether nothing that the peer still sends means anything.
    fn is_deaf(&self) -> bool {
        self.is_over || self.closed.is_some() || self.fault.is_some()
    }

    /// Handles the next thing in front of octets, and says how many it has.
    #[inline]
    fn step(&mut self, octets: &[u8], cx: &mut Context<'_>) -> Result<usize, Stop> {
        // What answers the peer waits for the peer: until it reads, it is not read.
        if self.outgoing.is_full() {
            return Err(Stop::Credit);
        }
        match self.incoming.next(octets).map_err(Stop::Fault)? {
            Next::Wait => Err(Stop::Wait),
            Next::Header(header) => Ok(header),
            Next::Payload(payload) => self.hand_on(&octets[..payload], cx),
            Next::Control(header, start) => {
                let end = start + header.octets as usize;
                self.control(header, &octets[start..end], cx).map_err(Stop::Fault)?;
                Ok(end)
            }
        }
    }

    /// Hands payload on, unmasked, as far as credit goes.
    #[inline]
    fn hand_on(&mut self, payload: &[u8], cx: &mut Context<'_>) -> Result<usize, Stop> {
        let Some((frame, message)) = self.incoming.current() else { return Err(Stop::Wait) };
        if message.compressed {
            return self.inflate(payload, cx);
        }
        let mut app = cx.to(self.app);
        let taken = payload.len().min(app.credit());
        let is_last = frame.fin && taken as u64 == frame.left;
        if taken == 0 && app.is_open() {
            if !payload.is_empty() {
                return Err(Stop::Credit);
            }
            if !is_last {
                // A frame without payload, amid others.
                self.incoming.take(0);
                return Ok(0);
            }
        }
        let mut is_text = true;
        let (init, kind) = (!message.is_begun, message.kind);
        let sent = app.piece_with(
            init,
            |attributes| {
                if init && kind == Kind::Text {
                    attributes.push("type", "text");
                }
            },
            |out, _| {
                let start = out.len();
                out.extend_from_slice(&payload[..taken]);
                if let Some(mask) = frame.mask {
                    mask::apply(&mut out[start..], mask);
                }
                let unchecked = (start + frame.checked).min(out.len());
                is_text = kind == Kind::Binary || message.utf8.goes_on(&out[unchecked..], is_last);
                match (is_text, is_last) {
                    (false, _) => Written::Nothing,
                    (true, true) => Written::Last,
                    (true, false) => Written::Piece,
                }
            },
        );
        if !is_text {
            return Err(Stop::Fault(Fault::text()));
        }
        message.is_begun = true;
        // What nobody wants is gone.
        let taken = if sent.is_some() { taken } else { payload.len() };
        self.incoming.take(taken);
        Ok(taken)
    }

    /// Inflates some of a payload and hands it on, as far as credit goes.
    fn inflate(&mut self, payload: &[u8], cx: &mut Context<'_>) -> Result<usize, Stop> {
        let limits = self.incoming.limits();
        let (Some((frame, message)), Some(inflater)) = (self.incoming.current(), &mut self.inflater) else {
            return Err(Stop::Wait);
        };
        let mut app = cx.to(self.app);
        let credit = app.credit();
        if !app.is_open() {
            // Nobody wants it.
            message.is_inflated = true;
            inflater.end();
            self.incoming.take(payload.len());
            return Ok(payload.len());
        }
        if credit == 0 {
            return Err(Stop::Credit);
        }
        let mut masked = [0; INFLATED_OCTETS];
        let input = &mut masked[..payload.len().min(INFLATED_OCTETS)];
        input.copy_from_slice(&payload[..input.len()]);
        if let Some(mask) = frame.mask {
            mask::apply(input, mask);
        }
        let is_last_input = frame.fin && input.len() as u64 == frame.left;
        let (init, kind) = (!message.is_begun, message.kind);
        let (mut taken, mut fault) = (0, None);
        let sent = app.piece_with(
            init,
            |attributes| {
                if init && kind == Kind::Text {
                    attributes.push("type", "text");
                }
            },
            |out, credit| {
                let start = out.len();
                out.resize(start + credit.min(INFLATED_OCTETS_MAX), 0);
                let mut inflate = || {
                    let (read, mut written) = inflater.inflate(input, &mut out[start..])?;
                    if read == input.len() && is_last_input {
                        while start + written < out.len() && !message.is_inflated {
                            let tail = &TAIL[TAIL.len() - message.tail..];
                            let (read, more) = inflater.inflate(tail, &mut out[start + written..])?;
                            message.tail -= read;
                            written += more;
                            // With room to spare, nothing more is all there was.
                            message.is_inflated = (read, more) == (0, 0);
                        }
                    }
                    taken = read;
                    message.grow(written as u64, &limits)?;
                    let is_last = message.is_inflated;
                    let inflated = &out[start..start + written];
                    if kind == Kind::Text && !message.utf8.goes_on(inflated, is_last) {
                        return Err(Fault::text());
                    }
                    Ok((written, is_last))
                };
                match inflate() {
                    Ok((written, is_last)) => {
                        out.truncate(start + written);
                        match (written, is_last) {
                            (_, true) => Written::Last,
                            (0, false) => Written::Nothing,
                            (_, false) => Written::Piece,
                        }
                    }
                    Err(found) => {
                        fault = Some(found);
                        Written::Nothing
                    }
                }
            },
        );
        if let Some(fault) = fault {
            return Err(Stop::Fault(fault));
        }
        message.is_begun |= sent.is_some();
        if message.is_inflated {
            inflater.end();
        }
        self.incoming.take(taken);
        Ok(taken)
    }

    fn control(&mut self, header: Header, masked: &[u8], cx: &mut Context<'_>) -> Result<(), Fault> {
        let mut payload = [0; CONTROL_OCTETS_MAX];
        let payload = &mut payload[..masked.len()];
        payload.copy_from_slice(masked);
        if let Some(mask) = header.mask {
            mask::apply(payload, mask);
        }
        match header.opcode {
            Opcode::Ping => self.pong(payload, cx),
            Opcode::Close => self.peer_closes(Close::read(payload)?, cx),
            // An answer, or unasked: that the peer is there is all it says (RFC 6455, 5.5.3).
            Opcode::Pong | Opcode::Continuation | Opcode::Text | Opcode::Binary => {}
        }
        Ok(())
    }
}

/// Octets that are inflated at a time: unmasked, they are on the stack.
const INFLATED_OCTETS: usize = 2_048;

/// Most octets that they become at a time. A bomb makes a thousand of one.
const INFLATED_OCTETS_MAX: usize = 16_384;
