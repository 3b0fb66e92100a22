//! Frames between the engine and the contract, written to and read from a plugin's memory in one pass.
//!
//! The engine's frame has the fields of `wit/types.wit`; the types differ because the engine does not depend on
//! WebAssembly. What `bindgen!` generates for `list<frame>` looks up the memory for every field of every frame,
//! which is most of what a call of an instance costs. So the two lists on the hot path are lowered and lifted
//! here, by the layout that the canonical ABI gives the record.

use super::contract::zilla::plugin::types as wit;
use super::import::InstanceState;
use super::{Instant, Returned};
use std::mem::MaybeUninit;
use wasmtime::component::__internal::{
    CanonicalAbiInfo, InstanceType, InterfaceType, LiftContext, LowerContext,
};
use wasmtime::component::{ComponentType, Lift, Lower, TypedFunc};
use wasmtime::{Result, Store, ValRaw, bail};
use zilla_engine::{Batch, Flags, Frame, FrameKind};

/// Octets of a `frame` in memory, and its alignment.
const FRAME_OCTETS: usize = <wit::Frame as ComponentType>::SIZE32;
const FRAME_ALIGN: u32 = <wit::Frame as ComponentType>::ALIGN32;

/// Where the fields of a `frame` are (Canonical ABI, "Alignment" and "Storing").
const STREAM: usize = 0;
const KIND: usize = 4;
const FLAGS: usize = 5;
const LINK: usize = 8;
const ATTRIBUTES: usize = 12;
const PAYLOAD: usize = 16;
const OFFSET: usize = 20;
const VALUE: usize = 24;

const _: () = assert!(FRAME_OCTETS == 32 && FRAME_ALIGN == 8, "the layout above is that of the contract");

const INIT: u8 = 1 << 0;
const FIN: u8 = 1 << 1;
const BORROWED: u8 = 1 << 2;

/// `deliver` of the contract, with frames as the engine has them.
pub(super) type Deliver = TypedFunc<(Instant, GivenFrames<'static>, &'static [u8]), (ReturnedBatch,)>;

/// Has an instance handle a batch.
pub(super) fn deliver(
    deliver: &Deliver,
    store: &mut Store<InstanceState>,
    now: Instant,
    batch: &Batch,
    returned: &mut Returned,
) -> Result<()> {
    let given = (now, GivenFrames(&batch.frames), batch.octets());
    let (ReturnedBatch { frames, octets },) = deliver.call(store, given)?;
    (returned.frames, returned.octets) = (frames.0, octets);
    Ok(())
}

/// Frames to a plugin: a `list<frame>`.
pub(crate) struct GivenFrames<'a>(pub(crate) &'a [Frame]);

/// Frames from a plugin: a `list<frame>`.
pub(crate) struct ReturnedFrames(pub(crate) Vec<Frame>);

/// What `deliver` answers: a `batch`.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct ReturnedBatch {
    pub(crate) frames: ReturnedFrames,
    pub(crate) octets: Vec<u8>,
}

/// The kinds in the order of the contract, whose place is their number.
const KINDS: [FrameKind; 12] = [
    FrameKind::Begin,
    FrameKind::Data,
    FrameKind::Flush,
    FrameKind::End,
    FrameKind::Abort,
    FrameKind::Window,
    FrameKind::Reset,
    FrameKind::Challenge,
    FrameKind::Timer,
    FrameKind::Signal,
    FrameKind::Drain,
    FrameKind::Forward,
];

fn number(kind: FrameKind) -> u8 {
    match kind {
        FrameKind::Begin => 0,
        FrameKind::Data => 1,
        FrameKind::Flush => 2,
        FrameKind::End => 3,
        FrameKind::Abort => 4,
        FrameKind::Window => 5,
        FrameKind::Reset => 6,
        FrameKind::Challenge => 7,
        FrameKind::Timer => 8,
        FrameKind::Signal => 9,
        FrameKind::Drain => 10,
        FrameKind::Forward => 11,
    }
}

fn write(frame: &Frame, memory: &mut [u8; FRAME_OCTETS]) {
    let Flags { init, fin, borrowed: _ } = frame.flags;
    memory[STREAM..KIND].copy_from_slice(&frame.stream.to_le_bytes());
    memory[KIND] = number(frame.kind);
    memory[FLAGS] = if init { INIT } else { 0 } | if fin { FIN } else { 0 };
    memory[FLAGS + 1..LINK].fill(0);
    memory[LINK..ATTRIBUTES].copy_from_slice(&frame.link.to_le_bytes());
    memory[ATTRIBUTES..PAYLOAD].copy_from_slice(&frame.attributes.to_le_bytes());
    memory[PAYLOAD..OFFSET].copy_from_slice(&frame.payload.to_le_bytes());
    memory[OFFSET..VALUE].copy_from_slice(&frame.offset.to_le_bytes());
    memory[VALUE..].copy_from_slice(&frame.value.to_le_bytes());
}

fn read(memory: &[u8; FRAME_OCTETS]) -> Option<Frame> {
    let word = |at: usize| u32::from_le_bytes([memory[at], memory[at + 1], memory[at + 2], memory[at + 3]]);
    let flags = memory[FLAGS];
    Some(Frame {
        stream: word(STREAM),
        kind: *KINDS.get(usize::from(memory[KIND]))?,
        flags: Flags { init: flags & INIT != 0, fin: flags & FIN != 0, borrowed: flags & BORROWED != 0 },
        link: word(LINK),
        attributes: word(ATTRIBUTES),
        payload: word(PAYLOAD),
        offset: word(OFFSET),
        value: u64::from(word(VALUE)) | u64::from(word(VALUE + 4)) << 32,
    })
}

