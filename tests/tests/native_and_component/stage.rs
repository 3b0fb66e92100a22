//! A plugin twice, between two peers, on the host's engine.

use crate::frames::{from_sdk, to_sdk};
use std::sync::OnceLock;
use zilla_engine::{
    Batch, Binding, BindingIndex, Engine, Frame, FrameKind, Limits, Route, Routing, StreamId, attributes,
};
use zilla_host::plugin::{
    BindingConfig, BindingPlugin, BindingType as _, Instance, Instant, Library, Returned, RouteConfig,
    Runtime, RuntimeOptions,
};
use zilla_sdk::bindings::exports::zilla::plugin::binding_exports as sdk;
use zilla_sdk::bindings::zilla::plugin::types as sdk_types;

/// Who opens streams to the plugin, and takes what it answers.
pub(crate) const CLIENT: BindingIndex = BindingIndex(0);
/// The plugin.
const PLUGIN: BindingIndex = BindingIndex(1);
/// Who accepts the streams that the plugin opens.
pub(crate) const EXIT: BindingIndex = BindingIndex(2);

/// Batches until everybody has come to rest; more are a plugin that never does.
const BATCHES_MAX: usize = 10_000;

/// A frame that a peer got, with its octets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Got {
    pub(crate) stream: StreamId,
    pub(crate) kind: FrameKind,
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) payload: Vec<u8>,
    pub(crate) value: u64,
}

/// The plugin natively, whichever it is.
trait Native {
    fn deliver(
        &mut self,
        now: sdk_types::Instant,
        frames: &[sdk_types::Frame],
        octets: &[u8],
    ) -> sdk_types::Batch;
}

impl<B: zilla_sdk::Binding> Native for zilla_sdk::Instance<B> {
    fn deliver(
        &mut self,
        now: sdk_types::Instant,
        frames: &[sdk_types::Frame],
        octets: &[u8],
    ) -> sdk_types::Batch {
        Self::deliver(self, now, frames, octets)
    }
}

/// See the module.
pub(crate) struct Stage {
    engine: Engine,
    component: Box<dyn Instance>,
    native: Box<dyn Native>,
    now: Instant,
    /// What the peers got, by peer, until it is taken.
    got: [Vec<Got>; 2],
    /// Frames that both have returned, for a test to know that there were some.
    pub(crate) compared: usize,
}

impl Stage {
    /// Attaches the plugin twice; both must say the same of its configuration.
    #[track_caller]
    pub(crate) fn attach<B: zilla_sdk::Binding>(file: &str, options: &str, routing: Routing) -> Self {
        let limits = Limits { initial_credit: 1 << 10, ..Limits::default() };
        let exits = usize::from(routing != Routing::None);
        let route = || RouteConfig { when: Vec::new(), with: "{}".to_owned() };
        let config = BindingConfig {
            namespace: "test".to_owned(),
            name: "plugin".to_owned(),
            kind: "server".to_owned(),
            options: options.to_owned(),
            routes: (0..exits).map(|_| route()).collect(),
            limits: zilla_host::plugin::Limits {
                initial_credit: limits.initial_credit,
                streams: limits.streams,
                timers: limits.timers,
                attributes_octets: limits.attributes_octets,
            },
        };
        let (component, routes) =
            plugin(file).attach(&config).expect("the component takes its configuration");
        let attached = zilla_sdk::Instance::<B>::attach(&to_sdk_config(&config));
        let (native, native_routes) = attached.expect("the plugin takes its configuration natively");
        assert_eq!(format!("{routes:?}"), format!("{native_routes:?}"));
        let to = |exit| Route { exit: Some(exit), ..Route::default() };
        let plugin_routes = (0..exits).map(|_| to(EXIT)).collect();
        let binding = |routing, routes| Binding { routing, routes, quota: Default::default() };
        let bindings = vec![
            binding(Routing::Opened, vec![to(PLUGIN)]),
            binding(routing, plugin_routes),
            binding(Routing::None, Vec::new()),
        ];
        Self {
            engine: Engine::new(limits, bindings),
            component,
            native: Box::new(native),
            now: Instant { monotonic_ms: 1_000, unix_ms: 1_767_225_600_000 },
            got: [Vec::new(), Vec::new()],
            compared: 0,
        }
    }

    /// A peer sends a frame. The engine drops what its stream does not allow.
    pub(crate) fn send(
        &mut self,
        from: BindingIndex,
        frame: Frame,
        described: &[(&str, &str)],
        payload: &[u8],
    ) {
        let mut octets = Vec::new();
        for (name, value) in described {
            attributes::push(&mut octets, name.as_bytes(), value.as_bytes());
        }
        let frame =
            Frame { attributes: octets.len() as u32, payload: payload.len() as u32, offset: 0, ..frame };
        octets.extend_from_slice(payload);
        self.engine.handle(from, &[frame], &[], &octets);
    }

