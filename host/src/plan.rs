//! From a checked file to bindings that can run: types resolved, options checked, routes compiled.
//!
//! Everything that can be wrong is found here, before any socket opens, and all of it at once. Each plugin is
//! attached once on the way, on an instance that is thrown away.

mod compile;
mod pipeline;

use crate::native::tcp::{self, ServerOptions};
use crate::plugin::{
    AttachError, BindingConfig, BindingType, Description, Instant, KindDescription, LibraryError,
    PluginOptions, Returned, RouteConfig, Routing,
};
use compile::compile_route;
pub(crate) use pipeline::{Fingerprint, Pipeline};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use zilla_config::{Binding, Config, Problem, check_schema};
use zilla_engine::{Batch, Limits, Quota};

/// A type that the host serves itself.
const TCP: &str = "tcp";

/// Where binding types come from: a search path of plugins, or natively linked ones in a benchmark.
pub trait BindingTypes {
    /// The plugin of a type.
    fn binding_type(
        &self,
        type_name: &str,
        options: &PluginOptions,
    ) -> Result<Arc<dyn BindingType>, LibraryError>;
}

impl BindingTypes for crate::plugin::Library {
    fn binding_type(
        &self,
        type_name: &str,
        options: &PluginOptions,
    ) -> Result<Arc<dyn BindingType>, LibraryError> {
        self.binding(type_name, options).map(|plugin| plugin as Arc<dyn BindingType>)
    }
}

/// All bindings of a file, ready to be run by any number of workers.
#[derive(Default)]
pub struct Plan {
    pub(crate) pipelines: Vec<Arc<Pipeline>>,
}

/// One binding.
pub(crate) struct Planned {
    /// `namespace:name`.
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) engine: zilla_engine::Binding,
}

pub(crate) enum Role {
    Tcp(ServerOptions),
    Plugin { binding_type: Arc<dyn BindingType>, config: Arc<BindingConfig>, options: PluginOptions },
}

impl Plan {
    /// Checks a file against the plugins that it names. Warnings may come with a plan; without one, there is at
    /// least one error.
    pub fn make(config: &Config, types: &dyn BindingTypes) -> (Option<Self>, Vec<Problem>) {
        let mut planner = Planner::new(config, types);
        let bindings: Vec<_> = config.bindings.iter().map(|binding| planner.plan(binding)).collect();
        planner.check_references();
        let mut problems = planner.problems;
        problems.extend(zilla_config::unused_bindings(config, |binding| binding.type_name == TCP));
        if problems.iter().any(Problem::is_error) {
            return (None, problems);
        }
        let bindings = bindings.into_iter().collect::<Option<Vec<_>>>();
        let pipelines = bindings.map(|bindings| pipeline::split(config, bindings, Limits::default()));
        (pipelines.map(|pipelines| Self { pipelines }), problems)
    }

    /// Finds what else is wrong with a file that has errors already: types, kinds, options, conditions. Nothing
    /// is attached, since its references lead nowhere.
    pub fn check_partial(config: &Config, types: &dyn BindingTypes) -> Vec<Problem> {
        let mut planner = Planner::new(config, types);
        for binding in &config.bindings {
            if let Some(found) = planner.resolve_type(binding)
                && let Some(kind) = planner.resolve_kind(binding, found.describe())
            {
                planner.check_values(binding, &kind);
            }
        }
        planner.check_references();
        planner.problems
    }

    /// What it listens on.
    pub fn addresses(&self) -> BTreeSet<SocketAddr> {
        self.pipelines.iter().flat_map(|pipeline| pipeline.addresses()).collect()
    }

    /// How many bindings it has.
    pub fn bindings(&self) -> usize {
        self.pipelines.iter().map(|pipeline| pipeline.bindings.len()).sum()
    }

    /// How many of its bindings are plugins.
    pub fn plugins(&self) -> usize {
        let bindings = self.pipelines.iter().flat_map(|pipeline| &pipeline.bindings);
        bindings.filter(|planned| matches!(planned.role, Role::Plugin { .. })).count()
    }
}

