//! Frames of a peer, in their order: the rules that span them (RFC 6455, 5.4).

use crate::close::Fault;
use crate::frame::{Header, Opcode, Rules};
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
}

/// A message under way.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) kind: Kind,
    /// Whether a piece of it was handed on.
    pub(crate) is_begun: bool,
    /// Octets of its payload so far, those announced by the current frame included.
    octets: u64,
    pub(crate) utf8: Utf8,
}

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
                octets: 0,
                utf8: Utf8::default(),
            }),
        };
        if header.octets > self.limits.frame_bytes {
            return Err(Fault::too_big("a frame that is too long"));
        }
        message.octets += header.octets;
        if message.octets > self.limits.message_bytes {
            return Err(Fault::too_big("a message that is too long"));
        }
        self.frame =
            Some(DataFrame { fin: header.fin, mask: header.mask, left: header.octets, is_begun: false });
        Ok(())
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
        frame.mask = frame.mask.map(|mask| crate::mask::advance(mask, octets));
        if frame.left == 0 {
            if frame.fin {
                self.message = None;
            }
            self.frame = None;
        }
    }
}
