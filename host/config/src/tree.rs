//! The YAML documents as trees of JSON values, in the order of the file.
//!
//! What JSON cannot say is refused here: two equal keys, tags, numbers without a value. Such a
//! fault leaves a hole and reading goes on; a fault in the syntax ends it.

use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, IgnoredAny, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};
use serde_json::{Map, Number, Value};

use crate::limits::{DOCUMENTS_MAX, NESTING_MAX, NODES_MAX, PROBLEMS_KEPT_MAX, SCALAR_BYTES_MAX};
use crate::locate::Part;
use crate::path::{NodePath, Segment};

mod stop;

pub(crate) use stop::Stop;
use stop::{A_KEY, TOO_MUCH};

/// All that was read.
#[derive(Debug, Default)]
pub(crate) struct Trees {
    /// The documents that hold anything: the position in the file, and the root.
    pub(crate) documents: Vec<(usize, Value)>,
    /// What was refused on the way.
    pub(crate) faults: Vec<Fault>,
    /// Why the rest of the file was not read.
    pub(crate) stop: Option<Stop>,
}

/// A node that was refused and is not in the tree.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) at: NodePath,
    pub(crate) part: Part,
    pub(crate) expected: String,
    pub(crate) found: String,
    pub(crate) help: &'static str,
}

/// Reads every document of `text`.
pub(crate) fn read(text: &str) -> Trees {
    let mut trees = Trees::default();
    let mut spent = Spent::default();
    for (document, deserializer) in serde_yaml::Deserializer::from_str(text).enumerate() {
        if document == DOCUMENTS_MAX {
            trees.stop = Some(Stop {
                document,
                offset: None,
                began: None,
                expected: format!("at most {DOCUMENTS_MAX} YAML documents in one file"),
                found: "more".to_owned(),
            });
            break;
        }
        let mut growth = Growth { document, path: Vec::new(), faults: &mut trees.faults, spent: &mut spent };
        match Node(&mut growth).deserialize(deserializer) {
            Ok(Value::Null) => {}
            Ok(root) => trees.documents.push((document, root)),
            Err(error) => {
                trees.stop = Some(stop::of(document, &error));
                break; // the reader would repeat the error for ever
            }
        }
    }
    trees
}

/// What the trees have grown to, against the limits.
#[derive(Default)]
struct Spent {
    nodes: usize,
    scalar_bytes: usize,
}

impl Spent {
    fn node<E: Error>(&mut self) -> Result<(), E> {
        self.nodes += 1;
        if self.nodes > NODES_MAX { Err(E::custom(TOO_MUCH)) } else { Ok(()) }
    }

    fn scalar<E: Error>(&mut self, text: &str) -> Result<(), E> {
        self.scalar_bytes += text.len();
        if self.scalar_bytes > SCALAR_BYTES_MAX { Err(E::custom(TOO_MUCH)) } else { Ok(()) }
    }
}

struct Growth<'a> {
    document: usize,
    path: Vec<Segment>,
    faults: &'a mut Vec<Fault>,
    spent: &'a mut Spent,
}

impl Growth<'_> {
    /// Refuses the node at hand, which becomes a hole.
    fn fault(&mut self, expected: impl Into<String>, found: impl Into<String>, help: &'static str) -> Value {
        self.fault_at(Part::Node, expected.into(), found.into(), help);
        Value::Null
    }

    fn fault_at(&mut self, part: Part, expected: String, found: String, help: &'static str) {
        if self.faults.len() < PROBLEMS_KEPT_MAX {
            let at = NodePath::new(self.document, self.path.clone());
            self.faults.push(Fault { at, part, expected, found, help });
        }
    }

    fn is_too_deep(&mut self) -> bool {
        let too_deep = self.path.len() >= NESTING_MAX;
        if too_deep {
            self.fault(
                format!("at most {NESTING_MAX} mappings and lists inside one another"),
                "more",
                "make it flatter; an alias that contains itself never ends",
            );
        }
        too_deep
    }

    /// Whether the value of `key` is read; if not, why not has been said.
    fn takes_key(&mut self, mapping: &Map<String, Value>, key: &str) -> bool {
        let (part, expected, help) = if mapping.contains_key(key) {
            (Part::SecondKey, "each key once in a mapping", "the first one would be lost: remove one of them")
        } else if key == MERGE {
            (Part::Key, "a mapping without a merge key", "write the keys out: this version does not merge")
        } else {
            return true;
        };
        let found = if part == Part::SecondKey { format!("`{key}` again") } else { format!("`{key}`") };
        self.path.push(Segment::Key(key.to_owned()));
        self.fault_at(part, expected.to_owned(), found, help);
        self.path.pop();
        false
    }
}

/// Means "merge" in YAML 1.1 and nothing in YAML 1.2.
const MERGE: &str = "<<";

/// Reads the node at hand, whatever it is.
struct Node<'a, 'g>(&'a mut Growth<'g>);

