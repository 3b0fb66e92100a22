//! What a frame costs the engine: relayed data, a stream's whole life, and a wide batch.

#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::sync::Arc;
use zilla_engine::{
    Batch, Binding, BindingIndex, Condition, Engine, Frame, FrameKind, Guarded, Limits, Predicate, Route,
    Routing, Session, Test, Use, attributes,
};

const CLIENT: BindingIndex = BindingIndex(0);
const SERVER: BindingIndex = BindingIndex(1);
const PAYLOAD: [u8; 1024] = [7; 1024];

fn engine() -> Engine {
    engine_with(|route| route)
}

/// What a route asks besides.
fn engine_with(ask: impl Fn(Route) -> Route) -> Engine {
    let when = |value: &str| Condition {
        any: vec![vec![Predicate { attribute: ":path".into(), test: Test::Equals(value.into()) }]],
        matched: Vec::new(),
    };
    let routes = vec![
        Route { conditions: vec![when("/other")], exit: Some(SERVER), ..Route::default() },
        ask(Route { conditions: vec![when("/items")], exit: Some(SERVER), ..Route::default() }),
    ];
    let opener = Binding { routing: Routing::Opened, routes, quota: None };
    let acceptor = Binding { routing: Routing::None, routes: Vec::new(), quota: None };
    Engine::new(Limits::default(), vec![opener, acceptor])
}

fn headers() -> Vec<u8> {
    let mut block = Vec::new();
    attributes::push(&mut block, b":path", b"/items");
    for index in 0..9 {
        attributes::push(&mut block, format!("x-header-{index}").as_bytes(), b"some value of it");
    }
    block
}

fn frame(stream: u32, kind: FrameKind) -> Frame {
    Frame::new(stream, kind)
}

/// Opens that many streams and takes what comes of it.
fn opened(count: u32) -> Engine {
    let (mut engine, block, mut batch) = (engine(), headers(), Batch::default());
    for index in 1..=count {
        let attributes = block.len() as u32;
        let begin = Frame { attributes, ..frame(2 * index, FrameKind::Begin) };
        engine.handle(CLIENT, &[begin], &[], &block);
    }
    while let Some(binding) = engine.next_ready() {
        engine.take(binding, &mut batch);
    }
    engine
}

fn relayed_data(criterion: &mut Criterion) {
    let mut engine = opened(1);
    let mut batch = Batch::default();
    let data = Frame { payload: PAYLOAD.len() as u32, ..frame(2, FrameKind::Data) };
    let window = Frame { value: PAYLOAD.len() as u64, ..frame(1, FrameKind::Window) };
    let mut group = criterion.benchmark_group("relay");
    group.throughput(Throughput::Elements(2));
    group.bench_function("one data frame of 1 KiB and its window", |bencher| {
        bencher.iter(|| {
            engine.handle(CLIENT, &[data], &[], &PAYLOAD);
            engine.next_ready();
            engine.take(SERVER, &mut batch);
            engine.handle(SERVER, &[window], batch.octets(), &[]);
            engine.next_ready();
            engine.take(CLIENT, &mut batch);
            black_box(batch.frames.len());
        });
    });
    group.finish();
}

fn life_of_a_stream(criterion: &mut Criterion) {
    let guard = |mut route: Route| {
        route.guarded.push(Guarded { guard: "n:g".into(), roles: vec!["read".into()] });
        route
    };
    let matcher = |mut route: Route| {
        route.conditions[0].matched.push(Use { matcher: 0, index: 0 });
        route
    };
    let session = Arc::new(Session {
        number: 1,
        guard: "n:g".into(),
        identity: "alice".into(),
        roles: vec!["write".into(), "read".into()],
        attributes: Vec::new(),
        expires_unix_ms: Some(u64::MAX),
        challenge_unix_ms: None,
        credentials: None,
    });
    let mut group = criterion.benchmark_group("life");
    group.throughput(Throughput::Elements(4));
    group.bench_function("begin, answer, end, end with 10 attributes and 2 routes", |bencher| {
        let mut life = Life::new(engine());
        bencher.iter(|| life.live(0));
    });
    group.bench_function("the same with a session that is granted again, and a guarded route", |bencher| {
        let mut life = Life::new(engine_with(guard));
        bencher.iter(|| {
            let number = life.engine.authorizations().grant(&session, || 1);
            life.live(number.unwrap_or_default());
        });
    });
    group.bench_function("the same with a matcher, whose own time is not in it", |bencher| {
        let mut life = Life::new(engine_with(matcher));
        bencher.iter(|| life.live(0));
    });
    group.finish();
}

/// One stream after the other.
struct Life {
    engine: Engine,
    block: Vec<u8>,
    batch: Batch,
}

impl Life {
    fn new(engine: Engine) -> Self {
        Self { engine, block: headers(), batch: Batch::default() }
    }

    fn live(&mut self, authorization: u64) {
        let Self { engine, block, batch } = self;
        let begin = |stream, value| {
            let attributes = block.len() as u32;
            Frame { attributes, value, ..frame(stream, FrameKind::Begin) }
        };
        engine.handle(CLIENT, &[begin(2, authorization), frame(2, FrameKind::End)], &[], block);
        if engine.has_questions() {
            let count = engine.questions().count();
            engine.answer_questions(vec![Some(Vec::new()); count]);
        }
        engine.next_ready();
        engine.take(SERVER, batch);
        let stream = batch.frames[0].stream;
        engine.handle(SERVER, &[begin(stream, 0), frame(stream, FrameKind::End)], &[], block);
        engine.next_ready();
        engine.take(CLIENT, batch);
        assert_eq!(engine.streams(), 0);
    }
}

fn wide_batch(criterion: &mut Criterion) {
    let data = |index: u32| Frame { payload: 64, ..frame(2 * index, FrameKind::Data) };
    let frames: Vec<Frame> = (1..=1000).map(data).collect();
    let mut batch = Batch::default();
    let mut group = criterion.benchmark_group("wide");
    group.throughput(Throughput::Elements(1000));
    group.bench_function("1,000 streams, one data frame of 64 octets each", |bencher| {
        bencher.iter_batched_ref(
            || opened(1000),
            |engine| {
                engine.handle(CLIENT, &frames, &[], &PAYLOAD);
                engine.next_ready();
                engine.take(SERVER, &mut batch);
                assert_eq!(batch.frames.len(), 1000);
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

criterion_group!(turn, relayed_data, life_of_a_stream, wide_batch);
criterion_main!(turn);
