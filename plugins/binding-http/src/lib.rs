//! The `http` binding: HTTP/1.1 (RFC 9110 and 9112) over transport streams.
//!
//! It accepts a stream of octets from a client and opens a stream on its exit for each request. What the
//! crate is *not*: it has no socket, no clock and no thread, does no TLS, and speaks neither HTTP/2 nor
//! WebSocket. Responses come from exits; only refusals are its own.
//!
//! # Streams
//!
//! | frame | on the exit's stream, to the exit | from the exit |
//! |---|---|---|
//! | `begin` | `:method`, `:scheme`, `:authority`, `:path`, then header fields in order, names in lower case, repeats kept | `:status` (200 if absent) and header fields; other names with a colon in front are left out |
//! | `data` | content, without framing | content |
//! | `end` | trailers | trailers, sent if the response is chunked |
//! | `abort` | the client left, or its message broke the rules | before the response a refusal, later an abort of the connection |
//! | `reset` | the client left | before the response a refusal; later the rest of the request is read over |
//!
//! * `:authority` is `host:port` in lower case, with the port of the scheme if none is written; that of an
//!   absolute target goes before `host`. It is absent if a request of HTTP/1.0 has no `host`.
//! * `:scheme` is `https` if the client's stream has an attribute `secure`, `alpn` or `version`.
//! * `host`, `expect`, `connection`, what `connection` names, `keep-alive`, `proxy-connection`, `upgrade`,
//!   `transfer-encoding`, and `te` unless it is `trailers`, are not handed on. An upgrade is not served, so
//!   the request is answered as if it asked for none.
//! * A response without `content-length` is chunked, or ends with the connection if the client speaks
//!   HTTP/1.0. `connection`, `keep-alive`, `proxy-connection`, `upgrade`, `te` and `transfer-encoding` of
//!   the exit are left out, and its `content-length` is held to.
//! * Requests of one connection are handled one after another; what is sent ahead waits in the order in
//!   which it came, and as credit that is not given back.
//! * `100 Continue` is sent when the exit grants credit or answers with a status below 300, or else as soon
//!   as the host has had its chance to say that no route fits.
//!
//! # Options
//!
//! | key | default | |
//! |---|---|---|
//! | `versions` | `[http/1.1]` | `h2` may be listed too, but is not served yet |
//! | `overrides` | | request headers to set after routing, before those of the route |
//! | `date` | `true` | whether responses get a `date` where the exit gives none |
//! | `length-required` | `false` | whether POST, PUT and PATCH without a length are refused with 411; else their body is empty (RFC 9112, 6.3) |
//! | `limits.request-line-bytes` | 8192 | longest request line: 414 |
//! | `limits.header-bytes` | 16384 | longest head, and longest trailers: 431 |
//! | `limits.header-count` | 100 | most fields of a head or of trailers, at most 128: 431 |
//! | `limits.body-bytes` | 0 | longest request body, 0 for any: 413 |
//! | `timeouts.header-read-ms` | 60000 | from the first octet of a head, or from the start of the connection, to its end: 408 |
//! | `timeouts.body-read-ms` | 60000 | between two pieces of a body, while the exit would take more: 408 |
//! | `timeouts.write-ms` | 60000 | between two pieces of a response that the client takes: the connection is aborted |
//! | `timeouts.idle-ms` | 75000 | between two requests: the connection ends |
//! | `timeouts.drain-idle-ms` | 1000 | the same, once the generation of the configuration ends: the request that still comes is answered, as the last one |
//! | `timeouts.response-ms` | 0 | from the end of a request to the begin of its response: 504 |
//!
//! A time of 0 is for ever. Of a route, `when: [{headers: {name: pattern}}]` and
//! `with: {headers: {overrides: {name: value}}}` are known. In a pattern, `*` is any octets, `/` included,
//! and `{name}` is one octet or more, kept as `${params.name}`; anything else is itself. A pattern of
//! `:path` that does not end in `*` also fits a path with a query.
//!
//! # What is held for a connection
//!
//! | what | at most | then |
//! |---|---|---|
//! | octets received, not yet handed on | the credit that a direction starts with, and `header-bytes` | the client has no credit |
//! | trailers of the request | `header-bytes` | 431 |
//! | content of the response | the credit that a direction starts with | the exit has no credit |
//! | encoded octets that the client does not take | one response head, or one refusal | nothing new is decoded |
//! | timers of the host | 1 | it is set anew when it comes |
//!
//! # Refusals
//!
//! A refusal has one line that says what was wrong, and ends the connection. After the response began, the
//! connection is aborted instead, so that no client takes half a response for a whole.
//!
//! | status | why |
//! |---|---|
//! | 400 | malformed or ambiguous: a line without CR LF, more than two empty lines before the request, a field name that is no token, a control character, folding, no `host` or two, user information, two lengths, a length and a coding, `chunked` not once and last, a chunk size or a chunk end that is none, a message that ends early |
//! | 401, 403 | the exit's route asks for an authorization (`unauthorized`, `forbidden`) |
//! | 404 | no route fits, or the exit refused (`no-route`, `refused`, a reset `unspecified`) |
//! | 408 | the head or the body did not come in time |
//! | 411 | `length-required` |
//! | 413, 414, 431 | a limit above; 431 also where a head does not fit the attributes that the host allows |
//! | 417 | an expectation other than `100-continue` |
//! | 421 | an absolute target with the scheme that the connection does not have |
//! | 501 | `CONNECT`, or a transfer coding other than `chunked` |
//! | 502 | the exit failed before its response (`crashed`, `unreachable`, `violation`, `cancelled`, an abort `unspecified`), or its response breaks the rules |
//! | 503 | `limit`, `drained`, or the host's limit of streams |
//! | 504 | `timeout`, or `response-ms` |
//! | 505 | a version other than HTTP/1.0 and HTTP/1.1 |
//!
//! # Differences from Zilla
//!
//! * In patterns, characters that mean something in regular expressions (`+ ? [ ( |` and so on) are
//!   themselves. A condition on `host` is refused, since it could never hold: it is `:authority`.
//! * `access-control`, `authorization` and `requests` are refused as unknown; `date`, `length-required`,
//!   `limits` and `timeouts` are additions.
//! * A refusal has a body, and says what was wrong. An unknown method is handed on; routes decide on it.
//! * Responses have a `date`. Header names of a response are sent as the exit gives them, not in capitals.
//! * Requests of HTTP/1.0 are answered.

