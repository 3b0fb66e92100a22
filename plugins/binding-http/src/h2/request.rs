//! From fields to attributes (RFC 9113, 8.1 to 8.3): what a request and its trailers may have.

use super::hpack::FIELD_OVERHEAD_OCTETS;
use crate::fields::{self, Field};
use crate::options::Limits;
use crate::request::{Added, AnyRequest};
use crate::status::Refusal;
use crate::target::{Authority, Scheme, Target};
use std::ops::Range;
use zilla_sdk::{Attributes, AttributesWriter};

/// Octets that an attribute takes besides its name and its value.
const ATTRIBUTE_OVERHEAD_OCTETS: usize = 6;
/// Attributes of a request that are no header fields, with some room for a port.
const PSEUDO_OCTETS: usize = 4 * ATTRIBUTE_OVERHEAD_OCTETS + 64;

/// What a request for another protocol than those that the options name is answered with.
const UNKNOWN_PROTOCOL: Unfit = Unfit::Refused(Refusal::new(501, "the protocol is not served"));

/// Why a field list is not handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// It breaks the rules of HTTP/2: the stream is reset (RFC 9113, 8.1.1).
    Malformed,
    /// It is answered.
    Refused(Refusal),
}

/// A list of fields as it is decoded, one after another. Kept between requests for its room.
#[derive(Debug, Default)]
pub(crate) struct FieldList {
    /// Fields that are handed on.
    attributes: Vec<u8>,
    /// Values of pseudo-headers and of `host`, one behind another.
    values: Vec<u8>,
    method: Option<Range<usize>>,
    protocol: Option<Range<usize>>,
    scheme: Option<Range<usize>>,
    authority: Option<Range<usize>>,
    path: Option<Range<usize>>,
    host: Option<Range<usize>>,
    /// All cookies in one (RFC 9113, 8.2.3).
    cookies: Vec<u8>,
    length: Option<u64>,
    expects_continue: bool,
    is_trailers: bool,
    has_fields: bool,
    /// Fields so far, and what they count.
    count: usize,
    octets: usize,
    unfit: Option<Unfit>,
}

/// The fields of a request that fit. Its authority and its target are valid.
pub(super) struct RequestHead<'a> {
    method: &'a str,
    /// The protocol that is asked for, as the options write it.
    pub(super) protocol: Option<&'a str>,
    scheme: Scheme,
    authority: Authority<'a>,
    target: Target<'a>,
    /// Fields that are handed on, but for cookies.
    fields: Attributes<'a>,
    cookies: &'a [u8],
    /// `content-length`
    pub(super) length: Option<u64>,
    /// The client waits for `100 Continue`.
    pub(super) expects_continue: bool,
}

impl RequestHead<'_> {
    /// Writes the request as attributes: pseudo-headers, then header fields in order, then what is added.
    pub(super) fn write(&self, added: &Added<'_>, attributes: &mut AttributesWriter<'_>) {
        attributes.push(b":method", self.method);
        if let Some(protocol) = self.protocol {
            attributes.push(b":protocol", protocol);
        }
        attributes.push(b":scheme", self.scheme.as_str());
        self.authority.with_normalised(self.scheme, |octets| attributes.push(b":authority", octets));
        self.target.with_path(|path| attributes.push(b":path", path));
        if added.replaces_some() {
            let kept = self.fields.iter().filter(|(name, _)| !added.replaces(name));
            kept.for_each(|(name, value)| attributes.push(name, value));
        } else {
            attributes.append(self.fields);
        }
        if !self.cookies.is_empty() {
            attributes.push(b"cookie", self.cookies);
        }
        added.write(self, attributes);
    }
}

impl AnyRequest for RequestHead<'_> {
    fn method(&self) -> &str {
        self.method
    }

    fn scheme(&self) -> Scheme {
        self.scheme
    }

    fn version(&self) -> &'static str {
        "2"
    }

    fn with_authority<R>(&self, take: impl FnOnce(Option<&[u8]>) -> R) -> R {
        self.authority.with_normalised(self.scheme, |octets| take(Some(octets)))
    }

    fn values<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s [u8]> {
        self.fields.iter().filter(|(found, _)| *found == name.as_bytes()).map(|(_, value)| value)
    }

    fn values_handed_on<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s [u8]> {
        self.values(name)
    }
}

impl FieldList {
    /// Forgets everything, for the fields of a request or for trailers.
    pub(super) fn clear(&mut self, is_trailers: bool) {
        let (mut attributes, mut values, mut cookies) = (
            std::mem::take(&mut self.attributes),
            std::mem::take(&mut self.values),
            std::mem::take(&mut self.cookies),
        );
        attributes.clear();
        values.clear();
        cookies.clear();
        *self = Self { attributes, values, cookies, is_trailers, ..Self::default() };
    }

