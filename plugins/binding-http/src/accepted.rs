//! An accepted stream, in whichever version of HTTP its client speaks.
//!
//! ```text
//!  alpn says so, or h2 alone is served ───────────────────────────▶ HTTP/2
//!  both are served ──▶ HTTP/1.1, which nothing has come of ──┬──▶ HTTP/2      its preface came
//!                                                            └──▶ HTTP/1.1    anything else came
//! ```

use crate::connection::{Connection, Shared};
use crate::forwarded;
use crate::h2::{self, PREFACE};
use crate::options::HttpVersion;
use crate::target::Scheme;
use std::rc::Rc;
use zilla_sdk::{Attributes, Begin, CloseCode, Context, Data, Stream};

/// One connection of a client.
#[derive(Debug)]
pub struct Accepted(Speaks);

/// What is spoken.
#[derive(Debug)]
enum Speaks {
    Http1 {
        connection: Box<Connection>,
        /// The client may still turn out to speak HTTP/2, and so many octets of its preface have come. They
        /// are not kept, for they are known.
        preface: Option<usize>,
    },
    Http2(Box<h2::Connection>),
}

/// Which version a client will speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    Http1,
    Http2,
    /// What it sends first says it.
    Preface,
}

/// Chooses among the versions that are served: by what TLS has negotiated, if it has; else HTTP/1.1, and HTTP/2
/// if the client begins with its preface. Without TLS, there may be nothing to choose.
fn choose(versions: &[HttpVersion], alpn: Option<&[u8]>, scheme: Scheme) -> Result<Choice, CloseCode> {
    let serves_http1 = versions.contains(&HttpVersion::Http11);
    let serves_http2 = versions.contains(&HttpVersion::H2);
    match alpn {
        Some(b"h2") if serves_http2 => Ok(Choice::Http2),
        Some(b"http/1.1" | b"http/1.0") if serves_http1 => Ok(Choice::Http1),
        Some(b"h2" | b"http/1.1" | b"http/1.0") => Err(CloseCode::Refused),
        // RFC 9113, 3.2: over TLS, HTTP/2 is negotiated.
        _ if serves_http1 && (!serves_http2 || scheme == Scheme::Https) => Ok(Choice::Http1),
        _ if serves_http1 => Ok(Choice::Preface),
        _ => Ok(Choice::Http2),
    }
}

impl Accepted {
    /// Answers a stream that arrives, or says why it is refused.
    pub(crate) fn new(
        shared: &Rc<Shared>,
        begin: &Begin<'_>,
        scheme: Scheme,
        cx: &mut Context<'_>,
    ) -> Result<Self, CloseCode> {
        let choice = choose(&shared.options.versions, begin.attributes.get(b"alpn"), scheme)?;
        cx.reply().begin();
        let source = begin.attributes.get_str("source").unwrap_or_default();
        let is_told = !shared.options.forwarded.headers.is_empty();
        let address = forwarded::address(source).filter(|_| is_told);
        let shared = Rc::clone(shared);
        Ok(Self(match choice {
            Choice::Http2 => Speaks::Http2(Box::new(h2::Connection::new(shared, scheme, address, 0, cx))),
            Choice::Http1 | Choice::Preface => Speaks::Http1 {
                connection: Box::new(Connection::new(shared, scheme, address, cx)),
                preface: (choice == Choice::Preface).then_some(0),
            },
        }))
    }

    /// Looks for the preface in the first octets. What follows it is handled; true if nothing is left to do.
    fn find_preface(&mut self, data: &Data<'_>, cx: &mut Context<'_>) -> bool {
        let Speaks::Http1 { connection, preface: Some(seen) } = &mut self.0 else { return false };
        let due = &PREFACE[*seen..];
        let octets = due.len().min(data.payload.len());
        if data.payload[..octets] != due[..octets] {
            self.settle_for_http1();
            return false;
        }
        *seen += octets;
        cx.request().consume(octets as u64);
        if *seen == PREFACE.len() {
            let (shared, scheme, address) = connection.parts();
            let mut http2 = Box::new(h2::Connection::new(shared, scheme, address, PREFACE.len(), cx));
            http2.receive(data.payload.split_at(octets).1, cx);
            self.0 = Speaks::Http2(http2);
        }
        true
    }

    /// It is HTTP/1.1, which gets what looked like the preface.
    fn settle_for_http1(&mut self) {
        if let Speaks::Http1 { connection, preface } = &mut self.0
            && let Some(seen) = preface.take()
        {
            connection.begin_with(&PREFACE[..seen]);
        }
    }
}

/// Gives an event to the version that is spoken.
macro_rules! forward {
    ($self:ident.$event:ident($($argument:expr),*)) => {
        match &mut $self.0 {
            Speaks::Http1 { connection, .. } => connection.$event($($argument),*),
            Speaks::Http2(connection) => connection.$event($($argument),*),
        }
    };
}

impl Stream for Accepted {
    fn on_begin(&mut self, begin: Begin<'_>, cx: &mut Context<'_>) {
        forward!(self.on_begin(begin, cx));
    }

    fn on_data(&mut self, data: Data<'_>, cx: &mut Context<'_>) {
        if !self.find_preface(&data, cx) {
            forward!(self.on_data(data, cx));
        }
    }

    fn on_flush(&mut self, attributes: Attributes<'_>, cx: &mut Context<'_>) {
        forward!(self.on_flush(attributes, cx));
    }

    fn on_forwarded(&mut self, missing: u64, cx: &mut Context<'_>) {
        forward!(self.on_forwarded(missing, cx));
    }

    fn on_end(&mut self, attributes: Attributes<'_>, cx: &mut Context<'_>) {
        self.settle_for_http1();
        forward!(self.on_end(attributes, cx));
    }

    fn on_abort(&mut self, code: CloseCode, attributes: Attributes<'_>, cx: &mut Context<'_>) {
        forward!(self.on_abort(code, attributes, cx));
    }

    fn on_window(&mut self, octets: u64, cx: &mut Context<'_>) {
        forward!(self.on_window(octets, cx));
    }

    fn on_reset(&mut self, code: CloseCode, attributes: Attributes<'_>, cx: &mut Context<'_>) {
        forward!(self.on_reset(code, attributes, cx));
    }

    fn on_signal(&mut self, token: u32, cx: &mut Context<'_>) {
        forward!(self.on_signal(token, cx));
    }

    fn on_drain(&mut self, cx: &mut Context<'_>) {
        forward!(self.on_drain(cx));
    }
}
