//! Every name that a file declares, gathered before it is read: a reference may point forwards and
//! into another namespace.

use std::collections::HashMap;

use serde_json::Value;

/// What a name can be declared as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    Binding,
    Guard,
    Matcher,
    Vault,
}

impl Sort {
    pub(crate) const ALL: [Self; 4] = [Self::Binding, Self::Guard, Self::Matcher, Self::Vault];

    /// The word for one of them.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Binding => "binding",
            Self::Guard => "guard",
            Self::Matcher => "matcher",
            Self::Vault => "vault",
        }
    }

    /// The key that they are declared under.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Binding => "bindings",
            Self::Guard => "guards",
            Self::Matcher => "matchers",
            Self::Vault => "vaults",
        }
    }
}

/// The declared names. A position counts the names of one sort in the order of the file, over all
/// namespaces.
#[derive(Debug, Default)]
pub(crate) struct Names {
    bindings: Declared,
    guards: Declared,
    matchers: Declared,
    vaults: Declared,
}

#[derive(Debug, Default)]
struct Declared {
    /// The namespace and the name.
    list: Vec<(String, String)>,
    positions: HashMap<String, usize>,
}

impl Names {
    /// The names in these documents, of whatever is well-formed enough to have one.
    pub(crate) fn declared_in(documents: &[(usize, Value)]) -> Self {
        let mut names = Self::default();
        for (_, root) in documents {
            let namespace = root.get("name").and_then(Value::as_str).unwrap_or_default();
            for sort in Sort::ALL {
                let declared = names.of_mut(sort);
                for name in
                    root.get(sort.key()).and_then(Value::as_object).into_iter().flat_map(|all| all.keys())
                {
                    declared.positions.entry(qualified(namespace, name)).or_insert(declared.list.len());
                    declared.list.push((namespace.to_owned(), name.clone()));
                }
            }
        }
        names
    }

    /// How many of a sort are declared.
    pub(crate) fn count(&self, sort: Sort) -> usize {
        self.of(sort).list.len()
    }

    /// The position of what `reference` means within `namespace`: `name` is one of its own,
    /// `other:name` one of another namespace.
    pub(crate) fn find(&self, sort: Sort, namespace: &str, reference: &str) -> Option<usize> {
        let positions = &self.of(sort).positions;
        match reference.contains(':') {
            true => positions.get(reference).copied(),
            false => positions.get(&qualified(namespace, reference)).copied(),
        }
    }

    /// How each name of a sort is written within `namespace`, its own ones first.
    pub(crate) fn candidates(&self, sort: Sort, namespace: &str) -> Vec<String> {
        let (own, others): (Vec<_>, Vec<_>) =
            self.of(sort).list.iter().partition(|(declared_in, _)| declared_in == namespace);
        let own = own.into_iter().map(|(_, name)| name.clone());
        own.chain(others.into_iter().map(|(namespace, name)| qualified(namespace, name))).collect()
    }

    fn of(&self, sort: Sort) -> &Declared {
        match sort {
            Sort::Binding => &self.bindings,
            Sort::Guard => &self.guards,
            Sort::Matcher => &self.matchers,
            Sort::Vault => &self.vaults,
        }
    }

    fn of_mut(&mut self, sort: Sort) -> &mut Declared {
        match sort {
            Sort::Binding => &mut self.bindings,
            Sort::Guard => &mut self.guards,
            Sort::Matcher => &mut self.matchers,
            Sort::Vault => &mut self.vaults,
        }
    }
}

fn qualified(namespace: &str, name: &str) -> String {
    format!("{namespace}:{name}")
}

/// Whether a namespace, binding, guard, matcher or vault can be called that: a letter, then
/// letters, digits, `.`, `_` and `-`, all of ASCII.
pub(crate) fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"._-".contains(&octet))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn references_are_found_within_and_across_namespaces() {
        let documents = [
            (0, json!({"name": "one", "bindings": {"a": {}, "b": {}}})),
            (1, json!({"name": "two", "bindings": {"b": {}}, "guards": {"g": {}}})),
        ];
        let names = Names::declared_in(&documents);
        assert_eq!(names.find(Sort::Binding, "one", "b"), Some(1));
        assert_eq!(names.find(Sort::Binding, "two", "b"), Some(2));
        assert_eq!(names.find(Sort::Binding, "two", "one:b"), Some(1));
        assert_eq!(names.find(Sort::Binding, "two", "a"), None);
        assert_eq!(names.find(Sort::Guard, "one", "two:g"), Some(0));
        assert_eq!(names.candidates(Sort::Binding, "two"), ["b", "one:a", "one:b"]);
    }

    #[test]
    fn names_start_with_a_letter() {
        for good in ["a", "Zilla", "a.b_c-9"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "9a", "-a", "a b", "a:b", "ä", "a\n"] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
