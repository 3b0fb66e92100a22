//! Guards and matchers of a file: each resolved, checked and attached once, on an instance that is thrown away.

use super::Planned;
use super::pipeline::{Fingerprint, bindings_text};
use super::planner::{Planner, Wanted, parse_schema, stream_limits};
use crate::plugin::{
    AttachError, Digest, GuardConfig, GuardInstance, GuardType, MatcherConfig, MatcherType, PluginOptions,
};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use zilla_config::{Component, Config, Guarded, Matched, NodePath, check_schema};
use zilla_engine::Use;

/// A guard that can run.
pub(crate) struct PlannedGuard {
    /// `namespace:name`.
    pub(crate) name: Arc<str>,
    pub(crate) guard_type: Arc<dyn GuardType>,
    pub(crate) config: Arc<GuardConfig>,
    pub(crate) options: PluginOptions,
    /// Two guards with one fingerprint do the same, so that what one has answered, the other would. It covers a guard's
    /// own bindings.
    pub(crate) fingerprint: Fingerprint,
}

impl PlannedGuard {
    /// Makes an instance that is ready to be asked.
    pub(crate) fn attach(&self) -> Result<Box<dyn GuardInstance>, AttachError> {
        let mut instance = self.guard_type.attach(&self.config)?;
        if self.guard_type.opens_streams() {
            instance.outbound(stream_limits(self.options.allowance.quota)).map_err(AttachError::Failed)?;
        }
        Ok(instance)
    }
}

/// A matcher that can run.
pub(crate) struct PlannedMatcher {
    /// `namespace:name`.
    pub(crate) name: Arc<str>,
    pub(crate) matcher_type: Arc<dyn MatcherType>,
    pub(crate) config: MatcherConfig,
    pub(crate) options: PluginOptions,
    /// What it is used with, as JSON text, in the order in which the engine counts.
    pub(crate) uses: Vec<String>,
}

/// Who serves a component, to be told with what is wrong with it.
pub(super) struct Served<'a> {
    type_name: &'a str,
    file: Option<&'a Path>,
}

