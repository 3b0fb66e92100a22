//! What one call into a plugin costs, by the number of frames in it, and what is around it: the same plugins
//! as components and linked natively, an instance from its making to its end, and the engine alone.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use zilla_bench::native::NativeTypes;
use zilla_engine::{
    Batch, Binding, BindingIndex, Engine, Frame, FrameKind, Limits, Route, Routing, StreamId, attributes,
};
use zilla_host::plan::BindingTypes;
use zilla_host::plugin::{
    BindingConfig, BindingType, Instance, Instant, Library, PluginOptions, Returned, RouteConfig, Runtime,
    RuntimeOptions,
};

/// Frames in one call.
const FRAMES: [usize; 4] = [1, 10, 100, 1_000];

/// Octets of a data frame.
const PAYLOAD_OCTETS: usize = 64;

/// Credit that no measurement uses up.
const CREDIT: u64 = 1 << 39;

const NOW: Instant = Instant { monotonic_ms: 1, unix_ms: 1_800_000_000_000 };

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:7114\r\n\r\n";

/// The two bindings of the engines here: one opens streams, the other accepts them.
const OPENER: BindingIndex = BindingIndex(0);
const ACCEPTOR: BindingIndex = BindingIndex(1);

/// An engine with as many streams open between the two.
struct Streams {
    engine: Engine,
    count: usize,
}

impl Streams {
    fn open(count: usize) -> Self {
        let route = Route { exit: Some(ACCEPTOR), ..Route::default() };
        let bindings = vec![
            Binding { routing: Routing::Opened, routes: vec![route], quota: None },
            Binding { routing: Routing::None, routes: Vec::new(), quota: None },
        ];
        let mut streams = Self { engine: Engine::new(Limits::default(), bindings), count };
        streams.send(OPENER, FrameKind::Begin, 0, &[], &[]);
        streams
    }

    /// The ids under which a binding knows the streams: the opener even ones, the acceptor odd ones.
    fn ids(&self, binding: BindingIndex) -> impl Iterator<Item = StreamId> + use<> {
        let (first, count) = (if binding == OPENER { 2 } else { 1 }, self.count as u32);
        (0..count).map(move |index| first + 2 * index)
    }

    /// The same frame on each stream.
    fn send(&mut self, from: BindingIndex, kind: FrameKind, value: u64, attributes: &[u8], payload: &[u8]) {
        let octets = [attributes, payload].concat();
        let frame = |stream| Frame {
            value,
            attributes: attributes.len() as u32,
            payload: payload.len() as u32,
            ..Frame::new(stream, kind)
        };
        let frames: Vec<Frame> = self.ids(from).map(frame).collect();
        self.engine.handle(from, &frames, &[], &octets);
    }

    /// Everything that waits for a binding, as one batch.
    fn take(&mut self, binding: BindingIndex) -> Batch {
        let mut batch = Batch::default();
        self.engine.take(binding, &mut batch);
        batch
    }
}

/// An instance and what it returned last.
struct Called {
    instance: Box<dyn Instance>,
    returned: Returned,
}

impl Called {
    fn deliver(&mut self, batch: &Batch) {
        self.instance.deliver(NOW, batch, &mut self.returned).expect("no plugin here traps");
        black_box(&self.returned);
    }
}

