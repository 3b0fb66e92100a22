//! A request on its way: what it says to the origin, in whichever version, and what of its body waits.

use super::{Client, websocket};
use crate::authorization::Authorization;
use crate::buffer::Buffer;
use crate::fields::{self, Field};
use crate::h2::Encoder;
use crate::h2::hpack::FIELD_OVERHEAD_OCTETS;
use crate::response::{self, Fault};
use crate::target::Authority;
use std::rc::Rc;
use zilla_sdk::{Attributes, AttributesWriter, CloseCode, StreamId};

/// Methods whose effect is the same when a request comes twice (RFC 9110, 9.2.2).
const IDEMPOTENT: [&[u8]; 6] = [b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"];

/// How the origin finds the end of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// It is not known yet whether there is one.
    Undecided,
    /// There is none.
    Empty,
    /// `content-length`: so many octets are to come.
    Length(u64),
    /// So many as come: `transfer-encoding: chunked`, or frames of HTTP/2.
    Chunked,
    /// Another protocol is spoken: octets go as they are.
    Raw,
}

/// One request.
#[derive(Debug)]
pub(super) struct Request {
    /// The stream that it arrived on.
    pub(super) stream: StreamId,
    /// What is said to the origin as attributes: `:method`, `:scheme`, `:authority`, `:path`, then fields that are
    /// handed on, all of them checked. Kept for as long as the request may be sent once more.
    block: Vec<u8>,
    pub(super) body: Body,
    /// Content that is not encoded: for want of a connection, or of its credit. Holds at most the credit
    /// that the stream has.
    pub(super) held: Buffer,
    /// Trailers: the end has come, and waits behind what is held.
    pub(super) end: Option<Vec<u8>>,
    pub(super) is_head: bool,
    /// Whether it may be sent once more where it may have had its effect.
    pub(super) is_repeatable: bool,
    /// It was sent before, to no effect: it is not sent a third time.
    pub(super) is_repeated: bool,
    /// The opener waits for `100 Continue` before it sends the body.
    pub(super) expects_continue: bool,
    takes_trailers: bool,
    /// The protocols that it offers to switch to, if any.
    pub(super) upgrade: Option<Vec<u8>>,
    /// It asks for the other protocol with an extended `CONNECT` (RFC 8441), whose answer is 200 instead of 101.
    pub(super) is_connect: bool,
    /// HTTP/2 cannot carry it to this origin.
    pub(super) only_http1: bool,
    /// Where it has credentials that a guard had to show.
    shown: Option<Rc<Authorization>>,
    /// What the origin has to prove that it has read, of a WebSocket that was asked for with `CONNECT`.
    pub(super) key: Option<String>,
}

impl Request {
    /// Reads what arrived. Its body is to be [decided](Request::decide) if nothing is said of it.
    pub(super) fn new(stream: StreamId, attributes: Attributes<'_>, client: &Client) -> Result<Self, Fault> {
        let method = attributes.get(":method").filter(|method| fields::is_token(method));
        let method = method.ok_or(Fault("the request has no :method that is a token"))?;
        let is_connect = method == b"CONNECT";
        let path = attributes.get(":path").filter(|path| is_target(path, method));
        if is_connect && attributes.get(":protocol").is_none() {
            return Err(Fault("CONNECT is not served"));
        }
        let path = path.ok_or(Fault("the request has no :path that is a request target"))?;
        let scheme: &[u8] = if attributes.get(":scheme") == Some(b"https") { b"https" } else { b"http" };
        let mut request = Self {
            stream,
            block: Vec::with_capacity(attributes.block().len()),
            body: Body::Undecided,
            held: Buffer::default(),
            end: None,
            is_head: method == b"HEAD",
            is_repeatable: IDEMPOTENT.contains(&method),
            is_repeated: false,
            expects_continue: false,
            takes_trailers: false,
            upgrade: None,
            is_connect,
            only_http1: false,
            shown: None,
            key: None,
        };
        let mut said = AttributesWriter::new(&mut request.block);
        said.push(":method", method);
        said.push(":scheme", scheme);
        said.push(":authority", host(attributes, scheme)?);
        said.push(":path", path);
        request.read_fields(attributes, client)?;
        if is_connect {
            request.check_connect(attributes, client)?;
        }
        Ok(request)
    }

    /// Puts the credentials into it that a guard has, on behalf of those for whom it is made. The error is what its
    /// opener is told.
    pub(super) fn show(
        &mut self,
        authorization: &Rc<Authorization>,
        on_behalf: u64,
    ) -> Result<(), CloseCode> {
        authorization.show(on_behalf, &mut self.block)?;
        self.shown = Some(Rc::clone(authorization));
        Ok(())
    }

