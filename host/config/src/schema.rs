//! Options, conditions and the like against the schema of whoever they are for.
//!
//! Beside what JSON Schema says, a text of the format `guard` is the name of a guard of the file, a reference like any
//! other.

use std::fmt;

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind as Kind;
use serde_json::{Map, Value};

use crate::config::Config;
use crate::locate::Part;
use crate::path::{NodePath, unescape};
use crate::problem::{Problem, clip};
use crate::suggest;
use crate::text::Problems;
use crate::words;

mod alternatives;
mod reference;
mod rule;

pub(crate) use reference::GUARD;
use reference::References;
use rule::Rule;

/// A schema that is none, or that refers to what is not in it: its author's mistake, not the file's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaError {
    /// A JSON pointer into the schema.
    pub at: String,
    /// What is wrong there.
    pub message: String,
}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.at.is_empty() { "its root" } else { &self.at };
        write!(f, "the schema is not valid at {place}: {}", clip(&self.message, MESSAGE_CHARS_MAX))
    }
}

impl std::error::Error for SchemaError {}

/// Characters of a validator's own words, which may repeat a whole schema.
const MESSAGE_CHARS_MAX: usize = 200;

/// What a schema says of a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// All that is wrong with it.
    pub problems: Vec<Problem>,
    /// The guards that it names, as `namespace:name`, each once.
    pub guards: Vec<String>,
}

/// All that is wrong with `value`, which stands at `at`, by `schema`, a JSON schema. Null is taken
/// for an empty mapping: options that are not there.
///
/// # Errors
///
/// If `schema` itself is not valid. Schemas elsewhere are never fetched.
pub fn check_schema(
    config: &Config,
    at: &NodePath,
    value: &Value,
    schema: &Value,
) -> Result<Checked, SchemaError> {
    let references = References::at(config, at);
    let options = jsonschema::options().offline().should_validate_formats(true);
    let validator = references
        .resolve_in(options)
        .build(schema)
        .map_err(|error| SchemaError { at: error.instance_path().to_string(), message: error.to_string() })?;
    let empty = Value::Object(Map::new());
    let value = if value.is_null() { &empty } else { value };
    let mut check = Check { at, value, schema, references: &references, problems: config.problems() };
    for error in validator.iter_errors(value) {
        if check.problems.is_full() {
            break;
        }
        check.report(&error);
    }
    let problems = check.problems.into_list();
    Ok(Checked { problems, guards: references.into_guards() })
}

struct Check<'a> {
    at: &'a NodePath,
    value: &'a Value,
    schema: &'a Value,
    references: &'a References,
    problems: Problems<'a>,
}

