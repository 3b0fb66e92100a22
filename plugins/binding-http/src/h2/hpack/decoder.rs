//! From a block of octets to fields.

use super::table::{DynamicTable, Entry, STATIC, STATIC_FIELDS};
use super::{HpackError, huffman, integer};
use crate::h2::settings::TABLE_OCTETS;

/// Decodes the blocks of one connection, in order.
#[derive(Debug)]
pub(crate) struct Decoder {
    table: DynamicTable,
    /// What the peer may make of the table's size, in octets. Where it is less than that size, the next block
    /// has to begin with a smaller one (RFC 7541, 4.2).
    octets_max: usize,
    /// Strings of the current field that were Huffman-coded.
    name: Vec<u8>,
    value: Vec<u8>,
}

impl Decoder {
    /// A decoder whose table may have so many octets. It has no more than the usual size until the peer makes
    /// it larger.
    pub(crate) fn new(octets_max: usize) -> Self {
        let table = DynamicTable::new(octets_max.min(TABLE_OCTETS as usize));
        Self { table, octets_max, name: Vec::new(), value: Vec::new() }
    }

    /// The peer has acknowledged another limit.
    pub(crate) fn limit_table(&mut self, octets_max: usize) {
        self.octets_max = octets_max;
    }

    /// Decodes a whole block and hands each field to `take`, name and value. All of a block is decoded,
    /// whatever of it is used, for later blocks refer to it. Nothing is kept of a field but in the table, so
    /// what a small block can unfold to costs no memory.
    pub(crate) fn decode(
        &mut self,
        block: &[u8],
        mut take: impl FnMut(&[u8], &[u8]),
    ) -> Result<(), HpackError> {
        let mut rest = self.decode_sizes(block)?;
        while let Some(first) = rest.first().copied() {
            match first {
                0x80.. => {
                    let index = read_integer(&mut rest, 7)?;
                    let (name, value) = indexed(&self.table, index)?;
                    take(name, value);
                }
                0x40.. => self.literal(&mut rest, 6, true, &mut take)?,
                0x20.. => return Err(HpackError::TableSize),
                // Whether a field must never be indexed matters to those who encode it again as it came.
                _ => self.literal(&mut rest, 4, false, &mut take)?,
            }
        }
        Ok(())
    }

    /// Reads the changes of the table's size that a block begins with, and says what follows.
    fn decode_sizes<'a>(&mut self, block: &'a [u8]) -> Result<&'a [u8], HpackError> {
        let mut rest = block;
        while let Some(0x20..=0x3f) = rest.first() {
            let octets_max = read_integer(&mut rest, 5)?;
            if octets_max > self.octets_max {
                return Err(HpackError::TableSize);
            }
            self.table.resize(octets_max);
        }
        match self.table.octets_max() > self.octets_max {
            true => Err(HpackError::TableSize),
            false => Ok(rest),
        }
    }

    fn literal(
        &mut self,
        rest: &mut &[u8],
        prefix_bits: u32,
        is_kept: bool,
        take: &mut impl FnMut(&[u8], &[u8]),
    ) -> Result<(), HpackError> {
        let index = read_integer(rest, prefix_bits)?;
        let name = match index {
            0 => Some(read_string(rest)?),
            _ => None,
        };
        let value = read_string(rest)?;
        let name = match name {
            Some(name) => name.unfold(&mut self.name)?,
            None => indexed(&self.table, index)?.0,
        };
        let value = value.unfold(&mut self.value)?;
        take(name, value);
        if is_kept {
            let entry = Entry::new(name, value);
            self.table.insert(entry);
        }
        Ok(())
    }
}

fn indexed(table: &DynamicTable, index: usize) -> Result<(&[u8], &[u8]), HpackError> {
    match index {
        0 => Err(HpackError::Index),
        1..=STATIC_FIELDS => Ok(STATIC[index - 1]),
        _ => table.get(index - STATIC_FIELDS - 1).ok_or(HpackError::Index),
    }
}

/// A string as it stands in the block.
struct Coded<'a> {
    octets: &'a [u8],
    is_huffman: bool,
}

impl<'a> Coded<'a> {
    /// The string itself, in `room` if it is Huffman-coded.
    fn unfold(&self, room: &'a mut Vec<u8>) -> Result<&'a [u8], HpackError> {
        if !self.is_huffman {
            return Ok(self.octets);
        }
        room.clear();
        huffman::decode(self.octets, room)?;
        Ok(room)
    }
}

fn read_integer(rest: &mut &[u8], prefix_bits: u32) -> Result<usize, HpackError> {
    let (value, octets) = integer::decode(rest, prefix_bits)?;
    *rest = &rest[octets..];
    Ok(value)
}

fn read_string<'a>(rest: &mut &'a [u8]) -> Result<Coded<'a>, HpackError> {
    let is_huffman = rest.first().is_some_and(|first| first & 0x80 != 0);
    let octets = read_integer(rest, 7)?;
    let (string, after) = rest.split_at_checked(octets).ok_or(HpackError::Cut)?;
    *rest = after;
    Ok(Coded { octets: string, is_huffman })
}
