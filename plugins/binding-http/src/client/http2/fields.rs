//! From fields to attributes (RFC 9113, 8.1 to 8.3): what a response and its trailers may have.

use crate::fields::{self, Field};
use crate::h2::hpack::FIELD_OVERHEAD_OCTETS;
use crate::head::ATTRIBUTE_OVERHEAD_OCTETS;
use crate::options::Limits;
use crate::response::Fault;
use zilla_sdk::{Attributes, AttributesWriter};

/// A list of fields as it is decoded, one after another. Kept between responses for its room.
#[derive(Debug, Default)]
pub(super) struct FieldList {
    /// Fields that are handed on.
    attributes: Vec<u8>,
    is_trailers: bool,
    has_fields: bool,
    status: Option<u16>,
    length: Option<u64>,
    /// Fields so far, and what they count.
    count: usize,
    octets: usize,
    fault: Option<Fault>,
}

/// The head of a response.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer<'a> {
    /// From 100 to 999.
    pub(super) status: u16,
    /// `content-length`
    pub(super) length: Option<u64>,
    /// Header fields, in order.
    pub(super) fields: Attributes<'a>,
}

impl FieldList {
    /// Forgets everything, for the fields of a response or for trailers.
    pub(super) fn clear(&mut self, is_trailers: bool) {
        let mut attributes = std::mem::take(&mut self.attributes);
        attributes.clear();
        *self = Self { attributes, is_trailers, ..Self::default() };
    }

    /// Takes the next field. What comes after one that does not fit is read over.
    pub(super) fn push(&mut self, name: &[u8], value: &[u8], limits: &Limits) {
        if self.fault.is_none() {
            self.fault = self.take(name, value, limits).err();
        }
    }

    fn take(&mut self, name: &[u8], value: &[u8], limits: &Limits) -> Result<(), Fault> {
        self.octets = self.octets.saturating_add(name.len() + value.len() + FIELD_OVERHEAD_OCTETS);
        if self.octets > limits.header_bytes {
            return Err(Fault("the head or the trailers are too long"));
        }
        if name.first() == Some(&b':') {
            return self.take_pseudo(name, value);
        }
        self.has_fields = true;
        self.count += 1;
        if self.count > limits.header_count {
            return Err(Fault("the head or the trailers have too many fields"));
        }
        if !fields::is_token(name) || name.iter().any(u8::is_ascii_uppercase) {
            return Err(Fault("a field name is not a token in lower case"));
        }
        if !fields::is_value(value) || fields::trim(value).len() != value.len() {
            return Err(Fault("a field value has a character that it must not have"));
        }
        match Field::of(name) {
            // RFC 9113, 8.2.2: what says something of one connection has no place here.
            Field::Connection | Field::TransferEncoding | Field::HopByHop | Field::Upgrade | Field::Te => {
                return Err(Fault("there is a field that HTTP/2 does not have"));
            }
            Field::ContentLength if self.is_trailers => return Ok(()),
            Field::ContentLength if self.length.is_some() => {
                return Err(Fault("there is more than one content-length"));
            }
            Field::ContentLength => {
                let length = fields::number(value).ok_or(Fault("the content-length is not a number"))?;
                self.length = Some(length);
            }
            _ if self.is_trailers && !fields::is_trailer(name) => return Ok(()),
            Field::Host | Field::Expect | Field::Date | Field::EndToEnd => {}
        }
        AttributesWriter::new(&mut self.attributes).push(name, value);
        Ok(())
    }

    /// RFC 9113, 8.3: `:status`, once and before all fields; none in trailers.
    fn take_pseudo(&mut self, name: &[u8], value: &[u8]) -> Result<(), Fault> {
        if name != b":status" || self.has_fields || self.is_trailers || self.status.is_some() {
            return Err(Fault("there is a pseudo-header that does not belong there"));
        }
        let [a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9'] = value else {
            return Err(Fault("the :status is not a number from 100 to 999"));
        };
        self.status = Some([a, b, c].iter().fold(0, |status, digit| status * 10 + u16::from(**digit - b'0')));
        Ok(())
    }

    /// The head of a response, if it is whole and fits.
    pub(super) fn answer(&self, limits: &Limits) -> Result<Answer<'_>, Fault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let status = self.status.ok_or(Fault("there is no :status"))?;
        if self.attributes.len() + ATTRIBUTE_OVERHEAD_OCTETS + OWN_OCTETS > limits.attributes_octets {
            return Err(Fault("the head is too long"));
        }
        Ok(Answer { status, length: self.length, fields: Attributes::new(&self.attributes) })
    }

    /// The trailers that are handed on, if they are whole and fit.
    pub(super) fn trailers(&self) -> Result<Attributes<'_>, Fault> {
        match self.fault {
            Some(fault) => Err(fault),
            None => Ok(Attributes::new(&self.attributes)),
        }
    }
}

/// Room for attributes of a response that are no fields, or are made here, in octets.
const OWN_OCTETS: usize = 128;

impl Answer<'_> {
    /// Writes it as attributes: `:status`, then header fields in order.
    pub(super) fn write(&self, attributes: &mut AttributesWriter<'_>) {
        attributes.push(":status", self.status.to_string());
        attributes.append(self.fields);
    }
}
