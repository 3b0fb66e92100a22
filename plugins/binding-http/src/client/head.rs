//! Decodes the head of a response (RFC 9112, 4 to 6): to a borrowed [`ResponseHead`] that cannot be
//! ambiguous, or to a [`Fault`].

use super::websocket;
use crate::body::{Chunked, Decoder};
use crate::facts::{self, Codings, Marks};
use crate::fields::{self, Field};
use crate::head::{ATTRIBUTE_OVERHEAD_OCTETS, HEADERS_MAX, Slots};
use crate::options::Limits;
use crate::response::Fault;
use httparse::{Header, Response, Status};
use zilla_sdk::AttributesWriter;

/// Octets of the attribute `:status`.
const STATUS_OCTETS: usize = ATTRIBUTE_OVERHEAD_OCTETS + ":status".len() + 3;

/// The head of a response. Its framing is unambiguous.
#[derive(Debug)]
pub(crate) struct ResponseHead<'s, 'a> {
    /// Octets of the head, its empty line included.
    pub(crate) octets: usize,
    /// From 100 to 999.
    pub(crate) status: u16,
    /// How the end of the content is found.
    pub(crate) body: Decoder,
    /// Whether the connection may be used again.
    pub(crate) keep_alive: bool,
    /// The protocol that the origin switches to, of a 101.
    pub(crate) upgrade: Option<&'a [u8]>,
    fields: &'s [Header<'a>],
    dropped: Marks,
}

impl ResponseHead<'_, '_> {
    /// Writes the response as attributes: `:status`, then header fields in order in lower case.
    pub(crate) fn write(&self, attributes: &mut AttributesWriter<'_>) {
        let digit = |number: u16| b'0' + (number % 10) as u8;
        attributes.push(b":status", [digit(self.status / 100), digit(self.status / 10), digit(self.status)]);
        self.write_fields(attributes, |_| true);
    }

    /// Writes a switch of protocols as it answers an extended `CONNECT` (RFC 8441, 5).
    pub(crate) fn write_connected(&self, attributes: &mut AttributesWriter<'_>) {
        attributes.push(b":status", b"200");
        self.write_fields(attributes, |name| !websocket::is_handshake(name));
    }

    fn write_fields(&self, attributes: &mut AttributesWriter<'_>, is_meant: impl Fn(&[u8]) -> bool) {
        for (index, field) in self.fields.iter().enumerate() {
            let name = field.name.as_bytes();
            if !self.dropped.has(index) && is_meant(name) {
                attributes.push_lowercase(name, field.value);
            }
        }
    }

    /// Whether the origin has read the key of a WebSocket (RFC 6455, 4.1): once, and as it is.
    pub(crate) fn proves(&self, accept: &str) -> bool {
        let is_meant = |field: &&Header<'_>| field.name.eq_ignore_ascii_case("sec-websocket-accept");
        let mut values = self.fields.iter().filter(is_meant).map(|field| fields::trim(field.value));
        (values.next(), values.next()) == (Some(accept.as_bytes()), None)
    }
}

/// Decodes a head from the start of `octets`. `None` if it is not complete. `is_head` if the request was a
/// `HEAD`.
pub(crate) fn decode<'s, 'a>(
    octets: &'a [u8],
    slots: &'s mut Slots<'a>,
    is_head: bool,
    limits: &Limits,
) -> Result<Option<ResponseHead<'s, 'a>>, Fault> {
    // The parser reads over empty lines. A client does not: they may be the end of something else.
    if octets.first().is_some_and(|octet| matches!(octet, b'\r' | b'\n')) {
        return Err(Fault("there is an empty line before the response"));
    }
    let visible = &octets[..octets.len().min(limits.header_bytes)];
    let slots = &mut slots[..limits.header_count.min(HEADERS_MAX)];
    let mut response = Response::new(&mut []);
    let parsed =
        httparse::ParserConfig::default().parse_response_with_uninit_headers(&mut response, visible, slots);
    match parsed {
        Ok(Status::Complete(length)) => {
            let head = &visible[..length];
            if !crate::head::lines_end_in_crlf(head, response.headers) {
                return Err(Fault("a line of the head does not end in CR LF"));
            }
            interpret(head, response, is_head, limits).map(Some)
        }
        Ok(Status::Partial) if octets.len() >= limits.header_bytes => Err(Fault("the head is too long")),
        Ok(Status::Partial) => Ok(None),
        Err(httparse::Error::TooManyHeaders) => Err(Fault("the head has too many fields")),
        Err(_) => Err(Fault("the head is malformed")),
    }
}