    /// Keeps the fields that are handed on: what concerns one connection is of that connection alone
    /// (RFC 9110, 7.6.1).
    fn read_fields(&mut self, attributes: Attributes<'_>, client: &Client) -> Result<(), Fault> {
        let named = attributes.iter().filter(|(name, _)| Field::of(name) == Field::Connection);
        let named: Vec<&[u8]> =
            named.flat_map(|(_, value)| value.split(|octet| *octet == b',')).map(fields::trim).collect();
        for (name, value) in attributes {
            match Field::of(name) {
                _ if name.starts_with(b":") => continue,
                Field::ContentLength if self.body != Body::Undecided => {
                    return Err(Fault("the request has more than one content-length"));
                }
                Field::ContentLength => {
                    let length = fields::number(value).ok_or(Fault("the content-length is not a number"))?;
                    self.body = if length == 0 { Body::Empty } else { Body::Length(length) };
                    AttributesWriter::new(&mut self.block).push(name, length.to_string());
                    continue;
                }
                Field::Upgrade => {
                    self.upgrade = client.offered(value);
                    continue;
                }
                Field::Expect if value.eq_ignore_ascii_case(b"100-continue") => {
                    self.expects_continue = true;
                    continue;
                }
                Field::Te if value.eq_ignore_ascii_case(b"trailers") => {
                    self.takes_trailers = true;
                    continue;
                }
                Field::Host
                | Field::Connection
                | Field::TransferEncoding
                | Field::HopByHop
                | Field::Expect
                | Field::Te => continue,
                Field::EndToEnd | Field::Date
                    if named.iter().any(|option| name.eq_ignore_ascii_case(option)) =>
                {
                    continue;
                }
                Field::EndToEnd | Field::Date => {}
            }
            if !fields::is_token(name) {
                return Err(Fault("a field name of the request is not a token"));
            }
            if !fields::is_value(value) {
                return Err(Fault("a field value of the request has a character that it must not have"));
            }
            AttributesWriter::new(&mut self.block).push_lowercase(name, value);
        }
        if self.upgrade.is_some() && matches!(self.body, Body::Undecided | Body::Empty) {
            self.body = Body::Empty;
            self.is_repeatable = false;
        } else {
            self.upgrade = None;
        }
        self.expects_continue &= self.body != Body::Empty;
        self.is_repeatable &= matches!(self.body, Body::Undecided | Body::Empty);
        Ok(())
    }

    /// RFC 8441, 4: an extended `CONNECT` names the protocol, and what it sends is of that protocol.
    fn check_connect(&mut self, attributes: Attributes<'_>, client: &Client) -> Result<(), Fault> {
        let protocol = attributes.get(":protocol").unwrap_or_default();
        if client.offered(protocol).is_none() || protocol.contains(&b',') {
            return Err(Fault("the request asks for a :protocol that is not in `upgrade`"));
        }
        if !matches!(self.body, Body::Undecided) || self.upgrade.is_some() {
            return Err(Fault("the request asks for a :protocol and says more than that of its content"));
        }
        self.upgrade = Some(protocol.to_vec());
        self.body = Body::Empty;
        self.expects_continue = false;
        self.is_repeatable = false;
        Ok(())
    }

    /// It is known by now whether a request that said nothing of its length has a body.
    pub(super) fn decide(&mut self, has_body: bool) {
        if self.body != Body::Undecided {
            return;
        }
        if has_body {
            (self.body, self.is_repeatable) = (Body::Chunked, false);
        } else {
            self.body = Body::Empty;
        }
    }

    /// The same request, to be sent once more.
    pub(super) fn repeated(self) -> Self {
        Self { is_repeated: true, ..self }
    }

    /// The same request, to be sent over HTTP/1.1.
    pub(super) fn over_http1(self) -> Self {
        Self { only_http1: true, ..self }
    }

    /// Whether its head says that nothing follows it.
    pub(super) fn is_whole(&self) -> bool {
        self.body == Body::Empty && self.upgrade.is_none()
    }

    /// Names and values of the four pseudo-headers, then of the fields.
    fn said(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        Attributes::new(&self.block).into_iter()
    }

    /// The value of a pseudo-header, or of the first field of that name.
    fn value(&self, name: &str) -> &[u8] {
        Attributes::new(&self.block).get(name).unwrap_or_default()
    }

    /// Writes the head as HTTP/1.1 has it; of the last request of its connection, so that the origin knows.
    pub(super) fn write_http1(&mut self, is_last: bool, out: &mut Vec<u8>) {
        let method = if self.is_connect { b"GET" } else { self.value(":method") };
        for part in [method, b" ", self.value(":path"), b" HTTP/1.1\r\nhost: ", self.value(":authority")] {
            out.extend_from_slice(part);
        }
        out.extend_from_slice(b"\r\n");
        for (name, value) in self.said().skip(PSEUDO_HEADERS) {
            if !(self.is_connect && websocket::is_handshake(name)) {
                response::write_line(out, name, value);
            }
        }
        if self.is_connect && self.asks_for_websocket() {
            let key = websocket::key();
            response::write_line(out, b"sec-websocket-key", key.as_bytes());
            self.key = Some(key);
        }
        if self.expects_continue {
            out.extend_from_slice(b"expect: 100-continue\r\n");
        }
        self.write_connection(is_last, out);
        if self.body == Body::Chunked {
            out.extend_from_slice(b"transfer-encoding: chunked\r\n");
        }
        out.extend_from_slice(b"\r\n");
    }