struct Planner<'a> {
    config: &'a Config,
    types: &'a dyn BindingTypes,
    /// Types by name, loaded once each; none for one that cannot be.
    known: BTreeMap<String, Option<Type>>,
    /// Addresses listened on, with the binding that does.
    addresses: BTreeMap<SocketAddr, String>,
    problems: Vec<Problem>,
}

#[derive(Clone)]
enum Type {
    Tcp(Arc<Description>),
    Plugin(Arc<dyn BindingType>),
}

impl Type {
    fn describe(&self) -> &Description {
        match self {
            Self::Tcp(description) => description,
            Self::Plugin(plugin) => plugin.describe(),
        }
    }
}

impl<'a> Planner<'a> {
    fn new(config: &'a Config, types: &'a dyn BindingTypes) -> Self {
        Self { config, types, known: BTreeMap::new(), addresses: BTreeMap::new(), problems: Vec::new() }
    }

    fn plan(&mut self, binding: &Binding) -> Option<Planned> {
        let binding_type = self.resolve_type(binding)?;
        let kind = self.resolve_kind(binding, binding_type.describe())?;
        let errors = self.problems.len();
        self.check_values(binding, &kind);
        self.check_exits(binding, kind.routes);
        if self.problems.len() > errors {
            return None;
        }
        let (role, routes) = match binding_type {
            Type::Tcp(_) => self.plan_tcp(binding)?,
            Type::Plugin(plugin) => self.plan_plugin(binding, plugin)?,
        };
        let routing = match kind.routes {
            Routing::None => zilla_engine::Routing::None,
            Routing::Opened => zilla_engine::Routing::Opened,
            Routing::Accepted => zilla_engine::Routing::Accepted,
        };
        let quota = match &role {
            Role::Tcp(_) => None,
            Role::Plugin { options, .. } => Some(options.allowance.quota),
        };
        Some(Planned {
            name: binding.qualified_name(),
            role,
            engine: zilla_engine::Binding { routing, routes, quota },
        })
    }

    fn resolve_type(&mut self, binding: &Binding) -> Option<Type> {
        let name = binding.type_name.as_str();
        if let Some(known) = self.known.get(name) {
            let known = known.clone();
            if known.is_none() {
                self.problem_at(binding, "/type", "a type that a plugin serves", name);
            }
            return known;
        }
        let found = match name {
            TCP => Ok(Type::Tcp(Arc::new(tcp::describe()))),
            _ => self.types.binding_type(name, &self.options_of(name)).map(Type::Plugin),
        };
        let resolved = match found {
            Ok(found) => Some(found),
            Err(error) => {
                self.report_type(binding, &error);
                None
            }
        };
        self.known.insert(name.to_owned(), resolved.clone());
        resolved
    }

    /// What `plugins` says of a type.
    fn options_of(&self, type_name: &str) -> PluginOptions {
        PluginOptions::of(self.config.plugins.iter().find(|settings| settings.type_name == type_name))
    }

    fn report_type(&mut self, binding: &Binding, error: &LibraryError) {
        let at = binding.at.key("type");
        let problem = match error {
            LibraryError::NotFound { known, .. } => {
                let candidates: Vec<&str> = known.iter().map(String::as_str).chain([TCP]).collect();
                let problem = self.config.problem(
                    &at,
                    "a type that a plugin serves",
                    format!("`{}`; {error}", binding.type_name),
                );
                match zilla_config::suggest(&binding.type_name, &candidates, "plugin") {
                    Some(help) => problem.with_help(help),
                    None => problem.with_help("`zilla plugin list` shows the plugins that are found"),
                }
            }
            LibraryError::Unusable { .. } | LibraryError::OtherType { .. } => self.config.problem(
                &at,
                format!("a plugin of type `{}`", binding.type_name),
                error.to_string(),
            ),
        };
        self.problems.push(problem);
    }

    fn resolve_kind(&mut self, binding: &Binding, description: &Description) -> Option<KindDescription> {
        let kind = binding.kind.as_str();
        let found = description.kinds.iter().find(|described| described.kind == kind);
        if found.is_none() {
            let kinds: Vec<_> =
                description.kinds.iter().map(|described| format!("`{}`", described.kind)).collect();
            let expected = format!("a kind that `{}` serves: {}", binding.type_name, kinds.join(", "));
            self.problem_at(binding, "/kind", &expected, &format!("`{kind}`"));
        }
        found.cloned()
    }

