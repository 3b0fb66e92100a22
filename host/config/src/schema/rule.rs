//! The part of a schema that a value does not keep to.

use jsonschema::ValidationError;
use serde_json::{Map, Value};

use crate::path::{NodePath, Segment, unescape};
use crate::words;

/// A schema in a schema.
pub(super) struct Rule<'a> {
    /// The schema whose keyword failed.
    pub(super) schema: &'a Value,
    /// What its author says about the value, from the key that holds it or what that refers to.
    about: Option<&'a str>,
}

impl<'a> Rule<'a> {
    /// The rule within `root` that an error is about. References are followed as the validator did.
    pub(super) fn behind(error: &ValidationError<'_>, root: &'a Value) -> Self {
        let mut rule = Self { schema: root, about: description(root) };
        let way: Vec<String> = error.evaluation_path().as_str().split('/').skip(1).map(unescape).collect();
        let Some((_, way)) = way.split_last() else { return rule };
        let mut keyword = "";
        for step in way {
            let next = match (rule.schema, step.as_str()) {
                (schema, "$ref") => words::referred(schema, root),
                (Value::Array(parts), index) => {
                    index.parse::<usize>().ok().and_then(|index| parts.get(index))
                }
                (schema, key) => schema.get(key),
            };
            let Some(next) = next else { break };
            let enters = matches!(keyword, "properties" | "patternProperties")
                || matches!(step.as_str(), "items" | "additionalProperties");
            rule.about = if enters { description(next) } else { rule.about.or_else(|| description(next)) };
            rule.schema = next;
            keyword = step;
        }
        rule
    }

    /// What its author says about the value at `at`.
    pub(super) fn help(&self, at: &NodePath) -> Option<String> {
        let about = self.about?;
        let key = at.segments().iter().rev().find_map(|segment| match segment {
            Segment::Key(key) => Some(key),
            Segment::Index(_) => None,
        });
        Some(key.map_or_else(|| about.to_owned(), |key| format!("`{key}`: {about}")))
    }

    /// The schema of a key of the mapping.
    pub(super) fn property(&self, key: &str) -> Option<&'a Value> {
        self.schema.get("properties")?.get(key)
    }

    /// The keys that it and its parts name, in their order.
    pub(super) fn keys(&self, root: &'a Value) -> Vec<&'a str> {
        let (mut known, mut parts_left) = (Vec::new(), PARTS_MAX);
        gather_keys(self.schema, root, &mut parts_left, &mut known);
        known
    }
}

/// The first line of what a schema says about itself.
pub(super) fn description(schema: &Value) -> Option<&str> {
    schema.get("description")?.as_str()?.lines().next().filter(|line| !line.trim().is_empty())
}

fn gather_keys<'a>(schema: &'a Value, root: &'a Value, parts_left: &mut usize, known: &mut Vec<&'a str>) {
    let Some(left) = parts_left.checked_sub(1) else { return };
    *parts_left = left;
    for key in schema.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::keys) {
        if !known.contains(&key.as_str()) {
            known.push(key);
        }
    }
    for keyword in ["allOf", "anyOf", "oneOf"] {
        for part in schema.get(keyword).and_then(Value::as_array).into_iter().flatten() {
            gather_keys(part, root, parts_left, known);
        }
    }
    if let Some(target) = words::referred(schema, root) {
        gather_keys(target, root, parts_left, known);
    }
}

/// Parts of a schema that are looked into for keys; it may refer to itself.
const PARTS_MAX: usize = 64;
