//! From the trees to the model: every key known, every value of its type, every reference resolved.
//!
//! Nothing here stops at the first problem. What cannot be read is left out, and the caller looks
//! at the problems before it uses the result.

use std::collections::HashSet;

use serde_json::Value;

use crate::fields::{Fields, Keys};
use crate::limits::BINDINGS_MAX;
use crate::locate::Part;
use crate::model::{
    Binding, BindingIndex, Component, GuardIndex, Guarded, Kind, Matched, MatcherIndex, Namespace, Route,
    VaultIndex, When,
};
use crate::names::{Names, Sort, is_name};
use crate::path::NodePath;
use crate::plugins::{self, PluginSettings};
use crate::suggest;
use crate::text::Problems;

const NAMESPACE: Keys = Keys {
    of: "a file",
    known: &["name", "plugins", "vaults", "guards", "matchers", "bindings"],
    not_served: &["stores", "catalogs", "telemetry"],
};
const BINDING: Keys = Keys {
    of: "a binding",
    known: &["type", "kind", "entry", "vault", "options", "routes", "exit"],
    not_served: &["catalog", "telemetry"],
};
const ROUTE: Keys = Keys { of: "a route", known: &["when", "guarded", "with", "exit"], not_served: &[] };

/// The key of a condition that names matchers; all others belong to the binding's plugin.
const MATCHED: &str = "matched";

/// What the documents say, as far as it could be read.
#[derive(Default)]
pub(crate) struct Read {
    pub(crate) namespaces: Vec<Namespace>,
    /// Each declared binding at its position; none where it could not be read.
    pub(crate) bindings: Vec<Option<Binding>>,
    /// Bindings with a route that could not be read in full: nothing can be said about the others.
    pub(crate) unsure: HashSet<NodePath>,
    pub(crate) guards: Vec<Component>,
    pub(crate) matchers: Vec<Component>,
    pub(crate) vaults: Vec<Component>,
    pub(crate) plugins: Vec<PluginSettings>,
    pub(crate) names: Names,
}

/// Reads all documents.
pub(crate) fn read(documents: &[(usize, Value)], problems: &mut Problems<'_>) -> Read {
    let names = Names::declared_in(documents);
    let mut read = Read::default();
    if names.count(Sort::Binding) > BINDINGS_MAX {
        let found = format!("{} bindings", names.count(Sort::Binding));
        problems.error(&NodePath::root(0), format!("at most {BINDINGS_MAX} bindings in one file"), found);
        return read;
    }
    for (document, root) in documents {
        let Some(fields) = Fields::read(root, NodePath::root(*document), &NAMESPACE, problems) else {
            continue;
        };
        let namespace = namespace(&fields, &read.namespaces, problems);
        read.plugins.extend(plugins::read(&fields, &read.plugins, problems));
        let unsure = &mut read.unsure;
        let mut reader = Reader { namespace: &namespace.name, names: &names, unsure, problems };
        read.vaults.extend(reader.components(&fields, Sort::Vault));
        read.guards.extend(reader.components(&fields, Sort::Guard));
        read.matchers.extend(reader.components(&fields, Sort::Matcher));
        read.bindings.extend(reader.bindings(&fields));
        read.namespaces.push(namespace);
    }
    read.names = names;
    read
}

/// The name of a document; empty where it has none that can be used.
fn namespace(fields: &Fields<'_>, earlier: &[Namespace], problems: &mut Problems<'_>) -> Namespace {
    let name = fields.required_text("name", "what this namespace is called", problems).unwrap_or_default();
    if fields.value("name").is_string() {
        check_name(name, &fields.at.key("name"), Part::Node, problems);
    }
    if !name.is_empty() && earlier.iter().any(|namespace| namespace.name == name) {
        let help = "each document of a file is a namespace of its own: give it another name".to_owned();
        let (expected, found) = ("a name that no other document has".to_owned(), format!("`{name}` again"));
        problems.push(&fields.at.key("name"), Part::Node, expected, found, Some(help));
    }
    Namespace { name: name.to_owned(), at: fields.at.clone() }
}