/// A list's place and length.
type Pointer = [ValRaw; 2];

#[expect(unsafe_code, reason = "wasmtime trusts these impls with a plugin's memory")]
// SAFETY: size, alignment and flat form are those of any list; only a `list<frame>` passes the check of types.
unsafe impl ComponentType for GivenFrames<'_> {
    type Lower = Pointer;
    const ABI: CanonicalAbiInfo = CanonicalAbiInfo::POINTER_PAIR;

    fn typecheck(ty: &InterfaceType, types: &InstanceType<'_>) -> Result<()> {
        <[wit::Frame] as ComponentType>::typecheck(ty, types)
    }
}

#[expect(unsafe_code, reason = "wasmtime trusts these impls with a plugin's memory")]
// SAFETY: both words of the flat form are written, and the memory is reached through bounds checks.
unsafe impl Lower for GivenFrames<'_> {
    fn linear_lower_to_flat<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        _ty: InterfaceType,
        dst: &mut MaybeUninit<Pointer>,
    ) -> Result<()> {
        let at = self.store(cx)?;
        dst.write([ValRaw::i64(at as i64), ValRaw::i64(self.0.len() as i64)]);
        Ok(())
    }

    fn linear_lower_to_memory<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        _ty: InterfaceType,
        offset: usize,
    ) -> Result<()> {
        let at = self.store(cx)?;
        *cx.get(offset) = u32::try_from(at)?.to_le_bytes();
        *cx.get(offset + 4) = u32::try_from(self.0.len())?.to_le_bytes();
        Ok(())
    }
}

impl GivenFrames<'_> {
    /// Writes the frames into memory that the plugin allocates, and says where that is.
    fn store<T>(&self, cx: &mut LowerContext<'_, T>) -> Result<usize> {
        let octets = self.0.len() * FRAME_OCTETS;
        let at = cx.realloc(0, 0, FRAME_ALIGN, octets)?;
        let Some(memory) = cx.as_slice_mut().get_mut(at..).and_then(|memory| memory.get_mut(..octets)) else {
            bail!("the plugin allocates frames out of bounds");
        };
        for (frame, memory) in self.0.iter().zip(memory.as_chunks_mut().0) {
            write(frame, memory);
        }
        Ok(at)
    }
}

#[expect(unsafe_code, reason = "wasmtime trusts these impls with a plugin's memory")]
// SAFETY: as above.
unsafe impl ComponentType for ReturnedFrames {
    type Lower = Pointer;
    const ABI: CanonicalAbiInfo = CanonicalAbiInfo::POINTER_PAIR;

    fn typecheck(ty: &InterfaceType, types: &InstanceType<'_>) -> Result<()> {
        <[wit::Frame] as ComponentType>::typecheck(ty, types)
    }
}

#[expect(unsafe_code, reason = "wasmtime trusts these impls with a plugin's memory")]
// SAFETY: the memory is reached through bounds checks, and each kind is checked.
unsafe impl Lift for ReturnedFrames {
    fn linear_lift_from_flat(cx: &mut LiftContext<'_>, _ty: InterfaceType, src: &Pointer) -> Result<Self> {
        Self::load(cx, src[0].get_u32(), src[1].get_u32())
    }

    fn linear_lift_from_memory(cx: &mut LiftContext<'_>, _ty: InterfaceType, bytes: &[u8]) -> Result<Self> {
        let Some(&[a, b, c, d, e, f, g, h]) = bytes.first_chunk() else { bail!("a list has two words") };
        Self::load(cx, u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]))
    }
}

impl ReturnedFrames {
    fn load(cx: &mut LiftContext<'_>, at: u32, count: u32) -> Result<Self> {
        let (at, count) = (usize::try_from(at)?, usize::try_from(count)?);
        // What the host allocates for an answer is limited, as it is for generated code.
        cx.consume_fuel_array(count, size_of::<Frame>())?;
        let memory = count.checked_mul(FRAME_OCTETS).and_then(|octets| cx.memory().get(at..)?.get(..octets));
        let Some(memory) = memory.filter(|_| at % FRAME_ALIGN as usize == 0) else {
            bail!("the plugin returns frames out of bounds, or not aligned");
        };
        match memory.as_chunks().0.iter().map(read).collect() {
            Some(frames) => Ok(Self(frames)),
            None => bail!("the plugin returns a frame of an unknown kind"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_read_as_it_was_written() {
        for kind in KINDS {
            let frame = Frame {
                stream: 0x0102_0304,
                kind,
                flags: Flags { init: true, fin: true, borrowed: false },
                link: 5,
                attributes: 6,
                payload: 7,
                offset: 8,
                value: 0x0a0b_0c0d_0e0f_1011,
            };
            let mut memory = [0xff; FRAME_OCTETS];
            write(&frame, &mut memory);
            assert_eq!(read(&memory), Some(frame));
        }
    }

    #[test]
    fn an_unknown_kind_is_no_frame() {
        let mut memory = [0; FRAME_OCTETS];
        memory[KIND] = KINDS.len() as u8;
        assert_eq!(read(&memory), None);
    }
}
