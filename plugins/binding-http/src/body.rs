//! Decodes the body of a message (RFC 9112, 6 and 7), piece by piece, without copying content.

use crate::fields;
use crate::head::HEADERS_MAX;
use crate::options::Limits;
use crate::status::Refusal;
use httparse::{EMPTY_HEADER, Error, Status};
use zilla_sdk::AttributesWriter;

/// Longest chunk extension in octets; a longer one is answered with 400. It is read over.
const EXTENSION_OCTETS_MAX: u16 = 256;
/// Most hexadecimal digits of a chunk size: as many as 64 bits need. More are answered with 400.
const SIZE_DIGITS_MAX: u8 = 16;

/// What is next in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing yet: all octets were framing.
    More,
    /// So many octets of content, at least 1. What is taken of them is told to [`Decoder::took`].
    Content(usize),
    /// The end of the body.
    End,
}

/// Finds content and the end of a body.
#[derive(Debug)]
pub(crate) enum Decoder {
    /// So many octets are to come.
    Length(u64),
    /// Chunks are to come.
    Chunked(Chunked),
    /// All that comes, until the connection ends (of a response only).
    UntilClose,
}

impl Decoder {
    /// Reads framing from the start of `octets`: says how many octets of it there were, and what follows them.
    pub(crate) fn next(&mut self, octets: &[u8], limits: &Limits) -> Result<(usize, Found), Refusal> {
        match self {
            Self::Length(0) => Ok((0, Found::End)),
            Self::Length(_) if octets.is_empty() => Ok((0, Found::More)),
            Self::Length(left) => Ok((0, Found::Content(at_most(octets.len(), *left)))),
            Self::Chunked(chunked) => chunked.next(octets, limits),
            Self::UntilClose if octets.is_empty() => Ok((0, Found::More)),
            Self::UntilClose => Ok((0, Found::Content(octets.len()))),
        }
    }

    /// Octets of content were taken.
    pub(crate) fn took(&mut self, octets: usize) {
        match self {
            Self::Length(left) | Self::Chunked(Chunked { left, .. }) => *left -= octets as u64,
            Self::UntilClose => {}
        }
    }

    /// Writes the trailers that may be handed on, after the end of the body.
    pub(crate) fn write_trailers(&self, attributes: &mut AttributesWriter<'_>) {
        let Self::Chunked(Chunked { trailers, .. }) = self else { return };
        if trailers.is_empty() {
            return;
        }
        let mut slots = [EMPTY_HEADER; HEADERS_MAX];
        let Ok(Status::Complete((_, fields))) = httparse::parse_headers(trailers, &mut slots) else { return };
        for field in fields.iter().filter(|field| fields::is_trailer(field.name.as_bytes())) {
            attributes.push_lowercase(field.name.as_bytes(), field.value);
        }
    }
}

/// The chunked coding (RFC 9112, 7.1):
///
/// ```text
///  Size -+-> Extension -> SizeLf -+-> Content -> ContentCr -> ContentLf -> Size
///        '-> Blank ----^          '-> Trailer <-> TrailerLine
///                                        '------> LastLf -> End
/// ```
#[derive(Debug, Default)]
pub(crate) struct Chunked {
    state: State,
    /// The size while it is read, then the octets of the chunk that are to come.
    left: u64,
    digits: u8,
    extension_octets: u16,
    /// Sizes of all chunks so far.
    total: u64,
    /// Trailer lines as they came, each with its end; the empty line once they are complete.
    trailers: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Size,
    Blank,
    Extension,
    SizeLf,
    Content,
    ContentCr,
    ContentLf,
    Trailer,
    TrailerLine,
    LastLf,
    End,
}

impl Chunked {
    fn next(&mut self, octets: &[u8], limits: &Limits) -> Result<(usize, Found), Refusal> {
        let mut at = 0;
        loop {
            match self.state {
                State::End => return Ok((at, Found::End)),
                State::Content if self.left == 0 => self.state = State::ContentCr,
                _ if at == octets.len() => return Ok((at, Found::More)),
                State::Content => return Ok((at, Found::Content(at_most(octets.len() - at, self.left)))),
                _ => {
                    self.state = self.read(octets[at], limits)?;
                    at += 1;
                }
            }
        }
    }