    /// Fields of this connection, each named in `connection`.
    fn write_connection(&self, is_last: bool, out: &mut Vec<u8>) {
        let upgrade = self.upgrade.as_deref();
        if self.takes_trailers {
            out.extend_from_slice(b"te: trailers\r\n");
        }
        if let Some(protocols) = upgrade {
            response::write_line(out, b"upgrade", protocols);
        }
        let options = [(self.takes_trailers, "te"), (upgrade.is_some(), "upgrade"), (is_last, "close")];
        let mut before: &[u8] = b"connection: ";
        for (_, option) in options.iter().filter(|(is_meant, _)| *is_meant) {
            out.extend_from_slice(before);
            out.extend_from_slice(option.as_bytes());
            before = b", ";
        }
        if before == b", " {
            out.extend_from_slice(b"\r\n");
        }
    }

    /// Writes the fields as HTTP/2 has them (RFC 9113, 8.3.1; of another protocol RFC 8441, 4).
    pub(super) fn write_http2(&self, out: &mut Vec<u8>, encoder: &mut Encoder) {
        let is_secret = |name: &[u8]| self.shown.as_ref().is_some_and(|shown| shown.shows(name));
        self.for_each_of_http2(|name, value| match is_secret(name) {
            true => encoder.secret(out, name, value),
            false => encoder.field(out, name, value),
        });
    }

    /// What the fields count against the limit of an origin of HTTP/2, in octets (RFC 9113, 6.5.2).
    pub(super) fn list_octets(&self) -> usize {
        let mut octets = 0;
        self.for_each_of_http2(|name, value| octets += name.len() + value.len() + FIELD_OVERHEAD_OCTETS);
        octets
    }

    fn for_each_of_http2(&self, mut field: impl FnMut(&[u8], &[u8])) {
        let protocol = self.protocol();
        for (name, value) in self.said() {
            match name {
                b":method" if protocol.is_some() => field(name, b"CONNECT"),
                b":path" => {
                    field(name, value);
                    if let Some(protocol) = protocol {
                        field(b":protocol", protocol);
                    }
                }
                _ if protocol.is_some() && (websocket::is_handshake(name) || name == b"content-length") => {}
                _ => field(name, fields::trim(value)),
            }
        }
        if self.expects_continue {
            field(b"expect", b"100-continue");
        }
        if self.takes_trailers {
            field(b"te", b"trailers");
        }
    }

    /// The protocol that an extended `CONNECT` asks for: the first that is offered.
    pub(super) fn protocol(&self) -> Option<&[u8]> {
        let offered = self.upgrade.as_deref()?;
        offered.split(|octet| *octet == b',').next().map(fields::trim)
    }

    fn asks_for_websocket(&self) -> bool {
        self.protocol().is_some_and(|protocol| protocol.eq_ignore_ascii_case(b"websocket"))
    }

    /// What a client of HTTP/1.1 expects in `sec-websocket-accept`, where the origin was asked over HTTP/2, which
    /// has no such thing.
    pub(super) fn accept(&self) -> Option<String> {
        let is_asked = !self.is_connect && self.asks_for_websocket();
        is_asked.then(|| websocket::accept(self.value("sec-websocket-key")))
    }
}

/// Attributes of a request that are no fields.
const PSEUDO_HEADERS: usize = 4;

/// Whether a path is a request target that no server reads as anything else (RFC 9112, 3.2).
fn is_target(path: &[u8], method: &[u8]) -> bool {
    let is_form = path.starts_with(b"/") || (path == b"*" && method == b"OPTIONS");
    is_form && path.iter().all(|octet| (b'!'..=b'~').contains(octet) && *octet != b'#')
}

/// The value of `host`: the authority, without the port that the scheme means by none.
fn host<'a>(attributes: Attributes<'a>, scheme: &[u8]) -> Result<&'a [u8], Fault> {
    const AUTHORITY: Fault = Fault("the request has no :authority that is a host and a port");
    let authority = attributes.get(":authority").ok_or(AUTHORITY)?;
    Authority::parse(authority).map_err(|_| AUTHORITY)?;
    let port: &[u8] = if scheme == b"https" { b":443" } else { b":80" };
    Ok(authority.strip_suffix(port).unwrap_or(authority))
}
