//! Integers with a prefix (RFC 7541, 5.1).

use super::HpackError;

/// Most octets after the prefix: as many as 32 bits need. A longer integer is refused, even if it is small.
const CONTINUATION_OCTETS_MAX: usize = 5;

/// Reads an integer whose first octet has so many bits of it: its value, and how many octets it took.
pub(super) fn decode(octets: &[u8], prefix_bits: u32) -> Result<(usize, usize), HpackError> {
    let (first, rest) = octets.split_first().ok_or(HpackError::Cut)?;
    let prefix_max = (1_u64 << prefix_bits) - 1;
    let mut value = u64::from(*first) & prefix_max;
    if value < prefix_max {
        return Ok((value as usize, 1));
    }
    for (at, octet) in rest.iter().take(CONTINUATION_OCTETS_MAX).enumerate() {
        value += u64::from(octet & 0x7f) << (7 * at);
        if octet & 0x80 == 0 {
            let value = u32::try_from(value).map_err(|_| HpackError::Integer)?;
            return Ok((value as usize, at + 2));
        }
    }
    Err(if rest.len() < CONTINUATION_OCTETS_MAX { HpackError::Cut } else { HpackError::Integer })
}

/// Writes an integer; `first` has the bits above the prefix.
pub(super) fn encode(out: &mut Vec<u8>, first: u8, prefix_bits: u32, value: usize) {
    let prefix_max = (1_usize << prefix_bits) - 1;
    if value < prefix_max {
        return out.push(first | value as u8);
    }
    out.push(first | prefix_max as u8);
    let mut rest = value - prefix_max;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}
