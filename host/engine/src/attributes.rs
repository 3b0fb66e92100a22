//! Attribute blocks: `u16 name length, u32 value length, name, value`, little-endian, repeated.

const HEAD_OCTETS: usize = 6;

/// Iterates over names and values; ends at the first malformed entry.
#[derive(Clone)]
pub struct Entries<'a> {
    rest: &'a [u8],
}

/// Iterates over a block.
pub fn entries(block: &[u8]) -> Entries<'_> {
    Entries { rest: block }
}

impl<'a> Iterator for Entries<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (head, rest) = self.rest.split_first_chunk::<HEAD_OCTETS>()?;
        let name_len = usize::from(u16::from_le_bytes([head[0], head[1]]));
        let value_len = u32::from_le_bytes([head[2], head[3], head[4], head[5]]) as usize;
        let (name, rest) = rest.split_at_checked(name_len)?;
        let (value, rest) = rest.split_at_checked(value_len)?;
        self.rest = rest;
        Some((name, value))
    }
}

/// Whether the whole block is well-formed.
pub fn is_well_formed(block: &[u8]) -> bool {
    let mut entries = entries(block);
    while entries.next().is_some() {}
    entries.rest.is_empty()
}

/// Appends one attribute.
pub fn push(block: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    let name = &name[..name.len().min(usize::from(u16::MAX))];
    block.extend_from_slice(&(name.len() as u16).to_le_bytes());
    block.extend_from_slice(&(value.len() as u32).to_le_bytes());
    block.extend_from_slice(name);
    block.extend_from_slice(value);
}

/// The block with one attribute set: the first of that name is replaced and others of it are removed, or it
/// is appended.
pub(crate) fn set(block: &[u8], name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut result = Vec::with_capacity(block.len() + HEAD_OCTETS + name.len() + value.len());
    let mut done = false;
    for (n, v) in entries(block) {
        if n != name {
            push(&mut result, n, v);
        } else if !std::mem::replace(&mut done, true) {
            push(&mut result, name, value);
        }
    }
    if !done {
        push(&mut result, name, value);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(pairs: &[(&str, &str)]) -> Vec<u8> {
        let mut octets = Vec::new();
        for (name, value) in pairs {
            push(&mut octets, name.as_bytes(), value.as_bytes());
        }
        octets
    }

    #[test]
    fn set_replaces_the_first_and_removes_the_others() {
        let before = block(&[("a", "1"), ("b", "2"), ("a", "3")]);
        assert_eq!(set(&before, b"a", b"4"), block(&[("a", "4"), ("b", "2")]));
        assert_eq!(set(&before, b"c", b""), block(&[("a", "1"), ("b", "2"), ("a", "3"), ("c", "")]));
    }

    #[test]
    fn a_block_cut_anywhere_inside_an_entry_is_malformed() {
        let whole = block(&[("name", "value")]);
        assert!(is_well_formed(&whole) && is_well_formed(&[]));
        for cut in 1..whole.len() {
            assert!(!is_well_formed(&whole[..cut]), "cut at {cut}");
        }
    }
}