impl<'a> Check<'a> {
    fn report(&mut self, error: &ValidationError<'_>) {
        let at = self.node(error.instance_path().as_str());
        let value = error.instance().as_ref();
        match error.kind() {
            Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
                for key in unexpected {
                    self.unknown_key(error, &at, key);
                }
            }
            Kind::Required { property } => self.missing_key(error, &at, property),
            Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
                self.no_alternative(error, &at, context);
            }
            Kind::OneOfMultipleValid { .. } => {
                let expected = format!("only one of the alternatives: {}", self.words(error));
                self.problems.error(&at, expected, "a value that fits several of them");
            }
            Kind::PropertyNames { error: inner } if reference::is_unresolved(inner) => {
                let key = inner.instance().as_str().unwrap_or_default();
                self.unresolved(&at.key(key), Part::Key, key);
            }
            Kind::Format { .. } if reference::is_unresolved(error) => {
                self.unresolved(&at, Part::Node, value.as_str().unwrap_or_default());
            }
            Kind::PropertyNames { error: inner } => {
                let key = words::bare(inner.instance());
                let expected = format!("a key that is {}", self.words(inner));
                self.problems.push(&at.key(&key), Part::Key, expected, format!("`{key}`"), None);
            }
            // A mapping that may have no key at all is reported for its first value.
            Kind::FalseSchema if error.schema_path().as_str().ends_with("/additionalProperties") => {
                let keys = self.value.pointer(error.instance_path().as_str()).and_then(Value::as_object);
                for key in keys.into_iter().flat_map(|mapping| mapping.keys()) {
                    self.unknown_key(error, &at, key);
                }
            }
            Kind::FalseSchema => {
                let found = self.describe(&at, value);
                self.problems.push(&at, Part::Key, "nothing here".to_owned(), found, None);
            }
            Kind::MinLength { .. } | Kind::MaxLength { .. } => {
                let length = value.as_str().map_or(0, |text| text.chars().count());
                let found = format!("{} of {}", self.describe(&at, value), count(length, "character"));
                self.mismatch(error, &at, found);
            }
            Kind::MinItems { .. } | Kind::MaxItems { .. } => {
                let found = format!("a list of {}", count(size(value), "item"));
                self.mismatch(error, &at, found);
            }
            Kind::AdditionalItems { limit } => {
                let found = format!("a list of {}", count(size(value), "item"));
                self.problems.error(&at, format!("a list of at most {}", count(*limit, "item")), found);
            }
            Kind::MinProperties { limit } => {
                let found = format!("a mapping of {}", keys(size(value) as u64));
                self.problems.error(&at, format!("a mapping of at least {}", keys(*limit)), found);
            }
            Kind::MaxProperties { limit } => {
                let found = format!("a mapping of {}", keys(size(value) as u64));
                self.problems.error(&at, format!("a mapping of at most {}", keys(*limit)), found);
            }
            Kind::UniqueItems => {
                self.problems.error(&at, "a list without repetitions", "an item that is in it twice");
            }
            Kind::Contains => {
                self.problems.error(&at, "a list with a certain item", "a list without it");
            }
            Kind::Type { .. }
            | Kind::Constant { .. }
            | Kind::Enum { .. }
            | Kind::ExclusiveMaximum { .. }
            | Kind::ExclusiveMinimum { .. }
            | Kind::Maximum { .. }
            | Kind::Minimum { .. }
            | Kind::MultipleOf { .. }
            | Kind::Pattern { .. }
            | Kind::Format { .. } => {
                let found = self.describe(&at, value);
                self.mismatch(error, &at, found);
            }
            Kind::BacktrackLimitExceeded { .. }
            | Kind::RegexEngineFailure { .. }
            | Kind::ContentEncoding { .. }
            | Kind::ContentMediaType { .. }
            | Kind::Custom { .. }
            | Kind::FromUtf8 { .. }
            | Kind::Not { .. }
            | Kind::UnevaluatedItems { .. }
            | Kind::Referencing(_) => {
                let found = self.describe(&at, value);
                let rule = clip(&error.masked_with("the value").to_string(), MESSAGE_CHARS_MAX);
                self.problems.push(
                    &at,
                    Part::Node,
                    "a value that the schema allows".to_owned(),
                    found,
                    Some(rule),
                );
            }
        }
    }

    /// The value is not what its schema asks for.
    fn mismatch(&mut self, error: &ValidationError<'_>, at: &NodePath, found: String) {
        let rule = self.rule(error);
        let expected = words::of(rule.schema, self.schema);
        let help = self.near_constant(&rule, error.instance()).or_else(|| rule.help(at));
        self.problems.push(at, Part::Node, expected, found, help);
    }

    fn near_constant(&self, rule: &Rule<'_>, value: &Value) -> Option<String> {
        let constants = rule.schema.get("enum")?.as_array()?;
        let near = suggest::closest(value.as_str()?, constants.iter().filter_map(Value::as_str))?;
        Some(format!("did you mean `{near}`?"))
    }

    fn unknown_key(&mut self, error: &ValidationError<'_>, at: &NodePath, key: &str) {
        let rule = self.rule(error);
        let known = rule.keys(self.schema);
        let expected = match known.as_slice() {
            [] => "no key here".to_owned(),
            [only] => format!("the key `{only}` alone"),
            several => format!("one of the keys {}", suggest::list(several, "or")),
        };
        let near = suggest::closest(key, known.iter().copied()).map(|near| format!("did you mean `{near}`?"));
        self.problems.push(&at.key(key), Part::Key, expected, format!("`{key}`"), near);
    }

    fn missing_key(&mut self, error: &ValidationError<'_>, at: &NodePath, property: &Value) {
        let key = words::bare(property);
        let rule = self.rule(error);
        let schema = rule.property(&key);
        let meaning = schema.map(|schema| words::of(schema, self.schema)).filter(|words| words != "a value");
        let expected = match meaning {
            Some(meaning) => format!("the key `{key}`: {meaning}"),
            None => format!("the key `{key}`"),
        };
        let help = schema.and_then(rule::description).map(|about| format!("`{key}`: {about}"));
        self.problems.push(at, Part::Node, expected, format!("no `{key}`"), help);
    }

    fn rule(&self, error: &ValidationError<'_>) -> Rule<'a> {
        Rule::behind(error, self.schema)
    }

    fn words(&self, error: &ValidationError<'_>) -> String {
        words::of(self.rule(error).schema, self.schema)
    }

    fn describe(&self, at: &NodePath, value: &Value) -> String {
        self.problems.text.describe(at, value)
    }

    /// The node of a JSON pointer from the checked value.
    fn node(&self, pointer: &str) -> NodePath {
        let mut at = self.at.clone();
        let mut value = Some(self.value);
        for step in pointer.split('/').skip(1) {
            let step = unescape(step);
            (at, value) = match (value, step.parse::<usize>()) {
                (Some(Value::Array(items)), Ok(index)) => (at.index(index), items.get(index)),
                _ => (at.key(&step), value.and_then(|value| value.get(&step))),
            };
        }
        at
    }
}

fn size(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.len(),
        Value::Object(fields) => fields.len(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

fn keys(number: u64) -> String {
    format!("{number} key{}", if number == 1 { "" } else { "s" })
}

fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
