//! From octets to frames, in whatever pieces they come. Field blocks are joined, content of `DATA` is not waited
//! for.

use super::frame::{self, Code, HEAD_OCTETS, Head, Kind, PREFACE, Wrong, flag};
use std::borrow::Cow;

/// What a [`Reader`] lets pass; more ends the connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReaderLimits {
    /// Longest payload of a frame, in octets: FRAME_SIZE_ERROR.
    pub(crate) frame_octets: u32,
    /// Longest field block, in octets: ENHANCE_YOUR_CALM.
    pub(crate) block_octets: usize,
    /// Most CONTINUATION of a field block: ENHANCE_YOUR_CALM.
    pub(crate) continuations: u32,
}

/// What was found at the start of octets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    /// Nothing that is whole; all octets were taken.
    Nothing,
    /// A part of what is not whole, and more may follow.
    Part,
    /// A whole field block.
    Block(Block<'a>),
    /// A whole frame that is neither of a field block nor `DATA`.
    Frame(Head, Cow<'a, [u8]>),
    /// The head of `DATA`.
    Data(Head),
    /// Octets of content of that stream.
    Content(u32),
    /// Octets of padding of that stream.
    Padding(u32),
    /// `DATA` of that stream are over; whether the stream ends with them.
    DataEnd(u32, bool),
}

/// A whole field block.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block<'a> {
    pub(crate) stream: u32,
    /// Whether the stream ends with it.
    pub(crate) ends: bool,
    /// The stream is said to depend on itself, which RFC 7540 names as a mistake.
    pub(crate) depends_on_itself: bool,
    pub(crate) octets: Cow<'a, [u8]>,
}

/// Finds frames. What it takes is at most one frame and one field block, within its limits.
#[derive(Debug)]
pub(crate) struct Reader {
    limits: ReaderLimits,
    /// So many octets of a client's preface have come.
    preface: usize,
    /// The first frame has come, which is `SETTINGS`.
    has_begun: bool,
    /// Octets of a frame that is not whole, its head included; never those of `DATA`.
    partial: Vec<u8>,
    data: Option<DataLeft>,
    fragments: Option<Block<'static>>,
    /// Frames of which `fragments` were joined, but for the first.
    continuations: u32,
}

/// What is left of the payload of `DATA`.
#[derive(Clone, Copy, Debug)]
struct DataLeft {
    stream: u32,
    /// The first octet says how much padding there is.
    is_padding_due: bool,
    content: u32,
    padding: u32,
    ends: bool,
}

impl Reader {
    /// For what an origin sends, which begins with a frame.
    pub(crate) fn new(limits: ReaderLimits) -> Self {
        Self::behind_preface(limits, PREFACE.len())
    }

    /// For what a client sends, of whose preface so many octets have come.
    pub(crate) fn behind_preface(limits: ReaderLimits, preface: usize) -> Self {
        let (partial, has_begun, continuations) = (Vec::new(), false, 0);
        Self { limits, preface, has_begun, partial, data: None, fragments: None, continuations }
    }

    /// Whether something has begun that only the peer can end: its preface, a frame, a field block. Content is not.
    pub(crate) fn waits_for_rest(&self) -> bool {
        !self.has_begun || !self.partial.is_empty() || self.fragments.is_some()
    }

    /// Forgets what is not whole: no more is read.
    pub(crate) fn close(&mut self) {
        let (limits, preface) = (self.limits, PREFACE.len());
        *self = Self { has_begun: true, ..Self::behind_preface(limits, preface) };
    }

