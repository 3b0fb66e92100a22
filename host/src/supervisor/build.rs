//! The difference between two plans, and what is made for it before any worker is told.

use crate::plan::{Fingerprint, Pipeline, Plan, PlannedGuard, PlannedMatcher, Role};
use crate::plugin::{AttachError, Digest, GuardInstance, Instance, MatcherInstance};
use crate::worker::command::{Crossing, NewPipeline, PipelineReport};
use crate::worker::crossing::{Bell, link};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

/// What a new plan changes.
pub(super) struct Difference {
    /// In both, as the new one has them.
    pub(super) keep: Vec<Arc<Pipeline>>,
    /// In the new one only.
    pub(super) start: Vec<Arc<Pipeline>>,
    /// How many are in the old one only.
    pub(super) ended: usize,
    /// How many are in both, with other keys or certificates.
    pub(super) renewed: usize,
    /// Guards of the old one: each worker has an instance.
    guards: BTreeSet<Fingerprint>,
}

impl Difference {
    /// Whether both do the same.
    pub(super) fn is_none(&self) -> bool {
        self.start.is_empty() && self.ended == 0 && self.renewed == 0
    }
}

pub(super) fn difference(old: &Plan, new: &Plan) -> Difference {
    let running: BTreeMap<Fingerprint, Digest> =
        old.pipelines.iter().map(|pipeline| (pipeline.fingerprint, pipeline.keys)).collect();
    let (keep, start): (Vec<_>, Vec<_>) =
        new.pipelines.iter().cloned().partition(|pipeline| running.contains_key(&pipeline.fingerprint));
    let is_renewed = |kept: &&Arc<Pipeline>| running.get(&kept.fingerprint) != Some(&kept.keys);
    let renewed = keep.iter().filter(is_renewed).count();
    let guards = old.pipelines.iter().flat_map(|pipeline| &pipeline.guards);
    let guards = guards.map(|planned| planned.fingerprint).collect();
    Difference { ended: running.len() - keep.len(), renewed, keep, start, guards }
}

/// A plan with everything that is made for it before any worker is told.
pub(super) struct Built {
    pub(super) plan: Plan,
    pub(super) difference: Difference,
    /// What starts, by worker.
    pub(super) pipelines: Vec<Vec<NewPipeline>>,
}

/// Makes instances and sockets of the pipelines that start, for each worker. An address that is in use already gets
/// no socket: the worker moves the one that it has.
pub(super) fn build(
    plan: Plan,
    difference: Difference,
    bells: &[Bell],
    in_use: &BTreeSet<SocketAddr>,
) -> Result<Built, String> {
    let mut crossings: Vec<_> = difference.start.iter().map(|plan| crossings(plan, bells)).collect();
    let worker = |worker: usize| {
        let new = difference.start.iter().zip(&mut crossings);
        new.map(|(plan, crossings)| {
            pipeline(plan, &difference.guards, in_use, std::mem::take(&mut crossings[worker]))
        })
        .collect()
    };
    let pipelines = (0..bells.len()).map(worker).collect::<Result<_, _>>()?;
    Ok(Built { plan, difference, pipelines })
}

/// Links between the home of each pinned binding and the other workers: for each worker, its ends.
fn crossings(plan: &Pipeline, bells: &[Bell]) -> Vec<Vec<(usize, Crossing)>> {
    let mut crossings: Vec<Vec<_>> = bells.iter().map(|_| Vec::new()).collect();
    let homes = plan
        .bindings
        .iter()
        .enumerate()
        .filter_map(|(position, planned)| Some((position, planned.home(bells.len())?)));
    for (position, home) in homes.filter(|_| bells.len() > 1) {
        let mut links = Vec::new();
        for worker in (0..bells.len()).filter(|worker| *worker != home) {
            let (here, there) = link(&bells[home], &bells[worker]);
            links.push(here);
            crossings[worker].push((position, Crossing::Away(there)));
        }
        crossings[home].push((position, Crossing::Home(links)));
    }
    crossings
}

