//! The text behind a configuration, kept to say where something is and what is there.

use std::collections::HashSet;
use std::fmt;

use serde_json::Value;

use crate::limits::PROBLEMS_KEPT_MAX;
use crate::locate::{Part, locate};
use crate::path::NodePath;
use crate::problem::{Problem, clip};
use crate::source::{Location, Source};
use crate::substitute::Substituted;
use crate::tree::Fault;

/// A file before and after substitution, with what its documents are called.
pub(crate) struct Text {
    source: Source,
    substituted: Substituted,
    /// What stands before a path, by document: nothing for the first namespace.
    prefixes: Vec<String>,
}

/// Without the texts: one of them holds what the environment does.
impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Text").field("name", &self.source.name).finish_non_exhaustive()
    }
}

impl Text {
    pub(crate) fn new(source: Source, substituted: Substituted) -> Self {
        Self { source, substituted, prefixes: Vec::new() }
    }

    /// What YAML is read from.
    pub(crate) fn yaml(&self) -> &str {
        &self.substituted.text
    }

    /// Names the documents, so that a path tells which one it is in.
    pub(crate) fn name_documents(&mut self, documents: &[(usize, Value)]) {
        for (position, (document, root)) in documents.iter().enumerate() {
            self.prefixes.resize(document + 1, String::new());
            if position > 0 {
                let name = root.get("name").and_then(Value::as_str).map(|name| clip(name, SHOWN_CHARS_MAX));
                self.prefixes[*document] = name.unwrap_or_else(|| format!("document {}", document + 1));
            }
        }
    }

    pub(crate) fn locate(&self, at: &NodePath, part: Part) -> Option<Location> {
        locate(self.yaml(), at, part).map(|offset| self.location(offset))
    }

    /// The place in the original of an octet of [`Self::yaml`].
    pub(crate) fn location(&self, offset: usize) -> Location {
        self.source.location(self.substituted.original(offset))
    }

    /// The place in the original of a line and column of [`Self::yaml`], both counted from 1.
    pub(crate) fn location_of_mark(&self, line: usize, column: usize) -> Location {
        let before: usize =
            self.yaml().split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
        let rest = self.yaml().get(before..).unwrap_or_default();
        let within: usize = rest.chars().take(column.saturating_sub(1)).map(char::len_utf8).sum();
        self.location(before + within)
    }

    pub(crate) fn problem(&self, at: &NodePath, part: Part, expected: String, found: String) -> Problem {
        let at_start = self.problem_in_file(expected, found);
        Problem { at: self.locate(at, part), path: self.path(at), ..at_start }
    }

    /// An error about the file as a whole.
    pub(crate) fn problem_in_file(&self, expected: String, found: String) -> Problem {
        Problem::in_file(&self.source.name, expected, found)
    }

    /// `second: bindings.x`, or `bindings.x` in the first namespace.
    fn path(&self, at: &NodePath) -> String {
        match self.prefixes.get(at.document()).filter(|prefix| !prefix.is_empty()) {
            Some(prefix) if at.segments().is_empty() => prefix.clone(),
            Some(prefix) => format!("{prefix}: {at}"),
            None => at.to_string(),
        }
    }

    /// What a value is, for `found`. A scalar that came from a variable may be a secret: it is
    /// called by the variable.
    pub(crate) fn describe(&self, at: &NodePath, value: &Value) -> String {
        let (noun, scalar) = match value {
            Value::Null => {
                return match self.variable_behind(at, "") {
                    Some(variable) => format!("nothing: the environment variable {variable} is empty"),
                    None => "nothing".to_owned(),
                };
            }
            Value::Array(items) if items.is_empty() => return "an empty list".to_owned(),
            Value::Array(_) => return "a list".to_owned(),
            Value::Object(fields) if fields.is_empty() => return "an empty mapping".to_owned(),
            Value::Object(_) => return "a mapping".to_owned(),
            Value::Bool(value) => ("a boolean", value.to_string()),
            Value::Number(number) => ("a number", number.to_string()),
            Value::String(text) => ("text", text.clone()),
        };
        if let Some(variable) = self.variable_behind(at, &scalar) {
            return format!("{noun} from the environment variable {variable}");
        }
        match value {
            Value::String(text) => format!("text {:?}", clip(text, SHOWN_CHARS_MAX)),
            Value::Number(_) => format!("the number {scalar}"),
            _ => scalar,
        }
    }

