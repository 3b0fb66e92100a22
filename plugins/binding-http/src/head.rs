//! Decodes the head of a request (RFC 9112, 2 to 3): from octets to a borrowed [`RequestHead`], which
//! cannot be ambiguous, or to a [`Refusal`].

use crate::fields::{self, Field};
use crate::options::Limits;
use crate::status::Refusal;
use crate::target::{Authority, Scheme, Target};
use httparse::{Error, Header, Request, Status};
use std::mem::MaybeUninit;
use zilla_sdk::AttributesWriter;

/// Most header fields of a request, whatever the options say; they are decoded on the stack.
pub(crate) const HEADERS_MAX: usize = 128;
/// Most names in `connection`; more are answered with 400, for each is looked up among the fields.
const CONNECTION_OPTIONS_MAX: usize = 32;
/// Octets that an attribute takes besides its name and its value.
const ATTRIBUTE_OVERHEAD_OCTETS: usize = 6;
/// Attributes of a request that are no header fields, with some room for a scheme and a port.
const PSEUDO_OCTETS: usize = 4 * ATTRIBUTE_OVERHEAD_OCTETS + 64;

/// Room for the fields of a head that is decoded.
pub(crate) type Slots<'a> = [MaybeUninit<Header<'a>>; HEADERS_MAX];

/// A version that is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
}

/// How the end of the request's body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// There is no body.
    Empty,
    /// `content-length`, at least 1.
    Length(u64),
    /// `transfer-encoding: chunked`
    Chunked,
}

/// The head of a request. Its framing is unambiguous, its authority and its target are valid.
#[derive(Debug)]
pub(crate) struct RequestHead<'s, 'a> {
    /// Octets of the head, its empty line included.
    pub(crate) octets: usize,
    pub(crate) method: &'a str,
    pub(crate) version: Version,
    pub(crate) framing: Framing,
    /// Whether the client asks for the connection to stay.
    pub(crate) keep_alive: bool,
    /// Whether the client waits for `100 Continue` before it sends the body.
    pub(crate) expects_continue: bool,
    scheme: Scheme,
    target: Target<'a>,
    authority: Option<Authority<'a>>,
    fields: &'s [Header<'a>],
    /// Bit by field: it is not handed on.
    dropped: u128,
}

impl RequestHead<'_, '_> {
    /// Writes the request as attributes: pseudo-headers, then header fields in order in lower case.
    pub(crate) fn write(&self, attributes: &mut AttributesWriter<'_>) {
        attributes.push(b":method", self.method);
        attributes.push(b":scheme", self.scheme.as_str());
        if let Some(authority) = self.authority {
            authority.with_normalised(self.scheme, |octets| attributes.push(b":authority", octets));
        }
        self.target.with_path(|path| attributes.push(b":path", path));
        for (index, field) in self.fields.iter().enumerate() {
            if self.dropped >> index & 1 == 0 {
                attributes.push_lowercase(field.name.as_bytes(), field.value);
            }
        }
    }
}

/// Decodes a head from the start of `octets`, which is not an empty line. `None` if it is not complete.
///
/// The answer depends on the head alone, not on the pieces in which it arrived: limits are applied by
/// looking at no more octets than they allow.
pub(crate) fn decode<'s, 'a>(
    octets: &'a [u8],
    slots: &'s mut Slots<'a>,
    scheme: Scheme,
    limits: &Limits,
) -> Result<Option<RequestHead<'s, 'a>>, Refusal> {
    let line_too_long = is_line_too_long(octets, limits.request_line_bytes);
    let visible_max = if line_too_long { limits.request_line_bytes } else { limits.header_bytes };
    let visible = &octets[..octets.len().min(visible_max)];
    let mut request = Request::new(&mut []);
    let slots = &mut slots[..limits.header_count.min(HEADERS_MAX)];
    match request.parse_with_uninit_headers(visible, slots) {
        Ok(Status::Complete(length)) => {
            let head = &visible[..length];
            check_lines(head, request.headers)?;
            interpret(head, request, scheme, limits).map(Some)
        }
        Ok(Status::Partial) if line_too_long => Err(LINE_TOO_LONG),
        Ok(Status::Partial) if octets.len() >= limits.header_bytes => {
            Err(Refusal::new(431, "the header is too long"))
        }
        Ok(Status::Partial) => Ok(None),
        Err(error) => Err(refusal(error, visible)),
    }
}

const LINE_TOO_LONG: Refusal = Refusal::new(414, "the request line is too long");

/// Whether there are more octets than a request line may have, and no line end among them.
fn is_line_too_long(octets: &[u8], line_bytes_max: usize) -> bool {
    octets.len() > line_bytes_max + 1 && !octets[..line_bytes_max + 2].contains(&b'\n')
}

