//! From the text of a file to the checked [`Config`].

use std::sync::Arc;

use crate::limits::{FILE_BYTES_MAX, OPEN_BRACKETS_MAX};
use crate::locate::Part;
use crate::model::{Binding, BindingIndex, Component, GuardIndex, MatcherIndex, Namespace, VaultIndex};
use crate::names::Names;
use crate::path::NodePath;
use crate::plugins::PluginSettings;
use crate::problem::Problem;
use crate::read::Read;
use crate::source::{Location, Source};
use crate::substitute::{TooLarge, substitute};
use crate::text::{Problems, Text};
use crate::tree::{Stop, Trees};
use crate::{flow, read, tree};

/// What became of a file.
#[derive(Debug)]
pub struct Outcome {
    /// Present if and only if no problem is an error.
    pub config: Option<Config>,
    /// What could be read of a file with errors, for later checks to find more of them. Its references
    /// lead nowhere.
    pub partial: Option<Config>,
    /// In the order of the file, none twice.
    pub problems: Vec<Problem>,
}

/// A file that was read, with every reference resolved.
///
/// Two are equal if they say the same at the same paths: comments and layout aside.
#[derive(Clone, Debug)]
pub struct Config {
    /// One for each document, in the order of the file.
    pub namespaces: Vec<Namespace>,
    /// Of all namespaces, in the order of the file.
    pub bindings: Vec<Binding>,
    /// Of all namespaces, in the order of the file.
    pub guards: Vec<Component>,
    /// Of all namespaces, in the order of the file.
    pub matchers: Vec<Component>,
    /// Of all namespaces, in the order of the file.
    pub vaults: Vec<Component>,
    /// Of all namespaces, in the order of the file, each type once.
    pub plugins: Vec<PluginSettings>,
    /// All that are declared, also those of what could not be read.
    pub(crate) names: Arc<Names>,
    text: Arc<Text>,
}

impl PartialEq for Config {
    fn eq(&self, other: &Self) -> bool {
        self.namespaces == other.namespaces
            && self.bindings == other.bindings
            && self.guards == other.guards
            && self.matchers == other.matchers
            && self.vaults == other.vaults
            && self.plugins == other.plugins
    }
}

impl Config {
    /// The binding that a reference of this configuration leads to.
    #[must_use]
    pub fn binding(&self, index: BindingIndex) -> &Binding {
        &self.bindings[index.0]
    }

    /// The guard that a reference of this configuration leads to.
    #[must_use]
    pub fn guard(&self, index: GuardIndex) -> &Component {
        &self.guards[index.0]
    }

    /// The matcher that a reference of this configuration leads to.
    #[must_use]
    pub fn matcher(&self, index: MatcherIndex) -> &Component {
        &self.matchers[index.0]
    }

    /// The vault that a reference of this configuration leads to.
    #[must_use]
    pub fn vault(&self, index: VaultIndex) -> &Component {
        &self.vaults[index.0]
    }

    /// All bindings with the references that lead to them.
    pub fn indexed_bindings(&self) -> impl Iterator<Item = (BindingIndex, &Binding)> {
        self.bindings.iter().enumerate().map(|(position, binding)| (BindingIndex(position), binding))
    }

    /// Where a node is in the text as written: its value, or the key of a mapping or a list. What
    /// is not there is where the nearest node above it is.
    #[must_use]
    pub fn locate(&self, at: &NodePath) -> Option<Location> {
        self.text.locate(at, Part::Node)
    }

    /// An error about the value at a node, found by a later check.
    #[must_use]
    pub fn problem(&self, at: &NodePath, expected: impl Into<String>, found: impl Into<String>) -> Problem {
        self.text.problem(at, Part::Node, expected.into(), found.into())
    }

    /// An error about the key of a node, found by a later check.
    #[must_use]
    pub fn key_problem(
        &self,
        at: &NodePath,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Problem {
        self.text.problem(at, Part::Key, expected.into(), found.into())
    }

    /// What a value at a node is, in words for [`problem`](Self::problem). A value that came from
    /// the environment is not shown.
    #[must_use]
    pub fn describe(&self, at: &NodePath, value: &serde_json::Value) -> String {
        self.text.describe(at, value)
    }

    pub(crate) fn problems(&self) -> Problems<'_> {
        Problems::new(&self.text)
    }
}

/// Reads a file. `env` knows the variables for `${{env.X}}`; it is asked once for each use.
pub fn parse(source: &Source, env: &mut dyn FnMut(&str) -> Option<String>) -> Outcome {
    if source.text.len() > FILE_BYTES_MAX {
        let found = format!("{} octets", source.text.len());
        return Outcome { config: None, partial: None, problems: vec![too_large(source, 0, &found)] };
    }
    let substituted = match substitute(&source.text, env) {
        Ok(substituted) => substituted,
        Err(TooLarge(offset)) => {
            let found = "more, once the environment variables are put in";
            return Outcome { config: None, partial: None, problems: vec![too_large(source, offset, found)] };
        }
    };
    let warnings = unset_variables(source, &substituted.unset);
    let mut text = Text::new(source.clone(), substituted);
    if let Some(problem) = unreadable(&text) {
        return Outcome { config: None, partial: None, problems: vec![problem] };
    }
    let trees = tree::read(text.yaml());
    text.name_documents(&trees.documents);
    let text = Arc::new(text);
    let (read, mut problems) = read_trees(&trees, &text);
    problems.extend(warnings);
    problems.sort_by_key(Problem::order);
    let is_stopped = trees.stop.is_some();
    let config = config(read, text);
    match problems.iter().any(Problem::is_error) {
        false => Outcome { config: Some(config), partial: None, problems },
        true => Outcome { config: None, partial: (!is_stopped).then_some(config), problems },
    }
}

