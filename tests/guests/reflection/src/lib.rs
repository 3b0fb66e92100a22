//! What guests that write their frames by hand have in common: past the SDK, which would not let them.

use zilla_sdk::bindings::exports::zilla::plugin::binding_exports::{
    Description, KindDescription, Placement, Routing,
};
use zilla_sdk::{Frame, FrameFlags, FrameKind, StreamId};

/// A binding of one kind, without options.
pub fn describe(type_name: &str, routes: Routing) -> Description {
    let kind = KindDescription {
        kind: "server".to_owned(),
        options_schema: "{}".to_owned(),
        when_schema: None,
        with_schema: None,
        routes,
        placement: Placement::EveryWorker,
    };
    Description { type_name: type_name.to_owned(), version: "1.0.0".to_owned(), kinds: vec![kind] }
}

/// A frame with every other field 0.
pub fn frame(stream: StreamId, kind: FrameKind) -> Frame {
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

/// What echo answers to a frame, if anything.
pub fn reflect(given: &Frame) -> Option<Frame> {
    match given.kind {
        FrameKind::Begin => Some(frame(given.stream, FrameKind::Begin)),
        FrameKind::Data => Some(Frame { flags: FrameFlags::BORROWED, ..*given }),
        FrameKind::End | FrameKind::Abort | FrameKind::Reset | FrameKind::Window => {
            Some(Frame { attributes: 0, ..*given })
        }
        FrameKind::Flush
        | FrameKind::Challenge
        | FrameKind::Timer
        | FrameKind::Signal
        | FrameKind::Drain
        | FrameKind::Forward => None,
    }
}

/// The payload of a frame.
pub fn payload<'a>(given: &Frame, octets: &'a [u8]) -> &'a [u8] {
    let start = (given.offset + given.attributes) as usize;
    octets.get(start..start + given.payload as usize).unwrap_or_default()
}

/// Makes a crate a component: `export!("name", Routing::None, deliver)`, where `deliver` handles one frame.
#[macro_export]
macro_rules! export {
    ($type_name:literal, $routing:ident, $deliver:path) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            use zilla_sdk::bindings::exports::zilla::plugin::binding_exports as wit;
            use zilla_sdk::{Batch, ConfigError, Frame, Instant};

            struct Component;

            impl wit::Guest for Component {
                fn describe() -> wit::Description {
                    $crate::describe($type_name, wit::Routing::$routing)
                }

                fn attach(config: wit::BindingConfig) -> Result<Vec<wit::Route>, Vec<ConfigError>> {
                    let route = |_| wit::Route { when: Vec::new(), set: Vec::new() };
                    Ok(config.routes.iter().map(route).collect())
                }

                fn deliver(now: Instant, frames: Vec<Frame>, octets: Vec<u8>) -> Batch {
                    let mut batch = Batch { frames: Vec::new(), octets: Vec::new() };
                    frames.iter().for_each(|frame| $deliver(now, frame, &octets, &mut batch));
                    batch
                }

                fn detach() {}
            }

    zilla_sdk::bindings::export_component!(Component with_types_in zilla_sdk::bindings);
        };
    };
}