/// Refuses bare line feeds, which the parser lets pass as line ends. Every line but the first starts with a
/// field name or is the empty one, so it is enough to look at what goes before those.
pub(crate) fn check_lines(head: &[u8], fields: &[Header<'_>]) -> Result<(), Refusal> {
    let start_of = |field: &Header<'_>| field.name.as_ptr() as usize - head.as_ptr() as usize;
    let starts = fields.iter().map(start_of).chain([head.len() - 2, head.len()]);
    match starts.map(|start| &head[..start]).all(|before| before.ends_with(b"\r\n")) {
        true => Ok(()),
        false => Err(Refusal::bad_request("a line does not end in CR LF")),
    }
}

/// Why the parser refuses a head.
fn refusal(error: Error, octets: &[u8]) -> Refusal {
    match error {
        Error::TooManyHeaders => Refusal::new(431, "the header has too many fields"),
        Error::Version if has_foreign_version(octets) => {
            Refusal::new(505, "the version of HTTP is not served here")
        }
        Error::Version => Refusal::bad_request("the request line does not end in a version of HTTP"),
        Error::HeaderName => Refusal::bad_request("a field name is not a token followed by a colon"),
        Error::HeaderValue => Refusal::bad_request("a field value has a character that it must not have"),
        Error::NewLine => Refusal::bad_request("a line does not end in CR LF"),
        Error::Token | Error::Status => Refusal::bad_request("the request line is malformed"),
    }
}

/// Whether the request line ends in `HTTP/`, digit, dot, digit (RFC 9112, 2.3). Those served do not come here.
fn has_foreign_version(octets: &[u8]) -> bool {
    let line = octets.split(|octet| *octet == b'\r').next().unwrap_or_default();
    let version = line.rsplit(|octet| *octet == b' ').next().unwrap_or_default();
    matches!(version, [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit())
}

/// What the fields say, as they are read one after another.
#[derive(Default)]
struct Facts<'a> {
    hosts: usize,
    host: &'a [u8],
    lengths: usize,
    length: &'a [u8],
    codings: Codings,
    close: bool,
    keep_alive: bool,
    expects_continue: bool,
    dropped: u128,
    has_connection_options: bool,
}

fn interpret<'s, 'a>(
    head: &'a [u8],
    request: Request<'s, 'a>,
    scheme: Scheme,
    limits: &Limits,
) -> Result<RequestHead<'s, 'a>, Refusal> {
    let method = request.method.expect("a complete head has a method");
    let target = request.path.expect("a complete head has a target");
    let version = if request.version == Some(1) { Version::Http11 } else { Version::Http10 };
    let fields: &'s [Header<'a>] = request.headers;
    if method == "CONNECT" {
        return Err(Refusal::new(501, "CONNECT is not served"));
    }
    let target = Target::parse(method, target.as_bytes(), scheme)?;
    let mut facts = Facts::default();
    for (index, field) in fields.iter().enumerate() {
        facts.read(index, field, version)?;
    }
    if facts.has_connection_options {
        facts.drop_named(fields)?;
    }
    let attributes_octets = head.len() + fields.len() * ATTRIBUTE_OVERHEAD_OCTETS + PSEUDO_OCTETS;
    if attributes_octets > limits.attributes_octets {
        return Err(Refusal::new(431, "the header is too long"));
    }
    let framing = facts.framing(version, limits)?;
    if limits.length_required && framing.is_none() && matches!(method, "POST" | "PUT" | "PATCH") {
        return Err(Refusal::new(411, "the request needs a content-length or a transfer-encoding"));
    }
    let framing = framing.unwrap_or(Framing::Empty);
    Ok(RequestHead {
        octets: head.len(),
        method,
        version,
        framing,
        keep_alive: !facts.close && (version == Version::Http11 || facts.keep_alive),
        expects_continue: facts.expects_continue && framing != Framing::Empty,
        scheme,
        target,
        authority: target.authority.or(facts.authority(version)?),
        fields,
        dropped: facts.dropped,
    })
}

impl<'a> Facts<'a> {
    fn read(&mut self, index: usize, field: &Header<'a>, version: Version) -> Result<(), Refusal> {
        match Field::of(field.name.as_bytes()) {
            Field::EndToEnd | Field::Date => return Ok(()),
            Field::ContentLength => {
                self.lengths += 1;
                self.length = field.value;
                return Ok(());
            }
            Field::Te if fields::trim(field.value).eq_ignore_ascii_case(b"trailers") => return Ok(()),
            Field::Te | Field::HopByHop => {}
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
        self.dropped |= 1 << index;
        Ok(())
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

    /// Drops the fields that `connection` names (RFC 9110, 7.6.1). `content-length` stays, it is framing.
    fn drop_named(&mut self, fields: &[Header<'a>]) -> Result<(), Refusal> {
        let connections =
            fields.iter().filter(|field| Field::of(field.name.as_bytes()) == Field::Connection);
        let options = connections.flat_map(|field| field.value.split(|octet| *octet == b',')).map(fields::trim);
        for (count, option) in options.enumerate() {
            if count >= CONNECTION_OPTIONS_MAX {
                return Err(Refusal::bad_request("connection has too many options"));
            }
            for (index, field) in fields.iter().enumerate() {
                let name = field.name.as_bytes();
                if name.eq_ignore_ascii_case(option) && Field::of(name) != Field::ContentLength {
                    self.dropped |= 1 << index;
                }
            }
        }
        Ok(())
    }

    /// RFC 9112, 6.3, where what is ambiguous is refused. `None` if the request says nothing.
    fn framing(&self, version: Version, limits: &Limits) -> Result<Option<Framing>, Refusal> {
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
            (Codings::Malformed, 0) => return Err(bad("the transfer-encoding is not chunked, once and last")),
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
    fn authority(&self, version: Version) -> Result<Option<Authority<'a>>, Refusal> {
        match self.hosts {
            0 if version == Version::Http10 => Ok(None),
            0 => Err(Refusal::bad_request("there is no host")),
            1 => Authority::parse(fields::trim(self.host)).map(Some),
            _ => Err(Refusal::bad_request("there is more than one host")),
        }
    }
}

/// What all `transfer-encoding` fields say together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Codings {
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
    fn read(&mut self, value: &[u8]) {
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
