//! Reading options and conditions of native bindings.

use serde_json::{Value, json};
use std::ops::RangeInclusive;
use zilla_config::Binding;
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
