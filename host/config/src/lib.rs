//! `zilla.yaml` as a checked value, or every problem in it at once.
//!
//! This crate does *not* open files, read the environment, know a plugin or know what the options
//! of a binding mean: text and variables come in as arguments, and the meaning of `options`, `when`
//! and `with` is checked later, with [`check_schema`], against a schema that its owner supplies.
//!
//! From the outside in: [`parse`] substitutes `${{env.X}}`, reads each YAML document into a tree,
//! reads the tree into the [`Config`] and resolves every reference on the way. Whatever it refuses
//! is a [`Problem`] with the place in the original text, what was expected there and what was found.
//!
//! ```
//! use zilla_config::{Source, parse, render};
//!
//! let source = Source::new("zilla.yaml", "name: example\nbindings:\n  echo:\n    type: echo\n    kind: sever\n");
//! let outcome = parse(&source, &mut |_| None);
//! assert!(outcome.config.is_none());
//! assert!(render(&source, &outcome.problems).contains("did you mean `server`?"));
//! ```

mod config;
mod fields;
mod flow;
mod limits;
mod locate;
mod model;
mod names;
mod path;
mod plugins;
mod problem;
mod quantity;
mod read;
mod render;
mod schema;
mod source;
mod substitute;
mod suggest;
mod text;
mod tree;
mod words;

pub use config::{Config, Outcome, parse};
pub use flow::unused_bindings;
pub use limits::{
    BINDINGS_MAX, DOCUMENTS_MAX, FILE_BYTES_MAX, LINE_CHARS_MAX, MESSAGE_CHARS_MAX, NESTING_MAX, NODES_MAX,
    OPEN_BRACKETS_MAX, PROBLEMS_KEPT_MAX, PROBLEMS_MAX, SCALAR_BYTES_MAX,
};
pub use model::{
    Binding, BindingIndex, Component, GuardIndex, Guarded, Kind, Matched, MatcherIndex, Namespace, Route,
    VaultIndex, When,
};
pub use path::NodePath;
pub use plugins::{Isolation, PluginSettings};
pub use problem::{Problem, Severity};
pub use quantity::Quantity;
pub use render::render;
pub use schema::{Checked, SchemaError, check_schema};
pub use source::{Location, Source};
pub use suggest::help as suggest;

#[cfg(test)]
mod tests;
