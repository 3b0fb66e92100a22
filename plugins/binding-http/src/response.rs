//! Writes the head of a response (RFC 9112, 4 to 6) straight into the octets that are sent.

use crate::access::Grant;
use crate::fields::{self, Field};
use crate::head::Version;
use crate::status::{self, Refusal};
use zilla_sdk::Attributes;

/// The last chunk and the end of the trailers.
pub(crate) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";
/// Tells a client that waits to send its body.
pub(crate) const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// How the client finds the end of the response (RFC 9112, 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// There is no content, whatever the exit sends: `HEAD`, 204, 304.
    Empty,
    /// So many octets are to come.
    Length(u64),
    /// `transfer-encoding: chunked`
    Chunked,
    /// The end of the connection.
    Close,
}

/// What of the request decides how its response is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) version: Version,
    pub(crate) is_head: bool,
    pub(crate) keep_alive: bool,
}

/// What a response gets besides what the exit gave it.
#[derive(Clone, Copy)]
pub(crate) struct Ours<'a> {
    /// The line of a `date`, of HTTP/2 its value, where there is none.
    pub(crate) date: Option<&'a [u8]>,
    /// This gateway's name in `via`.
    pub(crate) via: Option<&'a str>,
    /// What web pages may do with it. Fields of the exit that say so are left out.
    pub(crate) access: Option<&'a Grant>,
}

impl Ours<'_> {
    fn write(&self, out: &mut Vec<u8>, attributes: Attributes<'_>) {
        self.with_fields("1.1", attributes, |name, value| write_line(out, name.as_bytes(), value));
    }

    /// Hands each field but the date to `take`. `attributes` are those of the response.
    pub(crate) fn with_fields(
        &self,
        version: &str,
        attributes: Attributes<'_>,
        mut take: impl FnMut(&str, &[u8]),
    ) {
        if let Some(name) = self.via {
            take("via", format!("{version} {name}").as_bytes());
        }
        if let Some(access) = self.access {
            access.with_fields(attributes, take);
        }
    }
}

/// What is wrong with a response of the exit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault(pub(crate) &'static str);

