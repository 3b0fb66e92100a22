//! Pipelines: bindings that exit to one another, and so share streams.
//!
//! No stream crosses from one pipeline to another, so a pipeline is what a new generation replaces or keeps. Two
//! pipelines with one fingerprint do the same: the same bindings, options and routes on the same plugins.

use super::{Planned, PlannedGuard, PlannedMatcher, Role};
use crate::plugin::Digest;
use std::fmt;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use zilla_config::Config;
use zilla_engine::{BindingIndex, Limits, Use};

/// Bindings that exit to one another.
pub(crate) struct Pipeline {
    /// Its first binding, for the log.
    pub(crate) name: String,
    pub(crate) fingerprint: Fingerprint,
    /// What tells its keys and certificates from others. A pipeline that runs can take new ones.
    pub(crate) keys: Digest,
    pub(crate) limits: Limits,
    /// Those that its bindings may ask, in the order of the file.
    pub(crate) guards: Vec<Arc<PlannedGuard>>,
    /// Those that its routes ask, each with what it is asked with here.
    pub(crate) matchers: Vec<PlannedMatcher>,
    /// A binding's position here is its index in the engine.
    pub(crate) bindings: Vec<Planned>,
    /// The guard whose own bindings these are, if they are.
    pub(crate) opener: Option<Opener>,
}

/// A guard that opens streams, in the pipeline of its own bindings.
pub(crate) struct Opener {
    pub(crate) guard: Arc<PlannedGuard>,
    /// Where its streams go.
    pub(crate) exit: BindingIndex,
}

/// What a pipeline does, as one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fingerprint(pub(super) Digest);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.12}", self.0)
    }
}

impl Pipeline {
    /// What it listens on.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.bindings.iter().flat_map(Planned::addresses)
    }

    /// That of a guard's own bindings.
    pub(super) fn of_guard(opener: Opener, bindings: Vec<Planned>, limits: Limits) -> Self {
        let guards = vec![Arc::clone(&opener.guard)];
        let (name, keys) = (opener.guard.name.to_string(), keys(&bindings));
        let fingerprint = fingerprint(&bindings, (&guards, &[]), limits);
        Self { name, fingerprint, keys, limits, guards, matchers: Vec::new(), bindings, opener: Some(opener) }
    }
}

/// Whom bindings of a file may ask, in its order.
pub(super) struct Asked {
    pub(super) guards: Vec<Arc<PlannedGuard>>,
    pub(super) matchers: Vec<PlannedMatcher>,
}

/// Splits the bindings of a file, which are in its order, into pipelines, each with the guards that it may ask.
pub(super) fn split(
    config: &Config,
    bindings: Vec<Planned>,
    asked: &Asked,
    limits: Limits,
) -> Vec<Arc<Pipeline>> {
    let group = groups(config);
    let mut local = vec![0; bindings.len()];
    let mut members: Vec<Vec<Planned>> = bindings.iter().map(|_| Vec::new()).collect();
    for (position, planned) in bindings.into_iter().enumerate() {
        let members = &mut members[group[position]];
        local[position] = members.len() as u32;
        members.push(planned);
    }
    let mut pipelines = Vec::new();
    for mut bindings in members.into_iter().filter(|members| !members.is_empty()) {
        for exit in
            bindings.iter_mut().flat_map(|planned| &mut planned.engine.routes).filter_map(|r| r.exit.as_mut())
        {
            *exit = BindingIndex(local[exit.0 as usize]);
        }
        let is_asked =
            |guard: &&Arc<PlannedGuard>| bindings.iter().any(|planned| may_ask(planned, &guard.name));
        let guards: Vec<_> = asked.guards.iter().filter(is_asked).cloned().collect();
        let matchers = take_matchers(&mut bindings, &asked.matchers);
        let (name, keys) = (bindings[0].name.clone(), keys(&bindings));
        let fingerprint = fingerprint(&bindings, (&guards, &matchers), limits);
        let opener = None;
        let pipeline = Pipeline { name, fingerprint, keys, limits, guards, matchers, bindings, opener };
        pipelines.push(Arc::new(pipeline));
    }
    pipelines
}