    /// Takes the next field. What comes after one that does not fit is only counted.
    pub(super) fn push(&mut self, name: &[u8], value: &[u8], limits: &Limits) {
        self.count += 1;
        self.octets = self.octets.saturating_add(name.len() + value.len() + FIELD_OVERHEAD_OCTETS);
        if self.unfit.is_some() {
            return;
        }
        let taken = match name {
            [b':', ..] => self.push_pseudo(name, value, limits),
            _ => self.push_field(name, value, limits),
        };
        self.unfit = taken.err();
    }

    fn push_pseudo(&mut self, name: &[u8], value: &[u8], limits: &Limits) -> Result<(), Unfit> {
        // RFC 9113, 8.3: they go before the fields, and trailers have none.
        if self.has_fields || self.is_trailers || !fields::is_value(value) {
            return Err(Unfit::Malformed);
        }
        if self.octets > limits.header_bytes {
            return Err(self.too_long());
        }
        let place = match name {
            b":method" => &mut self.method,
            b":protocol" => &mut self.protocol,
            b":scheme" => &mut self.scheme,
            b":authority" => &mut self.authority,
            b":path" if value.len() > limits.request_line_bytes => {
                return Err(Unfit::Refused(Refusal::new(414, "the path is too long")));
            }
            b":path" => &mut self.path,
            _ => return Err(Unfit::Malformed),
        };
        if place.is_some() {
            return Err(Unfit::Malformed);
        }
        *place = Some(append(&mut self.values, value));
        // Pseudo-headers are no header fields.
        self.count -= 1;
        Ok(())
    }

    fn push_field(&mut self, name: &[u8], value: &[u8], limits: &Limits) -> Result<(), Unfit> {
        self.has_fields = true;
        if !fields::is_token(name) || name.iter().any(u8::is_ascii_uppercase) || !is_value(value) {
            return Err(Unfit::Malformed);
        }
        let kind = Field::of(name);
        // RFC 9113, 8.2.2: what says something of one connection has no place here.
        match kind {
            Field::Connection | Field::TransferEncoding | Field::HopByHop | Field::Upgrade => {
                return Err(Unfit::Malformed);
            }
            Field::Te if !value.eq_ignore_ascii_case(b"trailers") => return Err(Unfit::Malformed),
            _ => {}
        }
        if self.octets > limits.header_bytes {
            return Err(self.too_long());
        }
        if self.count > limits.header_count {
            let because = match self.is_trailers {
                true => "the trailers have too many fields",
                false => "the header has too many fields",
            };
            return Err(Unfit::Refused(Refusal::new(431, because)));
        }
        if self.is_trailers {
            if fields::is_trailer(name) {
                AttributesWriter::new(&mut self.attributes).push(name, value);
            }
            return Ok(());
        }
        match kind {
            Field::Host if self.host.is_some() => {
                return Err(Unfit::Refused(Refusal::bad_request("there is more than one host")));
            }
            Field::Host => self.host = Some(append(&mut self.values, value)),
            Field::ContentLength if self.length.is_some() => return Err(Unfit::Malformed),
            Field::ContentLength => {
                self.length = Some(fields::number(value).ok_or(Unfit::Malformed)?);
                AttributesWriter::new(&mut self.attributes).push(name, value);
            }
            Field::Expect if value.eq_ignore_ascii_case(b"100-continue") => self.expects_continue = true,
            Field::Expect => {
                return Err(Unfit::Refused(Refusal::new(417, "only 100-continue can be expected")));
            }
            Field::EndToEnd if name == b"cookie" => {
                if !self.cookies.is_empty() {
                    self.cookies.extend_from_slice(b"; ");
                }
                self.cookies.extend_from_slice(value);
            }
            _ => AttributesWriter::new(&mut self.attributes).push(name, value),
        }
        Ok(())
    }

    fn too_long(&self) -> Unfit {
        let because = if self.is_trailers { "the trailers are too long" } else { "the header is too long" };
        Unfit::Refused(Refusal::new(431, because))
    }

