//! A component, but of a world that is none of the contract.

/// Generated from the world below.
#[cfg(target_family = "wasm")]
#[allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    unused_qualifications,
    elided_lifetimes_in_paths,
    clippy::all,
    clippy::allow_attributes_without_reason,
    reason = "generated code"
)]
mod other {
    wit_bindgen::generate!({
        inline: "
            package other:thing@1.2.3;
            interface api { answer: func() -> u32; }
            world foreign { export api; }
        ",
        world: "foreign",
    });

    struct Component;

    impl exports::other::thing::api::Guest for Component {
        fn answer() -> u32 {
            42
        }
    }

    export!(Component);
}
