//! The `http` binding: HTTP/1.1 (RFC 9110 and 9112) and HTTP/2 (RFC 9113) over transport streams.
//!
//! A `server` accepts a stream of octets from a client and opens a stream on its exit for each request. A `client`
//! accepts a stream for each request and opens streams of octets to origins, in either version. What the crate is *not*: it
//! has no socket, no clock and no thread, does no TLS, and does not speak WebSocket. Responses come from exits; only
//! refusals, and answers to what web pages ask first, are its own.
//!
//! Where a server serves both versions, the attribute `alpn` of a client's stream says which it is (`h2` or
//! `http/1.1`); without TLS, a client that begins with the preface of HTTP/2 speaks that. `versions: [h2]` takes
//! nothing else, `Upgrade: h2c` is ignored. An exit cannot tell one version from the other, but where another protocol is
//! asked for.
//!
//! The next sections are about the server, [`Client`](#client) is about the other.
//!
//! # Streams
//!
//! | frame | on the exit's stream, to the exit | from the exit |
//! |---|---|---|
//! | `begin` | `:method`, `:scheme`, `:authority`, `:path`, then header fields in order, names in lower case, repeats kept | `:status` (200 if absent) and header fields; other names with a colon in front are left out |
//! | `data` | content, without framing | content |
//! | `flush` | | with a `:status`, after a `begin` with one of 1xx: the next interim response, or the final one |
//! | `end` | trailers | trailers, sent if the response is chunked |
//! | `abort` | the client left, or its message broke the rules | before the response a refusal, later an abort of the connection |
//! | `reset` | the client left | before the response a refusal; later the rest of the request is read over |
//!
//! * `:authority` is `host:port` in lower case, with the port of the scheme if none is written; that of an
//!   absolute target goes before `host`. It is absent if a request of HTTP/1.0 has no `host`.
//! * `:scheme` is `https` if the client's stream has an attribute `secure`, `alpn` or `version`.
//! * `host`, `connection`, what `connection` names, `keep-alive`, `proxy-connection`, `transfer-encoding`, `te`
//!   unless it is `trailers`, and unless options say so `expect` and `upgrade`, are not handed on.
//! * An exit that answers with `:status` 1xx gives an interim response. It passes, but not to HTTP/1.0 or to a client
//!   that does not take what came before.
//! * An exit that answers with `:status` 101 and one of the protocols in `upgrade` switches: from there on, `data` is
//!   octets as they are, each direction has its own `end`, and no time limit applies.
//! * Of HTTP/2, a client asks for one of these protocols with an extended `CONNECT` (RFC 8441): it is handed on with
//!   `:method` `CONNECT` and a `:protocol`, spelled as in `upgrade`. An exit that answers with 2xx agrees, and the same
//!   holds from there on. What the client sends before waits, within its window. What ends one direction
//!   abnormally resets the stream with CANCEL.
//! * A response without `content-length` is chunked, or ends with the connection if the client speaks
//!   HTTP/1.0. `connection`, `keep-alive`, `proxy-connection`, `upgrade`, `te` and `transfer-encoding` of
//!   the exit are left out, and its `content-length` is held to.
//! * Requests of one connection of HTTP/1.1 are handled one after another; what is sent ahead waits in the
//!   order in which it came, and as credit that is not given back.
//! * A client that ends its direction has not left (RFC 9112, 9.6): whole requests are answered, then the connection
//!   ends. One that resets has, and its requests are aborted.
//! * Of HTTP/2, crumbs of `cookie` are one field, the last of the client's; field names of a response are sent in lower case,
//!   and its trailers always.
//! * `100 Continue` is sent when the exit grants credit or answers with a status below 300, or else as soon
//!   as the host has had its chance to say that no route fits; with `expect: pass`, when the exit says so.
//! * Of a body with a length, what is still to come is moved by the host if it is 65,536 octets or more, and so is
//!   another protocol.
//!
//! # Options
//!
//! | key | default | |
//! |---|---|---|
//! | `versions` | `[http/1.1, h2]` | which are served |
//! | `overrides` | | request headers to set after routing, before those of the route |
//! | `authorization` | nobody is asked | which guard checks credentials, and where requests have them, see [below](#credentials) |
//! | `access-control` | none is refused | which web pages may ask, see [below](#web-pages) |
//! | `expect` | `answer` | `pass`: a client that waits with its body is answered by the exit, to which `expect` is handed on |
//! | `forwarded.headers` | `[]` | which of `forwarded`, `x-forwarded-for`, `x-forwarded-proto` and `x-forwarded-host` to set; others pass as the client sent them |
//! | `forwarded.trust` | `false` | whether clients are proxies whose word counts: then addresses are appended, and scheme and host kept. Else what they claim is replaced |
//! | `via` | none | this gateway's name, appended in a `via` to requests, with the version of the client, and to responses, with 1.1 or 2 |
//! | `upgrade` | `[]` | protocols that are handed on in `upgrade`, of HTTP/2 in `:protocol`, for routes and exits to decide on |
//! | `date` | `true` | whether responses get a `date` where the exit gives none |
//! | `length-required` | `false` | whether POST, PUT and PATCH without a length are refused with 411; else their body is empty (RFC 9112, 6.3). Of HTTP/2, a body needs none |
//! | `limits.request-line-bytes` | 8192 | longest request line, of HTTP/2 longest `:path`: 414 |
//! | `limits.header-bytes` | 16384 | longest head, and longest trailers; of HTTP/2 decoded, and 32 more for each field: 431 |
//! | `limits.header-count` | 100 | most fields of a head or of trailers, at most 128: 431 |
//! | `limits.body-bytes` | 0 | longest request body, 0 for any: 413 |
//! | `limits.h2.concurrent-streams` | 100 | most requests of a connection at a time, at most 1,000: REFUSED_STREAM |
//! | `limits.h2.frame-bytes` | 16384 | longest payload of a frame: FRAME_SIZE_ERROR |
//! | `limits.h2.table-bytes` | 4096 | largest HPACK table of a client; that of responses has 4,096 at most |
//! | `limits.h2.stream-window-bytes` | 262144 | what a client may send ahead of an exit at first: FLOW_CONTROL_ERROR. While the exit takes everything that comes, it grows to four times as much, but not over half of the connection's |
//! | `limits.h2.connection-window-bytes` | 2097152 | the same of all requests together: FLOW_CONTROL_ERROR |
//! | `limits.h2.continuations` | 8 | most CONTINUATION of a field block, whose octets are limited as well: ENHANCE_YOUR_CALM |
//! | `limits.h2.resets` | 1000 | streams that a client resets, or makes this end reset, at once and again in 30 s: ENHANCE_YOUR_CALM |
//! | `limits.h2.control-frames` | 10000 | SETTINGS, PING, PRIORITY, WINDOW_UPDATE, GOAWAY, empty DATA and unknown frames, counted alike; a request, or a frame of 256 octets of a response, pays for two: ENHANCE_YOUR_CALM |
//! | `timeouts.header-read-ms` | 60000 | from the first octet of a head, or from the start of the connection, to its end: 408; of HTTP/2 of a preface, a frame or a field block: ENHANCE_YOUR_CALM |
//! | `timeouts.body-read-ms` | 60000 | between two pieces of a body, while the exit would take more: 408. Of a body that the host moves, between two pieces that the exit takes |
//! | `timeouts.write-ms` | 60000 | between two pieces of a response that the client takes: the connection is aborted; a stream whose window stays shut is reset with CANCEL. While the host moves it, also where the exit sends nothing |
//! | `timeouts.idle-ms` | 75000 | between two requests: the connection ends |
//! | `timeouts.settings-ms` | 60000 | from the SETTINGS of HTTP/2 to their acknowledgement: SETTINGS_TIMEOUT |
//! | `timeouts.drain-idle-ms` | 1000 | the same, once the generation of the configuration ends: the request that still comes is answered, as the last one |
//! | `timeouts.response-ms` | 0 | from the end of a request to the begin of its response: 504 |
//!
//! A time of 0 is for ever. Of a route, `when: [{headers: {name: pattern}}]` and
//! `with: {headers: {overrides: {name: value}}}` are known. In a pattern, `*` is any octets, `/` included,
//! and `{name}` is one octet or more, kept as `${params.name}`; anything else is itself. A pattern of
//! `:path` that does not end in `*` also fits a path with a query. Parameters of matchers are used in the same way.
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
//! And of HTTP/2:
//!
//! | what | at most | then |
//! |---|---|---|
//! | a frame that is not complete | `frame-bytes`; content is not waited for | the connection ends |
//! | a field block that is not complete | `header-bytes` and 16 KiB | ENHANCE_YOUR_CALM |
//! | content of requests | `connection-window-bytes`, and of each stream four times `stream-window-bytes` | the client has no window |
//! | trailers of a request | `header-bytes` for each stream | 431 |
//! | content of responses | for each stream the credit that a direction starts with | the exit has no credit |
//! | HPACK tables | `table-bytes` or 4 KiB, and 4 KiB, and 1 KiB to look them up | old fields are forgotten |
//! | encoded octets that the client does not take | 16 KiB, what answers as many octets as a client has credit for, and a response head for each stream | no credit is given back |
//! | identifiers of streams that were reset | 64 | frames of those before are answered |
//!
//! # Refusals
//!
//! A refusal has one line that says what was wrong, and ends the connection, or the stream of HTTP/2. After the
//! response began, it is aborted instead (of HTTP/2 reset: CANCEL, or INTERNAL_ERROR if the exit failed), so that
//! no client takes half a response for a whole. What breaks the rules of HTTP/2 itself is no request and gets no
//! status: a malformed request is reset with PROTOCOL_ERROR, and what a connection cannot go on after ends it with
//! `GOAWAY`, its code, and a text that says what was wrong.
//!
//! | status | why |
//! |---|---|
//! | 400 | malformed or ambiguous: a line without CR LF, more than two empty lines before the request, a field name that is no token, a control character, folding, no `host` or two, user information, two lengths, a length and a coding, `chunked` not once and last, a chunk size or a chunk end that is none, a message that ends early |
//! | 401, 403, 404 | credentials are absent, not accepted, or do not suffice, see [below](#credentials) |
//! | 401, 403 | without `authorization`: the exit's route asks for one (`unauthorized`, `forbidden`) |
//! | 403 | `access-control` |
//! | 404 | no route fits, or the exit refused (`no-route`, `refused`, a reset `unspecified`) |
//! | 408 | the head or the body did not come in time |
//! | 411 | `length-required` |
//! | 413, 414, 431 | a limit above; 431 also where a head does not fit the attributes that the host allows |
//! | 417 | an expectation other than `100-continue` |
//! | 421 | an absolute target, or `:scheme`, with the scheme that the connection does not have |
//! | 501 | `CONNECT` to a host and a port (RFC 9110, 9.3.6): no route serves it, for this is no forward proxy. One of HTTP/2 for a protocol in `upgrade` is [another thing](#streams). Or a transfer coding other than `chunked` |
//! | 502 | the exit failed before its response (`crashed`, `unreachable`, `violation`, `cancelled`, an abort `unspecified`), or its response breaks the rules |
//! | 503 | `limit`, `drained`, or the host's limit of streams |
//! | 504 | `timeout`, or `response-ms` |
//! | 505 | a version other than HTTP/1.0 and HTTP/1.1 |
//!
//! # Web pages
//!
//! `access-control` has the keys `policy` (`same-origin` or `cross-origin`), `allow` (`origins`, `methods`, `headers`,
//! `credentials`), `max-age` and `expose.headers`. A list that is left out allows all. Origins are compared with the
//! port of the scheme written out, header names without regard to case, methods as they are.
//!
//! | a request | with `same-origin` | with `cross-origin` |
//! |---|---|---|
//! | without `origin`, or with that of its target | passes | passes |
//! | with another `origin` | 403 | passes if the origin is allowed, else 403 |
//! | `OPTIONS` with `origin` and `access-control-request-method` or `-headers` | 204 | 204 if origin, method and headers are allowed, else 403 |
//!
//! `*` stands for the origin, for methods and for headers where any is allowed and no credentials are; else what was
//! asked for is repeated, with `vary: origin`. With credentials and without `expose.headers`, the headers that the
//! response has are named. `access-control-*` fields of the exit are left out where they would be ours.
//!
//! # Credentials
//!
//! `authorization: {GUARD: {credentials: {…}}}` has the guard of that name check the credentials of each request, and opens
//! the exit's stream with what it answers. They are looked for in `cookies`, then in `headers`, then in `query`, of each under
//! one name; the first that are there count, whether they are accepted or not.
//!
//! | template | takes |
//! |---|---|
//! | `Bearer {credentials}` | what follows the scheme, which is told in any case |
//! | `Basic {username}:{password}` | of a header: `username:password`, out of base64 |
//! | `{credentials}`, or any text around it | what is in its place, without blanks. `.*` at an end of the template is read over |
//!
//! A value that does not fit its template is no credentials. A parameter of the query is percent-decoded, a cookie may be in
//! quotes; of several with one name, the first counts. A header that is there twice is answered with 400.
//!
//! A request whose credentials are absent or not accepted is handed on without any, so that it takes a route that asks for
//! none. Where there is no such route, as where the exit of an exit refuses:
//!
//! | credentials | no route fits, or it asks for a session | a role is missing |
//! |---|---|---|
//! | absent | 401, with `www-authenticate` | 403 |
//! | not accepted, or the guard could not say | 403 | 403 |
//! | accepted | 404; 401 if the session is over | 404: whom a route is not for is not told that it is there |
//!
//! When a session is over, its requests are ended: before the response with 401, then as a response that fails. A client
//! brings newer credentials before, in a `POST` to any path with `content-type: application/x-challenge-response` and
//! `content-length: 0`: it is answered with 204, and what the same identity has open on this worker goes on for as long as
//! the new session lasts. The exit gets the fields that have credentials as they came; they are in no log line and no error.
//!
//! # Client
//!
//! | frame | from the opener | to the opener |
//! |---|---|---|
//! | `begin` | `:method`, `:authority` and `:path` that a request line can have, `:scheme`, header fields; to ask for another protocol also `upgrade`, or `CONNECT` and `:protocol` | `:status` and header fields in lower case; of an interim response first, if there is one |
//! | `data` | content | content, without framing |
//! | `flush` | | further interim responses, and the final one behind them |
//! | `end` | trailers, sent if the request is chunked | trailers |
//! | `abort`, `reset` | before the response: the request is cancelled and its connection closed, its stream of HTTP/2 reset | a failure, by its code |
//!
//! * A connection is opened on the exit with `authority` (`host:port`) and an `alpn` for each version, `h2` first. By these
//!   a `tcp` client without `options.host` finds the origin, and a `tls` client the server name and what to offer.
//! * The attribute `alpn` of what the exit answers decides which version is spoken; without one it is HTTP/1.1, unless
//!   `versions` has `h2` alone. So HTTP/2 over TLS takes a `tls` client as the exit, without `alpn` in its options or with
//!   both versions there, and `versions: [h2]` without TLS is HTTP/2 with prior knowledge. Where TLS has agreed on what
//!   `versions` does not have, the log says so, and the request fails.
//! * `:scheme` is handed on over HTTP/2 as it came. Behind a server that is reached through TLS it is `https`, which an
//!   origin in clear may refuse: an override of `:scheme` says what is meant.
//! * Connections are shared by requests of the same route, authorization, `:scheme` and `:authority`: an **origin**.
//!   The one used last is used next. With `isolation: stream`, each request has a connection of its own; set
//!   `limits.idle-connections: 0` there.
//! * Of HTTP/2, many requests share a connection: as many as `concurrent-streams` and the origin allow. While one is set
//!   up that may turn out to be of HTTP/2, as many requests wait for it, and another is opened for the next.
//! * A request without `content-length` is chunked, or frames of HTTP/2, if it has a body: its `end` has not come by the
//!   end of the call in which it began.
//! * While the generation of the configuration ends, and with `limits.idle-connections: 0`, a connection ends with its
//!   last request: that one says `connection: close`, unless it asks for another protocol. One of HTTP/2 ends with `GOAWAY`.
//! * Fields of one connection are not handed on, either way. `te: trailers`, and `upgrade` to one of the protocols in
//!   the options, are asked for anew. `max-forwards` passes as it is.
//! * A request that a reused connection took and did not answer at all is sent once more on a new one, if its method
//!   is idempotent (RFC 9110, 9.2.2) and it has no body. So is any request, once, that an origin of HTTP/2 says it has
//!   not looked at (GOAWAY, REFUSED_STREAM), unless content of it was sent; and over HTTP/1.1 what it does not
//!   want over HTTP/2 (HTTP_1_1_REQUIRED).
//! * An origin that answers before it has the whole request is heard; then its connection is closed, or the stream of
//!   HTTP/2 reset with CANCEL. One that has sent more than a response, or anything without being asked, is left as well.
//! * Another protocol is asked for in the way of the connection: with `upgrade` and 101, or with an extended `CONNECT` and
//!   200 (RFC 8441). An opener gets the answer to what it asked: a `:status` 101 to `upgrade`, a 200 to
//!   `CONNECT`; keys of a WebSocket are made, checked and answered where one side has none. An origin of
//!   HTTP/2 that takes no extended `CONNECT` is asked over HTTP/1.1 if `versions` has that, else the request fails. Of a
//!   list in `upgrade`, HTTP/2 is asked for the first. `CONNECT` without `:protocol` is not served.
//! * A field that is a secret (`authorization`, `cookie`, what `authorization` puts in) is in no HPACK table, for requests of
//!   many clients share it.
//! * `authorization` has the form that a server's has, and says the other way: the credentials of the guard are put into each
//!   of the cookie, the header and the parameter of the query that are named, in the place of what the request brings of
//!   that name. They are those of the session of that guard that the request carries; where it carries none, the
//!   guard's own, as `inline` has them. `Bearer {credentials}` has them as they are, `Basic {username}:{password}`
//!   takes `name:password` and encodes it. A request that cannot have them does not reach the origin: without a session that has any
//!   it fails with `unauthorized`, which a server tells its client as 401; where the guard fails with `crashed` (502), and where they
//!   cannot be written with `violation` (502).
//!
//! | key | default | |
//! |---|---|---|
//! | `versions` | `[http/1.1, h2]` | which are spoken |
//! | `overrides`, `upgrade` | | as above |
//! | `authorization` | nothing is shown | which guard has the credentials that origins are shown, and where requests have them |
//! | `limits.connections` | 10 | most connections to an origin, on each worker; and as many that an origin of HTTP/2 has told to end with what they have |
//! | `limits.idle-connections` | 10 | most that are kept while they have no request |
//! | `limits.waiting-requests` | 100 | most requests to an origin that wait for a connection: one more fails with `limit` |
//! | `limits.header-bytes`, `limits.header-count` | 16384, 100 | longest head or trailers of a response, most fields; of HTTP/2 decoded, and 32 octets more for each field |
//! | `limits.h2.*` | as above | what a connection of HTTP/2 may take, the origin being the one that is limited. `concurrent-streams` is the most requests of a connection at a time: more have another, or wait; `resets` are more resets than there were requests |
//! | `timeouts.waiting-ms` | 10000 | for a request to get a connection: `limit` |
//! | `timeouts.response-ms` | 60000 | from the end of a request, or of its head if it waits to be told to go on, to the end of the head of its response: `timeout` |
//! | `timeouts.body-read-ms` | 60000 | between two pieces of a response, while the opener would take more: `timeout` |
//! | `timeouts.write-ms` | 60000 | between two pieces of a request that the origin takes: `timeout` |
//! | `timeouts.idle-ms` | 60000 | for a connection without a request: it ends |
//! | `timeouts.settings-ms` | 60000 | from the SETTINGS of HTTP/2 to their acknowledgement: SETTINGS_TIMEOUT, `timeout` |
//!
//! A request of HTTP/2 that takes too long ends its stream with CANCEL, and the connection if nothing at all has come
//! since. The time to connect is the exit's to limit, and with `h2` among the versions `response-ms` as well. The number of
//! connections to all origins, which clients may name, is the exit's to limit, too: `connections` of a `tcp` client. An override of
//! `:authority` makes them one. At most 16 interim responses to a request pass.
//!
//! | code | the status of a server before it | why |
//! |---|---|---|
//! | `violation` | 502 | the response is malformed or ambiguous, breaks off or does not come (RST_STREAM, GOAWAY with an error of ours); or the request cannot be written |
//! | `unreachable` | 502 | the exit refuses, resets or cannot reach the origin; or the origin did not look at a request whose content is gone |
//! | `limit` | 503 | too many requests wait, or for too long; a limit of the host; REFUSED_STREAM twice, ENHANCE_YOUR_CALM |
//! | `timeout` | 504 | a time limit of the exit, or one above |
//! | another | | as the exit gives it |
//!
//! A request whose fields are more than what an origin of HTTP/2 says it takes (SETTINGS_MAX_HEADER_LIST_SIZE; RFC 9113,
//! 10.5.1) is not sent: its opener gets what such an origin answers, a `:status` 431. A server does not hold back
//! responses for what its client says: that is an advice, and the client has the response as it is or resets its stream.
//!
//! After the head of a response, a failure aborts it. What is wrong with one response of HTTP/2 ends its stream with
//! PROTOCOL_ERROR or FLOW_CONTROL_ERROR; what a connection cannot go on after ends it with `GOAWAY`, its code, and a text
//! that says what was wrong, and fails all its requests. `PUSH_PROMISE` is such, for ENABLE_PUSH is 0.
//!
//! | what is held | at most | then |
//! |---|---|---|
//! | content of a request, without a connection or its credit | the credit that a direction starts with | the opener has no credit |
//! | octets of the origin, not yet handed on | the credit that a direction starts with, and `header-bytes` | the origin has no credit |
//! | encoded octets that the origin does not take | one head, or the framing of a chunk | nothing new is encoded |
//! | timers of the host | 1 for each connection and each request that waits | |
//! | of HTTP/2: a frame that is not complete, a field block, tables | as of a server | as of a server |
//! | content of responses | `connection-window-bytes`, and of each stream four times `stream-window-bytes` | the origin has no window |
//! | encoded octets that the origin does not take | 16 KiB, what answers as many octets as an origin has credit for, and a head for each request | no credit is given back |
//!
//! # Differences from Zilla
//!
//! * In patterns, characters that mean something in regular expressions (`+ ? [ ( |` and so on) are
//!   themselves. A condition on `host` is refused, since it could never hold: it is `:authority`.
//! * `requests` is refused as unknown. `date`, `length-required`, `expect`, `forwarded`, `via`, `upgrade`,
//!   `limits` and `timeouts` are additions.
//! * Without a session, a route that asks for one and no route at all are answered alike, with 401 or 403, as in Zilla. A
//!   template is text, no regular expression, and of `cookies`, `headers` and `query` each has one name: more are refused,
//!   not read past.
//! * A refusal has a body, and says what was wrong. An unknown method is handed on; routes decide on it.
//! * Responses have a `date`. Header names of a response are sent as the exit gives them, not in capitals.
//! * Requests of HTTP/1.0 are answered.
//! * Windows of HTTP/2 are open from the start; they do not wait for the exit.