    fn check_values(&mut self, binding: &Binding, kind: &KindDescription) {
        self.check_schema(
            binding,
            &binding.at.key("options"),
            &binding.options,
            Some(&kind.options_schema),
            "options",
        );
        for route in &binding.routes {
            for when in &route.when {
                self.check_schema(binding, &when.at, &when.conditions, kind.when_schema.as_ref(), "when");
            }
            if !route.with.is_null() {
                self.check_schema(
                    binding,
                    &route.at.key("with"),
                    &route.with,
                    kind.with_schema.as_ref(),
                    "with",
                );
            }
        }
    }

    fn check_schema(
        &mut self,
        binding: &Binding,
        at: &zilla_config::NodePath,
        value: &Value,
        schema: Option<&String>,
        what: &str,
    ) {
        let described = format!("`{}` {}", binding.type_name, binding.kind);
        let Some(schema) = schema else {
            let is_empty = value.as_object().is_none_or(serde_json::Map::is_empty);
            if !is_empty {
                let expected = format!("no `{what}`: {described} has none");
                self.problems.push(self.config.key_problem(at, expected, self.config.describe(at, value)));
            }
            return;
        };
        let checked =
            serde_json::from_str(schema).map_err(|error| error.to_string()).and_then(|schema: Value| {
                check_schema(self.config, at, value, &schema).map_err(|error| error.to_string())
            });
        match checked {
            Ok(problems) => self.problems.extend(problems),
            Err(error) => {
                let found = format!("the plugin's schema of `{what}` is broken: {error}");
                self.problems.push(self.config.problem(at, "a plugin with valid schemas", found));
            }
        }
    }

    fn check_exits(&mut self, binding: &Binding, routing: Routing) {
        let described = format!("`{}` {}", binding.type_name, binding.kind);
        for route in &binding.routes {
            match (routing, route.exit) {
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
                (Routing::Opened | Routing::Accepted, Some(exit))
                    if self.config.binding(exit).type_name == TCP =>
                {
                    let exit = self.config.binding(exit).qualified_name();
                    let found = format!("`{exit}`, which listens and accepts no streams");
                    self.problems.push(self.config.problem(&route.at, "an exit that accepts streams", found));
                }
                (Routing::Opened | Routing::Accepted, Some(_)) => {}
            }
        }
        if routing == Routing::Opened && binding.routes.is_empty() {
            let expected =
                format!("an `exit`, or `routes` with exits: {described} has to send its streams somewhere");
            self.problems.push(self.config.problem(&binding.at, expected, "neither"));
        }
    }

    /// Settings of plugins that nothing uses are a slip. Guards, matchers and vaults have no plugins yet: what
    /// names one is refused rather than ignored.
    fn check_references(&mut self) {
        let Config { guards, matchers, vaults, .. } = self.config;
        for settings in &self.config.plugins {
            let name = &settings.type_name;
            let is_used = self.config.bindings.iter().any(|binding| binding.type_name == *name);
            if !is_used || name == TCP {
                let found = if is_used {
                    format!("`{name}`, which is native")
                } else {
                    format!("`{name}`, which none has")
                };
                let problem =
                    self.config.key_problem(&settings.at, "a type of plugin that a binding has", found);
                self.problems.push(if is_used { problem } else { problem.as_warning() });
            }
        }
        for (what, components) in [("guard", guards), ("matcher", matchers), ("vault", vaults)] {
            for component in components {
                let expected = format!("no {what}: this version serves none");
                let found = format!("a {what} of type `{}`", component.type_name);
                self.problems.push(self.config.problem(&component.at.key("type"), expected, found));
            }
        }
    }

