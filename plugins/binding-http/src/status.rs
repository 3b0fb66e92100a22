//! Status codes, and why a request is refused.

use zilla_sdk::{CloseCode, OpenError};

/// A refusal: the status code that the client gets, and one line that says what was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The status code.
    pub(crate) status: u16,
    /// The body of the response, without the line end. It never quotes what the client sent.
    pub(crate) because: &'static str,
    /// The credentials that a 401 asks for, as `www-authenticate` has them.
    pub(crate) asks: Option<&'static str>,
}

impl Refusal {
    pub(crate) const fn new(status: u16, because: &'static str) -> Self {
        Self { status, because, asks: None }
    }

    /// 400, the usual answer to a message that breaks the grammar.
    pub(crate) const fn bad_request(because: &'static str) -> Self {
        Self::new(400, because)
    }

    /// What the client is told when the exit refuses the request before its response began.
    pub(crate) fn of_reset(code: CloseCode) -> Self {
        match code {
            CloseCode::NoRoute => Self::new(404, "no route fits the request"),
            CloseCode::Unspecified | CloseCode::Refused => Self::new(404, "the exit refused the request"),
            _ => Self::of_abort(code),
        }
    }

    /// What the client is told when the exit aborts before its response began.
    pub(crate) fn of_abort(code: CloseCode) -> Self {
        match code {
            CloseCode::NoRoute | CloseCode::Refused => Self::of_reset(code),
            CloseCode::Unauthorized => Self::new(401, "the request needs credentials"),
            CloseCode::Forbidden => Self::new(403, "the credentials do not suffice"),
            CloseCode::Limit => Self::new(503, "a limit was met"),
            CloseCode::Drained => Self::new(503, "the exit is going away"),
            CloseCode::Timeout => Self::new(504, "the exit did not answer in time"),
            CloseCode::Unreachable => Self::new(502, "the exit could not be reached"),
            CloseCode::Unspecified | CloseCode::Violation | CloseCode::Crashed | CloseCode::Cancelled => {
                Self::new(502, "the exit failed before it answered")
            }
        }
    }
}

/// The status line of a response of ours or of the exit, line end included; `None` for a code whose reason
/// phrase is not registered.
pub(crate) fn line(status: u16) -> Option<&'static [u8]> {
    macro_rules! lines {
        ($($code:literal $reason:literal,)*) => {
            match status {
                $($code => concat!("HTTP/1.1 ", $code, " ", $reason, "\r\n").as_bytes(),)*
                _ => return None,
            }
        };
    }
    Some(lines! {
        100 "Continue",
        101 "Switching Protocols",
        102 "Processing",
        103 "Early Hints",
        200 "OK",
        201 "Created",
        202 "Accepted",
        203 "Non-Authoritative Information",
        204 "No Content",
        205 "Reset Content",
        206 "Partial Content",
        207 "Multi-Status",
        208 "Already Reported",
        226 "IM Used",
        300 "Multiple Choices",
        301 "Moved Permanently",
        302 "Found",
        303 "See Other",
        304 "Not Modified",
        305 "Use Proxy",
        307 "Temporary Redirect",
        308 "Permanent Redirect",
        400 "Bad Request",
        401 "Unauthorized",
        402 "Payment Required",
        403 "Forbidden",
        404 "Not Found",
        405 "Method Not Allowed",
        406 "Not Acceptable",
        407 "Proxy Authentication Required",
        408 "Request Timeout",
        409 "Conflict",
        410 "Gone",
        411 "Length Required",
        412 "Precondition Failed",
        413 "Content Too Large",
        414 "URI Too Long",
        415 "Unsupported Media Type",
        416 "Range Not Satisfiable",
        417 "Expectation Failed",
        418 "I'm a Teapot",
        421 "Misdirected Request",
        422 "Unprocessable Content",
        423 "Locked",
        424 "Failed Dependency",
        425 "Too Early",
        426 "Upgrade Required",
        428 "Precondition Required",
        429 "Too Many Requests",
        431 "Request Header Fields Too Large",
        451 "Unavailable For Legal Reasons",
        500 "Internal Server Error",
        501 "Not Implemented",
        502 "Bad Gateway",
        503 "Service Unavailable",
        504 "Gateway Timeout",
        505 "HTTP Version Not Supported",
        506 "Variant Also Negotiates",
        507 "Insufficient Storage",
        508 "Loop Detected",
        510 "Not Extended",
        511 "Network Authentication Required",
    })
}

/// Why a request goes nowhere.
pub(crate) fn not_opened(error: OpenError) -> Refusal {
    match error {
        OpenError::TooManyStreams => Refusal::new(503, "there are too many requests"),
        OpenError::AttributesTooLong => Refusal::new(431, "the header is too long"),
        OpenError::AcceptedIsOver => Refusal::new(503, "the connection is over"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_a_status_line() {
        for status in [400, 401, 403, 404, 408, 411, 413, 414, 417, 421, 431, 501, 502, 503, 504, 505] {
            assert!(line(status).is_some(), "{status}");
        }
    }

    #[test]
    fn a_code_without_a_reason_has_no_line() {
        assert_eq!(line(299), None);
    }
}
