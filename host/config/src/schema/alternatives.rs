//! A value that fits none of several schemas: which one it was meant for, and what it misses there.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind as Kind;
use serde_json::Value;

use super::Check;
use crate::locate::Part;
use crate::path::NodePath;
use crate::suggest;
use crate::words;

impl Check<'_> {
    /// None of several schemas fits. A mapping or a list that is meant for one of them is told what
    /// that one misses; all else is told all of them.
    pub(super) fn no_alternative(
        &mut self,
        error: &ValidationError<'_>,
        at: &NodePath,
        branches: &[Vec<ValidationError<'static>>],
    ) {
        let value = error.instance().as_ref();
        let path = error.instance_path().as_str();
        let meant: Vec<&[ValidationError<'static>]> = branches
            .iter()
            .map(Vec::as_slice)
            .filter(|errors| (value.is_object() || value.is_array()) && !is_other_type(errors, path))
            .collect();
        if meant.len() > 1 && (self.no_tag(path, &meant) || self.missing_tag(at, &meant)) {
            return;
        }
        let untagged = meant.iter().filter(|errors| tag(errors, path).is_none());
        match untagged.min_by_key(|errors| errors.len()).or_else(|| meant.first()) {
            Some(errors) => errors.iter().for_each(|error| self.report(error)),
            None => {
                let found = self.describe(at, value);
                self.mismatch(error, at, found);
            }
        }
    }

    /// Whether the schemas are told apart by a constant under one key, and none has the one that is there.
    fn no_tag(&mut self, path: &str, branches: &[&[ValidationError<'static>]]) -> bool {
        let tags: Vec<&ValidationError<'static>> =
            branches.iter().filter_map(|errors| tag(errors, path)).collect();
        let Some(first) = tags.first().filter(|_| tags.len() == branches.len()) else { return false };
        if tags.iter().any(|error| error.instance_path() != first.instance_path()) {
            return false;
        }
        let constants: Vec<&Value> = tags.iter().flat_map(|error| constants(error)).collect();
        let at = self.node(first.instance_path().as_str());
        let found = self.describe(&at, first.instance());
        let words = first.instance().as_str().unwrap_or_default();
        let near = suggest::closest(words, constants.iter().filter_map(|constant| constant.as_str()));
        let help = near.map(|near| format!("did you mean `{near}`?"));
        self.problems.push(&at, Part::Node, words::one_of(&constants), found, help);
        true
    }

    /// Whether the schemas are told apart by a constant under one key, and that key is missing.
    fn missing_tag(&mut self, at: &NodePath, branches: &[&[ValidationError<'static>]]) -> bool {
        let Some(key) = branches.first().and_then(|errors| errors.iter().find_map(missing)) else {
            return false;
        };
        let mut allowed = Vec::new();
        for errors in branches {
            let Some(error) = errors.iter().find(|error| missing(error) == Some(key)) else { return false };
            let Some(tag) = self.rule(error).property(key) else { return false };
            let Some(constant) = tag.get("const") else { return false };
            allowed.push(constant);
        }
        let expected = format!("the key `{key}`: {}", words::one_of(&allowed));
        self.problems.push(at, Part::Node, expected, format!("no `{key}`"), None);
        true
    }
}

/// Whether an alternative is for another type of value than the one at `path`.
fn is_other_type(errors: &[ValidationError<'static>], path: &str) -> bool {
    errors.iter().filter(|error| error.instance_path().as_str() == path).any(|error| match error.kind() {
        Kind::Type { .. } | Kind::Enum { .. } | Kind::Constant { .. } => true,
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
            context.iter().all(|errors| is_other_type(errors, path))
        }
        _ => false,
    })
}

/// The error of an alternative that asks for another constant directly below `path`.
fn tag<'a>(errors: &'a [ValidationError<'static>], path: &str) -> Option<&'a ValidationError<'static>> {
    errors.iter().find(|error| {
        let below = error.instance_path().as_str().strip_prefix(path).and_then(|rest| rest.strip_prefix('/'));
        !constants(error).is_empty() && below.is_some_and(|key| !key.contains('/'))
    })
}

/// The key that an error finds missing.
fn missing<'a>(error: &'a ValidationError<'_>) -> Option<&'a str> {
    match error.kind() {
        Kind::Required { property } => property.as_str(),
        _ => None,
    }
}

/// The constants that an error would have allowed.
fn constants<'a>(error: &'a ValidationError<'_>) -> Vec<&'a Value> {
    match error.kind() {
        Kind::Constant { expected_value } => vec![expected_value.as_ref()],
        Kind::Enum { options } => options.as_array().into_iter().flatten().collect(),
        _ => Vec::new(),
    }
}
