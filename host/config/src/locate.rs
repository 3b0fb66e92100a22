//! Where a node of the file is.
//!
//! `serde_yaml` gives no places for values, but puts the mark of the node at hand on any error
//! that a visitor raises without one. So the document is read once more, down to the wanted node,
//! and fails there on purpose. That costs a pass over the file, and is done for problems alone.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::path::{NodePath, Segment};

/// Which part of a node is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Part {
    /// The value; for a mapping, a list or nothing, the key it stands under.
    Node,
    /// The key it stands under.
    Key,
    /// The key where it stands for the second time.
    SecondKey,
}

/// The octet in `text` at which a node starts, or the nearest node above it that can be found.
/// None if there is no such document.
pub(crate) fn locate(text: &str, at: &NodePath, part: Part) -> Option<usize> {
    let mut segments = at.segments();
    let mut part = part;
    loop {
        let exact = match part {
            Part::Node => node(text, at.document(), segments),
            Part::Key => key(text, at.document(), segments, 1),
            Part::SecondKey => key(text, at.document(), segments, 2),
        };
        if exact.is_some() {
            return exact;
        }
        segments = match segments.split_last() {
            Some((_, above)) => above,
            None if part == Part::Node => return None,
            None => segments,
        };
        part = Part::Node;
    }
}

fn node(text: &str, document: usize, segments: &[Segment]) -> Option<usize> {
    let reached = Cell::new(Reached::Nowhere);
    let offset = mark(text, document, &Search { reached: &reached, occurrence: 0 }, segments);
    match reached.get() {
        Reached::Nowhere => None,
        Reached::Scalar => offset,
        Reached::Other => key(text, document, segments, 1).or(offset),
    }
}

fn key(text: &str, document: usize, segments: &[Segment], occurrence: usize) -> Option<usize> {
    segments.last().filter(|last| matches!(last, Segment::Key(_)))?;
    let reached = Cell::new(Reached::Nowhere);
    let offset = mark(text, document, &Search { reached: &reached, occurrence }, segments);
    offset.filter(|_| reached.get() == Reached::Scalar)
}

/// The mark of the error that the search ends with.
fn mark(text: &str, document: usize, search: &Search<'_>, segments: &[Segment]) -> Option<usize> {
    let document = serde_yaml::Deserializer::from_str(text).nth(document)?;
    let error = Descent { search, segments }.deserialize(document).err()?;
    Some(error.location()?.index())
}

struct Search<'a> {
    reached: &'a Cell<Reached>,
    /// Which occurrence of the last key to fail at, from 1; 0 to fail at its value.
    occurrence: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reached {
    Nowhere,
    Scalar,
    /// A mapping, a list, or nothing: its own mark is on another line than its key, or nowhere.
    Other,
}

/// The rest of the way down. Its value is never produced: it ends in an error at the mark.
#[derive(Clone, Copy)]
struct Descent<'a> {
    search: &'a Search<'a>,
    segments: &'a [Segment],
}

impl<'de> DeserializeSeed<'de> for Descent<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Descent<'_> {
    /// Fails here; with the way at its end, as found.
    fn stop<T, E: Error>(self, kind: Reached) -> Result<T, E> {
        if self.segments.is_empty() {
            self.search.reached.set(kind);
        }
        Err(E::custom("located"))
    }
}

impl<'de> Visitor<'de> for Descent<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("to be located")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((wanted, below)) = self.segments.split_first() else { return self.stop(Reached::Other) };
        let mut left = if below.is_empty() { self.search.occurrence } else { 0 };
        let at_key = left > 0;
        while let Some(found) = map.next_key_seed(Key { search: self.search, wanted, left: &mut left })? {
            if found && !at_key {
                return map.next_value_seed(Descent { segments: below, ..self });
            }
            map.next_value::<IgnoredAny>()?;
        }
        Err(A::Error::custom("no such key"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Some((wanted, below)) = self.segments.split_first() else { return self.stop(Reached::Other) };
        let Segment::Index(index) = wanted else { return Err(A::Error::custom("no such key")) };
        for _ in 0..*index {
            list.next_element::<IgnoredAny>()?;
        }
        match list.next_element_seed(Descent { segments: below, ..self })? {
            Some(()) | None => Err(A::Error::custom("no such item")),
        }
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.stop(Reached::Other)
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        self.stop(Reached::Other)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        self.stop(Reached::Scalar)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        self.stop(Reached::Scalar)
    }

    fn visit_i128<E: Error>(self, _: i128) -> Result<(), E> {
        self.stop(Reached::Scalar)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        self.stop(Reached::Scalar)
    }

    fn visit_u128<E: Error>(self, _: u128) -> Result<(), E> {
        self.stop(Reached::Scalar)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        self.stop(Reached::Scalar)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        self.stop(Reached::Scalar)
    }

    fn visit_enum<A: serde::de::EnumAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        self.stop(Reached::Scalar)
    }
}

