//! The rules of single frames that a binding returns: see the table in `wit/README.md`.

use super::frame::Frame;
use crate::attributes::Attributes;
use crate::bindings::zilla::plugin::types::{self as wit, FrameFlags, FrameKind, Limits};

/// Highest number of a `close-code`.
const CLOSE_CODE_MAX: u64 = wit::CloseCode::Cancelled as u64;

/// Reads a returned frame, or says which rule it breaks whatever the state of its stream is.
pub(super) fn read(
    frame: &wit::Frame,
    given: &[u8],
    returned: &[u8],
    limits: &Limits,
) -> Result<Frame, String> {
    let octets = if frame.flags.contains(FrameFlags::BORROWED) { given } else { returned };
    let (attributes, payload) = cut(frame, octets)
        .ok_or_else(|| format!("points outside the {} octets that it may point into", octets.len()))?;
    let read = Frame::read(frame, attributes, payload);
    let bare = frame.attributes == 0 && frame.payload == 0;
    match frame.kind {
        FrameKind::Data => {}
        FrameKind::Signal | FrameKind::Drain => return Err("only the host sends this kind of frame".into()),
        FrameKind::Window | FrameKind::Timer | FrameKind::Forward if !bare => {
            return Err("carries neither attributes nor payload".into());
        }
        _ if frame.payload > 0 => return Err("only data carries a payload".into()),
        _ => {}
    }
    if frame.attributes > limits.attributes_octets {
        return Err(format!("has more than {} octets of attributes", limits.attributes_octets));
    }
    if !is_well_formed(attributes) {
        return Err("has a malformed attribute block".into());
    }
    if matches!(frame.kind, FrameKind::Reset | FrameKind::Abort) && frame.value > CLOSE_CODE_MAX {
        return Err(format!("{} is no close code", frame.value));
    }
    if frame.kind != FrameKind::Data && (read.init || read.fin) {
        return Err("only data has init and fin".into());
    }
    if frame.link != 0 && !matches!(frame.kind, FrameKind::Begin | FrameKind::Timer | FrameKind::Forward) {
        return Err("has no link".into());
    }
    if frame.stream == 0 && frame.kind != FrameKind::Timer {
        return Err("0 is the binding itself, which only sets timers".into());
    }
    Ok(read)
}

fn cut<'a>(frame: &wit::Frame, octets: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    let rest = octets.get(frame.offset as usize..)?;
    let (attributes, rest) = rest.split_at_checked(frame.attributes as usize)?;
    let (payload, _) = rest.split_at_checked(frame.payload as usize)?;
    Some((attributes, payload))
}

fn is_well_formed(block: &[u8]) -> bool {
    const HEAD_OCTETS: usize = 6;
    let read = |(name, value): (&[u8], &[u8])| HEAD_OCTETS + name.len() + value.len();
    Attributes::new(block).iter().map(read).sum::<usize>() == block.len()
}