    /// Reads one octet that is not content, and says where that leads.
    fn read(&mut self, octet: u8, limits: &Limits) -> Result<State, Refusal> {
        const SIZE: Refusal = Refusal::bad_request("a chunk size is not a hexadecimal number");
        const LINE_END: Refusal = Refusal::bad_request("a line of the chunked body does not end in CR LF");
        match (self.state, octet) {
            (State::Size, b'\r') if self.digits > 0 => Ok(State::SizeLf),
            (State::Size, b';') if self.digits > 0 => Ok(State::Extension),
            (State::Size, b' ' | b'\t') if self.digits > 0 => self.extension(State::Blank),
            (State::Size, _) => {
                let digit = (octet as char).to_digit(16).ok_or(SIZE)?;
                self.digits += 1;
                if self.digits > SIZE_DIGITS_MAX {
                    return Err(SIZE);
                }
                self.left = self.left << 4 | u64::from(digit);
                Ok(State::Size)
            }
            (State::Blank, b' ' | b'\t') => self.extension(State::Blank),
            (State::Blank, b';') => Ok(State::Extension),
            (State::Blank, _) => Err(SIZE),
            (State::Extension, b'\r') => Ok(State::SizeLf),
            (State::Extension, _) if fields::is_value(&[octet]) => self.extension(State::Extension),
            (State::Extension, _) => Err(LINE_END),
            (State::SizeLf, b'\n') => self.sized(limits),
            (State::ContentCr, b'\r') => Ok(State::ContentLf),
            (State::ContentLf, b'\n') => {
                (self.left, self.digits, self.extension_octets) = (0, 0, 0);
                Ok(State::Size)
            }
            (State::Trailer, b'\r') => Ok(State::LastLf),
            (State::Trailer, b'\n') => Err(LINE_END),
            (State::TrailerLine, b'\n') if !self.trailers.ends_with(b"\r") => Err(LINE_END),
            (State::Trailer | State::TrailerLine, _) => self.trailer(octet, limits),
            (State::LastLf, b'\n') => self.last(limits),
            (State::SizeLf | State::ContentCr | State::ContentLf | State::LastLf, _) => Err(LINE_END),
            (State::Content | State::End, _) => Ok(self.state),
        }
    }

    fn extension(&mut self, next: State) -> Result<State, Refusal> {
        self.extension_octets += 1;
        match self.extension_octets {
            ..=EXTENSION_OCTETS_MAX => Ok(next),
            _ => Err(Refusal::bad_request("a chunk extension is too long")),
        }
    }

    fn sized(&mut self, limits: &Limits) -> Result<State, Refusal> {
        const TOO_LONG: Refusal = Refusal::new(413, "the body is too long");
        self.total = self.total.checked_add(self.left).ok_or(TOO_LONG)?;
        match self.left {
            _ if self.total > limits.body_bytes => Err(TOO_LONG),
            0 => Ok(State::Trailer),
            _ => Ok(State::Content),
        }
    }

    fn trailer(&mut self, octet: u8, limits: &Limits) -> Result<State, Refusal> {
        if self.trailers.len() >= limits.header_bytes {
            return Err(Refusal::new(431, "the trailers are too long"));
        }
        self.trailers.push(octet);
        Ok(if octet == b'\n' { State::Trailer } else { State::TrailerLine })
    }

    /// Checks the trailers, all of them being there.
    fn last(&mut self, limits: &Limits) -> Result<State, Refusal> {
        const MALFORMED: Refusal = Refusal::bad_request("the trailers are malformed");
        if self.trailers.is_empty() {
            return Ok(State::End);
        }
        self.trailers.extend_from_slice(b"\r\n");
        let mut slots = [EMPTY_HEADER; HEADERS_MAX];
        let slots = &mut slots[..limits.header_count.min(HEADERS_MAX)];
        match httparse::parse_headers(&self.trailers, slots) {
            Ok(Status::Complete((length, _))) if length == self.trailers.len() => Ok(State::End),
            Err(Error::TooManyHeaders) => Err(Refusal::new(431, "the trailers have too many fields")),
            _ => Err(MALFORMED),
        }
    }
}

fn at_most(octets: usize, left: u64) -> usize {
    usize::try_from(left).unwrap_or(usize::MAX).min(octets)
}
