//! The way of one binding from the file to something that can run.

use super::compile::compile_route;
use super::own::Own;
use super::vaults;
use super::{BindingTypes, Fingerprint, Planned, Role};
use crate::native::{Checked, NativeType};
use crate::plugin::{
    AttachError, BindingConfig, BindingType, Description, Instant, KindDescription, LibraryError, Placement,
    PluginOptions, Returned, RouteConfig, Routing,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use zilla_config::{Binding, Config, NodePath, Problem};
use zilla_engine::{Batch, Condition, Limits, Quota};

/// Plans bindings, and gathers what is wrong with them.
pub(super) struct Planner<'a> {
    pub(super) config: &'a Config,
    pub(super) types: &'a dyn BindingTypes,
    /// Types by name, loaded once each; none for one that cannot be.
    pub(super) known: BTreeMap<String, Option<Type>>,
    /// Addresses listened on, with the binding that does.
    pub(super) addresses: BTreeMap<SocketAddr, String>,
    /// In the order of the file.
    pub(super) vaults: Vec<vaults::Read>,
    /// Bindings of guards, each by the fingerprint of its guard.
    pub(super) own: Vec<(Fingerprint, Own)>,
    pub(super) problems: Vec<Problem>,
}

/// What serves a type.
#[derive(Clone)]
pub(super) enum Type {
    Native(NativeType, Arc<Description>),
    Plugin(Arc<dyn BindingType>),
}

/// A type that is looked for.
pub(super) struct Wanted<'a> {
    /// The word for what serves it.
    pub(super) noun: &'static str,
    /// The word for it.
    pub(super) of: &'static str,
    pub(super) type_name: &'a str,
    /// Types of the host itself that may have been meant.
    pub(super) natives: &'a [&'a str],
}