fn check_name(name: &str, at: &NodePath, part: Part, problems: &mut Problems<'_>) {
    if !is_name(name) {
        let expected = "a name: a letter, then letters, digits, `.`, `_` or `-`".to_owned();
        problems.push(at, part, expected, format!("`{name}`"), None);
    }
}

/// Reads the parts of one namespace.
struct Reader<'a, 'p, 't> {
    namespace: &'a str,
    names: &'a Names,
    unsure: &'p mut HashSet<NodePath>,
    problems: &'p mut Problems<'t>,
}

impl Reader<'_, '_, '_> {
    fn components(&mut self, fields: &Fields<'_>, sort: Sort) -> Vec<Component> {
        let expected = format!("a mapping of {}s by name", sort.noun());
        let entries = fields.entries(sort.key(), &expected, self.problems);
        let components =
            entries.into_iter().filter_map(|(name, value, at)| self.component(sort, name, value, at));
        components.collect()
    }

    fn component(&mut self, sort: Sort, name: &str, value: &Value, at: NodePath) -> Option<Component> {
        check_name(name, &at, Part::Key, self.problems);
        let of = match sort {
            Sort::Guard => "a guard",
            Sort::Matcher => "a matcher",
            Sort::Vault => "a vault",
            Sort::Binding => "a binding",
        };
        let keys = Keys { of, known: &["type", "options"], not_served: &[] };
        let fields = Fields::read(value, at, &keys, self.problems)?;
        let type_name = fields.required_text("type", "the plugin to use", self.problems);
        let options = fields.opaque_mapping("options", self.problems);
        Some(Component {
            namespace: self.namespace.to_owned(),
            name: name.to_owned(),
            type_name: type_name?.to_owned(),
            options,
            at: fields.at,
        })
    }

    fn bindings(&mut self, fields: &Fields<'_>) -> Vec<Option<Binding>> {
        let entries = fields.entries(Sort::Binding.key(), "a mapping of bindings by name", self.problems);
        entries.into_iter().map(|(name, value, at)| self.binding(name, value, at)).collect()
    }

    fn binding(&mut self, name: &str, value: &Value, at: NodePath) -> Option<Binding> {
        check_name(name, &at, Part::Key, self.problems);
        let fields = Fields::read(value, at, &BINDING, self.problems)?;
        let type_name = fields.required_text("type", "the plugin to use", self.problems);
        let kind = self.kind(&fields);
        let entry = self.entry(&fields, kind);
        let vault = self.reference(&fields, Sort::Vault.noun(), Sort::Vault).map(VaultIndex);
        let options = fields.opaque_mapping("options", self.problems);
        let before = self.problems.count();
        let routes = self.routes(&fields);
        if self.problems.count() > before {
            self.unsure.insert(fields.at.clone());
        }
        Some(Binding {
            namespace: self.namespace.to_owned(),
            name: name.to_owned(),
            type_name: type_name?.to_owned(),
            kind: kind?,
            vault,
            options,
            routes,
            entry,
            at: fields.at,
        })
    }

    fn kind(&mut self, fields: &Fields<'_>) -> Option<Kind> {
        let word = fields.required_text("kind", "which side of the protocol it is", self.problems)?;
        let kind = Kind::of(word);
        if kind.is_none() {
            let words = Kind::ALL.map(Kind::as_str);
            let near = suggest::closest(word, words).map(|near| format!("did you mean `{near}`?"));
            let expected = format!("a kind: {}", suggest::list(&words, "or"));
            self.problems.push(&fields.at.key("kind"), Part::Node, expected, word.to_owned(), near);
        }
        kind
    }

    /// A remote kind has an `entry`, and no other kind has one.
    fn entry(&mut self, fields: &Fields<'_>, kind: Option<Kind>) -> Option<String> {
        let entry = match kind {
            Some(kind) if kind.is_remote() => {
                fields.required_text("entry", &format!("what a {kind} serves"), self.problems)
            }
            Some(_) | None => fields.text("entry", self.problems),
        };
        if let (Some(kind), Some((_, at))) = (kind.filter(|kind| !kind.is_remote()), fields.get("entry")) {
            let expected = format!("no `entry` on a {kind}");
            let help = Some("only a remote_server or a remote_client has one".to_owned());
            self.problems.push(&at, Part::Key, expected, "`entry`".to_owned(), help);
        }
        entry.map(str::to_owned)
    }

    /// The routes in the order in which they are tried: a binding's own exit is the last one.
    fn routes(&mut self, fields: &Fields<'_>) -> Vec<Route> {
        let items = fields.items("routes", "a list of routes", self.problems);
        let mut routes: Vec<Route> =
            items.into_iter().filter_map(|(item, at)| self.route(item, at)).collect();
        if let Some((_, at)) = fields.get("exit") {
            let exit = self.reference(fields, "exit", Sort::Binding).map(BindingIndex);
            routes.push(Route { exit, when: Vec::new(), with: Value::Null, guarded: Vec::new(), at });
        }
        routes
    }

    fn route(&mut self, value: &Value, at: NodePath) -> Option<Route> {
        let fields = Fields::read(value, at, &ROUTE, self.problems)?;
        let conditions = fields.items("when", "a list of conditions", self.problems);
        let guards = fields.entries("guarded", "a mapping of roles by guard", self.problems);
        Some(Route {
            exit: self.reference(&fields, "exit", Sort::Binding).map(BindingIndex),
            when: conditions.into_iter().filter_map(|(item, at)| self.when(item, at)).collect(),
            with: fields.opaque_mapping("with", self.problems),
            guarded: guards
                .into_iter()
                .filter_map(|(name, roles, at)| self.guarded(name, roles, at))
                .collect(),
            at: fields.at,
        })
    }

    fn when(&mut self, value: &Value, at: NodePath) -> Option<When> {
        let Value::Object(condition) = value else {
            self.problems.mistyped(&at, value, "a mapping of conditions");
            return None;
        };
        let mut conditions = condition.clone();
        let matched = match conditions.shift_remove(MATCHED) {
            Some(matched) => self.matched(&matched, &at.key(MATCHED)),
            None => Vec::new(),
        };
        Some(When { conditions: Value::Object(conditions), matched, at })
    }

    fn matched(&mut self, value: &Value, at: &NodePath) -> Vec<Matched> {
        let Value::Object(matchers) = value else {
            self.problems.mistyped(at, value, "a mapping of arguments by matcher");
            return Vec::new();
        };
        let mut matched = Vec::new();
        for (name, arguments) in matchers {
            let at = at.key(name);
            if let Some(matcher) = self.resolve(Sort::Matcher, name, &at, Part::Key) {
                matched.push(Matched { matcher: MatcherIndex(matcher), arguments: arguments.clone(), at });
            }
        }
        matched
    }

    fn guarded(&mut self, name: &str, value: &Value, at: NodePath) -> Option<Guarded> {
        let guard = self.resolve(Sort::Guard, name, &at, Part::Key);
        let Value::Array(items) = value else {
            self.problems.mistyped(&at, value, "a list of roles");
            return None;
        };
        let mut roles = Vec::new();
        for (index, item) in items.iter().enumerate() {
            match item.as_str() {
                Some(role) => roles.push(role.to_owned()),
                None => self.problems.mistyped(&at.index(index), item, "a role as text"),
            }
        }
        Some(Guarded { guard: GuardIndex(guard?), roles, at })
    }

    /// The position of what the text under `key` names.
    fn reference(&mut self, fields: &Fields<'_>, key: &str, sort: Sort) -> Option<usize> {
        let name = fields.text(key, self.problems)?;
        self.resolve(sort, name, &fields.at.key(key), Part::Node)
    }

    fn resolve(&mut self, sort: Sort, name: &str, at: &NodePath, part: Part) -> Option<usize> {
        let found = self.names.find(sort, self.namespace, name);
        if found.is_none() && !self.problems.is_full() {
            let candidates = self.names.candidates(sort, self.namespace);
            let candidates: Vec<&str> = candidates.iter().map(String::as_str).collect();
            let help = suggest::help(name, &candidates, sort.noun());
            self.problems.push(at, part, format!("the name of a {}", sort.noun()), name.to_owned(), help);
        }
        found
    }
}