fn pipeline(
    plan: &Arc<Pipeline>,
    running: &BTreeSet<Fingerprint>,
    in_use: &BTreeSet<SocketAddr>,
    crossings: Vec<(usize, Crossing)>,
) -> Result<NewPipeline, String> {
    let is_away = |position| {
        crossings.iter().any(|(crossed, way)| *crossed == position && matches!(way, Crossing::Away(_)))
    };
    let guard = |planned: &Arc<PlannedGuard>| match running.contains(&planned.fingerprint) {
        true => Ok(None),
        false => attach(planned).map(Some),
    };
    let guards = plan.guards.iter().map(guard).collect::<Result<_, _>>()?;
    let matchers = plan.matchers.iter().map(attach_matcher).collect::<Result<_, _>>()?;
    let (mut instances, mut sockets) = (Vec::new(), Vec::new());
    for (position, planned) in plan.bindings.iter().enumerate() {
        let (instance, listening) = match &planned.role {
            Role::Native(role) => {
                (None, role.listen(in_use).map_err(|error| format!("{}: {error}", planned.name))?)
            }
            Role::Plugin { .. } if is_away(position) => (None, Vec::new()),
            Role::Plugin { binding_type, config, .. } => {
                let attached = binding_type.attach(config);
                let (instance, _routes) =
                    attached.map_err(|error| not_attached(&planned.name, binding_type.file(), &error))?;
                (Some(instance as Box<dyn Instance>), Vec::new())
            }
        };
        instances.push(instance);
        sockets.push(listening);
    }
    Ok(NewPipeline { plan: Arc::clone(plan), instances, guards, matchers, listening: sockets, crossings })
}

fn attach(planned: &PlannedGuard) -> Result<Box<dyn GuardInstance>, String> {
    planned.attach().map_err(|error| not_attached(&planned.name, planned.guard_type.file(), &error))
}

fn attach_matcher(planned: &PlannedMatcher) -> Result<Box<dyn MatcherInstance>, String> {
    let attached = planned.matcher_type.attach(&planned.config, &planned.uses);
    attached.map_err(|error| not_attached(&planned.name, planned.matcher_type.file(), &error))
}

fn not_attached(name: &str, file: Option<&Path>, error: &AttachError) -> String {
    match file {
        Some(file) => format!("{name}: {}: {error}", file.display()),
        None => format!("{name}: {error}"),
    }
}

fn guard_status(planned: &PlannedGuard) -> Value {
    let description = planned.guard_type.describe();
    json!({
        "name": *planned.name,
        "type": description.type_name,
        "version": description.version,
        "digest": planned.guard_type.identity(),
    })
}

fn matcher_status(planned: &PlannedMatcher) -> Value {
    let description = planned.matcher_type.describe();
    json!({
        "name": *planned.name,
        "type": description.type_name,
        "version": description.version,
        "digest": planned.matcher_type.identity(),
    })
}

/// What runs, for `zilla status`: current pipelines with their bindings, and what drains.
pub(super) fn status(current: &Plan, workers: usize, reports: &[PipelineReport]) -> Vec<Value> {
    let mut rows = Vec::new();
    for pipeline in &current.pipelines {
        let own = || reports.iter().filter(|r| r.fingerprint == pipeline.fingerprint && !r.is_draining);
        let bindings = pipeline.bindings.iter().enumerate().map(|(index, planned)| match &planned.role {
            Role::Native(_) => {
                json!({"name": planned.name, "type": planned.type_name, "kind": planned.kind.as_str()})
            }
            Role::Plugin { binding_type, config, .. } => {
                let description = binding_type.describe();
                json!({
                    "name": planned.name,
                    "type": description.type_name,
                    "kind": config.kind,
                    "version": description.version,
                    "digest": binding_type.identity(),
                    "state": binding_type.keeps_state(),
                    "instances": own().filter_map(|report| report.instances.get(index)).sum::<usize>(),
                    "worker": planned.home(workers),
                })
            }
        });
        rows.push(json!({
            "name": pipeline.name,
            "state": "current",
            "generation": own().map(|report| report.generation).max(),
            "streams": own().map(|report| report.streams).sum::<usize>(),
            "connections": own().map(|report| report.connections).sum::<usize>(),
            "listens": pipeline.addresses().map(|address| address.to_string()).collect::<Vec<_>>(),
            "bindings": bindings.collect::<Vec<_>>(),
            "guards": pipeline.guards.iter().map(|guard| guard_status(guard)).collect::<Vec<_>>(),
            "matchers": pipeline.matchers.iter().map(matcher_status).collect::<Vec<_>>(),
        }));
    }
    let draining: BTreeSet<u64> = reports.iter().filter(|r| r.is_draining).map(|r| r.generation).collect();
    for generation in draining {
        let own = || reports.iter().filter(|r| r.is_draining && r.generation == generation);
        rows.push(json!({
            "name": "-",
            "state": "draining",
            "generation": generation,
            "streams": own().map(|report| report.streams).sum::<usize>(),
            "connections": own().map(|report| report.connections).sum::<usize>(),
            "listens": [],
            "bindings": [],
        }));
    }
    rows
}
