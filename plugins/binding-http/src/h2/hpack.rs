//! HPACK (RFC 7541): field lists to and from octets, with a table that both ends keep. A server and a client
//! use it alike.

mod decoder;
mod encoder;
mod huffman;
mod integer;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use decoder::Decoder;
pub(crate) use encoder::Encoder;

/// Octets that a field counts besides its name and its value, in tables (RFC 7541, 4.1) and in field lists
/// (RFC 9113, 6.5.2).
pub(crate) const FIELD_OVERHEAD_OCTETS: usize = 32;

/// Why a block cannot be decoded. The tables of the two ends differ from then on, so the connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HpackError {
    /// The block ends within a field.
    Cut,
    /// An integer does not fit 32 bits, or has more octets than such a number needs.
    Integer,
    /// An index that neither table has.
    Index,
    /// A Huffman-coded string with a code that is none, or with padding that is none.
    Huffman,
    /// A change of the table's size that is over the limit, is not at the start, or is missing.
    TableSize,
}
