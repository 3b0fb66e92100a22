//! Pieces of payload that are kept, with their flags and attributes.

use zilla_sdk::prelude::*;

/// Payload that pieces grow to at most by being put together, in octets: as much as a stream starts with as credit.
const OCTETS_MAX: usize = 64 << 10;

/// A piece of payload as it was received, or an advisory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) attributes: Vec<u8>,
    pub(crate) payload: Vec<u8>,
    pub(crate) init: bool,
    pub(crate) fin: bool,
    /// Whether it is an advisory.
    pub(crate) is_flush: bool,
}

impl Piece {
    pub(crate) fn of(data: &Data<'_>) -> Self {
        Self {
            attributes: data.attributes.block().to_vec(),
            payload: data.payload.to_vec(),
            init: data.init,
            fin: data.fin,
            is_flush: false,
        }
    }

    pub(crate) fn flush(attributes: Attributes<'_>) -> Self {
        Self { attributes: attributes.block().to_vec(), is_flush: true, ..Self::default() }
    }

    /// Makes what follows a part of it, if flags and attributes keep their place.
    pub(crate) fn merge(&mut self, data: &Data<'_>) -> bool {
        let is_next = !self.fin && !self.is_flush && !data.init && data.attributes.is_empty();
        let is_merged = is_next && self.payload.len() + data.payload.len() <= OCTETS_MAX;
        if is_merged {
            self.payload.extend_from_slice(&data.payload);
            self.fin = data.fin;
        }
        is_merged
    }
}
