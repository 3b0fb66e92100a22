//! A binding type served by a component, and its instances.

use super::contract::state::{State, StateIndices};
use super::contract::{Binding as World, BindingIndices};
use super::digest::Digest;
use super::frames::{self, Deliver};
use super::import::InstanceState;
use super::load::{LoadError, Loaded};
use super::options::Allowance;
use super::runtime::Runtime;
use super::sandbox::{self, ATTACH_BUDGET, Concept, call, explain};
use super::state;
use super::{
    AttachError, BindingConfig, BindingType, Description, Instance, Instant, RestoreError, Returned, Route,
    Trap,
};
use crate::guards::Authority;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use wasmtime::Store;
use wasmtime::component::{ComponentExportIndex, HasSelf, InstancePre, Linker};
use zilla_engine::Batch;

/// A component that serves a binding type: checked, and asked what it is.
pub(crate) struct Code {
    runtime: Runtime,
    pre: InstancePre<InstanceState>,
    exports: BindingIndices,
    deliver: ComponentExportIndex,
    /// Where `save` and `restore` are, if it keeps state.
    state: Option<StateIndices>,
    description: Description,
    digest: Digest,
}

/// The interface that has `deliver`, without its version.
const EXPORTS: &str = "zilla:plugin/binding-exports";

/// A binding type served by a component. Nothing of it runs until it is attached, but for `describe`.
#[derive(Clone)]
pub struct BindingPlugin {
    code: Arc<Code>,
    file: PathBuf,
    allowance: Allowance,
}

impl Code {
    /// Checks a component against the contract and asks it what it is.
    pub(crate) fn new(runtime: &Runtime, loaded: &Loaded) -> Result<Self, LoadError> {
        loaded.check(Concept::Binding)?;
        let invalid = |error: wasmtime::Error| LoadError::Invalid(format!("{error:#}"));
        let mut linker = Linker::new(runtime.engine());
        World::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state).map_err(invalid)?;
        let pre = linker.instantiate_pre(&loaded.component).map_err(invalid)?;
        let exports = BindingIndices::new(&pre).map_err(invalid)?;
        let deliver =
            loaded.find_deliver(EXPORTS).ok_or_else(|| LoadError::WrongWorld(loaded.exports.clone()))?;
        let unnamed = Description { type_name: String::new(), version: String::new(), kinds: Vec::new() };
        let (runtime, digest) = (runtime.clone(), loaded.digest);
        let code = Self { runtime, pre, exports, deliver, state: None, description: unnamed, digest };
        let description = code
            .instantiate("(describe)", &Allowance::default())
            .and_then(|mut instance| instance.describe())
            .map_err(|trap| LoadError::Undescribed(trap.to_string()))?;
        check_description(&description).map_err(LoadError::Undescribed)?;
        let state = loaded.keeps_state().then(|| code.find_state()).transpose();
        let state = state.map_err(|error| LoadError::WrongState(format!("{error:#}")))?;
        Ok(Self { description, state, ..code })
    }

    pub(crate) fn type_name(&self) -> &str {
        &self.description.type_name
    }

    /// Finds `save` and `restore`. Their types are known once there is an instance.
    fn find_state(&self) -> wasmtime::Result<StateIndices> {
        let state = StateIndices::new(&self.pre)?;
        let mut store = self.store("(state)", &Allowance::default());
        let instance = self.pre.instantiate(&mut store)?;
        state.load(&mut store, &instance)?;
        Ok(state)
    }

    fn instantiate(&self, binding: &str, allowance: &Allowance) -> Result<WasmInstance, Trap> {
        let mut store = self.store(binding, allowance);
        let made = self.pre.instantiate(&mut store).and_then(|instance| {
            let world = self.exports.load(&mut store, &instance)?;
            let deliver = instance.get_typed_func(&mut store, self.deliver)?;
            let state = self.state.as_ref().map(|state| state.load(&mut store, &instance)).transpose()?;
            Ok((world, deliver, state))
        });
        let (world, deliver, state) = made.map_err(|error| explain(&store, &error, ATTACH_BUDGET))?;
        Ok(WasmInstance { store, world, deliver, state, call_budget: allowance.call_budget })
    }

    fn store(&self, binding: &str, allowance: &Allowance) -> Store<InstanceState> {
        sandbox::store(&self.runtime, (Concept::Binding, binding), allowance)
    }
}

impl BindingPlugin {
    pub(crate) fn new(code: Arc<Code>, file: PathBuf, allowance: Allowance) -> Self {
        Self { code, file, allowance }
    }
}

impl BindingType for BindingPlugin {
    fn describe(&self) -> &Description {
        &self.code.description
    }

    fn identity(&self) -> String {
        self.code.digest.to_string()
    }

    fn file(&self) -> Option<&Path> {
        Some(&self.file)
    }

    fn keeps_state(&self) -> bool {
        self.code.state.is_some()
    }

    fn attach(&self, config: &BindingConfig) -> Result<(Box<dyn Instance>, Vec<Route>), AttachError> {
        let name = format!("{}:{}", config.namespace, config.name);
        let mut instance = self.code.instantiate(&name, &self.allowance).map_err(AttachError::Failed)?;
        let routes = instance.attach(config)?;
        if routes.len() != config.routes.len() {
            let trap = format!("attach: expected {} routes, found {}", config.routes.len(), routes.len());
            return Err(AttachError::Failed(Trap::Other(trap)));
        }
        Ok((Box::new(instance), routes))
    }
}

fn check_description(description: &Description) -> Result<(), String> {
    sandbox::check_type_name(&description.type_name)?;
    if description.kinds.is_empty() { Err("no kind".to_owned()) } else { Ok(()) }
}

/// One store: the blast radius of a trap.
struct WasmInstance {
    store: Store<InstanceState>,
    world: World,
    deliver: Deliver,
    state: Option<State>,
    call_budget: Duration,
}

impl WasmInstance {
    fn describe(&mut self) -> Result<Description, Trap> {
        let exports = self.world.zilla_plugin_binding_exports();
        call(&mut self.store, ATTACH_BUDGET, |store| exports.call_describe(store))
    }

    fn attach(&mut self, config: &BindingConfig) -> Result<Vec<Route>, AttachError> {
        let exports = self.world.zilla_plugin_binding_exports();
        call(&mut self.store, ATTACH_BUDGET, |store| exports.call_attach(store, config))
            .map_err(AttachError::Failed)?
            .map_err(AttachError::Refused)
    }
}

impl Instance for WasmInstance {
    fn deliver(&mut self, now: Instant, batch: &Batch, returned: &mut Returned) -> Result<(), Trap> {
        let deliver = &self.deliver;
        call(&mut self.store, self.call_budget, |store| frames::deliver(deliver, store, now, batch, returned))
    }

    fn swap_authority(&mut self, authority: &mut Option<Box<Authority>>) {
        std::mem::swap(&mut self.store.data_mut().authority, authority);
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
        let exports = self.world.zilla_plugin_binding_exports();
        call(&mut self.store, self.call_budget, |store| exports.call_detach(store))
    }
}
