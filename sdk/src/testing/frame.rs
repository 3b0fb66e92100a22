//! Frames as a script writes and reads them.

use crate::attributes::{Attributes, AttributesWriter};
use crate::bindings::zilla::plugin::types::{self as wit, CloseCode, FrameFlags, FrameKind};
use std::fmt;

/// How much of a payload or of a value a failure shows, in octets.
const SHOWN_OCTETS_MAX: usize = 400;

/// One frame of a script, with its octets. Made by [`begin`], [`data`] and the like.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    /// What it does.
    pub kind: FrameKind,
    /// The attribute block: names and values in order.
    pub attributes: Vec<(Vec<u8>, Vec<u8>)>,
    /// The payload of `data`.
    pub payload: Vec<u8>,
    /// On `data`: the first piece of a message.
    pub init: bool,
    /// On `data`: the last piece of a message.
    pub fin: bool,
    /// Authorization of `begin`, credit of `window`, code of `reset` and `abort`.
    pub value: u64,
    /// Route of a `begin` to the binding.
    pub route: u32,
}

impl Frame {
    pub(super) fn new(kind: FrameKind) -> Self {
        Self {
            kind,
            attributes: Vec::new(),
            payload: Vec::new(),
            init: false,
            fin: false,
            value: 0,
            route: 0,
        }
    }

    /// With these attributes, after those it has.
    pub fn with<N, V>(mut self, attributes: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: AsRef<[u8]>,
        V: AsRef<[u8]>,
    {
        let own = |(name, value): (N, V)| (name.as_ref().to_vec(), value.as_ref().to_vec());
        self.attributes.extend(attributes.into_iter().map(own));
        self
    }

    /// As the first piece of a message.
    pub fn init(mut self) -> Self {
        self.init = true;
        self
    }

    /// As the last piece of a message.
    pub fn fin(mut self) -> Self {
        self.fin = true;
        self
    }

    /// A `begin` with an authorization.
    pub fn authorized(mut self, authorization: u64) -> Self {
        self.value = authorization;
        self
    }

    /// A `begin` to a binding that routes what it accepts, on a route other than its first.
    pub fn on_route(mut self, route: u32) -> Self {
        self.route = route;
        self
    }

    /// The first attribute of that name, as text.
    pub fn attribute(&self, name: impl AsRef<[u8]>) -> Option<String> {
        let name = name.as_ref();
        let found = self.attributes.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
    }

    /// The payload as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.payload).into_owned()
    }

    /// What the binding sent, out of the octets that it points into.
    pub(super) fn read(frame: &wit::Frame, attributes: &[u8], payload: &[u8]) -> Self {
        let own = |(name, value): (&[u8], &[u8])| (name.to_vec(), value.to_vec());
        Self {
            kind: frame.kind,
            attributes: Attributes::new(attributes).iter().map(own).collect(),
            payload: payload.to_vec(),
            init: frame.flags.contains(FrameFlags::INIT),
            fin: frame.flags.contains(FrameFlags::FIN),
            value: frame.value,
            route: 0,
        }
    }

    /// The frame as delivered, its octets appended to those of the call.
    pub(super) fn write(&self, stream: wit::StreamId, link: u32, octets: &mut Vec<u8>) -> wit::Frame {
        let offset = octets.len();
        let mut writer = AttributesWriter::new(octets);
        for (name, value) in &self.attributes {
            writer.push(name, value);
        }
        let attributes = octets.len() - offset;
        octets.extend_from_slice(&self.payload);
        let mut flags = FrameFlags::empty();
        flags.set(FrameFlags::INIT, self.init);
        flags.set(FrameFlags::FIN, self.fin);
        wit::Frame {
            stream,
            kind: self.kind,
            flags,
            link,
            attributes: attributes as u32,
            payload: self.payload.len() as u32,
            offset: offset as u32,
            value: self.value,
        }
    }

    /// Appends `next` if it continues this piece: no message begins in it, none has ended here.
    pub(super) fn merge(&mut self, next: &Self) -> bool {
        let continues = self.kind == FrameKind::Data
            && next.kind == FrameKind::Data
            && !self.fin
            && !next.init
            && next.attributes.is_empty();
        if continues {
            self.payload.extend_from_slice(&next.payload);
            self.fin = next.fin;
        }
        continues
    }

