//! From fields to a block of octets.

use super::table::{DynamicTable, Entry, STATIC, STATIC_FIELDS};
use super::{FIELD_OVERHEAD_OCTETS, huffman, integer};

/// Largest dynamic table that is kept for encoding, in octets, whatever the peer allows: what it allows at
/// first, and enough for the fields that come again.
const TABLE_OCTETS_MAX: usize = 4_096;
/// Places of each of the two maps from a hash to a field of the dynamic table. More than the table can have
/// fields, nearly always; where two meet, the newer one is found.
const PLACES: usize = 128;

/// How a field is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Indexing {
    /// It is expected again, and entered into the table.
    Kept,
    /// Its value changes too often.
    Once,
    /// It is a secret, which nobody may enter into a table (RFC 7541, 7.1.3).
    Never,
}

impl Indexing {
    fn of(name: &[u8]) -> Self {
        match name {
            b"authorization" | b"proxy-authorization" | b"cookie" | b"set-cookie" => Self::Never,
            b":path" | b"age" | b"content-length" | b"content-range" | b"etag" | b"if-none-match"
            | b"if-modified-since" | b"last-modified" | b"location" => Self::Once,
            _ => Self::Kept,
        }
    }
}

/// Encodes the blocks of one connection, in order.
#[derive(Debug)]
pub(crate) struct Encoder {
    table: DynamicTable,
    /// Fields ever entered; the newest has this number.
    inserted: u32,
    /// Numbers of fields of the dynamic table by hash, made when the first is entered.
    places: Option<Box<Places>>,
    /// The table's size has changed: the smallest that it was since the last block.
    resized: Option<usize>,
}

/// Numbers of fields of the dynamic table, 0 for none.
#[derive(Debug)]
struct Places {
    by_field: [u32; PLACES],
    by_name: [u32; PLACES],
}

impl Encoder {
    /// An encoder for a peer that has not said what table it keeps.
    pub(crate) fn new() -> Self {
        Self { table: DynamicTable::new(TABLE_OCTETS_MAX), inserted: 0, places: None, resized: None }
    }

    /// The peer keeps a table of so many octets.
    pub(crate) fn limit_table(&mut self, octets_max: usize) {
        let octets_max = octets_max.min(TABLE_OCTETS_MAX);
        if octets_max != self.table.octets_max() {
            self.resized = Some(self.resized.map_or(octets_max, |smallest| smallest.min(octets_max)));
            self.table.resize(octets_max);
        }
    }

    /// Begins a block.
    pub(crate) fn begin(&mut self, out: &mut Vec<u8>) {
        let Some(smallest) = self.resized.take() else { return };
        let octets_max = self.table.octets_max();
        if smallest < octets_max {
            integer::encode(out, 0x20, 5, smallest);
        }
        integer::encode(out, 0x20, 5, octets_max);
    }

    /// Writes `:status`; its number is from 100 to 999.
    pub(crate) fn status(&mut self, out: &mut Vec<u8>, status: u16) {
        let index = match status {
            200 => 8,
            204 => 9,
            206 => 10,
            304 => 11,
            400 => 12,
            404 => 13,
            500 => 14,
            _ => {
                let digit = |number: u16| b'0' + (number % 10) as u8;
                return self.field(
                    out,
                    b":status",
                    &[digit(status / 100), digit(status / 10), digit(status)],
                );
            }
        };
        out.push(0x80 | index);
    }

    /// Writes a field; its name is in lower case.
    pub(crate) fn field(&mut self, out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
        let name_hash = hash(0, name);
        let field_hash = hash(name_hash, value);
        // Most have come before, and what is in the table may be.
        if let Some(index) = self.find_known(field_hash, name, value) {
            return integer::encode(out, 0x80, 7, index);
        }
        let indexing = match Indexing::of(name) {
            // A field that takes much of the table would push out what is worth more.
            Indexing::Kept if self.is_too_large(name, value) => Indexing::Once,
            indexing => indexing,
        };
        let (first, prefix_bits) = match indexing {
            Indexing::Kept => {
                if let Some(index) = find_static(name, value) {
                    return integer::encode(out, 0x80, 7, index);
                }
                let name_index = self.find_name(name_hash, name);
                self.insert(name_hash, field_hash, name, value);
                write_name(out, 0x40, 6, name_index, name);
                return write_string(out, value);
            }
            Indexing::Once => (0x00, 4),
            Indexing::Never => (0x10, 4),
        };
        write_name(out, first, prefix_bits, self.find_name(name_hash, name), name);
        write_string(out, value);
    }

    /// Writes a field that is a secret, whatever its name is: nobody may enter it into a table (RFC 7541, 7.1.3).
    pub(crate) fn secret(&self, out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
        write_name(out, 0x10, 4, self.find_name(hash(0, name), name), name);
        write_string(out, value);
    }

    fn is_too_large(&self, name: &[u8], value: &[u8]) -> bool {
        name.len() + value.len() + FIELD_OVERHEAD_OCTETS > self.table.octets_max() / 4
    }

    /// The index of a field of the dynamic table with that name and value.
    fn find_known(&self, hash: u64, name: &[u8], value: &[u8]) -> Option<usize> {
        let number = self.places.as_ref()?.by_field[place(hash)];
        let age = self.age(number)?;
        let (known_name, known_value) = self.table.get(age)?;
        (equals(known_name, name) && equals(known_value, value)).then_some(STATIC_FIELDS + 1 + age)
    }

