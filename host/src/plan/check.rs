//! What is checked of a binding before its plugin sees it: values, exits, addresses, and what is not served.

use super::planner::{Planner, Type};
use crate::native::NativeType;
use crate::plugin::{KindDescription, Placement, Routing};
use serde_json::{Value, json};
use std::net::SocketAddr;
use zilla_config::{
    Binding, BindingIndex, Component, Config, Isolation, NodePath, PluginSettings, Problem, Route,
    check_schema,
};

impl Planner<'_> {
    /// Checks options, conditions and parameters against the schemas of their kind. The answer is the guards that they
    /// name, as `namespace:name`.
    pub(super) fn check_values(&mut self, binding: &Binding, kind: &KindDescription) -> Vec<String> {
        let (at, schema) = (binding.at.key("options"), Some(&kind.options_schema));
        let mut guards = self.check_schema(binding, &at, &binding.options, schema, "options");
        for route in &binding.routes {
            for when in &route.when {
                let schema = kind.when_schema.as_ref();
                guards.extend(self.check_schema(binding, &when.at, &when.conditions, schema, "when"));
            }
            if !route.with.is_null() {
                let (at, schema) = (route.at.key("with"), kind.with_schema.as_ref());
                guards.extend(self.check_schema(binding, &at, &route.with, schema, "with"));
            }
        }
        guards
    }

    /// Finds values of a native binding that fit its schema and are wrong all the same, where something else is
    /// wrong with it already: what was told after the first `told` problems. Nothing is told twice of one value. A
    /// plugin cannot be asked, since it is given only what fits its schema.
    pub(super) fn check_meanings(&mut self, binding: &Binding, found: &Type, told: usize) {
        let Type::Native(native, _) = found else { return };
        let vault = binding.vault.and_then(|index| self.read_of(index));
        // What is wrong with a vault would be told again of each alias.
        let Err(errors) = native.read(binding, vault.as_ref()) else { return };
        if native.takes_vault() && binding.vault.is_some() && vault.is_none() {
            return;
        }
        let told = self.problems.split_off(told);
        let when = |route: &Route| route.when.iter().map(|when| when.conditions.clone()).collect::<Vec<_>>();
        let routes: Vec<_> =
            binding.routes.iter().map(|route| json!({"when": when(route), "with": route.with})).collect();
        let value = json!({"options": binding.options, "routes": routes});
        // Of what is missing, the schema tells.
        for error in errors.into_iter().filter(|error| value.pointer(&error.pointer).is_some()) {
            let at = binding.at.pointer(&error.pointer);
            let problem = self.config.problem(&at, error.expected, error.found);
            if !told.iter().any(|told| is_within(told, &problem)) {
                self.problems.push(problem);
            }
        }
        self.problems.extend(told);
    }

    /// What sees all streams of its binding cannot have an instance for each of them.
    pub(super) fn check_isolation(&mut self, binding: &Binding, kind: &KindDescription) {
        let settings = self.config.plugins.iter().find(|settings| settings.type_name == binding.type_name);
        if let Some(settings) = settings
            && settings.isolation == Some(Isolation::Stream)
            && kind.placement == Placement::OneWorker
        {
            let described = format!("`{}` {}", binding.type_name, binding.kind);
            let expected = format!("`worker`: {described} has one instance, which sees all streams");
            self.problems.push(self.config.problem(&settings.at.key("isolation"), expected, "`stream`"));
        }
    }

    /// An instance of a guard or a matcher is asked about all streams of a worker.
    fn check_shared(&mut self, settings: &PluginSettings) {
        let Config { bindings, guards, matchers, .. } = self.config;
        let is_its = |component: &&Component| component.type_name == settings.type_name;
        let concept = match (guards.iter().find(is_its), matchers.iter().find(is_its)) {
            (Some(_), _) => "guard",
            (None, Some(_)) => "matcher",
            (None, None) => return,
        };
        let is_binding = bindings.iter().any(|binding| binding.type_name == settings.type_name);
        if settings.isolation == Some(Isolation::Stream) && !is_binding {
            let expected =
                format!("`worker`: an instance of a {concept} is asked about all streams of a worker");
            self.problems.push(self.config.problem(&settings.at.key("isolation"), expected, "`stream`"));
        }
    }

    fn check_schema(
        &mut self,
        binding: &Binding,
        at: &NodePath,
        value: &Value,
        schema: Option<&String>,
        what: &str,
    ) -> Vec<String> {
        let described = format!("`{}` {}", binding.type_name, binding.kind);
        let Some(schema) = schema else {
            let is_empty = value.as_object().is_none_or(serde_json::Map::is_empty);
            if !is_empty {
                let expected = format!("no `{what}`: {described} has none");
                self.problems.push(self.config.key_problem(at, expected, self.config.describe(at, value)));
            }
            return Vec::new();
        };
        let checked =
            serde_json::from_str(schema).map_err(|error| error.to_string()).and_then(|schema: Value| {
                check_schema(self.config, at, value, &schema).map_err(|error| error.to_string())
            });
        match checked {
            Ok(checked) => {
                self.problems.extend(checked.problems);
                checked.guards
            }
            Err(error) => {
                let found = format!("the plugin's schema of `{what}` is broken: {error}");
                self.plugin_problem(binding, at, "a plugin with valid schemas", &found);
                Vec::new()
            }
        }
    }

    pub(super) fn check_exits(&mut self, binding: &Binding, kind: &KindDescription) {
        let described = format!("`{}` {}", binding.type_name, binding.kind);
        // One that exits nowhere may still have routes with conditions, of what it lets pass.
        let (routing, has_conditions) = (kind.routes, kind.when_schema.is_some());
        for route in &binding.routes {
            match (routing, route.exit) {
                (Routing::None, None) if has_conditions => self.check_unasked(route, &described),
                (Routing::None, Some(_)) if has_conditions => {
                    let own = binding.at.key("exit");
                    let at = if route.at == own { own } else { route.at.key("exit") };
                    let expected = format!("no exit: {described} exits nowhere");
                    self.problems.push(self.config.key_problem(&at, expected, "an `exit`"));
                }
                (Routing::None, _) => {
                    let expected = format!("no exit and no routes: {described} exits nowhere");
                    self.problems.push(self.config.key_problem(&route.at, expected, "a route"));
                }
                (Routing::Opened | Routing::Accepted, None) => {
                    self.problems.push(self.config.problem(
                        &route.at,
                        "a route with an `exit`",
                        "a route without",
                    ));
                }
                (Routing::Opened | Routing::Accepted, Some(exit)) if !accepts(self.config.binding(exit)) => {
                    let exit = self.config.binding(exit).qualified_name();
                    let found = format!("`{exit}`, which listens and accepts no streams");
                    self.problems.push(self.config.problem(&route.at, "an exit that accepts streams", found));
                }
                (Routing::Opened | Routing::Accepted, Some(exit)) => {
                    self.check_way_back(binding, route, exit);
                }
            }
        }
        if routing != Routing::None && binding.routes.is_empty() {
            let expected =
                format!("an `exit`, or `routes` with exits: {described} has to send its streams somewhere");
            self.problems.push(self.config.problem(&binding.at, expected, "neither"));
        }
    }

    /// Routes of a binding that exits nowhere say what it lets pass, later than guards and matchers are asked: to
    /// leave these out of account would let more pass than the file says.
    fn check_unasked(&mut self, route: &Route, described: &str) {
        let guarded = route.guarded.first().map(|_| ("guarded", route.at.key("guarded")));
        let matched = route.when.iter().filter(|when| !when.matched.is_empty());
        let matched = matched.map(|when| ("matched", when.at.key("matched")));
        for (key, at) in guarded.into_iter().chain(matched) {
            let expected = format!("no `{key}`: {described} exits nowhere, ask where streams exit to it");
            self.problems.push(self.config.key_problem(&at, expected, format!("`{key}`")));
        }
    }

    /// A stream that only leads back to its own listener would open one connection after the other.
    fn check_way_back(&mut self, binding: &Binding, route: &Route, exit: BindingIndex) {
        let exit = self.config.binding(exit);
        if NativeType::leads_back(binding, exit) {
            let name = exit.qualified_name();
            let found =
                format!("`{name}` without `options.host`: it would connect back to `{}`", binding.name);
            self.problems.push(self.config.problem(&route.at, "an exit that leads elsewhere", found));
        }
    }

    /// Settings of plugins that nothing uses are a slip.
    pub(super) fn check_references(&mut self) {
        let Config { guards, matchers, .. } = self.config;
        for settings in &self.config.plugins {
            self.check_shared(settings);
            let name = &settings.type_name;
            let is_used = self.config.bindings.iter().any(|binding| binding.type_name == *name)
                || guards.iter().chain(matchers).any(|component| component.type_name == *name)
                || self.own.iter().any(|(_, own)| own.bindings.iter().any(|of| of.type_name == *name));
            if !is_used || NativeType::of(name).is_some() {
                let found = if is_used {
                    format!("`{name}`, which is native")
                } else {
                    format!("`{name}`, which none has")
                };
                let problem =
                    self.config.key_problem(&settings.at, "a type of plugin that something has", found);
                self.problems.push(if is_used { problem } else { problem.as_warning() });
            }
        }
    }

    /// Two sockets may share an address, and the kernel would deal connections out to both: never what a file
    /// means.
    pub(super) fn check_addresses(&mut self, binding: &Binding, addresses: &[SocketAddr]) {
        for address in addresses {
            if let Some(other) = self.addresses.insert(*address, binding.qualified_name()) {
                let found = format!("{address}, as `{other}` does");
                self.problem_at(binding, "/options/port", "an address that nothing else listens on", &found);
            }
        }
    }
}

/// Whether other bindings can exit to this one.
fn accepts(binding: &Binding) -> bool {
    NativeType::of(&binding.type_name).is_none_or(|native| native.accepts(binding.kind))
}

/// Whether a problem is about the same value as another, or about a part of it.
fn is_within(part: &Problem, whole: &Problem) -> bool {
    part.path.strip_prefix(&whole.path).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}
