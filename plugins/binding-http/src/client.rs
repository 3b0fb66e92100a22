//! `kind: client`: writes requests on pooled connections to origins, and reads their responses.
//!
//! Streams that ask the same origin are a [group](zilla_sdk::Binding::group), an [`Origin`]. It has connections,
//! of HTTP/1.1 with one request at a time and of HTTP/2 with many, and requests that wait for one:
//!
//! ```text
//!  arrives ──▶ undecided ── is there a body? ──▶ waiting ──▶ opening ──▶ an exchange ──▶ over
//!                 (until the call ends)        (all in use)     ▲            │
//!                                                               '────────────' once more, where it had no effect
//! ```

mod connection;
mod deadline;
mod exchange;
mod head;
mod http2;
mod opening;
mod options;
mod origin;
mod request;
mod upstream;
mod websocket;

use crate::authorization::Authorization;
use crate::fields;
use crate::options::{HttpVersion, Limits};
use crate::response::Fault;
use options::HttpClientOptions as Options;
use std::rc::Rc;
use zilla_sdk::host::{self, Level};
use zilla_sdk::{AttributesWriter, Begin, CloseCode, ConfigError, Context, Reset};

pub use options::{HttpClientLimits, HttpClientOptions, HttpClientTimeouts};
pub(crate) use origin::Origin;

/// What all origins of a binding share.
#[derive(Debug)]
pub(crate) struct Client {
    options: Options,
    limits: Limits,
    authorization: Option<Rc<Authorization>>,
}

impl Client {
    pub(crate) fn new(options: Options, attributes_octets: u32) -> Result<Self, ConfigError> {
        options.check()?;
        let limits = options.body_limits(attributes_octets);
        let authorization = options.authorization.as_ref().map(Authorization::new).transpose()?;
        Ok(Self { options, limits, authorization: authorization.map(Rc::new) })
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    /// The versions that a connection is opened for; of both, HTTP/1.1 alone for what HTTP/2 cannot carry.
    fn offer(&self, only_http1: bool) -> Offer {
        let http1 = self.speaks(HttpVersion::Http11);
        Offer { http1, h2: self.speaks(HttpVersion::H2) && !(http1 && only_http1) }
    }

    fn speaks(&self, version: HttpVersion) -> bool {
        self.options.versions.contains(&version)
    }

    /// What is logged where TLS has agreed with an origin on what is not spoken here.
    fn disagreement(&self) -> &'static str {
        match (self.speaks(HttpVersion::Http11), self.speaks(HttpVersion::H2)) {
            (false, _) => "`versions` has h2 alone, and TLS has agreed with the origin on another protocol",
            (true, false) => {
                "`versions` has http/1.1 alone, and TLS has agreed with the origin on another protocol"
            }
            (true, true) => "TLS has agreed with the origin on a protocol that is neither h2 nor http/1.1",
        }
    }

    /// The protocols of an `upgrade` that may be asked for, if any.
    fn offered(&self, upgrade: &[u8]) -> Option<Vec<u8>> {
        fields::offered(upgrade, &self.options.upgrade)
    }
}

/// Versions that a connection is opened for.
#[derive(Clone, Copy, Debug)]
struct Offer {
    http1: bool,
    h2: bool,
}

impl Offer {
    /// Writes what TLS offers an origin (RFC 7301), the preferred first.
    fn write(self, attributes: &mut AttributesWriter<'_>) {
        if self.h2 {
            attributes.push("alpn", "h2");
        }
        if self.http1 {
            attributes.push("alpn", "http/1.1");
        }
    }
}

/// Names the origin of a request, and what its stream lends to a connection: its route and its authorization.
/// A connection serves no other.
pub(crate) fn name(begin: &Begin<'_>, name: &mut Vec<u8>) {
    name.extend_from_slice(&begin.route.to_le_bytes());
    name.extend_from_slice(&begin.authorization.to_le_bytes());
    name.push(u8::from(begin.attributes.get(":scheme") == Some(b"https")));
    name.extend_from_slice(begin.attributes.get(":authority").unwrap_or_default());
}

/// Takes the first request to an origin.
pub(crate) fn accept(client: &Rc<Client>, begin: Begin<'_>, cx: &mut Context<'_>) -> Result<Origin, Reset> {
    let mut origin = Origin::new(Rc::clone(client), begin.attributes);
    origin.arrive(begin, cx)?;
    Ok(origin)
}

/// Refuses a request that cannot be written.
fn unwritable(Fault(fault): Fault) -> Reset {
    host::log(Level::Warn, fault);
    Reset(CloseCode::Violation)
}

/// What the opener of a request is told when the exit of its connection fails with that code before the head of
/// the response. What of it is about the connection is not about the request.
fn failure(code: CloseCode) -> CloseCode {
    match code {
        CloseCode::Unspecified | CloseCode::Refused | CloseCode::Cancelled | CloseCode::Violation => {
            CloseCode::Unreachable
        }
        CloseCode::NoRoute
        | CloseCode::Unauthorized
        | CloseCode::Forbidden
        | CloseCode::Limit
        | CloseCode::Timeout
        | CloseCode::Crashed
        | CloseCode::Drained
        | CloseCode::Unreachable => code,
    }
}
