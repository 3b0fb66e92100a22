//! From a checked file to bindings that can run: types resolved, options checked, routes compiled.
//!
//! Everything that can be wrong is found here, before any socket opens, and all of it at once. Each plugin is
//! attached once on the way, on an instance that is thrown away.

mod check;
mod compile;
mod components;
mod expressions;
mod own;
mod pipeline;
mod planner;
pub(crate) mod vaults;

use crate::native::{self, NativeType};
use crate::plugin::{
    BindingConfig, BindingType, Concept, Digest, GuardType, LibraryError, MatcherType, PluginOptions,
};
pub(crate) use components::{PlannedGuard, PlannedMatcher};
pub(crate) use pipeline::{Fingerprint, Opener, Pipeline};
use planner::Planner;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zilla_config::{Config, Kind, Problem};
use zilla_engine::Limits;

/// Where binding types come from: a search path of plugins, or natively linked ones in a benchmark.
pub trait BindingTypes {
    /// The plugin of a type.
    fn binding_type(
        &self,
        type_name: &str,
        options: &PluginOptions,
    ) -> Result<Arc<dyn BindingType>, LibraryError>;

    /// The plugin of a guard type.
    fn guard_type(
        &self,
        _type_name: &str,
        _options: &PluginOptions,
    ) -> Result<Arc<dyn GuardType>, LibraryError> {
        Err(LibraryError::NotFound { known: Vec::new(), directories: Vec::new() })
    }

    /// The plugin of a matcher type.
    fn matcher_type(
        &self,
        _type_name: &str,
        _options: &PluginOptions,
    ) -> Result<Arc<dyn MatcherType>, LibraryError> {
        Err(LibraryError::NotFound { known: Vec::new(), directories: Vec::new() })
    }
}

impl BindingTypes for crate::plugin::Library {
    fn binding_type(
        &self,
        type_name: &str,
        options: &PluginOptions,
    ) -> Result<Arc<dyn BindingType>, LibraryError> {
        self.binding(type_name, options).map(|plugin| plugin as Arc<dyn BindingType>)
    }

    fn guard_type(
        &self,
        type_name: &str,
        options: &PluginOptions,
    ) -> Result<Arc<dyn GuardType>, LibraryError> {
        self.guard(type_name, options).map(|plugin| plugin as Arc<dyn GuardType>)
    }

    fn matcher_type(
        &self,
        type_name: &str,
        options: &PluginOptions,
    ) -> Result<Arc<dyn MatcherType>, LibraryError> {
        self.matcher(type_name, options).map(|plugin| plugin as Arc<dyn MatcherType>)
    }
}

/// All bindings of a file, ready to be run by any number of workers.
#[derive(Default)]
pub struct Plan {
    pub(crate) pipelines: Vec<Arc<Pipeline>>,
    /// What it was made of besides the file and the plugins.
    pub(crate) files: Vec<PathBuf>,
}

/// One binding.
pub(crate) struct Planned {
    /// `namespace:name`.
    pub(crate) name: String,
    pub(crate) type_name: String,
    pub(crate) kind: Kind,
    /// Whether it has an instance on one worker only.
    pub(crate) is_pinned: bool,
    /// The guards that its options and routes name for it to ask, as `namespace:name`.
    pub(crate) guards: Vec<String>,
    pub(crate) role: Role,
    pub(crate) engine: zilla_engine::Binding,
}

pub(crate) enum Role {
    Native(Arc<dyn native::Role>),
    Plugin { binding_type: Arc<dyn BindingType>, config: Arc<BindingConfig>, options: PluginOptions },
}

impl Planned {
    /// What it listens on.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        match &self.role {
            Role::Native(role) => role.addresses(),
            Role::Plugin { .. } => Vec::new(),
        }
    }

    /// The worker that alone has an instance of it, if it is not on every one. It follows from the name, so it stays
    /// the same from generation to generation, and bindings are spread over the workers.
    pub(crate) fn home(&self, workers: usize) -> Option<usize> {
        let digest = Digest::of(self.name.as_bytes());
        let (head, _) = digest.as_bytes().split_first_chunk()?;
        self.is_pinned.then_some((u64::from_le_bytes(*head) % workers.max(1) as u64) as usize)
    }
}