impl<'de> DeserializeSeed<'de> for Node<'_, '_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.0.spent.node()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_, '_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let growth = self.0;
        if growth.is_too_deep() {
            while access.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(Value::Null);
        }
        let mut mapping = Map::new();
        while let Some(key) = access.next_key_seed(Key)? {
            growth.spent.scalar(&key)?;
            if !growth.takes_key(&mapping, &key) {
                access.next_value::<IgnoredAny>()?;
                continue;
            }
            growth.path.push(Segment::Key(key.clone()));
            let value = access.next_value_seed(Node(growth))?;
            growth.path.pop();
            mapping.insert(key, value);
        }
        Ok(Value::Object(mapping))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let growth = self.0;
        if growth.is_too_deep() {
            while access.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(Value::Null);
        }
        let mut items = Vec::new();
        loop {
            growth.path.push(Segment::Index(items.len()));
            let item = access.next_element_seed(Node(growth))?;
            growth.path.pop();
            let Some(item) = item else { return Ok(Value::Array(items)) };
            items.push(item);
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        self.0.spent.scalar(text)?;
        Ok(Value::String(text.to_owned()))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u128<E: Error>(self, value: u128) -> Result<Value, E> {
        Ok(self.0.fault("an integer of 64 bits", value.to_string(), "put it in quotes if it is text"))
    }

    fn visit_i128<E: Error>(self, value: i128) -> Result<Value, E> {
        Ok(self.0.fault("an integer of 64 bits", value.to_string(), "put it in quotes if it is text"))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(match Number::from_f64(value) {
            Some(number) => Value::Number(number),
            None => self.0.fault("a finite number", value.to_string(), "put it in quotes if it is text"),
        })
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<Value, A::Error> {
        let (tag, value) = access.variant::<String>()?;
        value.newtype_variant::<IgnoredAny>()?;
        let found = format!("the tag `!{tag}`");
        Ok(self.0.fault("a value without a tag", found, "put the text in quotes if it starts with `!`"))
    }
}

/// Reads a key as it is written: `8080`, `true` and `~` are text here.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(A_KEY)
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<String, E> {
        Ok(key.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn whole(text: &str) -> Value {
        let trees = read(text);
        assert!(trees.stop.is_none() && trees.faults.is_empty(), "{trees:?}");
        assert_eq!(trees.documents.len(), 1);
        trees.documents[0].1.clone()
    }

    fn stopped(text: &str) -> Stop {
        read(text).stop.expect("the reader gives up")
    }

    #[test]
    fn values_become_json_in_the_order_of_the_file() {
        let value = whole("z: 1\na: [-2, 1.5, true, ~, 'x', 007]\nm: {8080: a, yes: b, ~: c}\n");
        let expected =
            json!({"z": 1, "a": [-2, 1.5, true, null, "x", "007"], "m": {"8080": "a", "yes": "b", "~": "c"}});
        assert_eq!(value, expected);
        assert_eq!(value.to_string(), expected.to_string());
    }

    #[test]
    fn empty_documents_are_passed_over() {
        let trees = read("---\n# nothing\n---\na: 1\n---\n---\nb: 2\n");
        let found: Vec<usize> = trees.documents.iter().map(|(document, _)| *document).collect();
        assert_eq!(found, [1, 3]);
        assert!(read("").documents.is_empty());
        assert!(read("# only a comment").documents.is_empty());
    }

    #[test]
    fn a_fault_leaves_a_hole_and_reading_goes_on() {
        let trees = read("a: 1\na: 2\nb: !x y\nc: .nan\nd: 99999999999999999999\n<<: {e: 1}\nf: 6\n");
        let found: Vec<(String, &str)> =
            trees.faults.iter().map(|fault| (fault.at.to_string(), fault.found.as_str())).collect();
        assert_eq!(
            found,
            [
                ("a".to_owned(), "`a` again"),
                ("b".to_owned(), "the tag `!x`"),
                ("c".to_owned(), "NaN"),
                ("d".to_owned(), "99999999999999999999"),
                ("[\"<<\"]".to_owned(), "`<<`"),
            ]
        );
        assert_eq!(trees.documents[0].1, json!({"a": 1, "b": null, "c": null, "d": null, "f": 6}));
    }

    #[test]
    fn a_tagged_mapping_does_not_disturb_what_follows() {
        let trees = read("a: !x {k: [v]}\nb: 2\n");
        assert_eq!(trees.documents[0].1, json!({"a": null, "b": 2}));
    }

    #[test]
    fn nesting_is_bounded() {
        let trees = read(&format!("a: {}x{}\nb: 1\n", "[".repeat(70), "]".repeat(70)));
        assert_eq!(trees.faults.len(), 1);
        assert_eq!(trees.documents[0].1["b"], 1);
        assert_eq!(read("a: &a [*a]\nb: 1\n").faults.len(), 1);
    }

    #[test]
    fn aliases_cannot_make_a_small_file_large() {
        let anchored = format!("a: &a [{}]\n", "x,".repeat(2000));
        let text = format!("{anchored}b: [{}]\n", "*a,".repeat(2000));
        assert_eq!(stopped(&text).expected, TOO_MUCH);
        let text = format!("a: &a {}\nb: [{}]\n", "x".repeat(100_000), "*a,".repeat(2000));
        assert_eq!(stopped(&text).expected, TOO_MUCH);
        assert!(stopped("a: &a [*a, *a, *a, *a]\n").found.contains("without end"));
    }

    #[test]
    fn a_fault_in_the_syntax_ends_it_with_its_place() {
        let stop = stopped("a: 1\nb: [1, 2\nc: 3\n");
        assert_eq!(stop.expected, "well-formed YAML");
        assert!(stop.offset.is_some());
        assert_eq!(stop.found, "did not find expected ',' or ']', while parsing a flow sequence");
        assert_eq!(stop.began, Some((2, 4)));
        assert_eq!(stopped("? [a, b]\n: c\n").expected, A_KEY);
        assert_eq!(stopped("a: *none\n").found, "unknown anchor");
    }

    #[test]
    fn documents_are_bounded() {
        let text = "---\na: 1\n".repeat(DOCUMENTS_MAX + 1);
        assert!(stopped(&text).expected.contains("256"));
    }
}