    /// The trailers that are handed on, if they are whole and fit.
    pub(super) fn trailers(&self) -> Result<Attributes<'_>, Unfit> {
        match self.unfit {
            Some(unfit) => Err(unfit),
            None => Ok(Attributes::new(&self.attributes)),
        }
    }

    /// Whether the request so far asks for no content in the response: a refusal has none then.
    pub(super) fn is_head(&self) -> bool {
        self.value(&self.method) == Some(b"HEAD")
    }

    /// Checks the request, all fields being there.
    pub(super) fn request<'a>(
        &'a self,
        scheme: Scheme,
        ends: bool,
        limits: &Limits,
        protocols: &'a [String],
    ) -> Result<RequestHead<'a>, Unfit> {
        if let Some(unfit) = self.unfit {
            return Err(unfit);
        }
        let method = self.value(&self.method).filter(|method| fields::is_token(method));
        let method = method.ok_or(Unfit::Malformed)?;
        let method = std::str::from_utf8(method).map_err(|_| Unfit::Malformed)?;
        let protocol = self.checked_protocol(method, protocols)?;
        let (Some(asked_scheme), Some(path)) = (self.value(&self.scheme), self.value(&self.path)) else {
            return Err(Unfit::Malformed);
        };
        check_scheme(asked_scheme, scheme)?;
        // RFC 9113, 8.3.1: a path, or `*`; no absolute target.
        if !path.starts_with(b"/") && path != b"*" {
            return Err(Unfit::Malformed);
        }
        let target = Target::parse(method, path, scheme).map_err(Unfit::Refused)?;
        let authority = self.checked_authority(scheme)?;
        if self.length.is_some_and(|length| length > limits.body_bytes) {
            return Err(Unfit::Refused(Refusal::new(413, "the body is too long")));
        }
        if ends && self.length.is_some_and(|length| length > 0) {
            return Err(Unfit::Malformed);
        }
        let attributes_octets =
            self.attributes.len() + self.values.len() + self.cookies.len() + PSEUDO_OCTETS;
        if attributes_octets > limits.attributes_octets {
            return Err(self.too_long());
        }
        Ok(RequestHead {
            method,
            protocol,
            scheme,
            authority,
            target,
            fields: Attributes::new(&self.attributes),
            cookies: &self.cookies,
            length: self.length,
            expects_continue: self.expects_continue && !ends && protocol.is_none(),
        })
    }

    /// The protocol that a request asks for, if it does (RFC 8441, 4).
    fn checked_protocol<'a>(&self, method: &str, protocols: &'a [String]) -> Result<Option<&'a str>, Unfit> {
        let is_connect = method == "CONNECT";
        let Some(asked) = self.value(&self.protocol) else {
            // RFC 9113, 8.5: it has an authority, and neither scheme nor path. It is not served.
            return match self.authority.is_some() && self.scheme.is_none() && self.path.is_none() {
                _ if !is_connect => Ok(None),
                true => Err(Unfit::Refused(Refusal::new(501, "CONNECT is not served without :protocol"))),
                false => Err(Unfit::Malformed),
            };
        };
        // Who was not told that this can be asked for does not know what it says. What goes through a tunnel has no
        // length.
        if !is_connect || protocols.is_empty() || self.authority.is_none() || self.length.is_some() {
            return Err(Unfit::Malformed);
        }
        let is_asked = |protocol: &&String| protocol.as_bytes().eq_ignore_ascii_case(asked);
        let known = protocols.iter().find(is_asked);
        known.map(|protocol| Some(protocol.as_str())).ok_or(UNKNOWN_PROTOCOL)
    }

    /// `:authority`, or else `host`; if there are both, they say the same (RFC 9113, 8.3.1).
    fn checked_authority(&self, scheme: Scheme) -> Result<Authority<'_>, Unfit> {
        let parse = |octets| Authority::parse(octets).map_err(Unfit::Refused);
        match (self.value(&self.authority), self.value(&self.host)) {
            (None, None) => Err(Unfit::Refused(Refusal::bad_request("there is no host"))),
            (Some(only), None) | (None, Some(only)) => parse(only),
            (Some(authority), Some(host)) => {
                let (authority, host) = (parse(authority)?, parse(host)?);
                let is_same = authority
                    .with_normalised(scheme, |one| host.with_normalised(scheme, |other| one == other));
                if is_same { Ok(authority) } else { Err(Unfit::Malformed) }
            }
        }
    }

    fn value(&self, range: &Option<Range<usize>>) -> Option<&[u8]> {
        self.values.get(range.clone()?)
    }
}

fn append(values: &mut Vec<u8>, value: &[u8]) -> Range<usize> {
    let start = values.len();
    values.extend_from_slice(value);
    start..values.len()
}

fn check_scheme(asked: &[u8], scheme: Scheme) -> Result<(), Unfit> {
    if asked.eq_ignore_ascii_case(scheme.as_str().as_bytes()) {
        return Ok(());
    }
    let is_known = asked.eq_ignore_ascii_case(b"http") || asked.eq_ignore_ascii_case(b"https");
    Err(Unfit::Refused(match is_known {
        true => Refusal::new(421, "the request's scheme is not that of the connection"),
        false => Refusal::bad_request("the request's scheme is neither http nor https"),
    }))
}

/// RFC 9113, 8.2.1: no control characters, and no blanks around it.
fn is_value(value: &[u8]) -> bool {
    let is_blank = |octet: Option<&u8>| matches!(octet, Some(b' ' | b'\t'));
    !is_blank(value.first()) && !is_blank(value.last()) && fields::is_value(value)
}