/// The `:status` of the exit's response, 200 if it gives none.
pub(crate) fn status(attributes: Attributes<'_>) -> Result<u16, Fault> {
    match attributes.get(b":status") {
        None => Ok(200),
        Some(&[a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9']) => {
            Ok(u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0'))
        }
        Some(_) => Err(Fault("the :status of the response is not a number from 100 to 999")),
    }
}

/// Writes a head, and says how the body is framed. After a [`Fault`], nothing was written.
pub(crate) fn write_head(
    out: &mut Vec<u8>,
    status: u16,
    attributes: Attributes<'_>,
    asked: Asked,
    ours: Ours<'_>,
) -> Result<Framing, Fault> {
    let start = out.len();
    write_status_line(out, status);
    let fields =
        write_fields(out, status, attributes, ours.access.is_some()).inspect_err(|_| out.truncate(start))?;
    let framing = match fields.length {
        _ if asked.is_head || matches!(status, 204 | 304) => Framing::Empty,
        Some(length) => Framing::Length(length),
        None if asked.version == Version::Http11 => Framing::Chunked,
        None => Framing::Close,
    };
    if framing == Framing::Chunked {
        out.extend_from_slice(b"transfer-encoding: chunked\r\n");
    }
    if let Some(date) = ours.date.filter(|_| !fields.has_date) {
        out.extend_from_slice(date);
    }
    ours.write(out, attributes);
    match asked.version {
        _ if !asked.keep_alive || framing == Framing::Close => {
            out.extend_from_slice(b"connection: close\r\n");
        }
        Version::Http10 => out.extend_from_slice(b"connection: keep-alive\r\n"),
        Version::Http11 => {}
    }
    out.extend_from_slice(b"\r\n");
    Ok(framing)
}

fn write_status_line(out: &mut Vec<u8>, status: u16) {
    if let Some(line) = status::line(status) {
        return out.extend_from_slice(line);
    }
    let digit = |number: u16| b'0' + (number % 10) as u8;
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(&[digit(status / 100), digit(status / 10), digit(status), b' ', b'\r', b'\n']);
}

/// What the fields of a response say.
#[derive(Default)]
struct Fields {
    length: Option<u64>,
    has_date: bool,
}

fn write_fields(
    out: &mut Vec<u8>,
    status: u16,
    attributes: Attributes<'_>,
    access_is_ours: bool,
) -> Result<Fields, Fault> {
    let mut fields = Fields::default();
    for (name, value) in attributes {
        match Field::of(name) {
            _ if name.starts_with(b":") => continue,
            _ if access_is_ours && is_access(name) => continue,
            Field::Connection | Field::TransferEncoding | Field::HopByHop | Field::Te | Field::Upgrade => {
                continue;
            }
            Field::ContentLength if fields.length.is_some() => {
                return Err(Fault("the response has more than one content-length"));
            }
            Field::ContentLength => {
                let length = fields::number(value).ok_or(Fault("the content-length is not a number"))?;
                fields.length = Some(length);
                if status == 204 {
                    continue;
                }
            }
            Field::Date => fields.has_date = true,
            Field::EndToEnd | Field::Host | Field::Expect => {}
        }
        write_field(out, name, value)?;
    }
    Ok(fields)
}

/// Writes an interim response (RFC 9110, 15.2), which has no content. After a [`Fault`], nothing was written.
pub(crate) fn write_interim(out: &mut Vec<u8>, status: u16, attributes: Attributes<'_>) -> Result<(), Fault> {
    let start = out.len();
    write_status_line(out, status);
    for (name, value) in attributes {
        if !name.starts_with(b":") && matches!(Field::of(name), Field::EndToEnd | Field::Date) {
            write_field(out, name, value).inspect_err(|_| out.truncate(start))?;
        }
    }
    out.extend_from_slice(b"\r\n");
    Ok(())
}

/// Writes the response behind which another protocol is spoken (RFC 9110, 7.8). `offered` are the protocols that
/// the client offers. After a [`Fault`], nothing was written.
pub(crate) fn write_switch(
    out: &mut Vec<u8>,
    attributes: Attributes<'_>,
    offered: &[u8],
    ours: Ours<'_>,
) -> Result<(), Fault> {
    const UNASKED: Fault = Fault("the exit switches to a protocol that it was not asked for");
    let chosen = attributes.get("upgrade").ok_or(UNASKED)?;
    let mut protocols = offered.split(|octet| *octet == b',').map(fields::trim);
    if !protocols.any(|protocol| protocol.eq_ignore_ascii_case(chosen)) {
        return Err(UNASKED);
    }
    write_interim(out, 101, attributes)?;
    out.truncate(out.len() - b"\r\n".len());
    ours.write(out, attributes);
    write_line(out, b"connection", b"upgrade");
    write_line(out, b"upgrade", chosen);
    out.extend_from_slice(b"\r\n");
    Ok(())
}

/// Whether a field says what web pages may do with a response.
pub(crate) fn is_access(name: &[u8]) -> bool {
    const PREFIX: &[u8] = b"access-control-";
    name.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
}

/// Writes a field line, unless it would be another line or none: response splitting ends here.
pub(crate) fn write_field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) -> Result<(), Fault> {
    if !fields::is_token(name) {
        return Err(Fault("a field name of the response is not a token"));
    }
    if !fields::is_value(value) {
        return Err(Fault("a field value of the response has a character that it must not have"));
    }
    write_line(out, name, value);
    Ok(())
}

/// Writes a field line that was checked.
pub(crate) fn write_line(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Writes the answer to a request that asks whether it may ask.
pub(crate) fn write_preflight(out: &mut Vec<u8>, keep_alive: bool, ours: Ours<'_>) {
    write_status_line(out, 204);
    out.extend_from_slice(ours.date.unwrap_or_default());
    ours.write(out, Attributes::default());
    if !keep_alive {
        out.extend_from_slice(b"connection: close\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

/// How much of `octets` goes into one chunk when `credit` octets may be sent: what fits with its framing,
/// and at least one octet, whose framing then waits for more credit.
pub(crate) fn chunk_octets(octets: usize, credit: usize) -> usize {
    let digits = (usize::BITS - credit.leading_zeros()).div_ceil(4) as usize;
    octets.min(credit.saturating_sub(digits + LINE_ENDS_OCTETS).max(1))
}

/// Octets of the two line ends of a chunk.
const LINE_ENDS_OCTETS: usize = 4;

/// Writes the size line of a chunk.
pub(crate) fn write_chunk_size(out: &mut Vec<u8>, octets: usize) {
    let mut line = *b"0000000000000000\r\n";
    let (mut start, mut rest) = (16, octets);
    while rest > 0 || start == 16 {
        start -= 1;
        line[start] = b"0123456789abcdef"[rest & 15];
        rest >>= 4;
    }
    out.extend_from_slice(&line[start..]);
}

/// Writes the last chunk with the trailers of the exit. Those that must not be trailers are left out, and so
/// are malformed ones; it says whether there was one.
pub(crate) fn write_last_chunk(out: &mut Vec<u8>, trailers: Attributes<'_>) -> Result<(), Fault> {
    if trailers.is_empty() {
        out.extend_from_slice(LAST_CHUNK);
        return Ok(());
    }
    let mut faults = Ok(());
    out.extend_from_slice(b"0\r\n");
    for (name, value) in trailers {
        if !name.starts_with(b":") && fields::is_trailer(name) {
            faults = write_field(out, name, value).and(faults);
        }
    }
    out.extend_from_slice(b"\r\n");
    faults
}

/// Writes the whole response that refuses a request. The connection ends after it.
pub(crate) fn write_refusal(out: &mut Vec<u8>, refusal: Refusal, is_head: bool, date: Option<&[u8]>) {
    write_status_line(out, refusal.status);
    out.extend_from_slice(b"content-type: text/plain\r\ncontent-length: ");
    write_decimal(out, refusal.because.len() + 1);
    out.extend_from_slice(b"\r\nconnection: close\r\n");
    if let Some(credentials) = refusal.asks {
        out.extend_from_slice(b"www-authenticate: ");
        out.extend_from_slice(credentials.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(date.unwrap_or_default());
    out.extend_from_slice(b"\r\n");
    if !is_head {
        out.extend_from_slice(refusal.because.as_bytes());
        out.push(b'\n');
    }
}

fn write_decimal(out: &mut Vec<u8>, number: usize) {
    let mut digits = [0; 20];
    let (mut start, mut rest) = (digits.len(), number);
    while rest > 0 || start == digits.len() {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out.extend_from_slice(&digits[start..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_fits_the_credit_and_uses_it() {
        for credit in 6..70_000 {
            let octets = chunk_octets(usize::MAX, credit);
            let mut framing = Vec::new();
            write_chunk_size(&mut framing, octets);
            let whole = framing.len() + octets + 2;
            assert!(whole == credit || whole + 1 == credit, "{octets} with {credit}");
        }
        for credit in 0..6 {
            assert_eq!(chunk_octets(9, credit), 1);
        }
        assert_eq!(chunk_octets(9, 100), 9);
    }

    #[test]
    fn numbers_are_written_in_full() {
        for number in [0, 1, 9, 10, 15, 16, 255, 256, 65_535, usize::MAX] {
            let (mut size, mut decimal) = (Vec::new(), Vec::new());
            write_chunk_size(&mut size, number);
            write_decimal(&mut decimal, number);
            assert_eq!(String::from_utf8(size).unwrap(), format!("{number:x}\r\n"));
            assert_eq!(String::from_utf8(decimal).unwrap(), number.to_string());
        }
    }
}
