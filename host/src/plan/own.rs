//! Bindings of a guard that opens streams: checked as those of the file, and a pipeline of their own.
//!
//! What is wrong with them is told at the guard, with the place in what the guard has said.

use super::components::Served;
use super::pipeline::{Fingerprint, Opener, Pipeline};
use super::planner::Planner;
use super::{Planned, PlannedGuard};
use crate::plugin::OwnBindings;
use serde_json::{Value, json};
use std::sync::Arc;
use zilla_config::{Component, Config, Problem, Source, parse};
use zilla_engine::{BindingIndex, Limits};

/// The bindings of one guard.
pub(super) struct Own {
    pub(super) bindings: Vec<Planned>,
    /// Where its streams go.
    exit: BindingIndex,
}

impl Planner<'_> {
    /// Plans what a guard opens streams through. None if something is wrong, which was said.
    pub(super) fn plan_own(
        &mut self,
        guard: &Component,
        served: &Served<'_>,
        own: &OwnBindings,
    ) -> Option<Own> {
        let told = self.problems.len();
        let config = self.read_own(guard, served, &own.bindings)?;
        let mut planner = Planner::new(&config, self.types);
        planner.vaults = config.vaults.iter().map(|vault| self.vault_called(vault)).collect();
        let bindings: Vec<_> = config.bindings.iter().map(|binding| planner.plan(binding)).collect();
        let problems = std::mem::take(&mut planner.problems);
        self.report_own(guard, served, problems);
        let bindings: Vec<_> = bindings.into_iter().flatten().collect();
        for planned in bindings.iter().filter(|planned| !planned.addresses().is_empty()) {
            let found = format!("`{}`, which listens", planned.name);
            self.served_problem(served, &guard.at, "bindings of its own that do not listen", &found);
        }
        let exit = config.bindings.iter().position(|binding| binding.name == own_name(guard, &own.exit));
        if exit.is_none() {
            let expected = "the name of one of its own bindings to open streams to";
            self.served_problem(served, &guard.at, expected, &format!("`{}`", own.exit));
        }
        if self.problems.iter().skip(told).any(Problem::is_error) {
            return None;
        }
        Some(Own { bindings, exit: BindingIndex(exit? as u32) })
    }

    /// Reads what a guard says as a file that has nothing but its bindings, and names of vaults.
    fn read_own(&mut self, guard: &Component, served: &Served<'_>, text: &str) -> Option<Config> {
        let bindings = match serde_json::from_str::<Value>(text) {
            Ok(bindings) => bindings,
            Err(error) => {
                let found = format!("own bindings that are not: {error}");
                self.served_problem(served, &guard.at, "a plugin whose own bindings are JSON", &found);
                return None;
            }
        };
        let vaults = self.config.vaults.iter().filter(|vault| vault.namespace == guard.namespace);
        let vaults: serde_json::Map<_, _> =
            vaults.map(|vault| (vault.name.clone(), json!({"type": vault.type_name}))).collect();
        let mut document = json!({"name": guard.namespace, "bindings": bindings});
        if !vaults.is_empty() {
            document["vaults"] = Value::Object(vaults);
        }
        let source = Source::new("its own bindings", document.to_string());
        let outcome = parse(&source, &mut |_| None);
        let Some(mut config) = outcome.config else {
            self.report_own(guard, served, outcome.problems);
            return None;
        };
        config.plugins.clone_from(&self.config.plugins);
        for binding in &mut config.bindings {
            binding.name = own_name(guard, &binding.name);
        }
        Some(config)
    }

    /// The vault of the file that has the name of this one.
    fn vault_called(&self, vault: &Component) -> super::vaults::Read {
        let is_it = |of: &&Component| (&of.namespace, &of.name) == (&vault.namespace, &vault.name);
        let position = self.config.vaults.iter().position(|of| is_it(&of))?;
        self.vaults.get(position).cloned().flatten()
    }

    fn report_own(&mut self, guard: &Component, served: &Served<'_>, problems: Vec<Problem>) {
        for problem in problems.into_iter().filter(Problem::is_error) {
            let Problem { path, expected, found, .. } = problem;
            let found = format!("{found}, at {path} of its own bindings");
            self.served_problem(served, &guard.at, &expected, &found);
        }
    }
}

/// A binding of a guard: no binding of the file can be called that.
fn own_name(guard: &Component, binding: &str) -> String {
    format!("{}/{binding}", guard.name)
}

/// The pipelines of those guards that somebody asks.
pub(super) fn pipelines(own: Vec<(Fingerprint, Own)>, asked: &[Arc<Pipeline>]) -> Vec<Arc<Pipeline>> {
    let guard_of = |fingerprint: Fingerprint| -> Option<Arc<PlannedGuard>> {
        let mut guards = asked.iter().flat_map(|pipeline| &pipeline.guards);
        guards.find(|guard| guard.fingerprint == fingerprint).cloned()
    };
    let pipeline = |(fingerprint, Own { bindings, exit }): (Fingerprint, Own)| {
        let opener = Opener { guard: guard_of(fingerprint)?, exit };
        Some(Arc::new(Pipeline::of_guard(opener, bindings, Limits::default())))
    };
    own.into_iter().filter_map(pipeline).collect()
}
