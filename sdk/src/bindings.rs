//! Generated from `wit/` by wit-bindgen: the contract as Rust types. Nothing is written by hand here.
#![allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    elided_lifetimes_in_paths,
    unused_qualifications,
    clippy::all,
    clippy::allow_attributes_without_reason,
    reason = "generated code"
)]

wit_bindgen::generate!({
    path: "../wit",
    world: "binding",
    pub_export_macro: true,
    export_macro_name: "export_component",
    default_bindings_module: "::zilla_sdk::bindings",
    generate_all,
});

/// What a component exports beside its own world if it keeps state.
pub mod state {
    wit_bindgen::generate!({
        path: "../wit",
        world: "state",
        pub_export_macro: true,
        export_macro_name: "export_state",
        default_bindings_module: "::zilla_sdk::bindings::state",
        generate_all,
    });
}

/// The world of a guard. What all worlds share is that of the binding's.
pub mod guard {
    wit_bindgen::generate!({
        path: "../wit",
        world: "guard",
        pub_export_macro: true,
        export_macro_name: "export_guard",
        default_bindings_module: "::zilla_sdk::bindings::guard",
        with: {
            "zilla:plugin/types@0.1.0": crate::bindings::zilla::plugin::types,
            "zilla:plugin/host@0.1.0": crate::bindings::zilla::plugin::host,
        },
    });
}

/// What a guard exports beside its own world if it opens streams.
pub mod outbound {
    wit_bindgen::generate!({
        path: "../wit",
        world: "outbound",
        pub_export_macro: true,
        export_macro_name: "export_outbound",
        default_bindings_module: "::zilla_sdk::bindings::outbound",
        with: {
            "zilla:plugin/types@0.1.0": crate::bindings::zilla::plugin::types,
        },
    });
}

/// The world of a matcher. What all worlds share is that of the binding's.
pub mod matcher {
    wit_bindgen::generate!({
        path: "../wit",
        world: "matcher",
        pub_export_macro: true,
        export_macro_name: "export_matcher",
        default_bindings_module: "::zilla_sdk::bindings::matcher",
        with: {
            "zilla:plugin/types@0.1.0": crate::bindings::zilla::plugin::types,
            "zilla:plugin/host@0.1.0": crate::bindings::zilla::plugin::host,
        },
    });
}