/// For each binding the lowest position that it is connected to.
fn groups(config: &Config) -> Vec<usize> {
    let mut group: Vec<usize> = (0..config.bindings.len()).collect();
    fn root(group: &[usize], mut position: usize) -> usize {
        while group[position] != position {
            position = group[position];
        }
        position
    }
    for (position, binding) in config.bindings.iter().enumerate() {
        for exit in binding.routes.iter().filter_map(|route| route.exit) {
            let (one, other) = (root(&group, position), root(&group, exit.position()));
            group[one.max(other)] = one.min(other);
        }
    }
    (0..group.len()).map(|position| root(&group, position)).collect()
}

/// The matchers that routes of a pipeline ask, with those uses alone, which are then counted from 0.
fn take_matchers(bindings: &mut [Planned], matchers: &[PlannedMatcher]) -> Vec<PlannedMatcher> {
    let mut taken: Vec<(u32, PlannedMatcher)> = Vec::new();
    let conditions = bindings.iter_mut().flat_map(|planned| &mut planned.engine.routes);
    for of in conditions.flat_map(|route| &mut route.conditions).flat_map(|when| &mut when.matched) {
        let known = &matchers[of.matcher as usize];
        let position = taken.iter().position(|(matcher, _)| *matcher == of.matcher).unwrap_or_else(|| {
            let planned = PlannedMatcher {
                name: Arc::clone(&known.name),
                matcher_type: Arc::clone(&known.matcher_type),
                config: known.config.clone(),
                options: known.options.clone(),
                uses: Vec::new(),
            };
            taken.push((of.matcher, planned));
            taken.len() - 1
        });
        let uses = &mut taken[position].1.uses;
        uses.push(known.uses[of.index as usize].clone());
        *of = Use { matcher: position as u32, index: uses.len() as u32 - 1 };
    }
    taken.into_iter().map(|(_, planned)| planned).collect()
}

/// Whether a binding may ask a guard: a plugin any of its namespace, and each those that its options and routes name.
fn may_ask(planned: &Planned, guard: &str) -> bool {
    let namespace = |name: &str| name.split_once(':').map(|(namespace, _)| namespace.to_owned());
    let asks_itself = match &planned.role {
        Role::Plugin { .. } => namespace(&planned.name) == namespace(guard),
        Role::Native(_) => false,
    };
    let routes = &planned.engine.routes;
    asks_itself
        || planned.guards.iter().any(|named| named == guard)
        || routes.iter().flat_map(|route| &route.guarded).any(|guarded| &*guarded.guard == guard)
        || routes
            .iter()
            .flat_map(|route| &route.set)
            .any(|set| set.template.guards().any(|asked| asked == guard))
}

fn keys(bindings: &[Planned]) -> Digest {
    let keys = bindings.iter().map(|planned| match &planned.role {
        Role::Native(role) => role.keys(),
        Role::Plugin { .. } => None,
    });
    Digest::of(format!("{:?}", keys.collect::<Vec<_>>()).as_bytes())
}

fn fingerprint(
    bindings: &[Planned],
    (guards, matchers): (&[Arc<PlannedGuard>], &[PlannedMatcher]),
    limits: Limits,
) -> Fingerprint {
    let mut text = format!("{limits:?}");
    for PlannedGuard { name, fingerprint, .. } in guards.iter().map(Arc::as_ref) {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n{name} {fingerprint:?}");
    }
    for PlannedMatcher { name, matcher_type, config, options, uses } in matchers {
        let _ = write!(text, "\n{name} {} {config:?} {options:?} {uses:?}", matcher_type.identity());
    }
    text += &bindings_text(bindings);
    Fingerprint(Digest::of(text.as_bytes()))
}

/// What tells these bindings from others, but for their keys.
pub(super) fn bindings_text(bindings: &[Planned]) -> String {
    let mut text = String::new();
    for Planned { name, type_name, kind, role, engine, is_pinned, guards: _ } in bindings {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n{name} {type_name} {kind} {is_pinned} {engine:?} ");
        let _ = match role {
            Role::Native(role) => write!(text, "{role:?}"),
            Role::Plugin { binding_type, config, options } => {
                write!(text, "{} {config:?} {options:?}", binding_type.identity())
            }
        };
    }
    text
}
