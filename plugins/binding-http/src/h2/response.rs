//! Writes the fields of a response of the exit as a field block.

use super::hpack::Encoder;
use crate::fields::{self, Field};
use crate::response::{Fault, Ours, is_access};
use zilla_sdk::Attributes;

/// What the fields of a response say.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Said {
    pub(super) length: Option<u64>,
    pub(super) has_date: bool,
}

/// Checks the fields of a response before anything is written, for the encoder remembers what it wrote.
pub(super) fn check(attributes: Attributes<'_>) -> Result<Said, Fault> {
    let mut said = Said::default();
    for (name, value) in attributes {
        match Field::of(name) {
            _ if name.starts_with(b":") => continue,
            Field::ContentLength if said.length.is_some() => {
                return Err(Fault("the response has more than one content-length"));
            }
            Field::ContentLength => {
                let length = fields::number(value).ok_or(Fault("the content-length is not a number"))?;
                said.length = Some(length);
            }
            Field::Date => said.has_date = true,
            _ => {}
        }
        if !fields::is_token(name) {
            return Err(Fault("a field name of the response is not a token"));
        }
        if !fields::is_value(value) {
            return Err(Fault("a field value of the response has a character that it must not have"));
        }
    }
    Ok(said)
}

/// Writes the head of a response whose fields are checked, and what it gets besides. That of a tunnel has no length.
pub(super) fn write_head(
    out: &mut Vec<u8>,
    encoder: &mut Encoder,
    status: u16,
    attributes: Attributes<'_>,
    is_tunnel: bool,
    ours: Ours<'_>,
) {
    encoder.begin(out);
    encoder.status(out, status);
    let drops_length = is_tunnel || status == 204;
    write_fields(out, encoder, attributes, drops_length, ours.access.is_some());
    if let Some(date) = ours.date {
        encoder.field(out, b"date", date);
    }
    ours.with_fields("2", attributes, |name, value| encoder.field(out, name.as_bytes(), value));
}

/// Writes an interim response (RFC 9110, 15.2) whose fields are checked.
pub(super) fn write_interim(
    out: &mut Vec<u8>,
    encoder: &mut Encoder,
    status: u16,
    attributes: Attributes<'_>,
) {
    encoder.begin(out);
    encoder.status(out, status);
    write_fields(out, encoder, attributes, true, false);
}

/// Writes checked fields, without those that have no place in HTTP/2, or that are ours to say.
fn write_fields(
    out: &mut Vec<u8>,
    encoder: &mut Encoder,
    attributes: Attributes<'_>,
    drops_length: bool,
    access_is_ours: bool,
) {
    for (name, value) in attributes {
        match Field::of(name) {
            _ if name.starts_with(b":") => {}
            _ if access_is_ours && is_access(name) => {}
            Field::Connection | Field::TransferEncoding | Field::HopByHop | Field::Te | Field::Upgrade => {}
            Field::ContentLength if drops_length => {}
            _ => write_field(out, encoder, name, value),
        }
    }
}

/// Writes the trailers that may be sent; those that must not be trailers, and malformed ones, are left out.
/// Says whether there was a malformed one.
pub(crate) fn write_trailers(
    out: &mut Vec<u8>,
    encoder: &mut Encoder,
    trailers: Attributes<'_>,
) -> Result<(), Fault> {
    let mut faults = Ok(());
    for (name, value) in trailers.iter().filter(|(name, _)| is_sent(name)) {
        if fields::is_token(name) && fields::is_value(value) {
            write_field(out, encoder, name, value);
        } else {
            faults = Err(Fault("a trailer of the response is malformed"));
        }
    }
    faults
}

/// Whether there is a trailer to send.
pub(crate) fn has_trailers(trailers: Attributes<'_>) -> bool {
    trailers.iter().any(|(name, value)| is_sent(name) && fields::is_token(name) && fields::is_value(value))
}

fn is_sent(name: &[u8]) -> bool {
    !name.starts_with(b":") && fields::is_trailer(name)
}

/// Writes a field, its name in lower case and its value without blanks around it (RFC 9113, 8.2).
fn write_field(out: &mut Vec<u8>, encoder: &mut Encoder, name: &[u8], value: &[u8]) {
    let value = fields::trim(value);
    match name.iter().any(u8::is_ascii_uppercase) {
        true => encoder.field(out, &name.to_ascii_lowercase(), value),
        false => encoder.field(out, name, value),
    }
}