/// The model of the trees, and all that is wrong with either.
fn read_trees(trees: &Trees, text: &Text) -> (Read, Vec<Problem>) {
    let mut problems = Problems::new(text);
    for fault in &trees.faults {
        problems.hole(fault);
    }
    if let Some(stop) = &trees.stop {
        // With a part of the file unread, every reference into it would look wrong.
        let mut list = problems.into_list();
        list.push(stopped(text, stop));
        return (Read::default(), list);
    }
    if trees.documents.is_empty() {
        problems.error(&NodePath::root(0), "a mapping with a `name` and `bindings`", "nothing");
    }
    let read = read::read(&trees.documents, &mut problems);
    flow::check_reachable(&read, &mut problems);
    flow::check_circles(&read.bindings, &mut problems);
    (read, problems.into_list())
}

fn config(read: Read, text: Arc<Text>) -> Config {
    let Read { namespaces, bindings, unsure: _, guards, matchers, vaults, plugins, names } = read;
    Config {
        namespaces,
        bindings: bindings.into_iter().flatten().collect(),
        guards,
        matchers,
        vaults,
        plugins,
        names: Arc::new(names),
        text,
    }
}

/// What the YAML reader is spared: it would not say where, or take very long.
fn unreadable(text: &Text) -> Option<Problem> {
    let control = text.yaml().char_indices().find(|(_, c)| !is_yaml(*c)).map(|(offset, c)| {
        (offset, "printable text".to_owned(), format!("the character U+{:04X}", u32::from(c)))
    });
    let bracket = || {
        let expected = format!("at most {OPEN_BRACKETS_MAX} brackets open at once");
        one_bracket_too_many(text.yaml()).map(|offset| (offset, expected, "more".to_owned()))
    };
    let (offset, expected, found) = control.or_else(bracket)?;
    let mut problem = text.problem_in_file(expected, found);
    problem.at = Some(text.location(offset));
    Some(problem)
}

fn one_bracket_too_many(yaml: &str) -> Option<usize> {
    let mut open = 0_usize;
    yaml.bytes().position(|octet| {
        match octet {
            b'[' | b'{' => open += 1,
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        open > OPEN_BRACKETS_MAX
    })
}

/// YAML 1.2.2 section 5.1, production `c-printable`.
fn is_yaml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
        || c >= '\u{10000}'
}

fn too_large(source: &Source, offset: usize, found: &str) -> Problem {
    about(source, offset, format!("a file of at most {FILE_BYTES_MAX} octets"), found.to_owned())
}

fn unset_variables(source: &Source, unset: &[(String, usize)]) -> Vec<Problem> {
    let warning = |(name, offset): &(String, usize)| {
        let expected = "an environment variable that is set".to_owned();
        about(source, *offset, expected, format!("environment variable {name} is not set"))
            .with_help("nothing was put in its place")
            .as_warning()
    };
    unset.iter().map(warning).collect()
}

/// An error about a place in the text rather than a node.
fn about(source: &Source, offset: usize, expected: String, found: String) -> Problem {
    let mut problem = Problem::in_file(&source.name, expected, found);
    problem.at = Some(source.location(offset));
    problem
}

/// The reader's error, with help for the slips that are made most.
fn stopped(text: &Text, stop: &Stop) -> Problem {
    let mut problem = text.problem_in_file(stop.expected.clone(), stop.found.clone());
    let document = || text.locate(&NodePath::root(stop.document), Part::Node);
    problem.at = stop.offset.map(|offset| text.location(offset)).or_else(document).or(problem.at);
    if let Some((line, column)) = stop.began {
        problem.found.push_str(&format!(" that begins at {}", text.location_of_mark(line, column)));
    }
    let at_tab =
        stop.offset.and_then(|offset| text.yaml().get(offset..)).is_some_and(|rest| rest.starts_with('\t'));
    let slip = SLIPS.iter().find(|(words, _)| stop.found.contains(words)).map(|(_, help)| *help);
    problem.help = if at_tab { Some(TAB.to_owned()) } else { slip.map(str::to_owned) };
    problem
}

const TAB: &str = "there is a tab: YAML is indented with spaces";

/// Words of the YAML reader, and the way out.
const SLIPS: [(&str, &str); 7] = [
    ("cannot start any token", "quote text that starts with a special character"),
    ("mapping values are not allowed", "quote text that contains `: `, and check the indentation"),
    ("did not find expected key", "check the indentation of this line and the lines before it"),
    ("did not find expected '-'", "check the indentation of this line and the lines before it"),
    ("did not find expected ',' or", "a bracket is not closed, or a comma is missing"),
    ("unexpected end of stream", "a quote is not closed"),
    ("unknown anchor", "an alias `*x` needs an `&x` before it; quote text that starts with `*`"),
];
