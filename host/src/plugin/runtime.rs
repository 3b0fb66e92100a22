//! The WebAssembly engine that all plugins share, and the ticker that stops those that run too long.

use super::Trap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, WasmBacktraceDetails};

/// How often a plugin is looked at while it runs. A call ends at most one tick after its budget.
pub(crate) const EPOCH_TICK: Duration = Duration::from_millis(10);

/// Address space reserved for each linear memory: as much as one can have, so that it never moves. What an
/// instance may use of it is its own limit.
const MEMORY_RESERVATION_OCTETS: u64 = 4 << 30;

/// Stack of WebAssembly code in octets. A recursion past it is a trap.
const STACK_OCTETS_MAX: usize = 512 << 10;

/// What is decided once for all plugins.
#[derive(Clone, Copy, Debug)]
pub struct RuntimeOptions {
    /// Instances that may live at the same time; the pool is made for this many.
    pub instances_max: u32,
}

impl Default for RuntimeOptions {
    fn default() -> Self {
        Self { instances_max: 256 }
    }
}

/// The WebAssembly engine. Cheap to clone.
#[derive(Clone)]
pub struct Runtime {
    engine: Engine,
    _ticker: Arc<Ticker>,
}

impl Runtime {
    /// Makes an engine with a pool of instances, or without one where address space is too short.
    pub fn new(options: RuntimeOptions) -> Result<Self, Trap> {
        let engine = Engine::new(&pooling(options)).or_else(|error| {
            tracing::debug!(%error, "no pool of instances, memory is allocated on demand");
            Engine::new(&config())
        });
        let engine = engine
            .map_err(|error| Trap::Other(format!("the WebAssembly engine does not start: {error:#}")))?;
        let ticker = Ticker::start(&engine);
        Ok(Self { engine, _ticker: ticker })
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }
}

fn config() -> Config {
    let mut config = Config::new();
    // A call costs 126 ns without it and 560 ns with it, and nothing in a plugin waits.
    config.concurrency_support(false);
    config.epoch_interruption(true);
    config.wasm_backtrace_details(WasmBacktraceDetails::Disable);
    config.max_wasm_stack(STACK_OCTETS_MAX);
    config.memory_reservation(MEMORY_RESERVATION_OCTETS);
    config
}

fn pooling(options: RuntimeOptions) -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(options.instances_max)
        .total_core_instances(options.instances_max * CORE_INSTANCES_PER_COMPONENT)
        .total_memories(options.instances_max)
        .total_tables(options.instances_max * CORE_INSTANCES_PER_COMPONENT)
        .max_memories_per_component(1)
        .max_memory_size(MEMORY_RESERVATION_OCTETS as usize)
        .max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT)
        .max_component_instance_size(COMPONENT_INSTANCE_OCTETS)
        .max_core_instance_size(COMPONENT_INSTANCE_OCTETS)
        .table_elements(TABLE_ELEMENTS_MAX);
    let mut config = config();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

/// Core instances in one component: the module and the adapters around it.
const CORE_INSTANCES_PER_COMPONENT: u32 = 8;
/// Octets of an instance besides its memory and tables.
const COMPONENT_INSTANCE_OCTETS: usize = 1 << 20;
/// Entries of a function table, as toolchains with an interpreter inside need them.
const TABLE_ELEMENTS_MAX: usize = 100_000;

/// A thread that counts epochs until the last engine is gone.
struct Ticker {
    stop: AtomicBool,
}

impl Ticker {
    fn start(engine: &Engine) -> Arc<Self> {
        let ticker = Arc::new(Self { stop: AtomicBool::new(false) });
        let (weak, engine): (Weak<Self>, _) = (Arc::downgrade(&ticker), engine.weak());
        let tick = move || {
            while let (Some(ticker), Some(engine)) = (weak.upgrade(), engine.upgrade()) {
                if ticker.stop.load(Ordering::Relaxed) {
                    break;
                }
                engine.increment_epoch();
                drop((ticker, engine));
                std::thread::sleep(EPOCH_TICK);
            }
        };
        let spawned = std::thread::Builder::new().name("zilla-epoch".into()).spawn(tick);
        spawned.expect("a process that cannot start one thread cannot start its workers");
        ticker
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