impl Planner<'_> {
    /// Plans all guards of the file.
    pub(super) fn plan_guards(&mut self) -> Vec<Arc<PlannedGuard>> {
        let config = self.config;
        config.guards.iter().filter_map(|guard| self.plan_guard(guard).map(Arc::new)).collect()
    }

    fn plan_guard(&mut self, guard: &Component) -> Option<PlannedGuard> {
        let options = self.options_of(&guard.type_name);
        let guard_type = match self.types.guard_type(&guard.type_name, &options) {
            Ok(found) => found,
            Err(error) => {
                let wanted =
                    Wanted { noun: "guard", of: "type of guard", type_name: &guard.type_name, natives: &[] };
                self.report_type(&guard.at.key("type"), &wanted, &error);
                return None;
            }
        };
        let served = Served { type_name: &guard.type_name, file: guard_type.file() };
        let at = guard.at.key("options");
        self.check_values_of(&served, &at, &guard.options, &guard_type.describe().options_schema)?;
        let (namespace, name) = (guard.namespace.clone(), guard.name.clone());
        let config = GuardConfig { namespace, name, options: mapping(&guard.options) };
        let attached = guard_type.attach(&config).and_then(|mut instance| {
            instance.outbound(stream_limits(options.allowance.quota)).map_err(AttachError::Failed)
        });
        match attached {
            Ok(None) => Some(planned(guard, guard_type, config, options, None)),
            Ok(Some(bindings)) => {
                let own = self.plan_own(guard, &served, &bindings)?;
                let guard = planned(guard, guard_type, config, options, Some(&own.bindings));
                self.own.push((guard.fingerprint, own));
                Some(guard)
            }
            Err(error) => {
                self.report_attach(&served, &guard.at, error, |path| guard.at.pointer(path));
                None
            }
        }
    }

    /// Plans all matchers of the file, with all that they are used with.
    pub(super) fn plan_matchers(&mut self) -> Vec<Option<PlannedMatcher>> {
        let config = self.config;
        let matchers = config.matchers.iter().enumerate();
        matchers.map(|(position, matcher)| self.plan_matcher(position, matcher)).collect()
    }

    fn plan_matcher(&mut self, position: usize, matcher: &Component) -> Option<PlannedMatcher> {
        let options = self.options_of(&matcher.type_name);
        let matcher_type = match self.types.matcher_type(&matcher.type_name, &options) {
            Ok(found) => found,
            Err(error) => {
                let type_name = &matcher.type_name;
                let wanted = Wanted { noun: "matcher", of: "type of matcher", type_name, natives: &[] };
                self.report_type(&matcher.at.key("type"), &wanted, &error);
                return None;
            }
        };
        let served = Served { type_name: &matcher.type_name, file: matcher_type.file() };
        let description = matcher_type.describe();
        let at = matcher.at.key("options");
        let checked = self.check_values_of(&served, &at, &matcher.options, &description.options_schema);
        let uses: Vec<&Matched> = uses_of(self.config, position).collect();
        let mut are_right = true;
        for used in &uses {
            let schema = &description.arguments_schema;
            are_right &= self.check_values_of(&served, &used.at, &used.arguments, schema).is_some();
        }
        if checked.is_none() || !are_right {
            return None;
        }
        let (namespace, name) = (matcher.namespace.clone(), matcher.name.clone());
        let config = MatcherConfig { namespace, name, options: mapping(&matcher.options) };
        let texts: Vec<String> = uses.iter().map(|used| mapping(&used.arguments)).collect();
        match matcher_type.attach(&config, &texts) {
            Ok(_instance) => {
                let name = qualified(matcher).into();
                Some(PlannedMatcher { name, matcher_type, config, options, uses: texts })
            }
            Err(error) => {
                self.report_attach(&served, &matcher.at, error, |path| match used_at(path) {
                    Some((index, rest)) if index < uses.len() => uses[index].at.pointer(rest),
                    Some(_) | None => matcher.at.pointer(path),
                });
                None
            }
        }
    }

    /// What the engine asks for that use.
    pub(super) fn use_of(&self, matched: &Matched) -> Use {
        let position = matched.matcher.position();
        let index = uses_of(self.config, position).position(|used| used.at == matched.at);
        let index = index.expect("each use in the file is counted");
        Use { matcher: position as u32, index: index as u32 }
    }

    /// Checks values against a schema of a plugin. None if something is wrong, which was said.
    fn check_values_of(
        &mut self,
        served: &Served<'_>,
        at: &NodePath,
        value: &Value,
        schema: &str,
    ) -> Option<()> {
        let checked = parse_schema(schema).and_then(|schema| {
            check_schema(self.config, at, value, &schema).map_err(|error| error.to_string())
        });
        match checked {
            Ok(checked) => {
                let is_right = checked.problems.is_empty();
                self.problems.extend(checked.problems);
                is_right.then_some(())
            }
            Err(error) => {
                let found = format!("the plugin's schema is broken: {error}");
                self.served_problem(served, at, "a plugin with valid schemas", &found);
                None
            }
        }
    }

    fn report_attach(
        &mut self,
        served: &Served<'_>,
        at: &NodePath,
        error: AttachError,
        place: impl Fn(&str) -> NodePath,
    ) {
        match error {
            AttachError::Refused(errors) => {
                for error in errors {
                    self.served_problem(served, &place(&error.path), &error.expected, &error.found);
                }
            }
            AttachError::Failed(trap) => {
                let found = format!("a trap: {trap}");
                self.served_problem(served, at, "a plugin that takes its configuration", &found);
            }
        }
    }

    pub(super) fn served_problem(&mut self, served: &Served<'_>, at: &NodePath, expected: &str, found: &str) {
        let problem = self.config.problem(at, expected, found);
        self.problems.push(match served.file {
            Some(file) => {
                problem.with_help(format!("`{}` is served by {}", served.type_name, file.display()))
            }
            None => problem,
        });
    }

    /// What a route asks of guards, for the engine.
    pub(super) fn guarded(&self, route: &zilla_config::Route) -> Vec<zilla_engine::Guarded> {
        let guarded = |guarded: &Guarded| zilla_engine::Guarded {
            guard: qualified(self.config.guard(guarded.guard)).into(),
            roles: guarded.roles.clone(),
        };
        route.guarded.iter().map(guarded).collect()
    }

    /// How each guard of the file is written within a namespace.
    pub(super) fn guards_within(&self, namespace: &str) -> Vec<String> {
        let written = |guard: &Component| match guard.namespace == namespace {
            true => guard.name.clone(),
            false => qualified(guard),
        };
        self.config.guards.iter().map(written).collect()
    }

    /// Whether the file has a guard of that qualified name.
    pub(super) fn has_guard(&self, name: &str) -> bool {
        self.config.guards.iter().any(|guard| qualified(guard) == name)
    }
}

/// Where a matcher is used, in the order of the file.
fn uses_of(config: &Config, position: usize) -> impl Iterator<Item = &Matched> {
    let routes = config.bindings.iter().flat_map(|binding| &binding.routes);
    let matched = routes.flat_map(|route| &route.when).flat_map(|when| &when.matched);
    matched.filter(move |matched| matched.matcher.position() == position)
}

/// `INDEX` and what follows, of `/uses/INDEX/…`.
fn used_at(path: &str) -> Option<(usize, &str)> {
    let rest = path.strip_prefix("/uses/")?;
    let end = rest.find('/').unwrap_or(rest.len());
    Some((rest[..end].parse().ok()?, &rest[end..]))
}

/// A mapping of the file as JSON text, which is empty if there is none.
fn mapping(value: &Value) -> String {
    if value.is_null() { "{}".to_owned() } else { value.to_string() }
}

fn qualified(component: &Component) -> String {
    format!("{}:{}", component.namespace, component.name)
}

fn planned(
    guard: &Component,
    guard_type: Arc<dyn GuardType>,
    config: GuardConfig,
    options: PluginOptions,
    own: Option<&[Planned]>,
) -> PlannedGuard {
    let own_text = own.map(bindings_text).unwrap_or_default();
    let text = format!("{} {config:?} {options:?}{own_text}", guard_type.identity());
    let fingerprint = Fingerprint(Digest::of(text.as_bytes()));
    let (name, config) = (qualified(guard).into(), Arc::new(config));
    PlannedGuard { name, guard_type, config, options, fingerprint }
}