/// A plugin's schema, or what is wrong with its text.
pub(super) fn parse_schema(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

impl Type {
    pub(super) fn describe(&self) -> &Description {
        match self {
            Self::Native(_, description) => description,
            Self::Plugin(plugin) => plugin.describe(),
        }
    }
}

impl<'a> Planner<'a> {
    pub(super) fn new(config: &'a Config, types: &'a dyn BindingTypes) -> Self {
        Self {
            config,
            types,
            known: BTreeMap::new(),
            addresses: BTreeMap::new(),
            vaults: Vec::new(),
            own: Vec::new(),
            problems: Vec::new(),
        }
    }

    pub(super) fn plan(&mut self, binding: &Binding) -> Option<Planned> {
        let binding_type = self.resolve_type(binding)?;
        let kind = self.resolve_kind(binding, binding_type.describe())?;
        let errors = self.problems.len();
        let guards = self.check_values(binding, &kind);
        self.check_exits(binding, &kind);
        self.check_isolation(binding, &kind);
        let native = NativeType::of(&binding.type_name);
        let vault = self.vault_of(binding, native).ok();
        if self.problems.len() > errors {
            self.check_meanings(binding, &binding_type, errors);
            return None;
        }
        let (role, routes) = match binding_type {
            Type::Native(native, _) => self.plan_native(binding, native, vault?)?,
            Type::Plugin(plugin) => self.plan_plugin(binding, plugin)?,
        };
        let routing = match kind.routes {
            Routing::None => zilla_engine::Routing::None,
            Routing::Opened => zilla_engine::Routing::Opened,
            Routing::Accepted => zilla_engine::Routing::Accepted,
        };
        let quota = match &role {
            Role::Native(_) => None,
            Role::Plugin { options, .. } => Some(options.allowance.quota),
        };
        Some(Planned {
            name: binding.qualified_name(),
            type_name: binding.type_name.clone(),
            kind: binding.kind,
            is_pinned: kind.placement == Placement::OneWorker,
            guards,
            role,
            engine: zilla_engine::Binding { routing, routes, quota },
        })
    }

    pub(super) fn resolve_type(&mut self, binding: &Binding) -> Option<Type> {
        let name = binding.type_name.as_str();
        if let Some(known) = self.known.get(name) {
            let known = known.clone();
            if known.is_none() {
                self.problem_at(binding, "/type", "a type that a plugin serves", name);
            }
            return known;
        }
        let found = match NativeType::of(name) {
            Some(native) => Ok(Type::Native(native, Arc::new(native.describe()))),
            None => self.types.binding_type(name, &self.options_of(name)).map(Type::Plugin),
        };
        let resolved = match found {
            Ok(found) => Some(found),
            Err(error) => {
                let natives = NativeType::ALL.map(NativeType::name);
                let wanted = Wanted { noun: "plugin", of: "type", type_name: name, natives: &natives };
                self.report_type(&binding.at.key("type"), &wanted, &error);
                None
            }
        };
        self.known.insert(name.to_owned(), resolved.clone());
        resolved
    }

    /// What `plugins` says of a type.
    pub(super) fn options_of(&self, type_name: &str) -> PluginOptions {
        PluginOptions::of(self.config.plugins.iter().find(|settings| settings.type_name == type_name))
    }

    pub(super) fn report_type(&mut self, at: &NodePath, wanted: &Wanted<'_>, error: &LibraryError) {
        let Wanted { noun, of, type_name, natives } = *wanted;
        let problem = match error {
            LibraryError::NotFound { known, .. } => {
                let natives = natives.iter().copied();
                let candidates: Vec<&str> = known.iter().map(String::as_str).chain(natives).collect();
                let expected = format!("a {of} that a plugin serves");
                let problem = self.config.problem(at, expected, format!("`{type_name}`; {error}"));
                match zilla_config::suggest(type_name, &candidates, noun) {
                    Some(help) => problem.with_help(help),
                    None => problem.with_help("`zilla plugin list` shows the plugins that are found"),
                }
            }
            LibraryError::Unusable { .. } | LibraryError::OtherType { .. } => {
                self.config.problem(at, format!("a {noun} of type `{type_name}`"), error.to_string())
            }
        };
        self.problems.push(problem);
    }

    pub(super) fn resolve_kind(
        &mut self,
        binding: &Binding,
        description: &Description,
    ) -> Option<KindDescription> {
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

    fn plan_native(
        &mut self,
        binding: &Binding,
        native: NativeType,
        vault: vaults::Read,
    ) -> Option<(Role, Vec<zilla_engine::Route>)> {
        let Checked { role, conditions, assignments } = match native.read(binding, vault.as_ref()) {
            Ok(checked) => checked,
            Err(errors) => {
                for error in errors {
                    self.problem_at(binding, &error.pointer, &error.expected, &error.found);
                }
                return None;
            }
        };
        self.check_addresses(binding, &role.addresses());
        let mut routes = Vec::new();
        for ((route, conditions), set) in binding.routes.iter().zip(conditions).zip(assignments) {
            let compiled = zilla_engine::Route {
                guarded: self.guarded(route),
                conditions: self.matched(route, conditions),
                set,
                exit: route.exit.map(engine_index),
            };
            if self.check_expressions(binding, route, &compiled) {
                routes.push(compiled);
            }
        }
        Some((Role::Native(role), routes))
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
                    let at = binding.at.pointer(&error.path);
                    self.plugin_problem(binding, &at, &error.expected, &error.found);
                }
                return None;
            }
            Err(AttachError::Failed(trap)) => {
                let found = format!("a trap: {trap}");
                self.plugin_problem(binding, &binding.at, "a plugin that takes its configuration", &found);
                return None;
            }
        };
        let mut routes = Vec::new();
        for (route, compiled) in binding.routes.iter().zip(compiled) {
            match self.compile(binding, route, &compiled) {
                Ok(compiled) => {
                    if self.check_expressions(binding, route, &compiled) {
                        routes.push(compiled);
                    }
                }
                Err(error) => {
                    let expected = format!("a route that `{}` compiles", binding.type_name);
                    self.plugin_problem(binding, &route.at, &expected, &error);
                }
            }
        }
        Some((Role::Plugin { binding_type: plugin, config: Arc::new(config), options }, routes))
    }

    fn compile(
        &self,
        binding: &Binding,
        route: &zilla_config::Route,
        compiled: &crate::plugin::Route,
    ) -> Result<zilla_engine::Route, String> {
        let compiled = compile_route(compiled, &binding.namespace)?;
        if compiled.conditions.len() != route.when.len() {
            let (items, found) = (route.when.len(), compiled.conditions.len());
            return Err(format!("{found} conditions for {items} items of `when`"));
        }
        let exit = route.exit.map(engine_index);
        let conditions = self.matched(route, compiled.conditions);
        Ok(zilla_engine::Route { guarded: self.guarded(route), conditions, exit, ..compiled })
    }

    /// Conditions with the matchers that the file names in them.
    fn matched(&self, route: &zilla_config::Route, mut conditions: Vec<Condition>) -> Vec<Condition> {
        for (condition, when) in conditions.iter_mut().zip(&route.when) {
            condition.matched = when.matched.iter().map(|matched| self.use_of(matched)).collect();
        }
        conditions
    }

    pub(super) fn problem_at(&mut self, binding: &Binding, pointer: &str, expected: &str, found: &str) {
        self.problems.push(self.config.problem(&binding.at.pointer(pointer), expected, found));
    }

    /// A problem that the code of a plugin has found, or is: with the file that the code is in.
    pub(super) fn plugin_problem(&mut self, binding: &Binding, at: &NodePath, expected: &str, found: &str) {
        let problem = self.config.problem(at, expected, found);
        let file = match self.known.get(&binding.type_name) {
            Some(Some(Type::Plugin(plugin))) => plugin.file(),
            Some(Some(Type::Native(..)) | None) | None => None,
        };
        self.problems.push(match file {
            Some(file) => {
                problem.with_help(format!("`{}` is served by {}", binding.type_name, file.display()))
            }
            None => problem,
        });
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
        limits: stream_limits(quota),
    }
}

/// What an instance is told of the limits of its streams.
pub(super) fn stream_limits(quota: Quota) -> crate::plugin::Limits {
    let limits = Limits::default();
    crate::plugin::Limits {
        initial_credit: limits.initial_credit,
        streams: quota.streams,
        timers: quota.timers,
        attributes_octets: limits.attributes_octets,
    }
}
