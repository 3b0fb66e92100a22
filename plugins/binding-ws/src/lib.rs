//! The `ws` binding: WebSocket (RFC 6455, and RFC 8441 over HTTP/2) over http streams.
//!
//! A `server` accepts requests for a WebSocket and opens a stream of messages on its exit for each. A `client` accepts
//! streams of messages and opens a request for each. What the crate is *not*: it has no socket, no clock and no thread, parses no HTTP, and decides nothing about origins: web pages are
//! judged by the `http` binding before it (`access-control`), which also has to let requests switch protocols
//! (`upgrade: [websocket]`).
//!
//! The next sections are about the server, [`Client`](#client) is about the other.
//!
//! # Streams
//!
//! | frame | to the exit | from the exit |
//! |---|---|---|
//! | `begin` | `protocol` (if the client offers one), `scheme`, `authority`, `path`; the fields of the request | agrees; `protocol`, if it is there, is one of those offered (where any are), or empty for none |
//! | `data` | a piece of a message: `init` on the first, `fin` on the last; on the first of a text `type` is `text` | the same; `type: binary` is the default; without `init` and outside of a message, it is a binary message of its own |
//! | `end` | the client has closed: `code` and `reason` of its close frame, if it has some | closes: with `code` and `reason`, those of the client, or 1000 |
//! | `abort`, `reset` | the client broke a rule (`violation`, `limit`), is silent (`timeout`) or gone (`cancelled`) | a close code, below |
//!
//! * Fields of the request are handed on as they are (`cookie`, `origin`, `authorization`, …), but not those of the
//!   handshake, of the connection or of a body, nor any that is called as one of the four before them.
//! * The exit agrees with its `begin`, or refuses the handshake: the `http` binding answers with a status by the code.
//! * Text is checked to be UTF-8, with each octet that comes. Text of the exit is sent as it is.
//! * A frame of at most 16 KiB comes in one piece, however the network cuts it. Longer ones come as they arrive. Each
//!   piece of the exit is one frame.
//! * Pings are answered here. Of those that come while the client does not read, the last is.
//! * A client that has closed gets what the exit still sends until it ends as well, at most for `close-ms`, even if its
//!   connection has ended on its side. An exit that has ended gets what the client still sends until it has closed.
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
//! | `permessage-deflate` | | if it is there (`{}`), messages may be compressed |
//!
//! | what is held | at most | then |
//! |---|---|---|
//! | octets of the client, not yet handed on | the credit that a direction starts with, at least 512 | the client has no credit |
//! | messages that the client does not take | the credit that a direction starts with, and 1 MiB of headers | the exit has no credit; past the headers (empty messages) it is refused with `violation` |
//! | answers to pings that the client does not take | 64 KiB with the above | nothing more is read from the client |
//! | subprotocols that a client offers | 32 | 400 |
//!
//! # Compression
//!
//! With `permessage-deflate` (RFC 7692), the first of a client's offers that can be met is agreed on. Messages of the exit
//! are deflated piece by piece, those of the client are inflated as credit allows; limits of messages count what is
//! inflated. Offers of a `server_max_window_bits` of 8 cannot be met.
//!
//! | key of `permessage-deflate` | default | |
//! |---|---|---|
//! | `context-takeover` | `false` | each message may refer to those before: for that, coders are kept for as long as the socket is open |
//! | `window-bits` | 15 | window of what is sent: 9 to 15 |
//! | `level` | 1 | 1 is the fastest, 9 the smallest |
//! | `threshold-bytes` | 64 | shorter messages are sent as they are |
//! | `inflaters` | 384 | coders of about 75 KiB in use at a time, on each worker: one more message is refused with 1013 |
//! | `deflaters` | 64 | coders of about 270 KiB: past it, messages are sent as they are |
//!
//! Without takeover, a coder is in use while a message is under way, so that idle sockets cost nothing. With it, the two
//! numbers bound the sockets that make use of compression, and `memory` of the plugin in `zilla.yaml` is to fit them.
//!
//! # Close codes
//!
//! | code | sent when |
//! |---|---|
//! | 1000 | the exit ends, and says nothing else |
//! | 1001 | the exit's stream ends with `drained` or `cancelled`; the generation of the configuration ends, below |
//! | 1002 | a reserved bit or opcode, a frame that is not masked, a control frame that is long or in fragments, fragments out of order, a length that is not in its shortest form, a close code that must not be sent |
//! | 1007 | text or a close reason that is not UTF-8, octets that cannot be inflated |
//! | 1008 | `ping.timeout-ms`; the exit's stream ends with `no-route`, `unauthorized`, `forbidden` or `refused` |
//! | 1009 | a limit above |
//! | 1011 | the exit's stream ends with `unspecified`, `crashed` or `violation`, or it names a code that must not be sent |
//! | 1013 | the exit's stream ends with `limit`; `inflaters` |
//! | 1014 | the exit's stream ends with `unreachable` or `timeout` |
//!
//! A client that broke a rule is not heard any more, and told so when the exit has answered what came before: when its
//! stream ends, or after 100 ms.
//!
//! When a plugin or `zilla.yaml` is replaced, or the host shuts down, open sockets go on until shortly before the host cuts
//! them off (`--drain-ms`): a tenth of that time, and at most a second. Then they are closed with 1001.
//!
//! # Client
//!
//! | frame | from the opener | to the opener |
//! |---|---|---|
//! | `begin` | `protocol`, `scheme`, `authority`, `path`: what it leaves out is that of `defaults`; fields for the server | the server agrees; `protocol` is the one agreed on, or empty |
//! | `data`, `end` | as those of the exit above | as those to the exit above |
//! | `abort`, `reset` | closes, with a code as above | the handshake failed, or the server broke a rule |
//!
//! * The request is a GET of HTTP/1.1 with `upgrade: websocket`; the `http` client has to let it switch (`upgrade`), and to
//!   have a connection for each socket (`limits.connections`, 10 to an origin and worker): more wait for one.
//! * What the opener sends before the server agrees is held, at most the credit that a direction starts with and 4,096
//!   pieces, and sent then.
//! * The answer must be 101 with `upgrade: websocket`, the `sec-websocket-accept` of the key, once, no subprotocol that
//!   was not offered and no extension that was not: else `violation`.
//! * Frames are masked with keys of the host's generator; those of the server must not be masked.
//! * Who a client is may be in its fields, so none of them leaves unless `headers` names it. Behind a `fan`, they would be
//!   those of the first member.
//! * A route is that of the stream that arrives.
//!
//! | the answer | the opener's stream ends with |
//! |---|---|
//! | 401, 403 | `unauthorized`, `forbidden` |
//! | 408, 504 | `timeout` |
//! | 429, 503 | `limit` |
//! | another 5xx | `unreachable` |
//! | another | `refused` |
//!
//! | key | default | |
//! |---|---|---|
//! | `defaults.protocol`, `.scheme`, `.authority`, `.path` | none, `http`, none, `/` | without an authority, streams are refused |
//! | `headers` | `[]` | names of fields that the server gets: those of the client behind a `ws` server, as `[cookie, origin, 'x-*']`, or `['*']` for all |
//! | `limits`, `timeouts`, `ping`, `permessage-deflate` | | as above |
//!
//! # Differences from Zilla
//!
//! * Rules of RFC 6455 are kept to the letter, where Zilla ignores reserved bits, `fin` and UTF-8, and resets what it does
//!   not like without a close frame.
//! * The close frame that answers one has its code. The last of several pings is answered only if the peer does not
//!   read; else all are.
//! * What is no handshake gets 400 or 426 and a reason, where Zilla answers some with 404.
//! * RFC 8441, `limits`, `timeouts`, `ping`, `permessage-deflate`, `headers` and fields on streams are additions. A `path` fits with a query, too.

