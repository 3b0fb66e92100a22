//! A guard type served by a component, and its instances.

use super::contract::guard::exports::zilla::plugin::guard_exports;
use super::contract::guard::{Guard as World, GuardIndices};
use super::contract::outbound::{Outbound as OutboundWorld, OutboundIndices};
use super::contract::state::{State, StateIndices};
use super::digest::Digest;
use super::frames::{self, Deliver};
use super::import::InstanceState;
use super::load::{LoadError, Loaded, OUTBOUND};
use super::options::Allowance;
use super::runtime::Runtime;
use super::sandbox::{self, ATTACH_BUDGET, Concept, call, explain};
use super::state;
use super::{AttachError, Instant, Limits, OwnBindings, RestoreError, Returned, Trap};
pub use guard_exports::{Description as GuardDescription, GuardConfig, Session as GuardSession};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use wasmtime::Store;
use wasmtime::component::{ComponentExportIndex, HasSelf, InstancePre, Linker};
use zilla_engine::Batch;

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

    /// Whether its instances may open streams.
    fn opens_streams(&self) -> bool {
        false
    }

    /// Whether its instances have state to save and restore.
    fn keeps_state(&self) -> bool {
        false
    }

    /// Makes an instance and gives it its configuration.
    fn attach(&self, config: &GuardConfig) -> Result<Box<dyn GuardInstance>, AttachError>;
}

/// One guard on one worker.
pub trait GuardInstance: Send {
    /// Checks credentials: what is known of whose they are, or none if they are not accepted. After a trap it is
    /// thrown away.
    fn authorize(&mut self, now: Instant, credentials: &[u8]) -> Result<Option<GuardSession>, Trap>;

    /// Its own session, if it has one. After a trap it is thrown away.
    fn own(&mut self, now: Instant) -> Result<Option<GuardSession>, Trap>;

    /// The bindings that it opens streams through, if it does. Called once, after it was made, where its type opens
    /// streams.
    fn outbound(&mut self, _limits: Limits) -> Result<Option<OwnBindings>, Trap> {
        Ok(None)
    }

    /// Handles frames of the streams that it has opened. After a trap it is thrown away.
    fn deliver(&mut self, _now: Instant, _batch: &Batch, _returned: &mut Returned) -> Result<(), Trap> {
        Ok(())
    }

    /// State for its successor, any octets. Called where its type keeps state.
    fn save(&mut self) -> Result<Vec<u8>, Trap> {
        Ok(Vec::new())
    }

    /// Takes what a predecessor of that version has saved, before anything else is asked of it. Called where its type
    /// keeps state.
    fn restore(&mut self, _version: &str, _state: &[u8]) -> Result<(), RestoreError> {
        Ok(())
    }

    /// It is no longer needed.
    fn detach(&mut self) -> Result<(), Trap>;
}

/// A component that serves a guard type: checked, and asked what it is.
pub(crate) struct GuardCode {
    runtime: Runtime,
    pre: InstancePre<InstanceState>,
    exports: GuardIndices,
    /// Where `outbound` and `deliver` are, if it opens streams.
    outbound: Option<(OutboundIndices, ComponentExportIndex)>,
    /// Where `save` and `restore` are, if it keeps state.
    state: Option<StateIndices>,
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
        let outbound = find_outbound(loaded, &pre).map_err(LoadError::WrongOutbound)?;
        let state = loaded.keeps_state().then(|| StateIndices::new(&pre)).transpose();
        let state = state.map_err(|error| LoadError::WrongState(format!("{error:#}")))?;
        let (runtime, digest) = (runtime.clone(), loaded.digest);
        let code = Self { runtime, pre, exports, outbound, state, description, digest };
        code.check_exports()?;
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

    /// Finds out whether what it exports beside its world has the types of the contract: known once there is an instance.
    fn check_exports(&self) -> Result<(), LoadError> {
        let mut store = sandbox::store(&self.runtime, (Concept::Guard, "(exports)"), &Allowance::default());
        let instance = self.pre.instantiate(&mut store);
        let instance = instance
            .map_err(|error| LoadError::Undescribed(explain(&store, &error, ATTACH_BUDGET).to_string()))?;
        if let Some((outbound, deliver)) = &self.outbound {
            let loaded = outbound.load(&mut store, &instance).map(drop);
            let typed = instance.get_typed_func(&mut store, *deliver).map(|_: Deliver| ());
            loaded.and(typed).map_err(|error| LoadError::WrongOutbound(format!("{error:#}")))?;
        }
        let state = self.state.as_ref().map(|state| state.load(&mut store, &instance).map(drop));
        state.unwrap_or(Ok(())).map_err(|error| LoadError::WrongState(format!("{error:#}")))
    }

