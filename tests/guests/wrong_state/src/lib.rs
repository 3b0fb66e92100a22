//! Reflects its payload, and keeps state with a `save` that is not that of the contract.

use guest_reflection::reflect;
use zilla_sdk::{Batch, Frame, Instant};

/// Handles one frame.
pub fn deliver(_now: Instant, given: &Frame, _octets: &[u8], batch: &mut Batch) {
    batch.frames.extend(reflect(given));
}

guest_reflection::export!("wrong_state", None, deliver);

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
            package zilla:plugin@0.1.0;
            interface state-exports {
                save: func() -> string;
                restore: func(version: string, state: list<u8>) -> result<_, string>;
            }
            world other { export state-exports; }
        ",
        world: "other",
    });

    struct Component;

    impl exports::zilla::plugin::state_exports::Guest for Component {
        fn save() -> String {
            String::new()
        }

        fn restore(_version: String, _state: Vec<u8>) -> Result<(), String> {
            Ok(())
        }
    }

    export!(Component);
}