impl Plan {
    /// Checks a file against the plugins that it names. Warnings may come with a plan; without one, there is at
    /// least one error. Files that it names, such as those of vaults, are relative to `base`.
    pub fn make(config: &Config, types: &dyn BindingTypes, base: &Path) -> (Option<Self>, Vec<Problem>) {
        let mut planner = Planner::new(config, types);
        planner.read_vaults(base);
        let (guards, matchers) = (planner.plan_guards(), planner.plan_matchers());
        let bindings: Vec<_> = config.bindings.iter().map(|binding| planner.plan(binding)).collect();
        planner.check_references();
        let (mut problems, own) = (planner.problems, planner.own);
        problems.extend(zilla_config::unused_bindings(config, |binding| {
            NativeType::of(&binding.type_name).is_some_and(|native| !native.accepts(binding.kind))
        }));
        if problems.iter().any(Problem::is_error) {
            return (None, problems);
        }
        let bindings = bindings.into_iter().collect::<Option<Vec<_>>>();
        let asked = pipeline::Asked { guards, matchers: matchers.into_iter().flatten().collect() };
        let files = vaults::files(config, base);
        let plan = bindings.map(|bindings| {
            let mut pipelines = pipeline::split(config, bindings, &asked, Limits::default());
            pipelines.extend(own::pipelines(own, &pipelines));
            Self { pipelines, files }
        });
        (plan, problems)
    }

    /// Finds what else is wrong with a file that has errors already: types, kinds, options, conditions. Nothing
    /// is attached, since its references lead nowhere.
    pub fn check_partial(config: &Config, types: &dyn BindingTypes, base: &Path) -> Vec<Problem> {
        let mut planner = Planner::new(config, types);
        planner.read_vaults(base);
        planner.plan_guards();
        planner.plan_matchers();
        for binding in &config.bindings {
            if let Some(found) = planner.resolve_type(binding)
                && let Some(kind) = planner.resolve_kind(binding, found.describe())
            {
                let errors = planner.problems.len();
                planner.check_values(binding, &kind);
                // Without a vault: it may be the reference to it that is wrong, and every alias would be told of.
                let takes_vault = NativeType::of(&binding.type_name).is_some_and(NativeType::takes_vault);
                if binding.vault.is_some() || !takes_vault {
                    planner.check_meanings(binding, &found, errors);
                }
            }
        }
        planner.check_references();
        planner.problems
    }

    /// What it listens on.
    pub fn addresses(&self) -> BTreeSet<SocketAddr> {
        self.pipelines.iter().flat_map(|pipeline| pipeline.addresses()).collect()
    }

    /// How many bindings of the file it has.
    pub fn bindings(&self) -> usize {
        self.of_the_file().count()
    }

    fn of_the_file(&self) -> impl Iterator<Item = &Planned> {
        let pipelines = self.pipelines.iter().filter(|pipeline| pipeline.opener.is_none());
        pipelines.flat_map(|pipeline| &pipeline.bindings)
    }

    /// What its plugins are, each by what it serves.
    pub(crate) fn identities(&self) -> BTreeMap<(Concept, String), String> {
        let bindings = self.pipelines.iter().flat_map(|pipeline| &pipeline.bindings);
        let bindings = bindings.filter_map(|planned| match &planned.role {
            Role::Plugin { binding_type, .. } => {
                let type_name = binding_type.describe().type_name.clone();
                Some(((Concept::Binding, type_name), binding_type.identity()))
            }
            Role::Native(_) => None,
        });
        let guards = self.pipelines.iter().flat_map(|pipeline| &pipeline.guards);
        let guards = guards.map(|planned| {
            let type_name = planned.guard_type.describe().type_name.clone();
            ((Concept::Guard, type_name), planned.guard_type.identity())
        });
        let matchers = self.pipelines.iter().flat_map(|pipeline| &pipeline.matchers);
        let matchers = matchers.map(|planned| {
            let type_name = planned.matcher_type.describe().type_name.clone();
            ((Concept::Matcher, type_name), planned.matcher_type.identity())
        });
        bindings.chain(guards).chain(matchers).collect()
    }

    /// How many of the file's bindings are plugins.
    pub fn plugins(&self) -> usize {
        self.of_the_file().filter(|planned| matches!(planned.role, Role::Plugin { .. })).count()
    }
}