/// Reads a key: whether it is the wanted one, failing at the last of `left` occurrences.
struct Key<'a> {
    search: &'a Search<'a>,
    wanted: &'a Segment,
    left: &'a mut usize,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<bool, E> {
        let found = match self.wanted {
            Segment::Key(wanted) => key == wanted,
            Segment::Index(index) => key == index.to_string(), // a JSON pointer does not tell
        };
        if found && *self.left == 1 {
            self.search.reached.set(Reached::Scalar);
            return Err(E::custom("located"));
        }
        if found {
            *self.left = self.left.saturating_sub(1);
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
name: one
port: [7114, {x: 1}]
nothing:
block:
  inner:
    - first
    - k: v
    - !tag t
twice: 1
twice: 2
---
---
name: &anchor two
again: *anchor
deep: &deep
  x: [1, 2]
other: *deep
'quoted': true
8080: eighty
";

    /// The rest of the line from where a node was found.
    fn found(at: &NodePath, part: Part) -> &'static str {
        let rest = &TEXT[locate(TEXT, at, part).unwrap()..];
        rest.lines().next().unwrap_or_default()
    }

    fn first() -> NodePath {
        NodePath::root(0)
    }

    fn third() -> NodePath {
        NodePath::root(2)
    }

    #[test]
    fn a_scalar_is_found_at_its_value_and_at_its_key() {
        assert_eq!(found(&first().key("name"), Part::Node), "one");
        assert_eq!(found(&first().key("name"), Part::Key), "name: one");
        assert_eq!(found(&first().key("port").index(0), Part::Node), "7114, {x: 1}]");
        assert_eq!(found(&first().key("port").index(1).key("x"), Part::Node), "1}]");
        assert_eq!(found(&first().pointer("/block/inner/1/k"), Part::Node), "v");
        assert_eq!(found(&first().pointer("/block/inner/2"), Part::Node), "!tag t");
    }

    #[test]
    fn a_mapping_a_list_and_nothing_are_found_at_their_key() {
        assert_eq!(found(&first().key("block"), Part::Node), "block:");
        assert_eq!(found(&first().pointer("/block/inner"), Part::Node), "inner:");
        assert_eq!(found(&first().key("nothing"), Part::Node), "nothing:");
        assert_eq!(found(&first().pointer("/block/inner/1"), Part::Node), "k: v");
        assert_eq!(found(&first(), Part::Node), "name: one");
    }

    #[test]
    fn later_documents_and_aliases_are_followed() {
        assert_eq!(found(&third().key("again"), Part::Key), "again: *anchor");
        assert_eq!(found(&third().key("again"), Part::Node), "&anchor two");
        assert_eq!(found(&third().pointer("/other/x/1"), Part::Node), "2]");
        assert_eq!(found(&third().key("quoted"), Part::Key), "'quoted': true");
        assert_eq!(found(&third().pointer("/8080"), Part::Node), "eighty");
    }

    #[test]
    fn the_second_of_two_equal_keys_is_found() {
        assert_eq!(found(&first().key("twice"), Part::SecondKey), "twice: 2");
    }

    #[test]
    fn what_is_not_there_is_found_at_the_nearest_node_above() {
        assert_eq!(found(&first().pointer("/block/inner/9/x"), Part::Node), "inner:");
        assert_eq!(found(&first().pointer("/block/none"), Part::Key), "block:");
        assert_eq!(found(&first().pointer("/name/0"), Part::Node), "one");
        assert_eq!(found(&first().key("none"), Part::Node), "name: one");
        assert_eq!(found(&first(), Part::Key), "name: one");
        assert_eq!(locate(TEXT, &NodePath::root(9).key("x"), Part::Node), None);
    }
}