    fn instantiate(&self, guard: &str, allowance: &Allowance) -> Result<WasmGuard, Trap> {
        let mut store = sandbox::store(&self.runtime, (Concept::Guard, guard), allowance);
        let made = self.pre.instantiate(&mut store).and_then(|instance| {
            let world = self.exports.load(&mut store, &instance)?;
            let outbound = match &self.outbound {
                Some((outbound, deliver)) => {
                    let outbound = outbound.load(&mut store, &instance)?;
                    Some((outbound, instance.get_typed_func(&mut store, *deliver)?))
                }
                None => None,
            };
            let state = self.state.as_ref().map(|state| state.load(&mut store, &instance)).transpose()?;
            Ok((world, outbound, state))
        });
        let (world, outbound, state) = made.map_err(|error| explain(&store, &error, ATTACH_BUDGET))?;
        Ok(WasmGuard { store, world, outbound, state, call_budget: allowance.call_budget })
    }
}

/// Where `outbound` and `deliver` are in a component that says it has them.
fn find_outbound(
    loaded: &Loaded,
    pre: &InstancePre<InstanceState>,
) -> Result<Option<(OutboundIndices, ComponentExportIndex)>, String> {
    if !loaded.opens_streams() {
        return Ok(None);
    }
    let indices = OutboundIndices::new(pre).map_err(|error| format!("{error:#}"))?;
    let deliver = loaded.find_deliver(OUTBOUND).ok_or("no `deliver`")?;
    Ok(Some((indices, deliver)))
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

    fn opens_streams(&self) -> bool {
        self.code.outbound.is_some()
    }

    fn keeps_state(&self) -> bool {
        self.code.state.is_some()
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
    outbound: Option<(OutboundWorld, Deliver)>,
    state: Option<State>,
    call_budget: Duration,
}

impl WasmGuard {
    fn describe(&mut self) -> Result<GuardDescription, Trap> {
        let exports = self.world.zilla_plugin_guard_exports();
        call(&mut self.store, ATTACH_BUDGET, |store| exports.call_describe(store))
    }

    fn attach(&mut self, config: &GuardConfig) -> Result<(), AttachError> {
        let exports = self.world.zilla_plugin_guard_exports();
        call(&mut self.store, ATTACH_BUDGET, |store| exports.call_attach(store, config))
            .map_err(AttachError::Failed)?
            .map_err(AttachError::Refused)
    }
}

impl GuardInstance for WasmGuard {
    fn authorize(&mut self, now: Instant, credentials: &[u8]) -> Result<Option<GuardSession>, Trap> {
        let exports = self.world.zilla_plugin_guard_exports();
        call(&mut self.store, self.call_budget, |store| exports.call_authorize(store, now, credentials))
    }

    fn own(&mut self, now: Instant) -> Result<Option<GuardSession>, Trap> {
        let exports = self.world.zilla_plugin_guard_exports();
        call(&mut self.store, self.call_budget, |store| exports.call_own_session(store, now))
    }

    fn outbound(&mut self, limits: Limits) -> Result<Option<OwnBindings>, Trap> {
        let Some((outbound, _)) = &self.outbound else { return Ok(None) };
        let exports = outbound.zilla_plugin_outbound_exports();
        call(&mut self.store, ATTACH_BUDGET, |store| exports.call_outbound(store, limits))
    }

    fn deliver(&mut self, now: Instant, batch: &Batch, returned: &mut Returned) -> Result<(), Trap> {
        let Some((_, deliver)) = &self.outbound else { return Ok(()) };
        call(&mut self.store, self.call_budget, |store| frames::deliver(deliver, store, now, batch, returned))
    }

    fn save(&mut self) -> Result<Vec<u8>, Trap> {
        let Some(state) = &self.state else { return Ok(Vec::new()) };
        state::save(state, &mut self.store, self.call_budget)
    }

    fn restore(&mut self, version: &str, saved: &[u8]) -> Result<(), RestoreError> {
        let Some(state) = &self.state else { return Ok(()) };
        state::restore(state, &mut self.store, self.call_budget, version, saved)
    }

    fn detach(&mut self) -> Result<(), Trap> {
        let exports = self.world.zilla_plugin_guard_exports();
        call(&mut self.store, self.call_budget, |store| exports.call_detach(store))
    }
}
