//! A guard type served by a component, and its instances.

use super::contract::guard::exports::zilla::plugin::guard_exports;
use super::contract::guard::{Guard as World, GuardIndices};
use super::digest::Digest;
use super::import::InstanceState;
use super::load::{LoadError, Loaded};
use super::options::Allowance;
use super::runtime::Runtime;
use super::sandbox::{self, ATTACH_BUDGET, Concept, arm, explain};
use super::{AttachError, Instant, Trap};
pub use guard_exports::{Description as GuardDescription, GuardConfig, Session as GuardSession};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use wasmtime::Store;
use wasmtime::component::{HasSelf, InstancePre, Linker};

/// A guard type: what it is, and how to make an instance for one guard and one worker.
pub trait GuardType: Send + Sync {
    /// What it is; asked once, when it was loaded.
    fn describe(&self) -> &GuardDescription;

    /// What tells this code from any other: two types with the same identity do the same.
    fn identity(&self) -> String;

    /// The file that it was read from, for errors; none for one that is linked natively.
    fn file(&self) -> Option<&Path> {
        None
    }

    /// Makes an instance and gives it its configuration.
    fn attach(&self, config: &GuardConfig) -> Result<Box<dyn GuardInstance>, AttachError>;
}

/// One guard on one worker.
pub trait GuardInstance: Send {
    /// Checks credentials: what is known of whose they are, or none if they are not accepted. After a trap it is
    /// thrown away.
    fn authorize(&mut self, now: Instant, credentials: &[u8]) -> Result<Option<GuardSession>, Trap>;

    /// It is no longer needed.
    fn detach(&mut self) -> Result<(), Trap>;
}

/// A component that serves a guard type: checked, and asked what it is.
pub(crate) struct GuardCode {
    runtime: Runtime,
    pre: InstancePre<InstanceState>,
    exports: GuardIndices,
    description: GuardDescription,
    digest: Digest,
}

/// A guard type served by a component. Nothing of it runs until it is attached, but for `describe`.
#[derive(Clone)]
pub struct GuardPlugin {
    code: Arc<GuardCode>,
    file: PathBuf,
    allowance: Allowance,
}

impl GuardCode {
    /// Checks a component against the contract and asks it what it is.
    pub(crate) fn new(runtime: &Runtime, loaded: &Loaded) -> Result<Self, LoadError> {
        loaded.check(Concept::Guard)?;
        let invalid = |error: wasmtime::Error| LoadError::Invalid(format!("{error:#}"));
        let mut linker = Linker::new(runtime.engine());
        World::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state).map_err(invalid)?;
        let pre = linker.instantiate_pre(&loaded.component).map_err(invalid)?;
        let exports = GuardIndices::new(&pre).map_err(invalid)?;
        let description = GuardDescription {
            type_name: String::new(),
            version: String::new(),
            options_schema: String::new(),
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

    fn instantiate(&self, guard: &str, allowance: &Allowance) -> Result<WasmGuard, Trap> {
        let mut store = sandbox::store(&self.runtime, (Concept::Guard, guard), allowance);
        let made = self.pre.instantiate(&mut store);
        let world = made.and_then(|instance| self.exports.load(&mut store, &instance));
        let world = world.map_err(|error| explain(&store, &error, ATTACH_BUDGET))?;
        Ok(WasmGuard { store, world, call_budget: allowance.call_budget })
    }
}

impl GuardPlugin {
    pub(crate) fn new(code: Arc<GuardCode>, file: PathBuf, allowance: Allowance) -> Self {
        Self { code, file, allowance }
    }
}

impl GuardType for GuardPlugin {
    fn describe(&self) -> &GuardDescription {
        &self.code.description
    }

    fn identity(&self) -> String {
        self.code.digest.to_string()
    }

    fn file(&self) -> Option<&Path> {
        Some(&self.file)
    }

    fn attach(&self, config: &GuardConfig) -> Result<Box<dyn GuardInstance>, AttachError> {
        let name = format!("{}:{}", config.namespace, config.name);
        let mut instance = self.code.instantiate(&name, &self.allowance).map_err(AttachError::Failed)?;
        instance.attach(config)?;
        Ok(Box::new(instance))
    }
}

/// One store: the blast radius of a trap.
struct WasmGuard {
    store: Store<InstanceState>,
    world: World,
    call_budget: Duration,
}

impl WasmGuard {
    fn describe(&mut self) -> Result<GuardDescription, Trap> {
        arm(&mut self.store, ATTACH_BUDGET);
        let exports = self.world.zilla_plugin_guard_exports();
        exports.call_describe(&mut self.store).map_err(|error| explain(&self.store, &error, ATTACH_BUDGET))
    }

    fn attach(&mut self, config: &GuardConfig) -> Result<(), AttachError> {
        arm(&mut self.store, ATTACH_BUDGET);
        let exports = self.world.zilla_plugin_guard_exports();
        let answer = exports
            .call_attach(&mut self.store, config)
            .map_err(|error| AttachError::Failed(explain(&self.store, &error, ATTACH_BUDGET)))?;
        answer.map_err(AttachError::Refused)
    }
}

impl GuardInstance for WasmGuard {
    fn authorize(&mut self, now: Instant, credentials: &[u8]) -> Result<Option<GuardSession>, Trap> {
        arm(&mut self.store, self.call_budget);
        let exports = self.world.zilla_plugin_guard_exports();
        exports
            .call_authorize(&mut self.store, now, credentials)
            .map_err(|error| explain(&self.store, &error, self.call_budget))
    }

    fn detach(&mut self) -> Result<(), Trap> {
        arm(&mut self.store, self.call_budget);
        let exports = self.world.zilla_plugin_guard_exports();
        exports.call_detach(&mut self.store).map_err(|error| explain(&self.store, &error, self.call_budget))
    }
}