mod client;
mod close;
mod deflate;
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

use client::Client;
use deflate::Coders;
use server::Server;
use socket::Shared;
use std::cell::RefCell;
use std::rc::Rc;
use zilla_sdk::prelude::*;

pub use client::{WsClientOptions, WsDefaults};
pub use deflate::WsDeflate;
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
    Client(Client),
}

impl Binding for Ws {
    const TYPE: &'static str = "ws";
    const KINDS: &'static [Kind] = &[Kind::Server, Kind::Client];
    type Options = KindOptions;
    type Stream = WsStream;

    fn attach(config: BindingConfig<KindOptions>) -> Result<Self, ConfigError> {
        let (role, options) = if config.kind == Kind::Client {
            let options: WsClientOptions = config.options.read()?;
            options.check()?;
            let WsClientOptions { defaults, headers, limits, timeouts, ping, permessage_deflate } = options;
            (
                Role::Client(Client { defaults, headers }),
                WsOptions { limits, timeouts, ping, permessage_deflate },
            )
        } else {
            (Role::Server(Server::default()), config.options.read()?)
        };
        options.check()?;
        let shared = Shared {
            limits: options.limits,
            timeouts: options.timeouts,
            ping: options.ping,
            coders: options.permessage_deflate.map(|options| Rc::new(Coders::new(options))),
            initial_credit: config.limits.initial_credit,
            keys: RefCell::default(),
        };
        Ok(Self { shared: Rc::new(shared), role })
    }

    fn accept(&mut self, begin: Begin<'_>, cx: &mut Context<'_>) -> Result<WsStream, Reset> {
        match &self.role {
            Role::Server(server) => server::accept(server, &self.shared, begin, cx).map(WsStream::from),
            Role::Client(client) => client::accept(client, &self.shared, &begin, cx).map(WsStream::from),
        }
    }

    fn routes(kind: Kind) -> RouteSchema {
        let schema = match kind {
            Kind::Client => RouteSchema::exits(Routing::Accepted).options::<WsClientOptions>(),
            _ => RouteSchema::exits(Routing::Opened).options::<WsOptions>(),
        };
        schema.when::<WsCondition>()
    }

    fn route(&self, route: &RouteConfig<'_>) -> Result<Route, ConfigError> {
        if let Role::Server(server) = &self.role {
            server.routes.borrow_mut().0.push(route.when::<WsCondition>()?);
        }
        routes::compile(route)
    }
}

zilla_sdk::export!(Ws);
