//! A JSON schema in words: what a value has to be.

use std::cell::Cell;

use serde_json::{Map, Value};

use crate::problem::clip;
use crate::schema::GUARD;
use crate::suggest;

/// The words for `schema`, a part of the schema `root`: "an integer from 1 to 65535".
pub(crate) fn of(schema: &Value, root: &Value) -> String {
    let choices_left = Cell::new(CHOICES_MAX);
    Words { root, choices_left: &choices_left, depth_left: DEPTH_MAX, lists_left: LISTS_MAX }.of(schema)
}

/// The schema that the `$ref` of `schema` leads to, within `root`.
pub(crate) fn referred<'a>(schema: &'a Value, root: &'a Value) -> Option<&'a Value> {
    let pointer = schema.get("$ref")?.as_str()?.strip_prefix('#')?;
    if pointer.is_empty() { Some(root) } else { root.pointer(pointer) }
}

/// Schemas inside one another that are put into words; a schema may refer to itself.
const DEPTH_MAX: usize = 8;

/// Lists inside one another that are put into words.
const LISTS_MAX: usize = 2;

/// Schemas looked at for one phrase: each may refer to several that do the same. The rest is "a value".
const CHOICES_MAX: usize = 256;

#[derive(Clone, Copy)]
struct Words<'a> {
    root: &'a Value,
    choices_left: &'a Cell<usize>,
    depth_left: usize,
    lists_left: usize,
}

impl<'a> Words<'a> {
    fn of(self, schema: &'a Value) -> String {
        let choices = self.choices(schema);
        let consts: Vec<&Value> = choices.iter().filter_map(Choice::constant).collect();
        if consts.len() == choices.len() && !consts.is_empty() {
            return one_of(&consts);
        }
        let mut shapes: Vec<String> = Vec::new();
        for choice in choices.iter().filter(|choice| !choice.is_list()) {
            let shape = self.choice(choice);
            if !shapes.contains(&shape) {
                shapes.push(shape);
            }
        }
        let list = choices.iter().find(|choice| choice.is_list()).map(|choice| self.list(choice, &shapes));
        or(shapes.into_iter().chain(list).collect())
    }

