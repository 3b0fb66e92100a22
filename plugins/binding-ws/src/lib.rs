//! The `ws` binding: WebSocket (RFC 6455, and RFC 8441 over HTTP/2) over http streams.
//!
//! A `server` accepts requests for a WebSocket and opens a stream of messages on its exit for each. What the crate is
//! *not*: it has no socket, no clock and no thread, parses no HTTP, and decides nothing about origins: web pages are
//! judged by the `http` binding before it (`access-control`), which also has to let requests switch protocols
//! (`upgrade: [websocket]`).
//!
//! # Streams
//!
//! | frame | to the exit | from the exit |
//! |---|---|---|
//! | `begin` | `protocol` (if the client offers one), `scheme`, `authority`, `path` | agrees; `protocol`, if it is there, is one of those offered, or empty for none |
//! | `data` | a piece of a message: `init` on the first, `fin` on the last; on the first of a text `type` is `text` | the same; `type: binary` is the default; without `init` and outside of a message, it is a binary message of its own |
//! | `end` | the client has closed: `code` and `reason` of its close frame, if it has some | closes: with `code` and `reason`, those of the client, or 1000 |
//! | `abort`, `reset` | the client broke a rule (`violation`, `limit`), is silent (`timeout`) or gone (`cancelled`) | a close code, below |
//!
//! * The exit agrees with its `begin`, or refuses the handshake: the `http` binding answers with a status by the code.
//! * Text is checked to be UTF-8, with each octet that comes. Text of the exit is sent as it is.
//! * A frame of at most 16 KiB comes in one piece, however the network cuts it. Longer ones come as they arrive. Each
//!   piece of the exit is one frame.
//! * Pings are answered here. Of those that come while the client does not read, the last is.
//! * A client that has closed gets what the exit still sends until it ends as well, at most for `close-ms`. An exit
//!   that has ended gets what the client still sends until it has closed.
//! * When both have closed, a server ends the connection, and cuts it off after `close-ms`.
//!
//! # Handshake
//!
//! Of a request over HTTP/1.1, the method is GET, `upgrade` has `websocket`, `sec-websocket-version` is 13 and
//! `sec-websocket-key` has 16 octets in base64, once. It is answered with 101. Over HTTP/2, the method is CONNECT and
//! `:protocol` is `websocket`; there is no key, and the answer is 200. Else the answer is 400, or 426 for another version,
//! with a line that says what was expected.
//!
//! **Subprotocol.** For each that the client offers, the first route that fits it is found; the lowest route wins, and the
//! order of the client where it does not decide. The route's `guarded` and `matched` are the host's to check: where they
//! fail, and no later route fits either, the next offer is tried. Where none of those offered fits a route, the request is
//! refused (404).
//!
//! | key of `when` | |
//! |---|---|
//! | `protocol` | the subprotocol |
//! | `scheme` | `http` or `https` |
//! | `authority` | `host:port` |
//! | `path` | a pattern without `?` that does not end in `*` also fits a path with a query |
//!
//! `*` is any octets, everything else is itself.
//!
//! # Options
//!
//! | key | default | |
//! |---|---|---|
//! | `limits.frame-bytes` | 16777216 | longest payload of a frame: 1009 |
//! | `limits.message-bytes` | 67108864 | longest message: 1009 |
//! | `timeouts.close-ms` | 5000 | from one close frame to the other, and from both to the end of the connection |
//! | `ping.interval-ms` | 0 | after so long a silence, a ping is sent; 0 never |
//! | `ping.timeout-ms` | 20000 | for so long, the peer may then stay silent: 1008 |
//!
//! | what is held | at most | then |
//! |---|---|---|
//! | octets of the client, not yet handed on | the credit that a direction starts with, at least 512 | the client has no credit |
//! | messages that the client does not take | the credit that a direction starts with, and 1 MiB of headers | the exit has no credit; past the headers (empty messages) it is refused with `violation` |
//! | answers to pings that the client does not take | 64 KiB with the above | nothing more is read from the client |
//! | subprotocols that a client offers | 32 | 400 |
//!
//! # Close codes
//!
//! | code | sent when |
//! |---|---|
//! | 1000 | the exit ends, and says nothing else |
//! | 1001 | the exit's stream ends with `drained` or `cancelled` |
//! | 1002 | a reserved bit or opcode, a frame that is not masked, a control frame that is long or in fragments, fragments out of order, a length that is not in its shortest form, a close code that must not be sent |
//! | 1007 | text or a close reason that is not UTF-8 |
//! | 1008 | `ping.timeout-ms`; the exit's stream ends with `no-route`, `unauthorized`, `forbidden` or `refused` |
//! | 1009 | a limit above |
//! | 1011 | the exit's stream ends with `unspecified`, `crashed` or `violation`, or it names a code that must not be sent |
//! | 1013 | the exit's stream ends with `limit` |
//! | 1014 | the exit's stream ends with `unreachable` or `timeout` |
//!
//! # Differences from Zilla
//!
//! * Rules of RFC 6455 are kept to the letter, where Zilla ignores reserved bits, `fin` and UTF-8, and resets what it does
//!   not like without a close frame.
//! * The close frame that answers one has its code. The last of several pings is answered only if the peer does not
//!   read; else all are.
//! * What is no handshake gets 400 or 426 and a reason, where Zilla answers some with 404.
//! * RFC 8441, `limits`, `timeouts` and `ping` are additions.

mod close;
mod frame;
mod handshake;
mod incoming;
mod mask;
mod options;
mod routes;
mod server;
mod socket;
mod stream;
mod utf8;

use server::Server;
use socket::Shared;
use std::rc::Rc;
use zilla_sdk::prelude::*;

pub use options::{WsLimits, WsOptions, WsPing, WsTimeouts};
pub use routes::WsCondition;
pub use stream::WsStream;

/// `type: ws`.
pub struct Ws {
    shared: Rc<Shared>,
    role: Role,
}

/// What a `kind` does.
enum Role {
    Server(Server),
}

impl Binding for Ws {
    const TYPE: &'static str = "ws";
    const KINDS: &'static [Kind] = &[Kind::Server];
    type Options = KindOptions;
    type Stream = WsStream;

    fn attach(config: BindingConfig<KindOptions>) -> Result<Self, ConfigError> {
        let options: WsOptions = config.options.read()?;
        options.check()?;
        let shared = Shared {
            limits: options.limits,
            timeouts: options.timeouts,
            ping: options.ping,
            initial_credit: config.limits.initial_credit,
        };
        Ok(Self { shared: Rc::new(shared), role: Role::Server(Server::default()) })
    }

    fn accept(&mut self, begin: Begin<'_>, cx: &mut Context<'_>) -> Result<WsStream, Reset> {
        match &self.role {
            Role::Server(server) => server::accept(server, &self.shared, begin, cx).map(WsStream::from),
        }
    }

    fn routes(_kind: Kind) -> RouteSchema {
        RouteSchema::exits(Routing::Opened).options::<WsOptions>().when::<WsCondition>()
    }

    fn route(&self, route: &RouteConfig<'_>) -> Result<Route, ConfigError> {
        match &self.role {
            Role::Server(server) => server.routes.borrow_mut().0.push(route.when::<WsCondition>()?),
        }
        routes::compile(route)
    }
}

zilla_sdk::export!(Ws);
