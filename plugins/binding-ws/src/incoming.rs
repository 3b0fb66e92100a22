//! Frames of a peer, in their order: the rules that span them (RFC 6455, 5.4).

use crate::close::Fault;
use crate::deflate::TAIL;
use crate::frame::{Header, Opcode, Rules};
use crate::mask;
use crate::options::WsLimits;
use crate::utf8::Utf8;

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Binary,
}

/// Where a peer is in its frames and messages.
#[derive(Debug)]
pub(crate) struct Incoming {
    rules: Rules,
    limits: WsLimits,
    /// Longest frame, in octets, that is waited for until it is whole, so that it is handed on in one piece.
    whole_octets_max: u64,
    /// The data frame whose payload is not over.
    frame: Option<DataFrame>,
    /// The message that is not over.
    message: Option<Message>,
}

/// A data frame under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DataFrame {
    /// The last frame of its message.
    pub(crate) fin: bool,
    /// The masking key, from the next octet on.
    pub(crate) mask: Option<[u8; 4]>,
    /// Octets of payload still to come.
    pub(crate) left: u64,
    /// Whether some of the payload was taken.
    is_begun: bool,
    /// Octets of the payload that were checked to be text while the rest is awaited.
    pub(crate) checked: usize,
}

/// A message under way.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) kind: Kind,
    /// Whether a piece of it was handed on.
    pub(crate) is_begun: bool,
    pub(crate) compressed: bool,
    /// Of a compressed message, octets of what follows the last frame that are still to be inflated.
    pub(crate) tail: usize,
    /// Whether all of a compressed message was inflated and handed on.
    pub(crate) is_inflated: bool,
    /// Octets of its payload so far: those that frames announce, or of a compressed message those inflated.
    pub(crate) octets: u64,
    pub(crate) utf8: Utf8,
}

impl Message {
    /// Counts octets, up to the limit.
    pub(crate) fn grow(&mut self, octets: u64, limits: &WsLimits) -> Result<(), Fault> {
        self.octets = self.octets.saturating_add(octets);
        match self.octets > limits.message_bytes {
            true => Err(Fault::too_big("a message that is too long")),
            false => Ok(()),
        }
    }
}

/// Octets that are checked at a time while a frame is awaited.
const AWAITED_OCTETS: usize = 512;

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// More octets are to come first.
    Wait,
    /// A control frame, whole: a header of so many octets and the payload behind it.
    Control(Header, usize),
    /// The header of a data frame, of so many octets.
    Header(usize),
    /// So many octets of the payload of [`Incoming::frame`].
    Payload(usize),
}

impl Incoming {
    pub(crate) fn new(rules: Rules, limits: WsLimits, whole_octets_max: u64) -> Self {
        Self { rules, limits, whole_octets_max, frame: None, message: None }
    }

    /// What the next octets are.
    #[inline]
    pub(crate) fn next(&mut self, octets: &[u8]) -> Result<Next, Fault> {
        if let Some(frame) = &self.frame {
            let available = usize::try_from(frame.left).unwrap_or(usize::MAX).min(octets.len());
            let is_whole = available as u64 == frame.left;
            let is_awaited = !frame.is_begun && frame.left <= self.whole_octets_max;
            return Ok(match is_whole || available > 0 && !is_awaited {
                true => Next::Payload(available),
                false => Next::Wait,
            });
        }
        let Some((header, header_octets)) = Header::read(octets, self.rules)? else { return Ok(Next::Wait) };
        if header.opcode.is_control() {
            let is_whole = octets.len() - header_octets >= header.octets as usize;
            return Ok(if is_whole { Next::Control(header, header_octets) } else { Next::Wait });
        }
        self.begin(header)?;
        Ok(Next::Header(header_octets))
    }

    fn begin(&mut self, header: Header) -> Result<(), Fault> {
        let message = match (header.opcode, &mut self.message) {
            (Opcode::Continuation, None) => {
                return Err(Fault::protocol("a continuation of no message"));
            }
            (Opcode::Continuation, Some(message)) => message,
            (_, Some(_)) => return Err(Fault::protocol("a message within another")),
            (opcode, none) => none.insert(Message {
                kind: if opcode == Opcode::Text { Kind::Text } else { Kind::Binary },
                is_begun: false,
                compressed: header.compressed,
                tail: TAIL.len(),
                is_inflated: false,
                octets: 0,
                utf8: Utf8::default(),
            }),
        };
        if header.octets > self.limits.frame_bytes {
            return Err(Fault::too_big("a frame that is too long"));
        }
        if !message.compressed {
            message.grow(header.octets, &self.limits)?;
        }
        let Header { fin, mask, octets: left, .. } = header;
        self.frame = Some(DataFrame { fin, mask, left, is_begun: false, checked: 0 });
        Ok(())
    }

    /// Octets at the front of which an awaited frame is: text in them is checked before the frame is whole, so
    /// that a peer hears of its mistake at once.
    pub(crate) fn check_awaited(&mut self, octets: &[u8]) -> Result<(), Fault> {
        let (Some(frame), Some(message)) = (&mut self.frame, &mut self.message) else { return Ok(()) };
        if frame.is_begun || message.compressed || message.kind != Kind::Text {
            return Ok(());
        }
        // Where credit is what it waits for, other frames may be behind it.
        let end = usize::try_from(frame.left).unwrap_or(usize::MAX).min(octets.len());
        let mut new = [0; AWAITED_OCTETS];
        for piece in octets.get(frame.checked..end).unwrap_or_default().chunks(AWAITED_OCTETS) {
            let new = &mut new[..piece.len()];
            new.copy_from_slice(piece);
            if let Some(mask) = frame.mask {
                mask::apply(new, mask::advance(mask, frame.checked));
            }
            if !message.utf8.goes_on(new, false) {
                return Err(Fault::text());
            }
            frame.checked += piece.len();
        }
        Ok(())
    }

    /// The limits of what is taken.
    pub(crate) fn limits(&self) -> WsLimits {
        self.limits
    }

    /// The frame and the message under way.
    #[inline]
    pub(crate) fn current(&mut self) -> Option<(DataFrame, &mut Message)> {
        Some((self.frame?, self.message.as_mut()?))
    }

    /// Octets of the payload were taken.
    #[inline]
    pub(crate) fn take(&mut self, octets: usize) {
        let Some(frame) = &mut self.frame else { return };
        frame.is_begun = true;
        frame.left -= octets as u64;
        frame.mask = frame.mask.map(|mask| mask::advance(mask, octets));
        frame.checked = frame.checked.saturating_sub(octets);
        // Of a compressed message, there may be more to inflate than there is to take.
        let is_inflating = frame.fin
            && self.message.as_ref().is_some_and(|message| message.compressed && !message.is_inflated);
        if frame.left == 0 && !is_inflating {
            if frame.fin {
                self.message = None;
            }
            self.frame = None;
        }
    }
}
