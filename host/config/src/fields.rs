//! One mapping of the file, read key by key. A key that nobody knows is refused.

use serde_json::{Map, Value};

use crate::locate::Part;
use crate::path::NodePath;
use crate::suggest;
use crate::text::Problems;

/// The keys that a kind of mapping can have.
pub(crate) struct Keys {
    /// What such a mapping is: "a binding".
    pub(crate) of: &'static str,
    /// Those that are read.
    pub(crate) known: &'static [&'static str],
    /// Those that mean something in Zilla and nothing here: to ignore them would be to do something
    /// else than the file says.
    pub(crate) not_served: &'static [&'static str],
}

/// A mapping whose keys are all known.
pub(crate) struct Fields<'a> {
    map: &'a Map<String, Value>,
    pub(crate) at: NodePath,
}

impl<'a> Fields<'a> {
    /// The mapping at `at`. Reports what is not a mapping, and each key that is not one of `keys`.
    pub(crate) fn read(
        value: &'a Value,
        at: NodePath,
        keys: &Keys,
        problems: &mut Problems<'_>,
    ) -> Option<Self> {
        let Some(map) = value.as_object() else {
            problems.not_a_collection(&at, value, format!("a mapping with the keys of {}", keys.of));
            return None;
        };
        for key in map.keys().filter(|key| !keys.known.contains(&key.as_str())) {
            if problems.is_full() {
                break;
            }
            let (expected, found, help) = refused(keys, key);
            problems.push(&at.key(key), Part::Key, expected, found, help);
        }
        Some(Self { map, at })
    }

    /// The value of a key, null where there is none.
    pub(crate) fn value(&self, key: &str) -> &'a Value {
        self.map.get(key).unwrap_or(&Value::Null)
    }

    /// The value of a key that is there.
    pub(crate) fn get(&self, key: &str) -> Option<(&'a Value, NodePath)> {
        self.map.get(key).map(|value| (value, self.at.key(key)))
    }

    /// The text under a key, if there is any. Reports what is not text.
    pub(crate) fn text(&self, key: &str, problems: &mut Problems<'_>) -> Option<&'a str> {
        let (value, at) = self.get(key)?;
        let text = value.as_str();
        if text.is_none() {
            problems.mistyped(&at, value, "text");
        }
        text
    }

    /// The text under a key that has to be there. Reports where it is not; `meaning` says what for.
    pub(crate) fn required_text(
        &self,
        key: &str,
        meaning: &str,
        problems: &mut Problems<'_>,
    ) -> Option<&'a str> {
        if !self.map.contains_key(key) {
            problems.error(&self.at, format!("the key `{key}`: {meaning}"), format!("no `{key}`"));
        }
        self.text(key, problems)
    }

    /// The mapping under a key as it is, null where there is none. Reports what is neither.
    pub(crate) fn opaque_mapping(&self, key: &str, problems: &mut Problems<'_>) -> Value {
        let value = self.value(key);
        if !value.is_object() && !value.is_null() {
            problems.mistyped(&self.at.key(key), value, "a mapping");
        }
        value.clone()
    }

    /// The entries of the mapping under a key; none where there is none. Reports what is not a mapping.
    pub(crate) fn entries(
        &self,
        key: &str,
        expected: &str,
        problems: &mut Problems<'_>,
    ) -> Vec<(&'a String, &'a Value, NodePath)> {
        let Some((value, at)) = self.get(key) else { return Vec::new() };
        let Some(map) = value.as_object() else {
            problems.not_a_collection(&at, value, expected);
            return Vec::new();
        };
        map.iter().map(|(name, value)| (name, value, at.key(name))).collect()
    }

    /// The items of the list under a key; none where there is none. Reports what is not a list.
    pub(crate) fn items(
        &self,
        key: &str,
        expected: &str,
        problems: &mut Problems<'_>,
    ) -> Vec<(&'a Value, NodePath)> {
        let Some((value, at)) = self.get(key) else { return Vec::new() };
        let Some(list) = value.as_array() else {
            problems.not_a_collection(&at, value, expected);
            return Vec::new();
        };
        list.iter().enumerate().map(|(index, item)| (item, at.index(index))).collect()
    }
}

/// Why a key is not read: what was expected, what was found, and help.
fn refused(keys: &Keys, key: &str) -> (String, String, Option<String>) {
    if keys.not_served.contains(&key) {
        let expected = format!("{} without `{key}`", keys.of);
        let found = format!("`{key}`, which is not served by this version");
        return (expected, found, Some("remove it: to ignore it would not do what the file says".to_owned()));
    }
    let expected = format!("a key of {}: {}", keys.of, suggest::list(keys.known, "or"));
    let near = suggest::closest(key, keys.known.iter().copied());
    (expected, format!("`{key}`"), near.map(|near| format!("did you mean `{near}`?")))
}
