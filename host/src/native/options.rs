//! Reading options and conditions of native bindings.

use serde_json::{Value, json};
use std::ops::RangeInclusive;
use zilla_config::{Binding, Quantity};
use zilla_engine::Condition;

/// A value that is not accepted: where below the binding or condition, what was expected, what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OptionsError {
    pub(crate) pointer: String,
    pub(crate) expected: String,
    pub(crate) found: String,
}

/// The schema of a value that [`ports`] reads.
pub(super) fn ports_schema(what: &str) -> Value {
    // Ranges are checked by `ports`, which says what is wrong with one in better words than a pattern.
    let one = json!({"type": ["integer", "string"], "title": "a port, or text such as \"7000-7010\""});
    json!({
        "description": what,
        "anyOf": [one, {"type": "array", "minItems": 1, "title": "a list of those", "items": one}]
    })
}

const MS_BY_UNIT: &[(&str, u64)] = &[("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];

/// A time in ms, within bounds.
pub(super) const fn ms(min: u64, max: u64) -> Quantity {
    Quantity { min, max, plain: "ms", units: MS_BY_UNIT }
}

/// The schema of a value that [`Reader::ms`] reads.
pub(super) fn ms_schema(what: &str) -> Value {
    json!({"description": what, "type": ["integer", "string"], "title": "a time, such as 500ms, 10s, 5m or 1h"})
}

/// Reads keys of a mapping that fits its schema, and gathers what is wrong.
pub(super) struct Reader<'a> {
    pub(super) value: &'a Value,
    /// Where the mapping is, below the binding.
    pub(super) pointer: &'a str,
    pub(super) errors: Vec<OptionsError>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(value: &'a Value, pointer: &'a str) -> Self {
        Self { value, pointer, errors: Vec::new() }
    }

    /// What was read, or its errors noted.
    pub(super) fn keep<T>(&mut self, read: Result<T, Vec<OptionsError>>) -> Option<T> {
        read.map_err(|errors| self.errors.extend(errors)).ok()
    }

    /// A time in ms; none if the key is not there.
    pub(super) fn ms(&mut self, key: &str, bounds: &Quantity) -> Option<u64> {
        let value = self.value.get(key)?;
        let ms = bounds.read(value);
        if ms.is_none() {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            self.error(key, bounds.expected(), format!("`{text}`"));
        }
        ms
    }

    /// The value under a key is not accepted.
    pub(super) fn error(&mut self, key: &str, expected: impl Into<String>, found: impl Into<String>) {
        let pointer = format!("{}/{key}", self.pointer);
        self.errors.push(OptionsError { pointer, expected: expected.into(), found: found.into() });
    }

    /// What was made of the values, if all are right.
    pub(super) fn finish<T>(self, made: Option<T>) -> Result<T, Vec<OptionsError>> {
        made.filter(|_| self.errors.is_empty()).ok_or(self.errors)
    }
}

/// A port, a range, or a list of those; every wrong one is an error.
pub(super) fn ports(value: &Value, pointer: &str) -> Result<Vec<RangeInclusive<u16>>, Vec<OptionsError>> {
    each(value, pointer, |item, pointer| {
        let text = item.as_str().map_or_else(|| item.to_string(), str::to_owned);
        let (first, last) = text.split_once('-').unwrap_or((&text, &text));
        match (first.parse::<u16>(), last.parse::<u16>()) {
            (Ok(first), Ok(last)) if 0 < first && first <= last => Ok(vec![first..=last]),
            _ => Err(OptionsError {
                pointer: pointer.into(),
                expected: "a port from 1 to 65535, or a range of them from low to high".into(),
                found: format!("`{text}`"),
            }),
        }
    })
}

/// Reads a value, or each item of a list; all errors at once.
pub(super) fn each<T>(
    value: &Value,
    pointer: &str,
    read: impl Fn(&Value, &str) -> Result<Vec<T>, OptionsError>,
) -> Result<Vec<T>, Vec<OptionsError>> {
    let Value::Array(list) = value else { return read(value, pointer).map_err(|error| vec![error]) };
    let (mut items, mut errors) = (Vec::new(), Vec::new());
    for (index, item) in list.iter().enumerate() {
        match read(item, &format!("{pointer}/{index}")) {
            Ok(more) => items.extend(more),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(items) } else { Err(errors) }
}

/// Compiles the conditions of each route; the errors' pointers begin at the binding.
pub(super) fn conditions(
    binding: &Binding,
    compile: impl Fn(&Value, &str) -> Result<Condition, Vec<OptionsError>>,
) -> Result<Vec<Vec<Condition>>, Vec<OptionsError>> {
    let (mut routes, mut errors) = (Vec::new(), Vec::new());
    for (index, route) in binding.routes.iter().enumerate() {
        let mut conditions = Vec::new();
        for (item, when) in route.when.iter().enumerate() {
            match compile(&when.conditions, &format!("/routes/{index}/when/{item}")) {
                Ok(condition) => conditions.push(condition),
                Err(more) => errors.extend(more),
            }
        }
        routes.push(conditions);
    }
    if errors.is_empty() { Ok(routes) } else { Err(errors) }
}