    /// The alternatives of a schema, those of its alternatives included. Nothing (null) is one only
    /// if there is no other: an optional value may be left out.
    fn choices(self, schema: &'a Value) -> Vec<Choice<'a>> {
        let Some(below) = self.deeper() else { return vec![Choice::Any] };
        let Some(map) = schema.as_object() else {
            return vec![if *schema == Value::Bool(false) { Choice::Nothing } else { Choice::Any }];
        };
        if let Some(constant) = map.get("const") {
            return vec![Choice::Const(constant)];
        }
        if let Some(constants) = map.get("enum").and_then(Value::as_array) {
            return constants.iter().map(Choice::Const).collect();
        }
        if let Some(target) = referred(schema, self.root) {
            return below.choices(target);
        }
        for keyword in ["anyOf", "oneOf"] {
            let Some(branches) = map.get(keyword).and_then(Value::as_array) else { continue };
            let all = branches.iter().flat_map(|branch| below.choices(branch));
            return without_null(all.collect());
        }
        if let Some([only]) = map.get("allOf").and_then(Value::as_array).map(Vec::as_slice) {
            return below.choices(only);
        }
        let types = match map.get("type") {
            Some(Value::String(one)) => vec![one.as_str()],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            _ => match IMPLIED.iter().find(|(_, keywords)| keywords.iter().any(|it| map.contains_key(*it))) {
                Some((name, _)) => vec![*name],
                None => return vec![Choice::Any],
            },
        };
        without_null(types.into_iter().map(|name| Choice::Shape(name, map)).collect())
    }

    fn choice(self, choice: &Choice<'a>) -> String {
        match choice {
            Choice::Any => "a value".to_owned(),
            Choice::Nothing => "nothing".to_owned(),
            Choice::Const(constant) => literal(constant),
            Choice::Shape(name, map) => match *name {
                "string" => text(map),
                "integer" => format!("an integer{}", range(map)),
                "number" => format!("a number{}", range(map)),
                "boolean" => "`true` or `false`".to_owned(),
                "null" => "nothing".to_owned(),
                "object" => "a mapping".to_owned(),
                other => other.to_owned(),
            },
        }
    }

    /// A list beside the alternatives `others`.
    fn list(self, choice: &Choice<'a>, others: &[String]) -> String {
        let Choice::Shape(_, map) = choice else { return String::new() };
        let list = format!("a list{}", items(map));
        let (Some(schema), Some(below)) = (map.get("items"), self.inside_list()) else { return list };
        let of_items: Vec<String> = below.choices(schema).iter().map(|choice| below.choice(choice)).collect();
        if !others.is_empty() && of_items == others {
            return format!("{list} of those");
        }
        match below.of(schema) {
            any if any == "a value" => list,
            each if others.is_empty() => format!("{list}, each item {each}"),
            each => format!("{list} with each item {each}"),
        }
    }

    fn deeper(self) -> Option<Self> {
        self.choices_left.set(self.choices_left.get().checked_sub(1)?);
        Some(Self { depth_left: self.depth_left.checked_sub(1)?, ..self })
    }

    fn inside_list(self) -> Option<Self> {
        Some(Self { lists_left: self.lists_left.checked_sub(1)?, ..self })
    }
}

/// The type that a keyword is about, for a schema that does not say.
const IMPLIED: [(&str, &[&str]); 4] = [
    ("string", &["pattern", "format", "minLength", "maxLength"]),
    ("number", &["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]),
    ("array", &["items", "minItems", "maxItems"]),
    ("object", &["properties", "required", "additionalProperties"]),
];

/// One alternative.
enum Choice<'a> {
    Any,
    Nothing,
    Const(&'a Value),
    /// A type, and the schema that narrows it.
    Shape(&'a str, &'a Map<String, Value>),
}

impl<'a> Choice<'a> {
    fn constant(&self) -> Option<&'a Value> {
        match self {
            Self::Const(constant) => Some(constant),
            Self::Any | Self::Nothing | Self::Shape(..) => None,
        }
    }

    fn is_list(&self) -> bool {
        matches!(self, Self::Shape("array", _))
    }

    fn is_null(&self) -> bool {
        matches!(self, Self::Shape("null", _) | Self::Const(Value::Null))
    }
}

fn without_null(choices: Vec<Choice<'_>>) -> Vec<Choice<'_>> {
    match choices.iter().all(Choice::is_null) {
        true => choices,
        false => choices.into_iter().filter(|choice| !choice.is_null()).collect(),
    }
}

/// "a, b, or c".
fn or(mut words: Vec<String>) -> String {
    let Some(last) = words.pop() else { return "a value".to_owned() };
    match words.len() {
        0 => last,
        1 => format!("{} or {last}", words[0]),
        _ => format!("{}, or {last}", words.join(", ")),
    }
}

/// "one of `a`, `b` or `c`".
pub(crate) fn one_of(constants: &[&Value]) -> String {
    let literals: Vec<String> = constants.iter().map(|constant| bare(constant)).collect();
    match literals.as_slice() {
        [only] => format!("`{only}`"),
        several => format!("one of {}", suggest::list(several, "or")),
    }
}

fn literal(constant: &Value) -> String {
    format!("`{}`", bare(constant))
}

/// A value as one writes it in YAML.
pub(crate) fn bare(constant: &Value) -> String {
    match constant {
        Value::String(text) => clip(text, LITERAL_CHARS_MAX),
        other => clip(&other.to_string(), LITERAL_CHARS_MAX),
    }
}

/// Characters of a constant that are shown.
const LITERAL_CHARS_MAX: usize = 60;

fn text(map: &Map<String, Value>) -> String {
    let quote = |text: &str| format!("{:?}", clip(text, LITERAL_CHARS_MAX));
    let examples = map.get("examples").and_then(Value::as_array).into_iter().flatten();
    if let Some(example) = examples.filter_map(Value::as_str).next() {
        return format!("text such as {}", quote(example));
    }
    let mut words = match map.get("format").and_then(Value::as_str) {
        Some(GUARD) => "the name of a guard".to_owned(),
        Some(format) => format!("text of the format {format}"),
        None => "text".to_owned(),
    };
    words.push_str(&lengths(map));
    if let Some(pattern) = map.get("pattern").and_then(Value::as_str) {
        words.push_str(&format!(" that matches `{}`", clip(pattern, LITERAL_CHARS_MAX)));
    }
    words
}

fn lengths(map: &Map<String, Value>) -> String {
    match (number(map, "minLength"), number(map, "maxLength")) {
        (Some(least), None) if least == "1" => " that is not empty".to_owned(),
        (Some(least), None) => format!(" of at least {least} characters"),
        (None, Some(most)) => format!(" of at most {most} characters"),
        (Some(least), Some(most)) if least == most => format!(" of {least} characters"),
        (Some(least), Some(most)) => format!(" of {least} to {most} characters"),
        (None, None) => String::new(),
    }
}

fn items(map: &Map<String, Value>) -> String {
    match (number(map, "minItems"), number(map, "maxItems")) {
        (Some(least), None) if least == "1" => " that is not empty".to_owned(),
        (Some(least), None) => format!(" of at least {least} items"),
        (None, Some(most)) => format!(" of at most {most} items"),
        (Some(least), Some(most)) if least == most => format!(" of {least} items"),
        (Some(least), Some(most)) => format!(" of {least} to {most} items"),
        (None, None) => String::new(),
    }
}

fn range(map: &Map<String, Value>) -> String {
    let least = number(map, "minimum");
    let most = number(map, "maximum");
    let mut words = match (least, most) {
        (Some(least), Some(most)) => format!(" from {least} to {most}"),
        (Some(least), None) => format!(" of at least {least}"),
        (None, Some(most)) => format!(" of at most {most}"),
        (None, None) => String::new(),
    };
    for (keyword, relation) in
        [("exclusiveMinimum", "above"), ("exclusiveMaximum", "below"), ("multipleOf", "and a multiple of")]
    {
        if let Some(limit) = number(map, keyword) {
            words.push_str(&format!(" {relation} {limit}"));
        }
    }
    words
}

fn number(map: &Map<String, Value>, keyword: &str) -> Option<String> {
    map.get(keyword).filter(|limit| limit.is_number()).map(Value::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn says(schema: Value, words: &str) {
        assert_eq!(of(&schema, &schema), words, "{schema}");
    }

    #[test]
    fn types_and_their_bounds() {
        says(json!({"type": "integer"}), "an integer");
        says(json!({"type": "integer", "minimum": 1, "maximum": 65535}), "an integer from 1 to 65535");
        says(json!({"type": "integer", "minimum": 0, "format": "uint32"}), "an integer of at least 0");
        says(json!({"type": "number", "exclusiveMinimum": 0}), "a number above 0");
        says(json!({"type": "string"}), "text");
        says(json!({"type": "string", "minLength": 1}), "text that is not empty");
        says(json!({"type": "string", "maxLength": 9}), "text of at most 9 characters");
        says(json!({"type": "string", "pattern": "^a+$"}), "text that matches `^a+$`");
        says(json!({"type": "string", "format": "ipv4"}), "text of the format ipv4");
        says(json!({"type": "boolean"}), "`true` or `false`");
        says(json!({"type": "object"}), "a mapping");
        says(json!({"type": "array"}), "a list");
        says(json!({"maxLength": 3}), "text of at most 3 characters");
        says(
            json!({"type": "array", "items": {"type": "string"}, "minItems": 1}),
            "a list that is not empty, each item text",
        );
    }

    #[test]
    fn constants_are_listed() {
        says(json!({"const": 5}), "`5`");
        says(json!({"enum": ["a", "b", "c"]}), "one of `a`, `b` or `c`");
        says(json!({"oneOf": [{"const": "a", "description": "x"}, {"const": "b"}]}), "one of `a` or `b`");
    }

    #[test]
    fn alternatives_are_joined() {
        let port = json!({
            "$defs": {"port": {"anyOf": [
                {"type": "integer"},
                {"type": "string", "pattern": "^\\d+-\\d+$", "examples": ["7000-7010"]},
            ]}},
            "anyOf": [{"$ref": "#/$defs/port"}, {"type": "array", "items": {"$ref": "#/$defs/port"}}],
        });
        says(port, "an integer, text such as \"7000-7010\", or a list of those");
        says(json!({"type": ["string", "null"]}), "text");
        says(json!({"anyOf": [{"type": "integer"}, {"type": "null"}]}), "an integer");
        says(json!({"type": "null"}), "nothing");
        says(json!({"anyOf": [{"type": "object"}, {"required": ["x"]}]}), "a mapping");
        says(
            json!({"oneOf": [{"type": "object"}, {"type": "array", "items": {"type": "string"}}]}),
            "a mapping or a list with each item text",
        );
    }

    #[test]
    fn a_schema_of_itself_comes_to_an_end() {
        says(json!({"$ref": "#"}), "a value");
        says(json!({"type": "array", "items": {"$ref": "#"}}), "a list, each item a list, each item a list");
        let many = json!({"anyOf": vec![json!({"$ref": "#"}); 50]});
        says(many, "a value");
        says(json!(true), "a value");
    }
}
