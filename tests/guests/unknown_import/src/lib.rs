//! A binding that also imports an interface which no plugin is granted.

use zilla_sdk::prelude::*;

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
            interface api { open: func(path: string) -> u32; }
            world curious { import api; }
        ",
        world: "curious",
    });
}

/// `type: unknown_import`, `kind: server`.
pub struct Curious;

/// A stream that closes.
pub struct Nothing;

impl Binding for Curious {
    const TYPE: &'static str = "unknown_import";
    const KINDS: &'static [Kind] = &[Kind::Server];
    type Options = NoOptions;
    type Stream = Nothing;

    fn attach(_config: BindingConfig<NoOptions>) -> Result<Self, ConfigError> {
        #[cfg(target_family = "wasm")]
        other::other::thing::api::open("/etc/passwd");
        Ok(Self)
    }

    fn accept(&mut self, _begin: Begin<'_>, _cx: &mut Context<'_>) -> Result<Nothing, Reset> {
        Ok(Nothing)
    }
}

impl Stream for Nothing {}

zilla_sdk::export!(Curious);