    /// Lets time pass, and what is due happen.
    #[track_caller]
    pub(crate) fn advance(&mut self, ms: u64) {
        self.now.monotonic_ms += ms;
        self.now.unix_ms += ms;
        self.settle();
    }

    /// Tells everybody that no new streams will come.
    #[track_caller]
    pub(crate) fn drain(&mut self) {
        self.engine.drain(u64::MAX);
        self.settle();
    }

    /// Hands out what waits, to the plugin in both of its forms, until all is quiet.
    ///
    /// # Panics
    /// If they differ, or never come to rest.
    #[track_caller]
    pub(crate) fn settle(&mut self) {
        self.engine.advance(self.now.monotonic_ms);
        let mut batch = Batch::default();
        for _ in 0..BATCHES_MAX {
            let Some(binding) = self.engine.next_ready() else { return };
            self.engine.take(binding, &mut batch);
            match binding {
                PLUGIN if batch.is_empty() => {}
                PLUGIN => self.deliver(&batch),
                CLIENT => self.got[0].extend(batch.frames.iter().map(|frame| got(frame, &batch))),
                _ => self.got[1].extend(batch.frames.iter().map(|frame| got(frame, &batch))),
            }
        }
        panic!("not at rest after {BATCHES_MAX} batches");
    }

    /// One call of each, and the comparison of their answers.
    #[track_caller]
    fn deliver(&mut self, batch: &Batch) {
        let mut returned = Returned::default();
        self.component.deliver(self.now, batch, &mut returned).expect("the component does not trap");
        let frames: Vec<_> = batch.frames.iter().map(to_sdk).collect();
        let now = sdk_types::Instant { monotonic_ms: self.now.monotonic_ms, unix_ms: self.now.unix_ms };
        let native = self.native.deliver(now, &frames, batch.octets());
        let native_frames: Vec<Frame> = native.frames.iter().map(from_sdk).collect();
        for (index, (component, native)) in returned.frames.iter().zip(&native_frames).enumerate() {
            assert_eq!(component, native, "frame {index} of the answer to {:#?}", batch.frames);
        }
        assert_eq!(returned.frames.len(), native_frames.len(), "frames in answer to {:#?}", batch.frames);
        assert!(returned.octets == native.octets, "octets in answer to {:#?}", batch.frames);
        self.compared += native_frames.len();
        self.engine.handle(PLUGIN, &returned.frames, batch.octets(), &returned.octets);
        let violations = self.engine.take_violations();
        let of_the_plugin: Vec<_> =
            violations.first.iter().filter(|violation| violation.binding == PLUGIN).collect();
        assert!(of_the_plugin.is_empty(), "{of_the_plugin:?} in answer to {:#?}", batch.frames);
    }

    /// What a peer got since the last call.
    pub(crate) fn take(&mut self, peer: BindingIndex) -> Vec<Got> {
        std::mem::take(&mut self.got[usize::from(peer == EXIT)])
    }

    /// Streams that are open anywhere.
    pub(crate) fn streams(&self) -> usize {
        self.engine.streams()
    }
}

fn got(frame: &Frame, batch: &Batch) -> Got {
    let (block, payload) = frame.cut(batch.octets()).expect("the engine points into its octets");
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    let block = zilla_sdk::Attributes::new(block);
    Got {
        stream: frame.stream,
        kind: frame.kind,
        attributes: block.iter().map(|(name, value)| (text(name), text(value))).collect(),
        payload: payload.to_vec(),
        value: frame.value,
    }
}

/// A plugin of the build output, compiled once.
fn plugin(file: &str) -> BindingPlugin {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    let directory = &xtask::plugins::built().dir;
    let library = LIBRARY.get_or_init(|| {
        let runtime = Runtime::new(RuntimeOptions::default()).expect("a WebAssembly engine");
        let cache = zilla_host::plugin::Cache::open(&zilla_tests::files::cache()).ok();
        Library::scan(&runtime, cache, vec![directory.clone()])
    });
    library.binding_at(&directory.join(file)).expect("a plugin").1
}

fn to_sdk_config(config: &BindingConfig) -> sdk::BindingConfig {
    let route = |route: &RouteConfig| sdk::RouteConfig { when: route.when.clone(), with: route.with.clone() };
    sdk::BindingConfig {
        namespace: config.namespace.clone(),
        name: config.name.clone(),
        kind: config.kind.clone(),
        options: config.options.clone(),
        routes: config.routes.iter().map(route).collect(),
        limits: sdk_types::Limits {
            initial_credit: config.limits.initial_credit,
            streams: config.limits.streams,
            timers: config.limits.timers,
            attributes_octets: config.limits.attributes_octets,
        },
    }
}
