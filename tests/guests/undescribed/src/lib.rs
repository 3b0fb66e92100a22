//! Traps when it is asked what it is: its kinds are made with a panic.

use zilla_sdk::bindings::exports::zilla::plugin::binding_exports::{Description, Routing};

/// What it does instead of an answer.
pub fn describe() -> Description {
    let unnamed = guest_reflection::describe("undescribed", Routing::None);
    match unnamed.kinds.len() {
        0 => unnamed,
        _ => panic!("it does not know itself"),
    }
}

#[cfg(target_family = "wasm")]
const _: () = {
    use zilla_sdk::bindings::exports::zilla::plugin::binding_exports as wit;
    use zilla_sdk::{Batch, ConfigError, Frame, Instant};

    struct Component;

    impl wit::Guest for Component {
        fn describe() -> Description {
            describe()
        }

        fn attach(_config: wit::BindingConfig) -> Result<Vec<wit::Route>, Vec<ConfigError>> {
            Ok(Vec::new())
        }

        fn deliver(_now: Instant, _frames: Vec<Frame>, _octets: Vec<u8>) -> Batch {
            Batch { frames: Vec::new(), octets: Vec::new() }
        }

        fn detach() {}
    }

    zilla_sdk::bindings::export_component!(Component with_types_in zilla_sdk::bindings);
};
