//! Close codes: which may be sent (RFC 6455, 7.4), and what those of streams become.

use zilla_sdk::{Attributes, AttributesWriter, CloseCode};

/// The purpose is fulfilled.
pub(crate) const NORMAL: u16 = 1000;
/// An endpoint goes away.
pub(crate) const AWAY: u16 = 1001;
/// The peer broke the protocol.
pub(crate) const PROTOCOL: u16 = 1002;
/// Octets that do not fit the type of their message: no UTF-8, no DEFLATE.
pub(crate) const INVALID: u16 = 1007;
/// A policy does not allow it.
pub(crate) const POLICY: u16 = 1008;
/// A message is too big.
pub(crate) const TOO_BIG: u16 = 1009;
/// Something went wrong here.
pub(crate) const INTERNAL: u16 = 1011;
/// Try again later.
pub(crate) const LATER: u16 = 1013;
/// What is behind the gateway failed.
pub(crate) const BAD_GATEWAY: u16 = 1014;

/// Longest reason in octets: a control frame less the code.
const REASON_OCTETS_MAX: usize = crate::frame::CONTROL_OCTETS_MAX - 2;

/// The peer did what it must not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) code: u16,
    /// What it was: the reason that the peer is given.
    pub(crate) reason: &'static str,
}

impl Fault {
    pub(crate) const fn protocol(reason: &'static str) -> Self {
        Self { code: PROTOCOL, reason }
    }

    pub(crate) const fn text() -> Self {
        Self { code: INVALID, reason: "text that is not UTF-8" }
    }

    pub(crate) const fn too_big(reason: &'static str) -> Self {
        Self { code: TOO_BIG, reason }
    }

    /// What the exit is told.
    pub(crate) fn close_code(self) -> CloseCode {
        match self.code {
            TOO_BIG | LATER => CloseCode::Limit,
            _ => CloseCode::Violation,
        }
    }
}

/// What a close frame says: nothing, or a code and a reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Close {
    /// 0 if the frame has no body.
    pub(crate) code: u16,
    pub(crate) reason: Box<str>,
}

impl Close {
    pub(crate) fn new(code: u16, reason: &str) -> Self {
        Self { code, reason: reason.into() }
    }

    /// The body of a frame that a peer sent.
    pub(crate) fn read(body: &[u8]) -> Result<Self, Fault> {
        if body.is_empty() {
            return Ok(Self::default());
        }
        let Some((code, reason)) = body.split_first_chunk::<2>() else {
            return Err(Fault::protocol("a close frame of one octet"));
        };
        let code = u16::from_be_bytes(*code);
        if !is_sendable(code) {
            return Err(Fault::protocol("a close code that must not be sent"));
        }
        let Ok(reason) = std::str::from_utf8(reason) else {
            return Err(Fault { code: INVALID, reason: "a close reason that is not UTF-8" });
        };
        Ok(Self::new(code, reason))
    }

    /// Appends the body of a frame.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        if self.code > 0 {
            out.extend_from_slice(&self.code.to_be_bytes());
            out.extend_from_slice(self.reason.as_bytes());
        }
    }

    /// What the other binding's `end` says: none if it does not name a code. One that must not be sent becomes
    /// that of an internal error, and a reason that is too long is cut.
    pub(crate) fn of(attributes: Attributes<'_>) -> Option<Self> {
        let code = attributes.get_str("code")?;
        let code = code.parse().ok().filter(|code| is_sendable(*code)).unwrap_or(INTERNAL);
        let mut reason = attributes.get_str("reason").unwrap_or_default();
        reason = &reason[..reason.floor_char_boundary(REASON_OCTETS_MAX)];
        Some(Self::new(code, reason))
    }

    /// What the other binding is told with `end`.
    pub(crate) fn attributes(&self, attributes: &mut AttributesWriter<'_>) {
        if self.code > 0 {
            attributes.push("code", self.code.to_string());
            if !self.reason.is_empty() {
                attributes.push("reason", self.reason.as_bytes());
            }
        }
    }
}

/// Whether a code may be in a frame: those of RFC 6455, 7.4.1 and of IANA's registry, and those of
/// libraries and applications (7.4.2).
fn is_sendable(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// What a peer is told when the other binding's stream ends with that code, and why.
pub(crate) fn of_stream(code: CloseCode) -> Close {
    let (code, reason) = match code {
        CloseCode::Unspecified | CloseCode::Crashed | CloseCode::Violation => (INTERNAL, "internal error"),
        CloseCode::NoRoute | CloseCode::Unauthorized | CloseCode::Forbidden | CloseCode::Refused => {
            (POLICY, "refused")
        }
        CloseCode::Limit => (LATER, "a limit is met"),
        CloseCode::Timeout => (BAD_GATEWAY, "it took too long"),
        CloseCode::Unreachable => (BAD_GATEWAY, "what is behind the gateway is not reached"),
        CloseCode::Drained | CloseCode::Cancelled => (AWAY, ""),
    };
    Close::new(code, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_that_may_be_sent() {
        let sendable: Vec<u16> = (0..=u16::MAX).filter(|code| is_sendable(*code)).collect();
        let expected = (1000..=1003).chain(1007..=1014).chain(3000..=4999);
        assert_eq!(sendable, expected.collect::<Vec<_>>());
    }

    #[test]
    fn what_is_read_is_what_was_written() {
        for close in [Close::default(), Close::new(1000, ""), Close::new(4999, "κόσμε")] {
            let mut body = Vec::new();
            close.write(&mut body);
            assert_eq!(Close::read(&body), Ok(close));
        }
        assert_eq!(Close::read(b"\x03").unwrap_err().code, PROTOCOL);
        assert_eq!(Close::read(b"\x03\xed").unwrap_err().code, PROTOCOL);
        assert_eq!(Close::read(b"\x03\xe8\xff").unwrap_err().code, INVALID);
    }
}
