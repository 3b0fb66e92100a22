//! What the checks cost that let a call be stopped: the same call into the same component, compiled with them and without.
//!
//! The rest is as in the host: the same contract, and an engine that differs in nothing else.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::path::Path;
use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Config, Engine, Store};
use zilla_host::plugin::contract::zilla::plugin::types::{Frame, FrameFlags, FrameKind, Instant, Limits};
use zilla_host::plugin::contract::zilla::plugin::{host, types};
use zilla_host::plugin::contract::{Binding, exports::zilla::plugin::binding_exports::BindingConfig};

/// Frames in one call.
const FRAMES: [u32; 2] = [1, 100];

/// Octets of a data frame.
const PAYLOAD_OCTETS: u32 = 64;

const NOW: Instant = Instant { monotonic_ms: 1, unix_ms: 1_800_000_000_000 };

/// Grants nothing: the plugin measured here asks for nothing.
struct Nothing;

impl types::Host for Nothing {}

impl host::Host for Nothing {
    fn log(&mut self, _level: host::Level, _message: String) -> wasmtime::Result<()> {
        Ok(())
    }

    fn random(&mut self, octets: u32) -> wasmtime::Result<Vec<u8>> {
        Ok(vec![0; octets as usize])
    }

    fn authorize(
        &mut self,
        _guard: String,
        _credentials: Vec<u8>,
    ) -> wasmtime::Result<Result<u64, host::Refusal>> {
        Ok(Err(host::Refusal::UnknownGuard))
    }

    fn credentials(
        &mut self,
        _guard: String,
        _authorization: u64,
    ) -> wasmtime::Result<Result<Vec<u8>, host::Refusal>> {
        Ok(Err(host::Refusal::UnknownGuard))
    }

    fn count(&mut self, _name: String, _add: u64) -> wasmtime::Result<()> {
        Ok(())
    }
}

/// An instance of a plugin, attached.
struct Instance {
    store: Store<Nothing>,
    binding: Binding,
}

impl Instance {
    fn new(name: &str, has_checks: bool) -> wasmtime::Result<Self> {
        let mut config = Config::new();
        config.concurrency_support(false).epoch_interruption(has_checks).memory_reservation(4 << 30);
        let engine = Engine::new(&config)?;
        let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/plugins/bin");
        let plugins = std::env::var_os("ZILLA_PLUGINS").map_or(plugins, Into::into);
        let component = Component::from_file(&engine, plugins.join(name))?;
        let mut linker = Linker::new(&engine);
        Binding::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
        let mut store = Store::new(&engine, Nothing);
        store.set_epoch_deadline(u64::MAX / 2);
        let binding = Binding::instantiate(&mut store, &component, &linker)?;
        let attached = binding.zilla_plugin_binding_exports().call_attach(&mut store, &configuration())?;
        assert!(attached.is_ok(), "the configuration is right");
        Ok(Self { store, binding })
    }

    fn deliver(&mut self, frames: &[Frame], octets: &[u8]) {
        let exports = self.binding.zilla_plugin_binding_exports();
        let answer = exports.call_deliver(&mut self.store, NOW, frames, octets);
        black_box(answer.expect("no plugin here traps"));
    }
}

fn configuration() -> BindingConfig {
    BindingConfig {
        namespace: "bench".into(),
        name: "epoch".into(),
        kind: "server".into(),
        options: "{}".into(),
        routes: Vec::new(),
        limits: Limits {
            initial_credit: 64 << 10,
            streams: 64 << 10,
            timers: 8,
            attributes_octets: 64 << 10,
        },
    }
}

fn frame(stream: u32, kind: FrameKind) -> Frame {
    Frame {
        stream,
        kind,
        flags: FrameFlags::empty(),
        link: 0,
        attributes: 0,
        payload: 0,
        offset: 0,
        value: 0,
    }
}

/// `deliver` of data frames, each of a stream of its own, to `echo`.
fn echo(criterion: &mut Criterion) {
    for (checks, has_checks) in [("with checks", true), ("without", false)] {
        let mut group = criterion.benchmark_group(format!("epoch/{checks}"));
        for count in FRAMES {
            let mut instance = Instance::new("binding_echo.wasm", has_checks).expect("it is built");
            let of_each = |kind, value: u64, payload: u32| -> Vec<Frame> {
                let to = |index: u32| Frame {
                    value,
                    payload,
                    offset: index * payload,
                    ..frame(1 + 2 * index, kind)
                };
                (0..count).map(to).collect()
            };
            instance.deliver(&of_each(FrameKind::Begin, 0, 0), &[]);
            instance.deliver(&of_each(FrameKind::Window, 1 << 39, 0), &[]);
            let (data, octets) =
                (of_each(FrameKind::Data, 0, PAYLOAD_OCTETS), vec![b'x'; (count * PAYLOAD_OCTETS) as usize]);
            group.throughput(Throughput::Elements(count.into()));
            group.bench_function(format!("{count} frames"), |bencher| {
                bencher.iter(|| instance.deliver(&data, &octets));
            });
        }
        group.finish();
    }
}

criterion_group!(epoch, echo);
criterion_main!(epoch);
