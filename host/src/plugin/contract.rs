//! Generated from `wit/` by wasmtime: the contract as Rust types. Nothing is written by hand here.
#![allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    unused_qualifications,
    elided_lifetimes_in_paths,
    clippy::all,
    clippy::allow_attributes_without_reason,
    reason = "generated code"
)]

wasmtime::component::bindgen!({
    path: "../wit",
    world: "binding",
    imports: { default: trappable },
});

/// What a component exports beside its own world if it keeps state.
pub mod state {
    wasmtime::component::bindgen!({ path: "../wit", world: "state" });
}

/// What a component exports that serves a guard type.
pub mod guard {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "guard",
        imports: { default: trappable },
        with: {
            "zilla:plugin/host": super::zilla::plugin::host,
            "zilla:plugin/types": super::zilla::plugin::types,
        },
    });
}

/// What a component exports beside the world of a guard if it opens streams.
pub mod outbound {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "outbound",
        with: {
            "zilla:plugin/types": super::zilla::plugin::types,
        },
    });
}

/// What a component exports that serves a matcher type.
pub mod matcher {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "matcher",
        imports: { default: trappable },
        with: {
            "zilla:plugin/host": super::zilla::plugin::host,
            "zilla:plugin/types": super::zilla::plugin::types,
        },
    });
}
