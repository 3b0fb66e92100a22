//! Names in values that a schema says are references.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use jsonschema::error::ValidationErrorKind as Kind;
use jsonschema::{ValidationError, ValidationOptions};

use super::Check;
use crate::config::Config;
use crate::locate::Part;
use crate::names::{Names, Sort};
use crate::path::NodePath;
use crate::suggest;

/// The format of a text that is the name of a guard.
pub(crate) const GUARD: &str = "guard";

/// What names mean at one place of a file, and which were found to mean something.
pub(super) struct References {
    namespace: Arc<str>,
    names: Arc<Names>,
    /// As `namespace:name`. The validator asks about names from wherever it looks at them.
    guards: Arc<Mutex<BTreeSet<String>>>,
}

impl References {
    /// For a value at `at`.
    pub(super) fn at(config: &Config, at: &NodePath) -> Self {
        let namespaces = &config.namespaces;
        let of_document = namespaces.iter().find(|namespace| namespace.at.document() == at.document());
        let namespace = of_document.map_or("", |namespace| namespace.name.as_str());
        Self { namespace: namespace.into(), names: Arc::clone(&config.names), guards: Arc::default() }
    }

    /// Has a validator look up names.
    pub(super) fn resolve_in<'a>(&self, options: ValidationOptions<'a>) -> ValidationOptions<'a> {
        let Self { namespace, names, guards } = self;
        let (namespace, names, guards) = (Arc::clone(namespace), Arc::clone(names), Arc::clone(guards));
        options.with_format(GUARD, move |name| {
            let is_guard = names.find(Sort::Guard, &namespace, name).is_some();
            if is_guard {
                let name = if name.contains(':') { name.to_owned() } else { format!("{namespace}:{name}") };
                guards.lock().unwrap_or_else(PoisonError::into_inner).insert(name);
            }
            is_guard
        })
    }

    /// The guards that were named.
    pub(super) fn into_guards(self) -> Vec<String> {
        let mut guards = self.guards.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *guards).into_iter().collect()
    }
}

/// Whether an error is about a name that nothing has.
pub(super) fn is_unresolved(error: &ValidationError<'_>) -> bool {
    matches!(error.kind(), Kind::Format { format } if format == GUARD)
}

impl Check<'_> {
    /// Tells of a name that no guard has.
    pub(super) fn unresolved(&mut self, at: &NodePath, part: Part, name: &str) {
        let References { namespace, names, .. } = self.references;
        let candidates = names.candidates(Sort::Guard, namespace);
        let candidates: Vec<&str> = candidates.iter().map(String::as_str).collect();
        let noun = Sort::Guard.noun();
        let help = suggest::help(name, &candidates, noun);
        self.problems.push(at, part, format!("the name of a {noun}"), name.to_owned(), help);
    }
}