    /// Cuts the first `octets` of payload off: what a message begins with goes with them, its end stays.
    pub(super) fn cut(&mut self, octets: usize) -> Self {
        let rest = self.payload.split_off(octets);
        let head = Self { fin: self.fin && rest.is_empty(), ..self.clone() };
        *self = Self { payload: rest, fin: self.fin, ..Self::new(FrameKind::Data) };
        head
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", format!("{:?}", self.kind).trim_start_matches("FrameKind::").to_lowercase())?;
        match self.kind {
            FrameKind::Window | FrameKind::Forward | FrameKind::Timer => write!(f, " {}", self.value)?,
            FrameKind::Reset | FrameKind::Abort => write!(f, " {}", code_name(self.value))?,
            FrameKind::Begin if self.value > 0 => write!(f, " authorization={}", self.value)?,
            _ => {}
        }
        if self.init {
            f.write_str(" init")?;
        }
        if self.fin {
            f.write_str(" fin")?;
        }
        for (name, value) in &self.attributes {
            write!(f, " {}: \"{}\"", String::from_utf8_lossy(name), shown(value))?;
        }
        if self.kind == FrameKind::Data {
            write!(f, " {} octets \"{}\"", self.payload.len(), shown(&self.payload))?;
        }
        Ok(())
    }
}

fn shown(octets: &[u8]) -> String {
    match octets.get(..SHOWN_OCTETS_MAX) {
        Some(head) if head.len() < octets.len() => format!("{}…", head.escape_ascii()),
        _ => octets.escape_ascii().to_string(),
    }
}

fn code_name(value: u64) -> String {
    format!("{:?}", crate::dispatch::close_code(value)).trim_start_matches("CloseCode::").to_owned()
}

/// Opens a stream, without attributes.
pub fn begin() -> Frame {
    Frame::new(FrameKind::Begin)
}

/// Opens a stream: `begin_with([(":method", "GET"), (":path", "/")])`.
pub fn begin_with<N, V>(attributes: impl IntoIterator<Item = (N, V)>) -> Frame
where
    N: AsRef<[u8]>,
    V: AsRef<[u8]>,
{
    begin().with(attributes)
}

/// Answers an opening, without attributes: the same frame as [`begin`], in the words of the other side.
pub fn begun() -> Frame {
    begin()
}

/// Answers an opening: `begun_with([(":status", "200")])`.
pub fn begun_with<N, V>(attributes: impl IntoIterator<Item = (N, V)>) -> Frame
where
    N: AsRef<[u8]>,
    V: AsRef<[u8]>,
{
    begin_with(attributes)
}

/// Payload that is no message: `data("Hello")`. See [`Frame::init`], [`Frame::fin`] and [`message`].
pub fn data(payload: impl AsRef<[u8]>) -> Frame {
    Frame { payload: payload.as_ref().to_vec(), ..Frame::new(FrameKind::Data) }
}

/// A whole message in one frame.
pub fn message(payload: impl AsRef<[u8]>) -> Frame {
    data(payload).init().fin()
}

/// An advisory: `flush([("id", "7")])`.
pub fn flush<N, V>(attributes: impl IntoIterator<Item = (N, V)>) -> Frame
where
    N: AsRef<[u8]>,
    V: AsRef<[u8]>,
{
    Frame::new(FrameKind::Flush).with(attributes)
}

/// Orderly end of a direction.
pub fn end() -> Frame {
    Frame::new(FrameKind::End)
}

/// Orderly end of a direction, with trailers or the like.
pub fn end_with<N, V>(attributes: impl IntoIterator<Item = (N, V)>) -> Frame
where
    N: AsRef<[u8]>,
    V: AsRef<[u8]>,
{
    end().with(attributes)
}

/// Abnormal end of a direction.
pub fn abort(code: CloseCode) -> Frame {
    Frame { value: code as u64, ..Frame::new(FrameKind::Abort) }
}

/// Refuses the rest of a direction.
pub fn reset(code: CloseCode) -> Frame {
    Frame { value: code as u64, ..Frame::new(FrameKind::Reset) }
}

/// Adds octets of credit.
pub fn window(octets: u64) -> Frame {
    Frame { value: octets, ..Frame::new(FrameKind::Window) }
}

/// Asks for new credentials.
pub fn challenge<N, V>(attributes: impl IntoIterator<Item = (N, V)>) -> Frame
where
    N: AsRef<[u8]>,
    V: AsRef<[u8]>,
{
    Frame::new(FrameKind::Challenge).with(attributes)
}
