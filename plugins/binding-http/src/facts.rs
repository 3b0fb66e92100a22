//! What the fields of a request say of its framing, its host and its connection.

use crate::fields::{self, Field};
use crate::head::{Framing, HEADERS_MAX, Version};
use crate::options::Limits;
use crate::status::Refusal;
use crate::target::Authority;
use httparse::Header;

/// Most names in `connection`; more are answered with 400, for each is looked up among the fields.
const CONNECTION_OPTIONS_MAX: usize = 32;

/// Fields by index, each marked or not.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Marks([u64; HEADERS_MAX / 64]);

impl Marks {
    pub(crate) fn has(&self, index: usize) -> bool {
        self.0[index / 64] >> (index % 64) & 1 == 1
    }

    pub(crate) fn set(&mut self, index: usize) {
        self.0[index / 64] |= 1 << (index % 64);
    }
}

/// What the fields say, as they are read one after another.
#[derive(Default)]
pub(crate) struct Facts<'a> {
    hosts: usize,
    host: &'a [u8],
    lengths: usize,
    length: &'a [u8],
    codings: Codings,
    pub(crate) close: bool,
    pub(crate) keep_alive: bool,
    pub(crate) expects_continue: bool,
    /// Fields that are not handed on.
    pub(crate) dropped: Marks,
    pub(crate) has_connection_options: bool,
    /// Protocols that the client offers to switch to, if `connection` says so.
    upgrade: &'a [u8],
    offers_upgrade: bool,
}

impl<'a> Facts<'a> {
    pub(crate) fn read(&mut self, index: usize, field: &Header<'a>, version: Version) -> Result<(), Refusal> {
        match Field::of(field.name.as_bytes()) {
            Field::EndToEnd | Field::Date => return Ok(()),
            Field::ContentLength => {
                self.lengths += 1;
                self.length = field.value;
                return Ok(());
            }
            Field::Te if fields::trim(field.value).eq_ignore_ascii_case(b"trailers") => return Ok(()),
            Field::Te | Field::HopByHop => {}
            Field::Upgrade => self.upgrade = field.value,
            Field::Host => {
                self.hosts += 1;
                self.host = field.value;
            }
            Field::Connection => self.read_connection(field.value),
            Field::TransferEncoding => self.codings.read(field.value),
            // RFC 9110, 10.1.1: an expectation in HTTP/1.0 is ignored.
            Field::Expect if version == Version::Http10 => {}
            Field::Expect if fields::trim(field.value).eq_ignore_ascii_case(b"100-continue") => {
                self.expects_continue = true;
            }
            Field::Expect => return Err(Refusal::new(417, "only 100-continue can be expected")),
        }
        self.dropped.set(index);
        Ok(())
    }

    fn read_connection(&mut self, value: &[u8]) {
        for option in value.split(|octet| *octet == b',').map(fields::trim) {
            match option {
                [] => {}
                _ if option.eq_ignore_ascii_case(b"close") => self.close = true,
                _ if option.eq_ignore_ascii_case(b"keep-alive") => self.keep_alive = true,
                _ if option.eq_ignore_ascii_case(b"upgrade") => self.offers_upgrade = true,
                _ => self.has_connection_options = true,
            }
        }
    }

    /// The protocols that the client offers to switch to; HTTP/1.0 has no such thing.
    pub(crate) fn upgrade(&self, version: Version) -> Option<&'a [u8]> {
        (self.offers_upgrade && version == Version::Http11).then_some(self.upgrade)
    }

    /// Drops the fields that `connection` names.
    pub(crate) fn drop_named(&mut self, fields: &[Header<'a>]) -> Result<(), Refusal> {
        drop_named(fields, &mut self.dropped)
    }

    /// RFC 9112, 6.3, where what is ambiguous is refused. `None` if the request says nothing.
    pub(crate) fn framing(&self, version: Version, limits: &Limits) -> Result<Option<Framing>, Refusal> {
        let bad = Refusal::bad_request;
        match (self.codings, self.lengths) {
            (Codings::Absent, 0) => return Ok(None),
            (Codings::Absent, 1) => {}
            (Codings::Absent, _) => return Err(bad("there is more than one content-length")),
            (_, 0) if version == Version::Http10 => {
                return Err(bad("HTTP/1.0 has no transfer-encoding"));
            }
            (Codings::Chunked, 0) => return Ok(Some(Framing::Chunked)),
            (Codings::Unknown, 0) => return Err(Refusal::new(501, "the transfer-encoding is not served")),
            (Codings::Malformed, 0) => {
                return Err(bad("the transfer-encoding is not chunked, once and last"));
            }
            _ => return Err(bad("there are both a content-length and a transfer-encoding")),
        }
        match fields::number(fields::trim(self.length)) {
            None => Err(bad("the content-length is not a number")),
            Some(length) if length > limits.body_bytes => Err(Refusal::new(413, "the body is too long")),
            Some(0) => Ok(Some(Framing::Empty)),
            Some(length) => Ok(Some(Framing::Length(length))),
        }
    }

    /// RFC 9112, 3.2: exactly one valid `host`; none is allowed in HTTP/1.0.
    pub(crate) fn authority(&self, version: Version) -> Result<Option<Authority<'a>>, Refusal> {
        match self.hosts {
            0 if version == Version::Http10 => Ok(None),
            0 => Err(Refusal::bad_request("there is no host")),
            1 => Authority::parse(fields::trim(self.host)).map(Some),
            _ => Err(Refusal::bad_request("there is more than one host")),
        }
    }
}

/// Marks the fields that `connection` names (RFC 9110, 7.6.1). `content-length` is none of them, it is framing; nor is
/// `te`, which has to be named there and is handed on for what it says (RFC 9110, 10.1.4).
pub(crate) fn drop_named(fields: &[Header<'_>], dropped: &mut Marks) -> Result<(), Refusal> {
    let connections = fields.iter().filter(|field| Field::of(field.name.as_bytes()) == Field::Connection);
    let options = connections.flat_map(|field| field.value.split(|octet| *octet == b',')).map(fields::trim);
    for (count, option) in options.enumerate() {
        if count >= CONNECTION_OPTIONS_MAX {
            return Err(Refusal::bad_request("connection has too many options"));
        }
        for (index, field) in fields.iter().enumerate() {
            let name = field.name.as_bytes();
            let is_exempt = matches!(Field::of(name), Field::ContentLength | Field::Te);
            if name.eq_ignore_ascii_case(option) && !is_exempt {
                dropped.set(index);
            }
        }
    }
    Ok(())
}

/// What all `transfer-encoding` fields say together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Codings {
    #[default]
    Absent,
    /// `chunked`, once, nothing else.
    Chunked,
    /// Codings that are not served.
    Unknown,
    /// An empty item, or `chunked` that is not last or not alone.
    Malformed,
}

impl Codings {
    pub(crate) fn read(&mut self, value: &[u8]) {
        for coding in value.split(|octet| *octet == b',').map(fields::trim) {
            let chunked = coding.eq_ignore_ascii_case(b"chunked");
            *self = match self {
                _ if coding.is_empty() => Self::Malformed,
                Self::Absent if chunked => Self::Chunked,
                Self::Absent => Self::Unknown,
                Self::Chunked | Self::Malformed => Self::Malformed,
                Self::Unknown => Self::Unknown,
            };
        }
    }
}
