//! A binding type served by a component, and its instances.

use super::contract::zilla::plugin::types as wit;
use super::contract::{Binding as World, BindingPre};
use super::digest::Digest;
use super::frames::{from_plugin, to_plugin};
use super::import::InstanceState;
use super::load::{LoadError, Loaded};
use super::options::Allowance;
use super::runtime::{EPOCH_TICK, Runtime};
use super::{AttachError, BindingConfig, BindingType, Description, Instance, Instant, Returned, Route, Trap};
use std::sync::Arc;
use std::time::Duration;
use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Store, Trap as WasmTrap, UpdateDeadline};
use zilla_engine::Batch;

/// Time for `describe` and `attach`, which come once and may compile patterns and tables.
const ATTACH_BUDGET: Duration = Duration::from_secs(2);

/// Octets that one answer may make the host allocate.
const ANSWER_OCTETS_MAX: usize = 64 << 20;

/// A component that serves a binding type: checked, and asked what it is.
pub(crate) struct Code {
    runtime: Runtime,
    pre: BindingPre<InstanceState>,
    description: Description,
    digest: Digest,
}

/// A binding type served by a component. Nothing of it runs until it is attached, but for `describe`.
#[derive(Clone)]
pub struct BindingPlugin {
    code: Arc<Code>,
    allowance: Allowance,
}

impl Code {
    /// Checks a component against the contract and asks it what it is.
    pub(crate) fn new(runtime: &Runtime, loaded: &Loaded) -> Result<Self, LoadError> {
        loaded.check()?;
        let mut linker = Linker::new(runtime.engine());
        World::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)
            .map_err(|error| LoadError::Invalid(format!("{error:#}")))?;
        let pre = linker
            .instantiate_pre(&loaded.component)
            .and_then(BindingPre::new)
            .map_err(|error| LoadError::Invalid(format!("{error:#}")))?;
        let unnamed = Description { type_name: String::new(), version: String::new(), kinds: Vec::new() };
        let code = Self { runtime: runtime.clone(), pre, description: unnamed, digest: loaded.digest };
        let description = code
            .instantiate("(describe)", &Allowance::default())
            .and_then(|mut instance| instance.describe())
            .map_err(|trap| LoadError::Undescribed(trap.0))?;
        check_description(&description).map_err(LoadError::Undescribed)?;
        Ok(Self { description, ..code })
    }

    fn instantiate(&self, binding: &str, allowance: &Allowance) -> Result<WasmInstance, Trap> {
        let state = InstanceState::new(binding.to_owned(), allowance);
        let mut store = Store::new(self.runtime.engine(), state);
        store.limiter(|state| state);
        store.epoch_deadline_callback(|mut store| match store.data_mut().overtime.is_spent() {
            true => Ok(UpdateDeadline::Interrupt),
            false => Ok(UpdateDeadline::Continue(1)),
        });
        store.set_hostcall_fuel(ANSWER_OCTETS_MAX);
        arm(&mut store, ATTACH_BUDGET);
        let world =
            self.pre.instantiate(&mut store).map_err(|error| explain(&store, &error, ATTACH_BUDGET))?;
        Ok(WasmInstance { store, world, call_budget: allowance.call_budget, frames: Vec::new() })
    }
}

impl BindingPlugin {
    pub(crate) fn new(code: Arc<Code>, allowance: Allowance) -> Self {
        Self { code, allowance }
    }
}

impl BindingType for BindingPlugin {
    fn describe(&self) -> &Description {
        &self.code.description
    }

    fn identity(&self) -> String {
        self.code.digest.to_string()
    }

    fn attach(&self, config: &BindingConfig) -> Result<(Box<dyn Instance>, Vec<Route>), AttachError> {
        let name = format!("{}:{}", config.namespace, config.name);
        let mut instance = self.code.instantiate(&name, &self.allowance).map_err(AttachError::Failed)?;
        let routes = instance.attach(config)?;
        if routes.len() != config.routes.len() {
            let trap = format!("attach: expected {} routes, found {}", config.routes.len(), routes.len());
            return Err(AttachError::Failed(Trap(trap)));
        }
        Ok((Box::new(instance), routes))
    }
}

fn check_description(description: &Description) -> Result<(), String> {
    let name = &description.type_name;
    let legal = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    match (legal, description.kinds.is_empty()) {
        (false, _) => Err(format!("the type name `{name}`, which is none")),
        (true, true) => Err("no kind".to_owned()),
        (true, false) => Ok(()),
    }
}

/// One store: the blast radius of a trap.
struct WasmInstance {
    store: Store<InstanceState>,
    world: World,
    call_budget: Duration,
    /// Reused from call to call.
    frames: Vec<wit::Frame>,
}

impl WasmInstance {
    fn describe(&mut self) -> Result<Description, Trap> {
        arm(&mut self.store, ATTACH_BUDGET);
        let exports = self.world.zilla_plugin_binding_exports();
        exports.call_describe(&mut self.store).map_err(|error| explain(&self.store, &error, ATTACH_BUDGET))
    }

    fn attach(&mut self, config: &BindingConfig) -> Result<Vec<Route>, AttachError> {
        arm(&mut self.store, ATTACH_BUDGET);
        let exports = self.world.zilla_plugin_binding_exports();
        let answer = exports
            .call_attach(&mut self.store, config)
            .map_err(|error| AttachError::Failed(explain(&self.store, &error, ATTACH_BUDGET)))?;
        answer.map_err(AttachError::Refused)
    }
}

impl Instance for WasmInstance {
    fn deliver(&mut self, now: Instant, batch: &Batch, returned: &mut Returned) -> Result<(), Trap> {
        self.frames.clear();
        self.frames.extend(batch.frames.iter().map(to_plugin));
        arm(&mut self.store, self.call_budget);
        let exports = self.world.zilla_plugin_binding_exports();
        let answer = exports
            .call_deliver(&mut self.store, now, &self.frames, batch.octets())
            .map_err(|error| explain(&self.store, &error, self.call_budget))?;
        returned.frames.clear();
        returned.frames.extend(answer.frames.iter().map(from_plugin));
        returned.octets = answer.octets;
        Ok(())
    }

    fn detach(&mut self) -> Result<(), Trap> {
        arm(&mut self.store, self.call_budget);
        let exports = self.world.zilla_plugin_binding_exports();
        exports.call_detach(&mut self.store).map_err(|error| explain(&self.store, &error, self.call_budget))
    }
}

/// Gives the next call its time. The first tick may come at once, so one more is given.
fn arm(store: &mut Store<InstanceState>, budget: Duration) {
    let ticks = budget.as_millis().div_ceil(EPOCH_TICK.as_millis()) as u64;
    store.set_epoch_deadline(ticks + 1);
    store.data_mut().begin_call();
}

/// What went wrong, in the words of the limit that was met.
fn explain(store: &Store<InstanceState>, error: &wasmtime::Error, budget: Duration) -> Trap {
    let state = store.data();
    let reason = match error.downcast_ref::<WasmTrap>() {
        Some(WasmTrap::Interrupt) => return Trap::over_budget(budget),
        Some(trap) => match (state.memory_refused, &state.last_error) {
            (Some(octets), _) => format!("memory: {octets} octets were asked for and refused; then: {trap}"),
            (None, Some(message)) => format!("{trap}, after it logged: {message}"),
            (None, None) => trap.to_string(),
        },
        None => error.root_cause().to_string(),
    };
    Trap(reason)
}
