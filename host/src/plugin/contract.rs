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
