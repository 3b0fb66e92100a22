//! A request on its way: what its head says to the origin, and what of its body waits.

use super::Client;
use crate::buffer::Buffer;
use crate::fields::{self, Field};
use crate::response::{self, Fault};
use crate::target::Authority;
use zilla_sdk::{Attributes, StreamId};

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
    /// `transfer-encoding: chunked`
    Chunked,
    /// The connection was switched to another protocol: octets go as they are.
    Raw,
}

/// One request.
#[derive(Debug)]
pub(super) struct Request {
    /// The stream that it arrived on.
    pub(super) stream: StreamId,
    /// The head as it is sent, kept for as long as the request may be sent once more.
    pub(super) head: Vec<u8>,
    pub(super) body: Body,
    /// Content that is not encoded: for want of a connection, or of its credit. Holds at most the credit
    /// that the stream has.
    pub(super) held: Buffer,
    /// Trailers: the end has come, and waits behind what is held.
    pub(super) end: Option<Vec<u8>>,
    pub(super) is_head: bool,
    /// Whether it may be sent once more where a connection turns out to be stale.
    pub(super) is_repeatable: bool,
    /// The opener waits for `100 Continue` before it sends the body.
    pub(super) expects_continue: bool,
    /// The protocols that it offers to switch to, if any.
    pub(super) upgrade: Option<Vec<u8>>,
}

impl Request {
    /// Reads what arrived. Its head lacks its last lines until [`Request::decide`].
    pub(super) fn new(stream: StreamId, attributes: Attributes<'_>, client: &Client) -> Result<Self, Fault> {
        let method = attributes.get(":method").filter(|method| fields::is_token(method));
        let method = method.ok_or(Fault("the request has no :method that is a token"))?;
        if method == b"CONNECT" {
            return Err(Fault("CONNECT is not served"));
        }
        let path = attributes.get(":path").filter(|path| is_target(path, method));
        let path = path.ok_or(Fault("the request has no :path that is a request target"))?;
        let mut head = Vec::with_capacity(attributes.block().len() + REQUEST_LINE_OCTETS);
        head.extend_from_slice(method);
        head.push(b' ');
        head.extend_from_slice(path);
        head.extend_from_slice(b" HTTP/1.1\r\nhost: ");
        write_host(&mut head, attributes)?;
        head.extend_from_slice(b"\r\n");
        let mut request = Self {
            stream,
            head,
            body: Body::Undecided,
            held: Buffer::default(),
            end: None,
            is_head: method == b"HEAD",
            is_repeatable: IDEMPOTENT.contains(&method),
            expects_continue: false,
            upgrade: None,
        };
        request.write_fields(attributes, client)?;
        Ok(request)
    }

    /// Writes the fields that are handed on: what concerns one connection is of that connection alone
    /// (RFC 9110, 7.6.1).
    fn write_fields(&mut self, attributes: Attributes<'_>, client: &Client) -> Result<(), Fault> {
        let named = attributes.iter().filter(|(name, _)| Field::of(name) == Field::Connection);
        let named: Vec<&[u8]> =
            named.flat_map(|(_, value)| value.split(|octet| *octet == b',')).map(fields::trim).collect();
        let mut takes_trailers = false;
        for (name, value) in attributes {
            match Field::of(name) {
                _ if name.starts_with(b":") => continue,
                Field::ContentLength if self.body != Body::Undecided => {
                    return Err(Fault("the request has more than one content-length"));
                }
                Field::ContentLength => {
                    let length = fields::number(value).ok_or(Fault("the content-length is not a number"))?;
                    self.body = if length == 0 { Body::Empty } else { Body::Length(length) };
                    self.head.extend_from_slice(format!("content-length: {length}\r\n").as_bytes());
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
                    takes_trailers = true;
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
            response::write_field(&mut self.head, name, value)?;
        }
        if self.upgrade.is_some() && matches!(self.body, Body::Undecided | Body::Empty) {
            self.body = Body::Empty;
            self.is_repeatable = false;
        } else {
            self.upgrade = None;
        }
        self.expects_continue &= self.body != Body::Empty;
        if self.expects_continue {
            self.head.extend_from_slice(b"expect: 100-continue\r\n");
        }
        self.write_connection(takes_trailers);
        self.is_repeatable &= self.body == Body::Undecided || self.body == Body::Empty;
        if self.body != Body::Undecided {
            self.head.extend_from_slice(b"\r\n");
        }
        Ok(())
    }

    /// Fields of this connection, each named in `connection`.
    fn write_connection(&mut self, takes_trailers: bool) {
        let upgrade = self.upgrade.as_deref();
        if takes_trailers {
            self.head.extend_from_slice(b"te: trailers\r\n");
        }
        if let Some(protocols) = upgrade {
            self.head.extend_from_slice(b"upgrade: ");
            self.head.extend_from_slice(protocols);
            self.head.extend_from_slice(b"\r\n");
        }
        self.head.extend_from_slice(match (takes_trailers, upgrade.is_some()) {
            (true, true) => b"connection: te, upgrade\r\n",
            (true, false) => b"connection: te\r\n",
            (false, true) => b"connection: upgrade\r\n",
            (false, false) => b"",
        });
    }

    /// Completes the head of a request that said nothing of its length, once it is known whether it has a
    /// body.
    pub(super) fn decide(&mut self, has_body: bool) {
        if self.body != Body::Undecided {
            return;
        }
        if has_body {
            (self.body, self.is_repeatable) = (Body::Chunked, false);
            self.head.extend_from_slice(b"transfer-encoding: chunked\r\n");
        } else {
            self.body = Body::Empty;
        }
        self.head.extend_from_slice(b"\r\n");
    }
}

/// Room for what a request line has besides its attributes, and `host`, in octets.
const REQUEST_LINE_OCTETS: usize = 64;

/// Whether a path is a request target that no server reads as anything else (RFC 9112, 3.2).
fn is_target(path: &[u8], method: &[u8]) -> bool {
    let is_form = path.starts_with(b"/") || (path == b"*" && method == b"OPTIONS");
    is_form && path.iter().all(|octet| (b'!'..=b'~').contains(octet) && *octet != b'#')
}

/// Writes the value of `host`: the authority, without the port that the scheme means by none.
fn write_host(head: &mut Vec<u8>, attributes: Attributes<'_>) -> Result<(), Fault> {
    const AUTHORITY: Fault = Fault("the request has no :authority that is a host and a port");
    let authority = attributes.get(":authority").ok_or(AUTHORITY)?;
    Authority::parse(authority).map_err(|_| AUTHORITY)?;
    let port: &[u8] = if attributes.get(":scheme") == Some(b"https") { b":443" } else { b":80" };
    head.extend_from_slice(authority.strip_suffix(port).unwrap_or(authority));
    Ok(())
}