    fn variable_behind(&self, at: &NodePath, scalar: &str) -> Option<&str> {
        if !self.substituted.has_variables() {
            return None;
        }
        let start = self.substituted.original(locate(self.yaml(), at, Part::Node)?);
        self.substituted.variable_behind(&self.source.text, start, scalar)
    }
}

/// Characters of a value that a message repeats.
const SHOWN_CHARS_MAX: usize = 60;

/// The problems found so far in one text.
pub(crate) struct Problems<'a> {
    pub(crate) text: &'a Text,
    list: Vec<Problem>,
    /// What was said already: to locate it once more would cost another pass.
    seen: HashSet<(NodePath, Part, String, String)>,
    /// Nodes that were refused and stand as null in the tree.
    holes: HashSet<NodePath>,
}

impl<'a> Problems<'a> {
    pub(crate) fn new(text: &'a Text) -> Self {
        Self { text, list: Vec::new(), seen: HashSet::new(), holes: HashSet::new() }
    }

    /// Whether no more are looked for; see [`PROBLEMS_KEPT_MAX`].
    pub(crate) fn is_full(&self) -> bool {
        self.list.len() >= PROBLEMS_KEPT_MAX
    }

    pub(crate) fn count(&self) -> usize {
        self.list.len()
    }

    /// Adds the error about a node that is not in the tree.
    pub(crate) fn hole(&mut self, fault: &Fault) {
        let (expected, mut found) = (fault.expected.clone(), fault.found.clone());
        let first = || self.text.locate(&fault.at, Part::Key);
        if let Some(first) = (fault.part == Part::SecondKey && !self.is_full()).then(first).flatten() {
            found.push_str(&format!(", first at {first}"));
        }
        self.push(&fault.at, fault.part, expected, found, Some(fault.help.to_owned()));
        self.holes.insert(fault.at.clone());
    }

    /// Adds an error about a node.
    pub(crate) fn error(&mut self, at: &NodePath, expected: impl Into<String>, found: impl Into<String>) {
        self.push(at, Part::Node, expected.into(), found.into(), None);
    }

    /// Adds an error.
    pub(crate) fn push(
        &mut self,
        at: &NodePath,
        part: Part,
        expected: String,
        found: String,
        help: Option<String>,
    ) {
        let seen = (at.clone(), part, expected, found);
        if self.is_full() || self.seen.contains(&seen) {
            return;
        }
        let (_, _, expected, found) = seen.clone();
        self.seen.insert(seen);
        let mut problem = self.text.problem(at, part, expected, found);
        problem.help = help;
        self.list.push(problem);
    }

    /// Adds an error: the value at a node is not of the type that is `expected`.
    pub(crate) fn mistyped(&mut self, at: &NodePath, value: &Value, expected: impl Into<String>) {
        self.mistyped_with_help(at, value, expected, None);
    }

    /// Adds an error: the value at a node is not the mapping or list that is `expected`.
    pub(crate) fn not_a_collection(&mut self, at: &NodePath, value: &Value, expected: impl Into<String>) {
        let help = value.is_null().then(|| "leave the key out, or indent what belongs to it".to_owned());
        self.mistyped_with_help(at, value, expected, help);
    }

    fn mistyped_with_help(
        &mut self,
        at: &NodePath,
        value: &Value,
        expected: impl Into<String>,
        help: Option<String>,
    ) {
        if self.is_full() || value.is_null() && self.holes.contains(at) {
            return;
        }
        let found = self.text.describe(at, value);
        self.push(at, Part::Node, expected.into(), found, help);
    }

    pub(crate) fn into_list(self) -> Vec<Problem> {
        self.list
    }
}
