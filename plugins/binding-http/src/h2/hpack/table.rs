//! The tables of fields that both ends know (RFC 7541, 2.3).

use super::FIELD_OVERHEAD_OCTETS;
use std::collections::VecDeque;

/// Fields of the static table; dynamic ones have the indices after them.
pub(super) const STATIC_FIELDS: usize = STATIC.len();

/// The static table (RFC 7541, appendix A); index 1 is its first.
#[rustfmt::skip]
pub(super) static STATIC: [(&[u8], &[u8]); 61] = [
    (b":authority", b""),
    (b":method", b"GET"),
    (b":method", b"POST"),
    (b":path", b"/"),
    (b":path", b"/index.html"),
    (b":scheme", b"http"),
    (b":scheme", b"https"),
    (b":status", b"200"),
    (b":status", b"204"),
    (b":status", b"206"),
    (b":status", b"304"),
    (b":status", b"400"),
    (b":status", b"404"),
    (b":status", b"500"),
    (b"accept-charset", b""),
    (b"accept-encoding", b"gzip, deflate"),
    (b"accept-language", b""),
    (b"accept-ranges", b""),
    (b"accept", b""),
    (b"access-control-allow-origin", b""),
    (b"age", b""),
    (b"allow", b""),
    (b"authorization", b""),
    (b"cache-control", b""),
    (b"content-disposition", b""),
    (b"content-encoding", b""),
    (b"content-language", b""),
    (b"content-length", b""),
    (b"content-location", b""),
    (b"content-range", b""),
    (b"content-type", b""),
    (b"cookie", b""),
    (b"date", b""),
    (b"etag", b""),
    (b"expect", b""),
    (b"expires", b""),
    (b"from", b""),
    (b"host", b""),
    (b"if-match", b""),
    (b"if-modified-since", b""),
    (b"if-none-match", b""),
    (b"if-range", b""),
    (b"if-unmodified-since", b""),
    (b"last-modified", b""),
    (b"link", b""),
    (b"location", b""),
    (b"max-forwards", b""),
    (b"proxy-authenticate", b""),
    (b"proxy-authorization", b""),
    (b"range", b""),
    (b"referer", b""),
    (b"refresh", b""),
    (b"retry-after", b""),
    (b"server", b""),
    (b"set-cookie", b""),
    (b"strict-transport-security", b""),
    (b"transfer-encoding", b""),
    (b"user-agent", b""),
    (b"vary", b""),
    (b"via", b""),
    (b"www-authenticate", b""),
];

/// A field of the dynamic table, name and value in one piece.
#[derive(Debug)]
pub(super) struct Entry {
    octets: Box<[u8]>,
    name_octets: usize,
}

impl Entry {
    pub(super) fn new(name: &[u8], value: &[u8]) -> Self {
        Self { octets: [name, value].concat().into(), name_octets: name.len() }
    }

    pub(super) fn field(&self) -> (&[u8], &[u8]) {
        self.octets.split_at(self.name_octets)
    }

    fn size(&self) -> usize {
        self.octets.len() + FIELD_OVERHEAD_OCTETS
    }
}

/// The dynamic table: the last fields, as far as its size allows.
#[derive(Debug)]
pub(super) struct DynamicTable {
    /// The newest first.
    entries: VecDeque<Entry>,
    /// Sum of the entries' sizes.
    octets: usize,
    octets_max: usize,
}

impl DynamicTable {
    pub(super) fn new(octets_max: usize) -> Self {
        Self { entries: VecDeque::new(), octets: 0, octets_max }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn octets_max(&self) -> usize {
        self.octets_max
    }

    /// The field so many places behind the newest.
    pub(super) fn get(&self, age: usize) -> Option<(&[u8], &[u8])> {
        self.entries.get(age).map(Entry::field)
    }

    /// Changes the size; what does not fit any more is forgotten.
    pub(super) fn resize(&mut self, octets_max: usize) {
        self.octets_max = octets_max;
        self.evict(octets_max);
    }

    /// Enters a field. One that is larger than the table empties it (RFC 7541, 4.4).
    pub(super) fn insert(&mut self, entry: Entry) {
        let size = entry.size();
        self.evict(self.octets_max.saturating_sub(size));
        if size <= self.octets_max {
            self.octets += size;
            self.entries.push_front(entry);
        }
    }

    fn evict(&mut self, octets_max: usize) {
        while self.octets > octets_max
            && let Some(oldest) = self.entries.pop_back()
        {
            self.octets -= oldest.size();
        }
    }
}
