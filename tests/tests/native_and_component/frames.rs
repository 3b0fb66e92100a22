//! Frames of the engine as frames of the SDK, and back.

use zilla_engine::{Flags, Frame, FrameKind};
use zilla_sdk::bindings::zilla::plugin::types as sdk;

/// Kinds in pairs.
const KINDS: [(FrameKind, sdk::FrameKind); 12] = [
    (FrameKind::Begin, sdk::FrameKind::Begin),
    (FrameKind::Data, sdk::FrameKind::Data),
    (FrameKind::Flush, sdk::FrameKind::Flush),
    (FrameKind::End, sdk::FrameKind::End),
    (FrameKind::Abort, sdk::FrameKind::Abort),
    (FrameKind::Window, sdk::FrameKind::Window),
    (FrameKind::Reset, sdk::FrameKind::Reset),
    (FrameKind::Challenge, sdk::FrameKind::Challenge),
    (FrameKind::Timer, sdk::FrameKind::Timer),
    (FrameKind::Signal, sdk::FrameKind::Signal),
    (FrameKind::Drain, sdk::FrameKind::Drain),
    (FrameKind::Forward, sdk::FrameKind::Forward),
];

pub(crate) fn to_sdk(frame: &Frame) -> sdk::Frame {
    let mut flags = sdk::FrameFlags::empty();
    flags.set(sdk::FrameFlags::INIT, frame.flags.init);
    flags.set(sdk::FrameFlags::FIN, frame.flags.fin);
    let kind = KINDS.iter().find(|(kind, _)| *kind == frame.kind).expect("every kind is listed").1;
    let Frame { stream, link, attributes, payload, offset, value, .. } = *frame;
    sdk::Frame { stream, kind, flags, link, attributes, payload, offset, value }
}

pub(crate) fn from_sdk(frame: &sdk::Frame) -> Frame {
    let flags = Flags {
        init: frame.flags.contains(sdk::FrameFlags::INIT),
        fin: frame.flags.contains(sdk::FrameFlags::FIN),
        borrowed: frame.flags.contains(sdk::FrameFlags::BORROWED),
    };
    let kind = KINDS.iter().find(|(_, kind)| *kind == frame.kind).expect("every kind is listed").0;
    let sdk::Frame { stream, link, attributes, payload, offset, value, .. } = *frame;
    Frame { stream, kind, flags, link, attributes, payload, offset, value }
}
