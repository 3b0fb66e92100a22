//! Reflects its payload, unless its mood is another. The mood is a word in its file, which a test overwrites: so
//! one source gives versions of a plugin that go wrong in their own ways.

use std::sync::atomic::AtomicU8;

/// `mood=`, a word, and dots: as long in each version, so that nothing else in the file moves.
pub static MOOD: [u8; 16] = *b"mood=serves.....";

/// Zeros that are in the memory and not in the file: it begins with so many pages that their number, which a test
/// overwrites as well, has room to grow.
pub static ROOM: [AtomicU8; 9 << 20] = [const { AtomicU8::new(0) }; 9 << 20];

/// The word.
pub fn mood() -> &'static str {
    // Read when it runs: the compiler must not know what it says.
    let mood = std::str::from_utf8(std::hint::black_box(&MOOD)).unwrap_or_default();
    mood.trim_start_matches("mood=").trim_end_matches('.')
}

/// Allocates until it is refused.
pub fn hoard() -> usize {
    let mut hoard: Vec<Vec<u8>> = Vec::new();
    loop {
        hoard.push(std::hint::black_box(Vec::with_capacity(std::hint::black_box(&ROOM).len())));
    }
}

#[cfg(target_family = "wasm")]
const _: () = {
    use crate::{hoard, mood};
    use guest_reflection::reflect;
    use zilla_sdk::bindings::exports::zilla::plugin::binding_exports as wit;
    use zilla_sdk::{Batch, ConfigError, Frame, Instant};

    struct Component;

    impl wit::Guest for Component {
        fn describe() -> wit::Description {
            if mood() == "muses" {
                loop {
                    std::hint::spin_loop();
                }
            }
            guest_reflection::describe("moody", wit::Routing::None)
        }

        fn attach(_config: wit::BindingConfig) -> Result<Vec<wit::Route>, Vec<ConfigError>> {
            zilla_sdk::log_panics();
            match mood() {
                "refuses" => Err(vec![ConfigError {
                    path: "/options".to_owned(),
                    expected: "a better day".to_owned(),
                    found: "this one".to_owned(),
                }]),
                "panics" => panic!("not in this mood"),
                "hoards" => panic!("{} pieces were allocated", hoard()),
                "spins" => loop {
                    std::hint::spin_loop();
                },
                _ => Ok(Vec::new()),
            }
        }

        fn deliver(_now: Instant, frames: Vec<Frame>, _octets: Vec<u8>) -> Batch {
            if mood() == "stumbles" {
                panic!("it stumbles over the first step");
            }
            Batch { frames: frames.iter().filter_map(reflect).collect(), octets: Vec::new() }
        }

        fn detach() {}
    }

    zilla_sdk::bindings::export_component!(Component with_types_in zilla_sdk::bindings);
};
