//! The guards of a file: each resolved, checked and attached once, on an instance that is thrown away.

use super::pipeline::Fingerprint;
use super::planner::{Planner, Wanted, parse_schema};
use crate::plugin::{AttachError, Digest, GuardConfig, GuardType, PluginOptions};
use std::sync::Arc;
use zilla_config::{Component, Guarded, check_schema};

/// A guard that can run.
pub(crate) struct PlannedGuard {
    /// `namespace:name`.
    pub(crate) name: Arc<str>,
    pub(crate) guard_type: Arc<dyn GuardType>,
    pub(crate) config: Arc<GuardConfig>,
    /// Two guards with one fingerprint do the same, so that what one has answered, the other would.
    pub(crate) fingerprint: Fingerprint,
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
        let errors = self.problems.len();
        self.check_guard_options(guard, guard_type.as_ref());
        if self.problems.len() > errors {
            return None;
        }
        let config = GuardConfig {
            namespace: guard.namespace.clone(),
            name: guard.name.clone(),
            options: if guard.options.is_null() { "{}".to_owned() } else { guard.options.to_string() },
        };
        match guard_type.attach(&config) {
            Ok(_instance) => Some(planned(guard, guard_type, config, &options)),
            Err(AttachError::Refused(errors)) => {
                for error in errors {
                    let at = guard.at.pointer(&error.path);
                    self.guard_problem(guard_type.as_ref(), &at, &error.expected, &error.found);
                }
                None
            }
            Err(AttachError::Failed(trap)) => {
                let found = format!("a trap: {trap}");
                let expected = "a plugin that takes its configuration";
                self.guard_problem(guard_type.as_ref(), &guard.at, expected, &found);
                None
            }
        }
    }

    fn check_guard_options(&mut self, guard: &Component, guard_type: &dyn GuardType) {
        let at = guard.at.key("options");
        let checked = parse_schema(&guard_type.describe().options_schema).and_then(|schema| {
            check_schema(self.config, &at, &guard.options, &schema).map_err(|error| error.to_string())
        });
        match checked {
            Ok(problems) => self.problems.extend(problems),
            Err(error) => {
                let found = format!("the plugin's schema of `options` is broken: {error}");
                self.guard_problem(guard_type, &at, "a plugin with valid schemas", &found);
            }
        }
    }

    fn guard_problem(
        &mut self,
        guard_type: &dyn GuardType,
        at: &zilla_config::NodePath,
        expected: &str,
        found: &str,
    ) {
        let problem = self.config.problem(at, expected, found);
        let type_name = &guard_type.describe().type_name;
        self.problems.push(match guard_type.file() {
            Some(file) => problem.with_help(format!("`{type_name}` is served by {}", file.display())),
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

    /// Whether the file has a guard of that qualified name.
    pub(super) fn has_guard(&self, name: &str) -> bool {
        self.config.guards.iter().any(|guard| qualified(guard) == name)
    }
}

fn qualified(component: &Component) -> String {
    format!("{}:{}", component.namespace, component.name)
}

fn planned(
    guard: &Component,
    guard_type: Arc<dyn GuardType>,
    config: GuardConfig,
    options: &PluginOptions,
) -> PlannedGuard {
    let text = format!("{} {config:?} {options:?}", guard_type.identity());
    let fingerprint = Fingerprint(Digest::of(text.as_bytes()));
    PlannedGuard { name: qualified(guard).into(), guard_type, config: Arc::new(config), fingerprint }
}
