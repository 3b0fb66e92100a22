//! The plugins linked natively: the same code behind the same two traits, without WebAssembly.
//!
//! Contract types exist twice, as the host's generator and the SDK's write them, so each call converts. That is
//! what the boundary costs here; the rest of its cost in a component is what is measured.

use std::any::Any;
use std::cell::RefCell;
use std::marker::PhantomData;
use std::sync::Arc;
use zilla_engine::{Batch, Flags, Frame, FrameKind};
use zilla_host::plan::BindingTypes;
use zilla_host::plugin::contract::exports::zilla::plugin::binding_exports as host;
use zilla_host::plugin::{
    AttachError, BindingConfig, BindingType, ConfigError, Description, Instance, Instant, LibraryError,
    PluginOptions, Returned, Route, Trap,
};
use zilla_sdk::Binding;
use zilla_sdk::bindings::exports::zilla::plugin::binding_exports as sdk;

/// The binding types that are linked in.
const LINKED: [&str; 4] =
    [binding_http::Http::TYPE, binding_echo::Echo::TYPE, binding_fan::Fan::TYPE, binding_ws::Ws::TYPE];

/// The binding types that are linked in: `http`, `echo`, `fan` and `ws`.
pub struct NativeTypes;

impl BindingTypes for NativeTypes {
    fn binding_type(
        &self,
        type_name: &str,
        _options: &PluginOptions,
    ) -> Result<Arc<dyn BindingType>, LibraryError> {
        match type_name {
            binding_http::Http::TYPE => Ok(Arc::new(NativeType::<binding_http::Http>::new())),
            binding_echo::Echo::TYPE => Ok(Arc::new(NativeType::<binding_echo::Echo>::new())),
            binding_fan::Fan::TYPE => Ok(Arc::new(NativeType::<binding_fan::Fan>::new())),
            binding_ws::Ws::TYPE => Ok(Arc::new(NativeType::<binding_ws::Ws>::new())),
            _ => Err(LibraryError::NotFound {
                known: LINKED.map(str::to_owned).to_vec(),
                directories: Vec::new(),
            }),
        }
    }
}

/// A binding of the SDK as a binding type of the host.
pub struct NativeType<B> {
    description: Description,
    binding: PhantomData<fn() -> B>,
}

impl<B: Binding> NativeType<B> {
    /// What the binding says of itself.
    #[expect(clippy::new_without_default, reason = "there is nothing to have a default of")]
    pub fn new() -> Self {
        let sdk::Description { type_name, version, kinds } = zilla_sdk::describe::<B>();
        let kinds = kinds.into_iter().map(kind_to_host).collect();
        Self { description: Description { type_name, version, kinds }, binding: PhantomData }
    }
}

impl<B> BindingType for NativeType<B>
where
    B: Binding + 'static,
{
    fn describe(&self) -> &Description {
        &self.description
    }

    fn attach(&self, config: &BindingConfig) -> Result<(Box<dyn Instance>, Vec<Route>), AttachError> {
        let config = config_to_sdk(config);
        match zilla_sdk::Instance::<B>::attach(&config) {
            Ok((_, routes)) => {
                let instance =
                    NativeInstance::<B> { config, slot: None, frames: Vec::new(), binding: PhantomData };
                Ok((Box::new(instance), routes.into_iter().map(route_to_host).collect()))
            }
            Err(errors) => {
                let error = |error: zilla_sdk::ConfigError| ConfigError {
                    path: error.path,
                    expected: error.expected,
                    found: error.found,
                };
                Err(AttachError::Refused(errors.into_iter().map(error).collect()))
            }
        }
    }
}

thread_local! {
    /// Instances of this thread, by slot. An instance of the SDK stays on its thread, as one in a component
    /// stays in its store; the host makes instances on one thread and runs them on another.
    static INSTANCES: RefCell<Vec<Option<Box<dyn Any>>>> = const { RefCell::new(Vec::new()) };
}

/// A place for an instance, which is made on the thread that delivers first, and stays there.
struct NativeInstance<B> {
    config: sdk::BindingConfig,
    slot: Option<usize>,
    /// Reused from call to call.
    frames: Vec<zilla_sdk::Frame>,
    binding: PhantomData<fn() -> B>,
}

impl<B: Binding + 'static> NativeInstance<B> {
    fn attach(&mut self) -> Result<usize, Trap> {
        if let Some(slot) = self.slot {
            return Ok(slot);
        }
        let attached = zilla_sdk::Instance::<B>::attach(&self.config);
        let (instance, _) = attached.map_err(|_| Trap::Other("attach: it was accepted before".to_owned()))?;
        let slot = INSTANCES.with_borrow_mut(|instances| {
            instances.push(Some(Box::new(instance)));
            instances.len() - 1
        });
        Ok(*self.slot.insert(slot))
    }
}

impl<B: Binding + 'static> Instance for NativeInstance<B> {
    fn deliver(&mut self, now: Instant, batch: &Batch, returned: &mut Returned) -> Result<(), Trap> {
        let slot = self.attach()?;
        self.frames.clear();
        self.frames.extend(batch.frames.iter().map(frame_to_sdk));
        let now = zilla_sdk::Instant { monotonic_ms: now.monotonic_ms, unix_ms: now.unix_ms };
        let answer = INSTANCES.with_borrow_mut(|instances| {
            let instance = instances.get_mut(slot)?.as_mut()?.downcast_mut::<zilla_sdk::Instance<B>>()?;
            Some(instance.deliver(now, &self.frames, batch.octets()))
        });
        let answer = answer.ok_or_else(|| Trap::Other("it is on another thread, or detached".to_owned()))?;
        returned.frames.clear();
        returned.frames.extend(answer.frames.iter().map(frame_to_engine));
        returned.octets = answer.octets;
        Ok(())
    }

    fn detach(&mut self) -> Result<(), Trap> {
        let slot = self.slot.take();
        let instance = INSTANCES.with_borrow_mut(|instances| instances.get_mut(slot?)?.take());
        if let Some(Ok(instance)) = instance.map(|instance| instance.downcast::<zilla_sdk::Instance<B>>()) {
            instance.detach();
        }
        Ok(())
    }
}