    fn find_name(&self, hash: u64, name: &[u8]) -> usize {
        if let Some(index) = static_name(name) {
            return index;
        }
        let dynamic = || {
            let age = self.age(self.places.as_ref()?.by_name[place(hash)])?;
            equals(self.table.get(age)?.0, name).then_some(STATIC_FIELDS + 1 + age)
        };
        dynamic().unwrap_or(0)
    }

    /// How many fields were entered after this one, if it is still there.
    fn age(&self, number: u32) -> Option<usize> {
        let age = self.inserted.wrapping_sub(number) as usize;
        (number > 0 && age < self.table.len()).then_some(age)
    }

    fn insert(&mut self, name_hash: u64, field_hash: u64, name: &[u8], value: &[u8]) {
        // Past the last number, 0 is left out: it is for none.
        self.inserted = self.inserted.checked_add(1).unwrap_or(1);
        self.table.insert(Entry::new(name, value));
        let places = self
            .places
            .get_or_insert_with(|| Box::new(Places { by_field: [0; PLACES], by_name: [0; PLACES] }));
        places.by_field[place(field_hash)] = self.inserted;
        places.by_name[place(name_hash)] = self.inserted;
    }
}

/// The index of a field of the static table with that name and value.
fn find_static(name: &[u8], value: &[u8]) -> Option<usize> {
    let first = static_name(name)?;
    let same_name = STATIC[first - 1..].iter().take_while(|field| equals(field.0, name));
    let after = same_name.map(|field| field.1).position(|known| equals(known, value))?;
    Some(first + after)
}

/// Whether octets are the same, eight at a time: in WebAssembly, `==` of slices is a call that looks at one after another.
fn equals(one: &[u8], other: &[u8]) -> bool {
    let ((one_words, one_rest), (other_words, other_rest)) = (one.as_chunks::<8>(), other.as_chunks::<8>());
    let same_word =
        |(one, other): (&[u8; 8], &[u8; 8])| u64::from_ne_bytes(*one) == u64::from_ne_bytes(*other);
    one.len() == other.len()
        && one_words.iter().zip(other_words).all(same_word)
        && one_rest.iter().zip(other_rest).all(|(one, other)| one == other)
}

/// The index of the first field of that name in the static table.
fn static_name(name: &[u8]) -> Option<usize> {
    let candidates = BY_LENGTH.get(name.len())?.iter().map(|index| usize::from(*index));
    candidates.take_while(|index| *index > 0).find(|index| equals(STATIC[index - 1].0, name))
}

/// Longest name of the static table, in octets.
const STATIC_NAME_OCTETS_MAX: usize = 27;

/// Indices of the static table by the length of the name, each name once, 0 after the last.
static BY_LENGTH: [[u8; 8]; STATIC_NAME_OCTETS_MAX + 1] = by_length();

const fn by_length() -> [[u8; 8]; STATIC_NAME_OCTETS_MAX + 1] {
    let mut indices = [[0; 8]; STATIC_NAME_OCTETS_MAX + 1];
    let mut index = 1;
    while index <= STATIC_FIELDS {
        let length = STATIC[index - 1].0.len();
        let mut place = 0;
        while indices[length][place] > 0 {
            place += 1;
        }
        // Fields of one name are neighbours.
        if place == 0 || !is_same(STATIC[indices[length][place - 1] as usize - 1].0, STATIC[index - 1].0) {
            indices[length][place] = index as u8;
        }
        index += 1;
    }
    indices
}

const fn is_same(one: &[u8], other: &[u8]) -> bool {
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}

fn place(hash: u64) -> usize {
    (hash >> 57) as usize % PLACES
}

/// A quick hash: what it cannot tell apart is compared.
fn hash(seed: u64, octets: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |hash: u64, word: u64| (hash ^ word).rotate_left(29).wrapping_mul(FACTOR);
    let (words, rest) = octets.as_chunks::<8>();
    let hash =
        words.iter().fold(seed ^ octets.len() as u64, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    mix(hash, rest.iter().fold(0, |word, octet| word << 8 | u64::from(*octet)))
}

fn write_name(out: &mut Vec<u8>, first: u8, prefix_bits: u32, index: usize, name: &[u8]) {
    integer::encode(out, first, prefix_bits, index);
    if index == 0 {
        write_string(out, name);
    }
}

fn write_string(out: &mut Vec<u8>, octets: &[u8]) {
    let coded_octets = huffman::coded_octets(octets);
    if coded_octets < octets.len() {
        integer::encode(out, 0x80, 7, coded_octets);
        huffman::encode(octets, out);
    } else {
        integer::encode(out, 0x00, 7, octets.len());
        out.extend_from_slice(octets);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_are_equal_if_all_are() {
        let octets: Vec<u8> = (0..40).collect();
        for length in 0..octets.len() {
            assert!(equals(&octets[..length], &octets.clone()[..length]));
            assert!(!equals(&octets[..length], &octets[..length + 1]));
            for at in 0..length {
                let mut other = octets[..length].to_vec();
                other[at] ^= 0x80;
                assert!(!equals(&octets[..length], &other), "{length} octets, another one at {at}");
            }
        }
    }
}
