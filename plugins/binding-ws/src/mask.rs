//! Masking of payloads (RFC 6455, 5.3).

/// Masks or unmasks octets in place. `mask` is the key from the first octet on.
///
/// Eight octets at a time: the compiler makes vectors of it where the target has them.
#[inline]
pub(crate) fn apply(octets: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (chunks, rest) = octets.as_chunks_mut::<8>();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ wide).to_ne_bytes();
    }
    for (octet, key) in rest.iter_mut().zip(wide.to_ne_bytes()) {
        *octet ^= key;
    }
}

/// The key for what comes `octets` later.
#[inline]
pub(crate) fn advance(mask: [u8; 4], octets: usize) -> [u8; 4] {
    let mut mask = mask;
    mask.rotate_left(octets & 3);
    mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_length_and_any_cut_is_the_same_as_octet_by_octet() {
        let mask = [0x37, 0xfa, 0x21, 0x3d];
        for length in 0..70_usize {
            let plain: Vec<u8> = (0..length).map(|index| index as u8).collect();
            let masked: Vec<u8> =
                plain.iter().enumerate().map(|(index, octet)| octet ^ mask[index & 3]).collect();
            for cut in 0..=length {
                let mut octets = masked.clone();
                let (head, tail) = octets.split_at_mut(cut);
                apply(head, mask);
                apply(tail, advance(mask, cut));
                assert_eq!(octets, plain, "cut at {cut}");
            }
        }
    }
}