/// The plugins as components, and natively.
fn kinds() -> [(&'static str, Box<dyn BindingTypes>); 2] {
    let runtime = Runtime::new(RuntimeOptions::default()).expect("the engine starts");
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/plugins/bin");
    let plugins = std::env::var_os("ZILLA_PLUGINS").map_or(plugins, Into::into);
    let library = Library::scan(&runtime, None, vec![plugins]);
    [("component", Box::new(library)), ("native", Box::new(NativeTypes))]
}

fn binding_type(types: &dyn BindingTypes, name: &str) -> Arc<dyn BindingType> {
    types.binding_type(name, &PluginOptions::default()).expect("`cargo xtask plugins` has built it")
}

fn config(routes: usize) -> BindingConfig {
    let limits = Limits::default();
    BindingConfig {
        namespace: "bench".into(),
        name: "boundary".into(),
        kind: "server".into(),
        options: "{}".into(),
        routes: (0..routes).map(|_| RouteConfig { when: Vec::new(), with: "{}".into() }).collect(),
        limits: zilla_host::plugin::Limits {
            initial_credit: limits.initial_credit,
            streams: limits.streams,
            timers: limits.timers,
            attributes_octets: limits.attributes_octets,
        },
    }
}

fn attach(types: &dyn BindingTypes, name: &str, routes: usize) -> Called {
    let attached = binding_type(types, name).attach(&config(routes));
    let (instance, _) = attached.expect("the configuration is right");
    Called { instance, returned: Returned::default() }
}

/// `deliver` of data frames, each of a stream of its own, to `echo`.
fn echo(criterion: &mut Criterion) {
    for (kind, types) in kinds() {
        let mut group = criterion.benchmark_group(format!("echo/{kind}"));
        for frames in FRAMES {
            let mut called = attach(&*types, "echo", 0);
            let mut streams = Streams::open(frames);
            called.deliver(&streams.take(ACCEPTOR));
            streams.send(ACCEPTOR, FrameKind::Begin, 0, &[], &[]);
            streams.send(ACCEPTOR, FrameKind::Window, CREDIT, &[], &[]);
            streams.send(OPENER, FrameKind::Window, CREDIT, &[], &[]);
            called.deliver(&streams.take(ACCEPTOR));
            streams.send(OPENER, FrameKind::Data, 0, &[], &[b'x'; PAYLOAD_OCTETS]);
            let batch = streams.take(ACCEPTOR);
            group.throughput(Throughput::Elements(frames as u64));
            group.bench_function(format!("{frames} frames"), |bencher| {
                bencher.iter(|| called.deliver(&batch));
            });
        }
        group.finish();
    }
}

/// A request from its head to the head of its response: the two calls of `http` that it takes.
fn http(criterion: &mut Criterion) {
    for (kind, types) in kinds() {
        let mut group = criterion.benchmark_group(format!("http/{kind}"));
        for requests in FRAMES {
            let mut called = attach(&*types, "http", 1);
            let mut clients = Streams::open(requests);
            called.deliver(&clients.take(ACCEPTOR));
            clients.send(ACCEPTOR, FrameKind::Begin, 0, &[], &[]);
            clients.send(OPENER, FrameKind::Window, CREDIT, &[], &[]);
            called.deliver(&clients.take(ACCEPTOR));
            clients.send(OPENER, FrameKind::Data, 0, &[], GET);
            let heads = clients.take(ACCEPTOR);
            let mut exits = Streams::open(requests);
            let mut response = Vec::new();
            attributes::push(&mut response, b":status", b"200");
            attributes::push(&mut response, b"content-length", b"0");
            exits.send(ACCEPTOR, FrameKind::Begin, 0, &response, &[]);
            exits.send(ACCEPTOR, FrameKind::End, 0, &[], &[]);
            let responses = exits.take(OPENER);
            called.deliver(&heads);
            let opened = called.returned.frames.iter().filter(|frame| frame.kind == FrameKind::Begin).count();
            assert_eq!(opened, requests, "each head opens an exit");
            called.deliver(&responses);
            let answered =
                called.returned.frames.iter().filter(|frame| frame.kind == FrameKind::Data).count();
            assert_eq!(answered, requests, "each exit's answer is a response");
            group.throughput(Throughput::Elements(requests as u64));
            group.bench_function(format!("{requests} requests"), |bencher| {
                bencher.iter(|| {
                    called.deliver(&heads);
                    called.deliver(&responses);
                });
            });
        }
        group.finish();
    }
}

/// An instance from its making to its end.
fn instance(criterion: &mut Criterion) {
    for (kind, types) in kinds() {
        let mut group = criterion.benchmark_group(format!("instance/{kind}"));
        for (name, routes) in [("echo", 0), ("http", 1)] {
            let (binding_type, config) = (binding_type(&*types, name), config(routes));
            group.bench_function(name, |bencher| {
                bencher.iter(|| drop(black_box(binding_type.attach(&config))));
            });
        }
        group.finish();
    }
}

/// The engine alone: frames handed in by one binding and taken by the other.
fn engine(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("engine");
    for frames in FRAMES {
        let mut streams = Streams::open(frames);
        streams.take(ACCEPTOR);
        streams.send(ACCEPTOR, FrameKind::Window, CREDIT, &[], &[]);
        streams.take(OPENER);
        let data = |stream| Frame { payload: PAYLOAD_OCTETS as u32, ..Frame::new(stream, FrameKind::Data) };
        let sent: Vec<Frame> = streams.ids(OPENER).map(data).collect();
        let (octets, mut batch) = ([b'x'; PAYLOAD_OCTETS], Batch::default());
        group.throughput(Throughput::Elements(frames as u64));
        group.bench_function(format!("handle and take {frames} frames"), |bencher| {
            bencher.iter(|| {
                streams.engine.handle(OPENER, &sent, &[], &octets);
                streams.engine.take(ACCEPTOR, &mut batch);
                black_box(&batch);
            });
        });
    }
    group.finish();
}

criterion_group!(boundary, echo, http, instance, engine);
criterion_main!(boundary);