/// What the fields of a response say, as they are read one after another.
#[derive(Default)]
struct Facts<'a> {
    lengths: usize,
    length: &'a [u8],
    codings: Codings,
    close: bool,
    keep_alive: bool,
    has_connection_options: bool,
    upgrade: Option<&'a [u8]>,
    dropped: Marks,
}

impl<'a> Facts<'a> {
    fn read(&mut self, index: usize, field: &Header<'a>) {
        match Field::of(field.name.as_bytes()) {
            Field::EndToEnd | Field::Date | Field::Host | Field::Expect => return,
            Field::ContentLength => {
                self.lengths += 1;
                self.length = field.value;
                return;
            }
            Field::TransferEncoding => self.codings.read(field.value),
            Field::Connection => self.read_connection(field.value),
            Field::Upgrade => self.upgrade = Some(fields::trim(field.value)),
            Field::Te | Field::HopByHop => {}
        }
        self.dropped.set(index);
    }

    fn read_connection(&mut self, value: &[u8]) {
        for option in value.split(|octet| *octet == b',').map(fields::trim) {
            match option {
                [] => {}
                _ if option.eq_ignore_ascii_case(b"close") => self.close = true,
                _ if option.eq_ignore_ascii_case(b"keep-alive") => self.keep_alive = true,
                _ => self.has_connection_options = true,
            }
        }
    }

    /// RFC 9112, 6.3, where what is ambiguous is refused.
    fn body(&self, is_http11: bool, has_content: bool) -> Result<Decoder, Fault> {
        let length = match self.lengths {
            0 => None,
            1 => {
                let length = fields::number(fields::trim(self.length));
                Some(length.ok_or(Fault("the content-length is not a number"))?)
            }
            _ => return Err(Fault("there is more than one content-length")),
        };
        let body = match (self.codings, length) {
            (Codings::Absent, None) => Decoder::UntilClose,
            (Codings::Absent, Some(length)) => Decoder::Length(length),
            (_, Some(_)) => return Err(Fault("there are both a content-length and a transfer-encoding")),
            (_, None) if !is_http11 => return Err(Fault("HTTP/1.0 has no transfer-encoding")),
            (Codings::Chunked, None) => Decoder::Chunked(Chunked::default()),
            (Codings::Unknown | Codings::Malformed, None) => {
                return Err(Fault("the transfer-encoding is not chunked, once and alone"));
            }
        };
        Ok(if has_content { body } else { Decoder::Length(0) })
    }
}

fn interpret<'s, 'a>(
    head: &'a [u8],
    response: Response<'s, 'a>,
    is_head: bool,
    limits: &Limits,
) -> Result<ResponseHead<'s, 'a>, Fault> {
    let status = response.code.filter(|status| (100..=999).contains(status));
    let status = status.ok_or(Fault("the status is not a number from 100 to 999"))?;
    let is_http11 = response.version == Some(1);
    let fields: &'s [Header<'a>] = response.headers;
    let mut facts = Facts::default();
    for (index, field) in fields.iter().enumerate() {
        facts.read(index, field);
    }
    if facts.has_connection_options {
        let named = facts::drop_named(fields, &mut facts.dropped);
        named.map_err(|_| Fault("connection has too many options"))?;
    }
    let attributes_octets = head.len() + fields.len() * ATTRIBUTE_OVERHEAD_OCTETS + STATUS_OCTETS;
    if attributes_octets > limits.attributes_octets {
        return Err(Fault("the head is too long"));
    }
    let has_content = !is_head && !matches!(status, 100..=199 | 204 | 304);
    let body = facts.body(is_http11, has_content)?;
    // A length where there is no content may be a content that comes all the same.
    let is_suspicious = status == 204 && (facts.lengths > 0 || facts.codings != Codings::Absent);
    let may_stay = !facts.close && (is_http11 || facts.keep_alive);
    Ok(ResponseHead {
        octets: head.len(),
        status,
        keep_alive: may_stay && !is_suspicious && !matches!(body, Decoder::UntilClose),
        body,
        upgrade: facts.upgrade.filter(|_| status == 101),
        fields,
        dropped: facts.dropped,
    })
}
