//! Attribute blocks: what describes a stream, as an ordered list of names and values.
//!
//! A block is a sequence of `u16 name length, u32 value length, name, value`, integers little-endian,
//! repeats allowed. Both types here work on the packed octets; nothing is allocated to read a block.

/// Length of an entry's two length fields, in octets.
const HEAD_OCTETS: usize = 6;

/// An attribute block to read.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Attributes<'a> {
    block: &'a [u8],
}

impl<'a> Attributes<'a> {
    /// Reads a block. A malformed tail ends the iteration; the host never delivers one.
    pub fn new(block: &'a [u8]) -> Self {
        Self { block }
    }

    /// The packed octets.
    pub fn block(&self) -> &'a [u8] {
        self.block
    }

    /// Whether there is no attribute.
    pub fn is_empty(&self) -> bool {
        self.block.is_empty()
    }

    /// The first value of that name.
    pub fn get(&self, name: impl AsRef<[u8]>) -> Option<&'a [u8]> {
        let name = name.as_ref();
        self.iter().find(|(n, _)| *n == name).map(|(_, value)| value)
    }

    /// The first value of that name, if it is UTF-8.
    pub fn get_str(&self, name: impl AsRef<[u8]>) -> Option<&'a str> {
        self.get(name).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// All names and values in order.
    pub fn iter(&self) -> Iter<'a> {
        Iter { rest: self.block }
    }
}

impl<'a> IntoIterator for Attributes<'a> {
    type Item = (&'a [u8], &'a [u8]);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl std::fmt::Debug for Attributes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map()
            .entries(self.iter().map(|(n, v)| (String::from_utf8_lossy(n), String::from_utf8_lossy(v))))
            .finish()
    }
}

/// Iterator over a block; see [`Attributes::iter`].
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Iter<'a> {
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

/// Appends attributes to octets; see [`crate::Sender::begin`].
pub struct AttributesWriter<'a> {
    octets: &'a mut Vec<u8>,
}

impl<'a> AttributesWriter<'a> {
    /// Writes a block at the end of `octets`.
    pub fn new(octets: &'a mut Vec<u8>) -> Self {
        Self { octets }
    }

    /// Appends one attribute. A name longer than 65,535 octets is cut there, which no protocol reaches.
    pub fn push(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        let (name, value) = (cut_name(name.as_ref()), value.as_ref());
        self.head(name.len(), value.len());
        self.octets.extend_from_slice(name);
        self.octets.extend_from_slice(value);
    }

    /// Appends one attribute whose name is written in lower case, as header names are.
    pub fn push_lowercase(&mut self, name: &[u8], value: &[u8]) {
        let name = cut_name(name);
        self.head(name.len(), value.len());
        self.octets.extend(name.iter().map(u8::to_ascii_lowercase));
        self.octets.extend_from_slice(value);
    }

    /// Appends every attribute of a block as it is.
    pub fn append(&mut self, attributes: Attributes<'_>) {
        self.octets.extend_from_slice(attributes.block);
    }

    fn head(&mut self, name: usize, value: usize) {
        let [n0, n1] = (name as u16).to_le_bytes();
        let [v0, v1, v2, v3] = (value as u32).to_le_bytes();
        self.octets.extend_from_slice(&[n0, n1, v0, v1, v2, v3]);
    }
}

fn cut_name(name: &[u8]) -> &[u8] {
    &name[..name.len().min(usize::from(u16::MAX))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_wrote_in_order_with_repeats() {
        let mut octets = Vec::new();
        let mut writer = AttributesWriter::new(&mut octets);
        writer.push(":path", "/");
        writer.push("a", "");
        writer.push_lowercase(b"A", b"2");
        let read: Vec<_> = Attributes::new(&octets).iter().collect();
        assert_eq!(read, [(&b":path"[..], &b"/"[..]), (b"a", b""), (b"a", b"2")]);
        assert_eq!(Attributes::new(&octets).get("a"), Some(&b""[..]));
    }

    #[test]
    fn a_cut_block_ends_the_iteration() {
        let mut octets = Vec::new();
        let mut writer = AttributesWriter::new(&mut octets);
        writer.push("a", "1");
        writer.push("b", "2");
        for cut in 0..octets.len() {
            assert!(Attributes::new(&octets[..cut]).iter().count() < 2);
        }
    }
}