    /// Looks at the start of `octets`: says how many were taken, and what they are.
    pub(crate) fn next<'a>(&mut self, octets: &'a [u8]) -> Result<(usize, Found<'a>), Wrong> {
        if let Some(left) = self.data {
            return self.next_of_data(left, octets);
        }
        if octets.is_empty() {
            return Ok((0, Found::Nothing));
        }
        if self.preface < PREFACE.len() {
            return self.next_of_preface(octets);
        }
        if !self.partial.is_empty() {
            return self.gather(octets);
        }
        let Some((head, rest)) = octets.split_first_chunk() else { return self.gather(octets) };
        let head = Head::read(head);
        self.check(head)?;
        if head.kind == Kind::Data {
            return Ok((HEAD_OCTETS, self.begin_data(head)?));
        }
        match rest.get(..head.octets as usize) {
            Some(payload) => Ok((HEAD_OCTETS + payload.len(), self.whole(head, Cow::Borrowed(payload))?)),
            None => self.gather(octets),
        }
    }

    fn next_of_preface(&mut self, octets: &[u8]) -> Result<(usize, Found<'static>), Wrong> {
        let due = &PREFACE[self.preface..];
        let taken = due.len().min(octets.len());
        if octets[..taken] != due[..taken] {
            return Err(Wrong::Connection(Code::ProtocolError, "this is not the preface of HTTP/2"));
        }
        self.preface += taken;
        Ok((taken, Found::Part))
    }

    /// Takes a frame that comes in pieces.
    fn gather<'a>(&mut self, octets: &'a [u8]) -> Result<(usize, Found<'a>), Wrong> {
        let head = self.partial.first_chunk().map(Head::read);
        let whole = HEAD_OCTETS + head.map_or(0, |head| head.octets as usize);
        let taken = octets.len().min(whole - self.partial.len());
        self.partial.extend_from_slice(&octets[..taken]);
        if self.partial.len() < whole {
            return Ok((taken, Found::Part));
        }
        let found = match (head, self.partial.first_chunk().map(Head::read)) {
            (Some(head), _) => {
                let payload = std::mem::take(&mut self.partial).split_off(HEAD_OCTETS);
                self.whole(head, Cow::Owned(payload))?
            }
            (None, Some(head)) => {
                self.check(head)?;
                if head.kind == Kind::Data {
                    self.partial.clear();
                    self.begin_data(head)?
                } else if head.octets == 0 {
                    self.partial.clear();
                    self.whole(head, Cow::Borrowed(&[]))?
                } else {
                    Found::Part
                }
            }
            (None, None) => Found::Part,
        };
        Ok((taken, found))
    }

    /// What can be said before the payload has come.
    fn check(&mut self, head: Head) -> Result<(), Wrong> {
        let protocol = |because| Err(Wrong::Connection(Code::ProtocolError, because));
        if head.octets > self.limits.frame_octets {
            return Err(Wrong::Connection(Code::FrameSizeError, "the frame is too long"));
        }
        if !std::mem::replace(&mut self.has_begun, true)
            && (head.kind, head.flags & flag::ACK) != (Kind::Settings, 0)
        {
            return protocol("the first frame is not SETTINGS");
        }
        match &self.fragments {
            Some(fragments) if (head.kind, head.stream) != (Kind::Continuation, fragments.stream) => {
                protocol("a field block is followed by something else than its CONTINUATION")
            }
            None if head.kind == Kind::Continuation => protocol("there is no field block to continue"),
            _ => Ok(()),
        }
    }

    fn begin_data(&mut self, head: Head) -> Result<Found<'static>, Wrong> {
        if head.has(flag::PADDED) && head.octets == 0 {
            let because = "DATA are too short for their padding";
            return Err(Wrong::Connection(Code::FrameSizeError, because));
        }
        self.data = Some(DataLeft {
            stream: head.stream,
            is_padding_due: head.has(flag::PADDED),
            content: head.octets,
            padding: 0,
            ends: head.has(flag::END_STREAM),
        });
        Ok(Found::Data(head))
    }

    fn next_of_data<'a>(
        &mut self,
        mut left: DataLeft,
        octets: &'a [u8],
    ) -> Result<(usize, Found<'a>), Wrong> {
        if !left.is_padding_due && left.content + left.padding == 0 {
            self.data = None;
            return Ok((0, Found::DataEnd(left.stream, left.ends)));
        }
        let Some(first) = octets.first() else { return Ok((0, Found::Nothing)) };
        let found = if left.is_padding_due {
            left.is_padding_due = false;
            left.padding = u32::from(*first);
            left.content = left
                .content
                .checked_sub(1 + left.padding)
                .ok_or(Wrong::Connection(Code::ProtocolError, "the padding is longer than the frame"))?;
            (1, Found::Padding(left.stream))
        } else if left.content > 0 {
            let taken = octets.len().min(left.content as usize);
            left.content -= taken as u32;
            (taken, Found::Content(left.stream))
        } else {
            let taken = octets.len().min(left.padding as usize);
            left.padding -= taken as u32;
            (taken, Found::Padding(left.stream))
        };
        self.data = Some(left);
        Ok(found)
    }

    /// A whole frame that is not `DATA`.
    fn whole<'a>(&mut self, head: Head, payload: Cow<'a, [u8]>) -> Result<Found<'a>, Wrong> {
        match head.kind {
            Kind::Headers => {
                let (fragment, dependency) = frame::headers_fragment(head, &payload)?;
                let octets = match payload {
                    Cow::Borrowed(payload) => Cow::Borrowed(&payload[fragment]),
                    Cow::Owned(payload) => Cow::Owned(payload[fragment].to_vec()),
                };
                let (stream, ends) = (head.stream, head.has(flag::END_STREAM));
                let block = Block { stream, ends, depends_on_itself: dependency == Some(stream), octets };
                if head.has(flag::END_HEADERS) {
                    return Ok(Found::Block(block));
                }
                self.fragments = Some(Block { octets: Cow::Owned(block.octets.into_owned()), ..block });
                self.continuations = 0;
                Ok(Found::Part)
            }
            Kind::Continuation => self.go_on(head, &payload),
            _ => Ok(Found::Frame(head, payload)),
        }
    }

    fn go_on(&mut self, head: Head, payload: &[u8]) -> Result<Found<'static>, Wrong> {
        let Some(fragments) = &mut self.fragments else { return Ok(Found::Part) };
        self.continuations += 1;
        if self.continuations > self.limits.continuations
            || fragments.octets.len() + payload.len() > self.limits.block_octets
        {
            return Err(Wrong::Connection(Code::EnhanceYourCalm, "the field block is too long"));
        }
        fragments.octets.to_mut().extend_from_slice(payload);
        if !head.has(flag::END_HEADERS) {
            return Ok(Found::Part);
        }
        Ok(self.fragments.take().map_or(Found::Part, Found::Block))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: Kind, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        frame::write_head(&mut out, kind, flags, stream, payload.len());
        out.extend_from_slice(payload);
        out
    }

    /// What is found, in words, with the content of all `DATA` joined.
    fn read(pieces: &[&[u8]]) -> Vec<String> {
        let limits = ReaderLimits { frame_octets: 20, block_octets: 30, continuations: 2 };
        let (mut reader, mut found, mut content) = (Reader::new(limits), Vec::new(), Vec::new());
        for piece in pieces {
            let mut rest = *piece;
            loop {
                let (taken, what) = match reader.next(rest) {
                    Ok(next) => next,
                    Err(wrong) => {
                        found.push(format!("{wrong:?}"));
                        return found;
                    }
                };
                match what {
                    Found::Nothing => break,
                    Found::Part | Found::Padding(_) => {}
                    Found::Content(_) => content.extend_from_slice(&rest[..taken]),
                    Found::DataEnd(stream, ends) => {
                        let text = std::mem::take(&mut content).escape_ascii().to_string();
                        found.push(format!("data {stream} {text} {ends}"));
                    }
                    Found::Data(head) => found.push(format!("head {}", head.octets)),
                    Found::Block(block) => {
                        found.push(format!(
                            "block {} {} {}",
                            block.stream,
                            block.octets.escape_ascii(),
                            block.ends
                        ));
                    }
                    Found::Frame(head, payload) => {
                        found.push(format!("{:?} {}", head.kind, payload.escape_ascii()));
                    }
                }
                rest = &rest[taken..];
            }
        }
        found
    }

    #[test]
    fn frames_are_found_in_any_pieces() {
        let octets = [
            frame(Kind::Settings, 0, 0, b""),
            frame(Kind::Headers, flag::END_HEADERS | flag::PADDED, 1, b"\x02ab\0\0"),
            frame(Kind::Data, flag::PADDED, 1, b"\x01abc\0"),
            frame(Kind::Data, flag::END_STREAM, 1, b""),
            frame(Kind::Headers, flag::END_STREAM, 3, b"c"),
            frame(Kind::Continuation, 0, 3, b""),
            frame(Kind::Continuation, flag::END_HEADERS, 3, b"de"),
            frame(Kind::Ping, 0, 0, b"12345678"),
        ]
        .concat();
        let expected = [
            "Settings ",
            "block 1 ab false",
            "head 5",
            "data 1 abc false",
            "head 0",
            "data 1  true",
            "block 3 cde true",
            "Ping 12345678",
        ];
        assert_eq!(read(&[&octets]), expected);
        assert_eq!(read(&octets.chunks(1).collect::<Vec<_>>()), expected);
        for at in 0..octets.len() {
            let (first, second) = octets.split_at(at);
            assert_eq!(read(&[first, second]), expected, "{at}");
        }
    }

    #[test]
    fn what_is_wrong_or_too_much_ends_it() {
        let settings = frame(Kind::Settings, 0, 0, b"");
        for (frames, code) in [
            (vec![frame(Kind::Ping, 0, 0, b"")], "ProtocolError"),
            (vec![frame(Kind::Settings, flag::ACK, 0, b"")], "ProtocolError"),
            (vec![settings.clone(), frame(Kind::Unknown, 0, 0, &[0; 21])], "FrameSizeError"),
            (vec![settings.clone(), frame(Kind::Data, flag::PADDED, 1, b"")], "FrameSizeError"),
            (vec![settings.clone(), frame(Kind::Data, flag::PADDED, 1, b"\x01")], "ProtocolError"),
            (vec![settings.clone(), frame(Kind::Continuation, 4, 1, b"")], "ProtocolError"),
            (vec![settings.clone(), frame(Kind::Headers, 0, 1, b""), settings.clone()], "ProtocolError"),
            (
                vec![settings.clone(), frame(Kind::Headers, 0, 1, b""), frame(Kind::Continuation, 4, 3, b"")],
                "ProtocolError",
            ),
            (
                vec![
                    settings.clone(),
                    frame(Kind::Headers, 0, 1, &[0; 20]),
                    frame(Kind::Continuation, 0, 1, &[0; 11]),
                ],
                "EnhanceYourCalm",
            ),
            (
                [
                    vec![settings, frame(Kind::Headers, 0, 1, b"")],
                    vec![frame(Kind::Continuation, 0, 1, b""); 3],
                ]
                .concat(),
                "EnhanceYourCalm",
            ),
        ] {
            let octets = frames.concat();
            for found in [read(&[&octets]), read(&octets.chunks(1).collect::<Vec<_>>())] {
                assert!(found.last().is_some_and(|last| last.contains(code)), "{code}: {found:?}");
            }
        }
    }
}