fn frame_to_sdk(frame: &Frame) -> zilla_sdk::Frame {
    let mut flags = zilla_sdk::FrameFlags::empty();
    flags.set(zilla_sdk::FrameFlags::INIT, frame.flags.init);
    flags.set(zilla_sdk::FrameFlags::FIN, frame.flags.fin);
    zilla_sdk::Frame {
        stream: frame.stream,
        kind: match frame.kind {
            FrameKind::Begin => zilla_sdk::FrameKind::Begin,
            FrameKind::Data => zilla_sdk::FrameKind::Data,
            FrameKind::Flush => zilla_sdk::FrameKind::Flush,
            FrameKind::End => zilla_sdk::FrameKind::End,
            FrameKind::Abort => zilla_sdk::FrameKind::Abort,
            FrameKind::Window => zilla_sdk::FrameKind::Window,
            FrameKind::Reset => zilla_sdk::FrameKind::Reset,
            FrameKind::Challenge => zilla_sdk::FrameKind::Challenge,
            FrameKind::Timer => zilla_sdk::FrameKind::Timer,
            FrameKind::Signal => zilla_sdk::FrameKind::Signal,
            FrameKind::Drain => zilla_sdk::FrameKind::Drain,
            FrameKind::Forward => zilla_sdk::FrameKind::Forward,
        },
        flags,
        link: frame.link,
        attributes: frame.attributes,
        payload: frame.payload,
        offset: frame.offset,
        value: frame.value,
    }
}

fn frame_to_engine(frame: &zilla_sdk::Frame) -> Frame {
    Frame {
        stream: frame.stream,
        kind: match frame.kind {
            zilla_sdk::FrameKind::Begin => FrameKind::Begin,
            zilla_sdk::FrameKind::Data => FrameKind::Data,
            zilla_sdk::FrameKind::Flush => FrameKind::Flush,
            zilla_sdk::FrameKind::End => FrameKind::End,
            zilla_sdk::FrameKind::Abort => FrameKind::Abort,
            zilla_sdk::FrameKind::Window => FrameKind::Window,
            zilla_sdk::FrameKind::Reset => FrameKind::Reset,
            zilla_sdk::FrameKind::Challenge => FrameKind::Challenge,
            zilla_sdk::FrameKind::Timer => FrameKind::Timer,
            zilla_sdk::FrameKind::Signal => FrameKind::Signal,
            zilla_sdk::FrameKind::Drain => FrameKind::Drain,
            zilla_sdk::FrameKind::Forward => FrameKind::Forward,
        },
        flags: Flags {
            init: frame.flags.contains(zilla_sdk::FrameFlags::INIT),
            fin: frame.flags.contains(zilla_sdk::FrameFlags::FIN),
            borrowed: frame.flags.contains(zilla_sdk::FrameFlags::BORROWED),
        },
        link: frame.link,
        attributes: frame.attributes,
        payload: frame.payload,
        offset: frame.offset,
        value: frame.value,
    }
}

fn config_to_sdk(config: &BindingConfig) -> sdk::BindingConfig {
    let route =
        |route: &host::RouteConfig| sdk::RouteConfig { when: route.when.clone(), with: route.with.clone() };
    sdk::BindingConfig {
        namespace: config.namespace.clone(),
        name: config.name.clone(),
        kind: config.kind.clone(),
        options: config.options.clone(),
        routes: config.routes.iter().map(route).collect(),
        limits: zilla_sdk::Limits {
            initial_credit: config.limits.initial_credit,
            streams: config.limits.streams,
            timers: config.limits.timers,
            attributes_octets: config.limits.attributes_octets,
        },
    }
}

fn kind_to_host(kind: sdk::KindDescription) -> host::KindDescription {
    host::KindDescription {
        kind: kind.kind,
        options_schema: kind.options_schema,
        when_schema: kind.when_schema,
        with_schema: kind.with_schema,
        routes: match kind.routes {
            sdk::Routing::None => host::Routing::None,
            sdk::Routing::Opened => host::Routing::Opened,
            sdk::Routing::Accepted => host::Routing::Accepted,
        },
        placement: match kind.placement {
            sdk::Placement::EveryWorker => host::Placement::EveryWorker,
            sdk::Placement::OneWorker => host::Placement::OneWorker,
        },
    }
}

fn route_to_host(route: sdk::Route) -> Route {
    let assignment =
        |set: sdk::Assignment| host::Assignment { attribute: set.attribute, template: set.template };
    Route {
        when: route.when.into_iter().map(condition_to_host).collect(),
        set: route.set.into_iter().map(assignment).collect(),
    }
}

fn condition_to_host(condition: sdk::Condition) -> host::Condition {
    let predicate = |predicate: sdk::Predicate| host::Predicate {
        attribute: predicate.attribute,
        test: match predicate.test {
            sdk::Test::Equals(text) => host::Test::Equals(text),
            sdk::Test::Wildcard(text) => host::Test::Wildcard(text),
            sdk::Test::Template(text) => host::Test::Template(text),
            sdk::Test::Cidr(text) => host::Test::Cidr(text),
            sdk::Test::PortRange(range) => host::Test::PortRange(range),
        },
    };
    let any = condition.any.into_iter().map(|all| all.into_iter().map(predicate).collect());
    host::Condition { any: any.collect() }
}
