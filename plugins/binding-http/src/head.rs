//! Decodes the head of a request (RFC 9112, 2 to 3): from octets to a borrowed [`RequestHead`], which
//! cannot be ambiguous, or to a [`Refusal`].

use crate::facts::{Facts, Marks};
use crate::fields;
use crate::options::Limits;
use crate::request::{Added, AnyRequest};
use crate::status::Refusal;
use crate::target::{Authority, Scheme, Target};
use httparse::{Error, Header, Request, Status};
use std::mem::MaybeUninit;
use zilla_sdk::AttributesWriter;

/// Most header fields of a request, whatever the options say; they are decoded on the stack.
pub(crate) const HEADERS_MAX: usize = 128;
/// Octets that an attribute takes besides its name and its value.
pub(crate) const ATTRIBUTE_OVERHEAD_OCTETS: usize = 6;
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
    /// The protocols that the client offers to switch to, if it does.
    pub(crate) upgrade: Option<&'a [u8]>,
    scheme: Scheme,
    target: Target<'a>,
    authority: Option<Authority<'a>>,
    fields: &'s [Header<'a>],
    dropped: Marks,
}

impl AnyRequest for RequestHead<'_, '_> {
    fn method(&self) -> &str {
        self.method
    }

    fn scheme(&self) -> Scheme {
        self.scheme
    }

    fn version(&self) -> &'static str {
        match self.version {
            Version::Http10 => "1.0",
            Version::Http11 => "1.1",
        }
    }

    fn with_authority<R>(&self, take: impl FnOnce(Option<&[u8]>) -> R) -> R {
        match self.authority {
            Some(authority) => authority.with_normalised(self.scheme, |octets| take(Some(octets))),
            None => take(None),
        }
    }

    fn values<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s [u8]> {
        let is_meant = |field: &&Header<'_>| field.name.eq_ignore_ascii_case(name);
        self.fields.iter().filter(is_meant).map(|field| fields::trim(field.value))
    }

    fn values_handed_on<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s [u8]> {
        let is_meant = |(index, field): &(usize, &Header<'_>)| {
            !self.dropped.has(*index) && field.name.eq_ignore_ascii_case(name)
        };
        self.fields.iter().enumerate().filter(is_meant).map(|(_, field)| fields::trim(field.value))
    }
}

impl RequestHead<'_, '_> {
    /// Writes the request as attributes: pseudo-headers, then header fields in order in lower case, then what
    /// is added.
    pub(crate) fn write(&self, added: &Added<'_>, attributes: &mut AttributesWriter<'_>) {
        attributes.push(b":method", self.method);
        attributes.push(b":scheme", self.scheme.as_str());
        if let Some(authority) = self.authority {
            authority.with_normalised(self.scheme, |octets| attributes.push(b":authority", octets));
        }
        self.target.with_path(|path| attributes.push(b":path", path));
        for (index, field) in self.fields.iter().enumerate() {
            if !self.dropped.has(index) && !added.replaces(field.name.as_bytes()) {
                attributes.push_lowercase(field.name.as_bytes(), field.value);
            }
        }
        added.write(self, attributes);
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
            if !lines_end_in_crlf(head, request.headers) {
                return Err(Refusal::bad_request("a line does not end in CR LF"));
            }
            interpret(head, request, scheme, limits).map(Some)
        }
        Ok(Status::Partial) => incomplete(octets, line_too_long, limits),
        Err(Error::Version) => match foreign_version(visible) {
            Foreign::Whole => Err(Refusal::new(505, "the version of HTTP is not served here")),
            Foreign::Partial => incomplete(octets, line_too_long, limits),
            Foreign::No => Err(Refusal::bad_request("the request line does not end in a version of HTTP")),
        },
        Err(error) => Err(refusal(error)),
    }
}

const LINE_TOO_LONG: Refusal = Refusal::new(414, "the request line is too long");

/// What an incomplete head means: more is to come, unless what there is is too much already.
fn incomplete<T>(octets: &[u8], line_too_long: bool, limits: &Limits) -> Result<Option<T>, Refusal> {
    match line_too_long {
        true => Err(LINE_TOO_LONG),
        false if octets.len() >= limits.header_bytes => Err(Refusal::new(431, "the header is too long")),
        false => Ok(None),
    }
}

/// Whether there are more octets than a request line may have, and no line end among them.
fn is_line_too_long(octets: &[u8], line_bytes_max: usize) -> bool {
    octets.len() > line_bytes_max + 1 && !octets[..line_bytes_max + 2].contains(&b'\n')
}

/// Finds bare line feeds, which the parser lets pass as line ends. Every line but the first starts with a field
/// name or is the empty one, so it is enough to look at what goes before those.
pub(crate) fn lines_end_in_crlf(head: &[u8], fields: &[Header<'_>]) -> bool {
    let start_of = |field: &Header<'_>| field.name.as_ptr() as usize - head.as_ptr() as usize;
    let mut starts = fields.iter().map(start_of).chain([head.len() - 2, head.len()]);
    starts.all(|start| head[..start].ends_with(b"\r\n"))
}

/// Why the parser refuses a head.
fn refusal(error: Error) -> Refusal {
    match error {
        Error::TooManyHeaders => Refusal::new(431, "the header has too many fields"),
        Error::HeaderName => Refusal::bad_request("a field name is not a token followed by a colon"),
        Error::HeaderValue => Refusal::bad_request("a field value has a character that it must not have"),
        Error::NewLine => Refusal::bad_request("a line does not end in CR LF"),
        Error::Token | Error::Status | Error::Version => {
            Refusal::bad_request("the request line is malformed")
        }
    }
}

/// How much there is of a version that is well-formed and not served.
enum Foreign {
    No,
    Partial,
    Whole,
}

/// Looks for `HTTP/`, digit, dot, digit (RFC 9112, 2.3) where the parser found no version that it knows.
fn foreign_version(octets: &[u8]) -> Foreign {
    const PATTERN: &[u8] = b"HTTP/0.0";
    let version = octets.splitn(3, |octet| *octet == b' ').nth(2).unwrap_or_default();
    let fits = |(octet, pattern): (&u8, &u8)| match pattern {
        b'0' => octet.is_ascii_digit(),
        _ => octet == pattern,
    };
    match version.iter().zip(PATTERN).all(fits) {
        true if version.len() >= PATTERN.len() => Foreign::Whole,
        true => Foreign::Partial,
        false => Foreign::No,
    }
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
    let headers: &'s [Header<'a>] = request.headers;
    if method == "CONNECT" {
        return Err(Refusal::new(501, "CONNECT is not served"));
    }
    let target = Target::parse(method, target.as_bytes(), scheme)?;
    let mut facts = Facts::default();
    for (index, field) in headers.iter().enumerate() {
        facts.read(index, field, version)?;
    }
    if facts.has_connection_options {
        facts.drop_named(headers)?;
    }
    let attributes_octets = head.len() + headers.len() * ATTRIBUTE_OVERHEAD_OCTETS + PSEUDO_OCTETS;
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
        upgrade: facts.upgrade(version).filter(|_| framing == Framing::Empty),
        scheme,
        target,
        authority: target.authority.or(facts.authority(version)?),
        fields: headers,
        dropped: facts.dropped,
    })
}
