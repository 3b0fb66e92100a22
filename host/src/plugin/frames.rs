//! Frames between the engine and the contract. They have the same fields; the types differ because the
//! engine does not depend on WebAssembly.

use super::contract::zilla::plugin::types as wit;
use zilla_engine::{Flags, Frame, FrameKind};

pub(crate) fn to_plugin(frame: &Frame) -> wit::Frame {
    let mut flags = wit::FrameFlags::empty();
    if frame.flags.init {
        flags |= wit::FrameFlags::INIT;
    }
    if frame.flags.fin {
        flags |= wit::FrameFlags::FIN;
    }
    wit::Frame {
        stream: frame.stream,
        kind: match frame.kind {
            FrameKind::Begin => wit::FrameKind::Begin,
            FrameKind::Data => wit::FrameKind::Data,
            FrameKind::Flush => wit::FrameKind::Flush,
            FrameKind::End => wit::FrameKind::End,
            FrameKind::Abort => wit::FrameKind::Abort,
            FrameKind::Window => wit::FrameKind::Window,
            FrameKind::Reset => wit::FrameKind::Reset,
            FrameKind::Challenge => wit::FrameKind::Challenge,
            FrameKind::Timer => wit::FrameKind::Timer,
            FrameKind::Signal => wit::FrameKind::Signal,
            FrameKind::Drain => wit::FrameKind::Drain,
            FrameKind::Forward => wit::FrameKind::Forward,
        },
        flags,
        link: frame.link,
        attributes: frame.attributes,
        payload: frame.payload,
        offset: frame.offset,
        value: frame.value,
    }
}

pub(crate) fn from_plugin(frame: &wit::Frame) -> Frame {
    Frame {
        stream: frame.stream,
        kind: match frame.kind {
            wit::FrameKind::Begin => FrameKind::Begin,
            wit::FrameKind::Data => FrameKind::Data,
            wit::FrameKind::Flush => FrameKind::Flush,
            wit::FrameKind::End => FrameKind::End,
            wit::FrameKind::Abort => FrameKind::Abort,
            wit::FrameKind::Window => FrameKind::Window,
            wit::FrameKind::Reset => FrameKind::Reset,
            wit::FrameKind::Challenge => FrameKind::Challenge,
            wit::FrameKind::Timer => FrameKind::Timer,
            wit::FrameKind::Signal => FrameKind::Signal,
            wit::FrameKind::Drain => FrameKind::Drain,
            wit::FrameKind::Forward => FrameKind::Forward,
        },
        flags: Flags {
            init: frame.flags.contains(wit::FrameFlags::INIT),
            fin: frame.flags.contains(wit::FrameFlags::FIN),
            borrowed: frame.flags.contains(wit::FrameFlags::BORROWED),
        },
        link: frame.link,
        attributes: frame.attributes,
        payload: frame.payload,
        offset: frame.offset,
        value: frame.value,
    }
}