    fn plan_tcp(&mut self, binding: &Binding) -> Option<(Role, Vec<zilla_engine::Route>)> {
        let options = match ServerOptions::read(&binding.options) {
            Ok(options) => options,
            Err(errors) => {
                for error in errors {
                    self.problem_at(binding, &error.pointer, &error.expected, &error.found);
                }
                return None;
            }
        };
        self.check_addresses(binding, &options);
        let mut routes = Vec::new();
        for route in &binding.routes {
            let mut conditions = Vec::new();
            for when in &route.when {
                match tcp::condition(&when.conditions, "") {
                    Ok(condition) => conditions.push(condition),
                    Err(errors) => {
                        for error in errors {
                            let at = when.at.pointer(&error.pointer);
                            self.problems.push(self.config.problem(&at, error.expected, error.found));
                        }
                    }
                }
            }
            let exit = route.exit.map(engine_index);
            routes.push(zilla_engine::Route { conditions, set: Vec::new(), exit });
        }
        Some((Role::Tcp(options), routes))
    }

    /// Two sockets may share an address, and the kernel would deal connections out to both: never what a file
    /// means.
    fn check_addresses(&mut self, binding: &Binding, options: &ServerOptions) {
        for address in &options.addresses {
            if let Some(other) = self.addresses.insert(address.socket, binding.qualified_name()) {
                let found = format!("{}, as `{other}` does", address.socket);
                self.problem_at(binding, "/options/port", "an address that nothing else listens on", &found);
            }
        }
    }

    fn plan_plugin(
        &mut self,
        binding: &Binding,
        plugin: Arc<dyn BindingType>,
    ) -> Option<(Role, Vec<zilla_engine::Route>)> {
        let options = self.options_of(&binding.type_name);
        let config = plugin_config(binding, options.allowance.quota);
        let compiled = match attach_and_call(plugin.as_ref(), &config) {
            Ok(compiled) => compiled,
            Err(AttachError::Refused(errors)) => {
                for error in errors {
                    self.problem_at(binding, &error.path, &error.expected, &error.found);
                }
                return None;
            }
            Err(AttachError::Failed(trap)) => {
                self.problem_at(
                    binding,
                    "",
                    "a plugin that takes its configuration",
                    &format!("a trap: {trap}"),
                );
                return None;
            }
        };
        let mut routes = Vec::new();
        for (route, compiled) in binding.routes.iter().zip(compiled) {
            match compile_route(&compiled, route.exit.map(engine_index)) {
                Ok(route) => routes.push(route),
                Err(error) => {
                    let expected = format!("a route that `{}` compiles", binding.type_name);
                    self.problems.push(self.config.problem(&route.at, expected, error));
                }
            }
        }
        Some((Role::Plugin { binding_type: plugin, config: Arc::new(config), options }, routes))
    }

    fn problem_at(&mut self, binding: &Binding, pointer: &str, expected: &str, found: &str) {
        self.problems.push(self.config.problem(&binding.at.pointer(pointer), expected, found));
    }
}

/// Attaches an instance and makes one call of nothing, to see that it can be called at all.
fn attach_and_call(
    plugin: &dyn BindingType,
    config: &BindingConfig,
) -> Result<Vec<crate::plugin::Route>, AttachError> {
    let (mut instance, compiled) = plugin.attach(config)?;
    let now = Instant { monotonic_ms: 1, unix_ms: 0 };
    instance.deliver(now, &Batch::default(), &mut Returned::default()).map_err(AttachError::Failed)?;
    Ok(compiled)
}

fn engine_index(index: zilla_config::BindingIndex) -> zilla_engine::BindingIndex {
    zilla_engine::BindingIndex(index.position() as u32)
}

/// What a plugin gets of a binding.
fn plugin_config(binding: &Binding, quota: Quota) -> BindingConfig {
    let limits = Limits::default();
    let json = |value: &Value| if value.is_null() { "{}".to_owned() } else { value.to_string() };
    let route = |route: &zilla_config::Route| RouteConfig {
        when: route.when.iter().map(|when| json(&when.conditions)).collect(),
        with: json(&route.with),
    };
    BindingConfig {
        namespace: binding.namespace.clone(),
        name: binding.name.clone(),
        kind: binding.kind.as_str().to_owned(),
        options: json(&binding.options),
        routes: binding.routes.iter().map(route).collect(),
        limits: crate::plugin::Limits {
            initial_credit: limits.initial_credit,
            streams: quota.streams,
            timers: quota.timers,
            attributes_octets: limits.attributes_octets,
        },
    }
}
