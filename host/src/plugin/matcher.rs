//! A matcher type served by a component, and its instances.

use super::contract::matcher::exports::zilla::plugin::matcher_exports;
use super::contract::matcher::{Matcher as World, MatcherIndices};
use super::digest::Digest;
use super::import::InstanceState;
use super::load::{LoadError, Loaded};
use super::options::Allowance;
use super::runtime::Runtime;
use super::sandbox::{self, ATTACH_BUDGET, Concept, call, explain};
use super::{AttachError, Instant, Trap};
pub use matcher_exports::{Description as MatcherDescription, MatcherConfig, Query as MatcherQuery};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use wasmtime::Store;
use wasmtime::component::{HasSelf, InstancePre, Linker};
use zilla_engine::Verdict;

/// A matcher type: what it is, and how to make an instance for one matcher, its uses in one pipeline, and one worker.
pub trait MatcherType: Send + Sync {
    /// What it is; asked once, when it was loaded.
    fn describe(&self) -> &MatcherDescription;

    /// What tells this code from any other: two types with the same identity do the same.
    fn identity(&self) -> String;

    /// The file that it was read from, for errors; none for one that is linked natively.
    fn file(&self) -> Option<&Path> {
        None
    }

    /// Makes an instance and gives it its configuration, and what it is used with, as JSON text.
    fn attach(
        &self,
        config: &MatcherConfig,
        uses: &[String],
    ) -> Result<Box<dyn MatcherInstance>, AttachError>;
}

/// One matcher for one pipeline on one worker.
pub trait MatcherInstance: Send {
    /// Answers queries about blocks of attributes in `octets`, one verdict for each in the same order. After a trap it
    /// is thrown away.
    fn evaluate(
        &mut self,
        now: Instant,
        queries: &[MatcherQuery],
        octets: &[u8],
    ) -> Result<Vec<Verdict>, Trap>;

    /// It is no longer needed.
    fn detach(&mut self) -> Result<(), Trap>;
}

/// A component that serves a matcher type: checked, and asked what it is.
pub(crate) struct MatcherCode {
    runtime: Runtime,
    pre: InstancePre<InstanceState>,
    exports: MatcherIndices,
    description: MatcherDescription,
    digest: Digest,
}

/// A matcher type served by a component. Nothing of it runs until it is attached, but for `describe`.
#[derive(Clone)]
pub struct MatcherPlugin {
    code: Arc<MatcherCode>,
    file: PathBuf,
    allowance: Allowance,
}

impl MatcherCode {
    /// Checks a component against the contract and asks it what it is.
    pub(crate) fn new(runtime: &Runtime, loaded: &Loaded) -> Result<Self, LoadError> {
        loaded.check(Concept::Matcher)?;
        let invalid = |error: wasmtime::Error| LoadError::Invalid(format!("{error:#}"));
        let mut linker = Linker::new(runtime.engine());
        World::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state).map_err(invalid)?;
        let pre = linker.instantiate_pre(&loaded.component).map_err(invalid)?;
        let exports = MatcherIndices::new(&pre).map_err(invalid)?;
        let description = MatcherDescription {
            type_name: String::new(),
            version: String::new(),
            options_schema: String::new(),
            arguments_schema: String::new(),
        };
        let code = Self { runtime: runtime.clone(), pre, exports, description, digest: loaded.digest };
        let description = code
            .instantiate("(describe)", &Allowance::default())
            .and_then(|mut instance| instance.describe())
            .map_err(|trap| LoadError::Undescribed(trap.to_string()))?;
        sandbox::check_type_name(&description.type_name).map_err(LoadError::Undescribed)?;
        Ok(Self { description, ..code })
    }

    pub(crate) fn type_name(&self) -> &str {
        &self.description.type_name
    }

    fn instantiate(&self, matcher: &str, allowance: &Allowance) -> Result<WasmMatcher, Trap> {
        let mut store = sandbox::store(&self.runtime, (Concept::Matcher, matcher), allowance);
        let made = self.pre.instantiate(&mut store);
        let world = made.and_then(|instance| self.exports.load(&mut store, &instance));
        let world = world.map_err(|error| explain(&store, &error, ATTACH_BUDGET))?;
        Ok(WasmMatcher { store, world, call_budget: allowance.call_budget })
    }
}

impl MatcherPlugin {
    pub(crate) fn new(code: Arc<MatcherCode>, file: PathBuf, allowance: Allowance) -> Self {
        Self { code, file, allowance }
    }
}

impl MatcherType for MatcherPlugin {
    fn describe(&self) -> &MatcherDescription {
        &self.code.description
    }

    fn identity(&self) -> String {
        self.code.digest.to_string()
    }

    fn file(&self) -> Option<&Path> {
        Some(&self.file)
    }

    fn attach(
        &self,
        config: &MatcherConfig,
        uses: &[String],
    ) -> Result<Box<dyn MatcherInstance>, AttachError> {
        let name = format!("{}:{}", config.namespace, config.name);
        let mut instance = self.code.instantiate(&name, &self.allowance).map_err(AttachError::Failed)?;
        instance.attach(config, uses)?;
        Ok(Box::new(instance))
    }
}

/// One store: the blast radius of a trap.
struct WasmMatcher {
    store: Store<InstanceState>,
    world: World,
    call_budget: Duration,
}

impl WasmMatcher {
    fn describe(&mut self) -> Result<MatcherDescription, Trap> {
        let exports = self.world.zilla_plugin_matcher_exports();
        call(&mut self.store, ATTACH_BUDGET, |store| exports.call_describe(store))
    }

    fn attach(&mut self, config: &MatcherConfig, uses: &[String]) -> Result<(), AttachError> {
        let exports = self.world.zilla_plugin_matcher_exports();
        call(&mut self.store, ATTACH_BUDGET, |store| exports.call_attach(store, config, uses))
            .map_err(AttachError::Failed)?
            .map_err(AttachError::Refused)
    }
}

impl MatcherInstance for WasmMatcher {
    fn evaluate(
        &mut self,
        now: Instant,
        queries: &[MatcherQuery],
        octets: &[u8],
    ) -> Result<Vec<Verdict>, Trap> {
        let exports = self.world.zilla_plugin_matcher_exports();
        call(&mut self.store, self.call_budget, |store| exports.call_evaluate(store, now, queries, octets))
    }

    fn detach(&mut self) -> Result<(), Trap> {
        let exports = self.world.zilla_plugin_matcher_exports();
        call(&mut self.store, self.call_budget, |store| exports.call_detach(store))
    }
}