mod accepted;
mod access;
mod authorization;
mod body;
mod buffer;
mod client;
mod connection;
mod date;
mod facts;
mod fields;
mod forwarded;
mod h2;
mod head;
mod options;
mod request;
mod response;
mod routes;
mod source;
mod status;
mod stream;
mod target;

use accepted::Accepted;
use authorization::Authorization;
use client::Client;
use connection::Shared;
use date::DateLine;
use options::Limits;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use target::Scheme;
use zilla_sdk::prelude::*;

pub use access::{HttpAccessAllow, HttpAccessControl, HttpAccessExpose, HttpAccessPolicy};
pub use authorization::{HttpAuthorization, HttpAuthorizationGuard, HttpCredentials};
pub use client::{HttpClientLimits, HttpClientOptions, HttpClientTimeouts};
pub use forwarded::{HttpForwarded, HttpForwardedHeader};
pub use h2::HttpH2Limits;
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
                h2_fields: RefCell::default(),
                authorization: options.authorization.as_ref().map(Authorization::new).transpose()?,
                options,
            };
            (Role::Server(Rc::new(shared)), overrides)
        };
        for (name, value) in &overrides {
            let pointer = format!("/options/overrides/{}", routes::escape(name));
            routes::check_assignment(name, value, false)
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
                Accepted::new(shared, &begin, scheme, cx).map(HttpStream::Accepted).map_err(Reset)
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