mod access;
mod body;
mod buffer;
mod client;
mod connection;
mod date;
mod facts;
mod fields;
mod forwarded;
mod head;
mod options;
mod response;
mod routes;
mod source;
mod status;
mod stream;
mod target;

use client::Client;
use connection::{Connection, Shared};
use date::DateLine;
use options::Limits;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use target::Scheme;
use zilla_sdk::prelude::*;

pub use access::{HttpAccessAllow, HttpAccessControl, HttpAccessExpose, HttpAccessPolicy};
pub use client::{HttpClientLimits, HttpClientOptions, HttpClientTimeouts};
pub use forwarded::{HttpForwarded, HttpForwardedHeader};
pub use options::{HttpExpect, HttpLimits, HttpOptions, HttpTimeouts, HttpVersion};
pub use routes::{HttpCondition, HttpWith, HttpWithHeaders};
pub use stream::HttpStream;

/// `type: http`.
pub struct Http {
    role: Role,
    /// Request headers to set after routing.
    overrides: BTreeMap<String, String>,
}

/// What a `kind` does.
enum Role {
    Server(Rc<Shared>),
    Client(Rc<Client>),
}

/// Attributes of a stream that came through TLS; any of them is enough.
const SECURE_ATTRIBUTES: [&[u8]; 3] = [b"secure", b"alpn", b"version"];

impl Binding for Http {
    const TYPE: &'static str = "http";
    const KINDS: &'static [Kind] = &[Kind::Server, Kind::Client];
    type Options = KindOptions;
    type Stream = HttpStream;

    fn attach(config: BindingConfig<KindOptions>) -> Result<Self, ConfigError> {
        let attributes_octets = config.limits.attributes_octets;
        let (role, overrides) = if config.kind == Kind::Client {
            let options: HttpClientOptions = config.options.read()?;
            let overrides = options.overrides.clone();
            (Role::Client(Rc::new(Client::new(options, attributes_octets)?)), overrides)
        } else {
            let options: HttpOptions = config.options.read()?;
            options.check()?;
            let overrides = options.overrides.clone();
            let shared = Shared {
                limits: Limits::new(&options, attributes_octets),
                date: options.date.then(|| RefCell::new(DateLine::new())),
                options,
            };
            (Role::Server(Rc::new(shared)), overrides)
        };
        for (name, value) in &overrides {
            let pointer = format!("/options/overrides/{}", routes::escape(name));
            routes::check_assignment(name, value, &[])
                .map_err(|(expected, found)| config_error(&pointer, expected, found))?;
        }
        Ok(Self { role, overrides })
    }

    fn accept(&mut self, begin: Begin<'_>, cx: &mut Context<'_>) -> Result<HttpStream, Reset> {
        match &self.role {
            Role::Client(client) => client::accept(client, begin, cx).map(HttpStream::Origin),
            Role::Server(shared) => {
                let secure = begin.attributes.iter().any(|(name, _)| SECURE_ATTRIBUTES.contains(&name));
                let scheme = if secure { Scheme::Https } else { Scheme::Http };
                cx.reply().begin();
                let source = begin.attributes.get_str("source").unwrap_or_default();
                let connection = Connection::new(Rc::clone(shared), scheme, forwarded::address(source), cx);
                Ok(HttpStream::Connection(connection))
            }
        }
    }

    fn group(&self, begin: &Begin<'_>, name: &mut Vec<u8>) {
        if matches!(self.role, Role::Client(_)) {
            client::name(begin, name);
        }
    }

    fn routes(kind: Kind) -> RouteSchema {
        let schema = match kind {
            Kind::Client => RouteSchema::exits(Routing::Accepted).options::<HttpClientOptions>(),
            _ => RouteSchema::exits(Routing::Opened).options::<HttpOptions>(),
        };
        schema.when::<HttpCondition>().with::<HttpWith>()
    }

    fn route(&self, route: &RouteConfig<'_>) -> Result<Route, ConfigError> {
        routes::compile(route, &self.overrides)
    }
}

zilla_sdk::export!(Http);
