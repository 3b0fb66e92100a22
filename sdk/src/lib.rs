//! Write bindings, guards and matchers for zilla-host: a struct, a trait or two, and one macro line.
//!
//! A binding is a deterministic state machine. It gets events of streams and answers them through a
//! [`Context`]; it has no thread, clock, file or socket, and nothing in it waits. What the crate is *not*:
//! it does no I/O and contains no protocol.
//!
//! * [`Binding`] is what `zilla.yaml` configures; it [accepts](Binding::accept) streams.
//! * [`Stream`] is what it keeps for each; its defaults close.
//! * A [group](Binding::group) of accepted streams shares one [`Stream`]: connection pools, fan-out.
//! * [`Context`] sends, receives, opens streams and sets timers. Credit cannot be overrun: a [`Sender`]
//!   takes what there is and leaves the rest.
//! * [`State`], for those that have any, is what a new version takes over from the one it replaces.
//! * [`Guard`] says who somebody is; it [checks](Guard::authorize) credentials and answers with a [`Session`]. An
//!   [`OutboundGuard`] opens streams as well, to fetch keys or to ask a server.
//! * [`Matcher`] is a test of one's own on new streams, which routes name by `matched`.
//! * [`GuardName`] and [`ByGuard`] are names in options that the host checks, as it does all references of the file.
//! * [`export!`] makes the component.
//! * [`testing`] runs it natively: a test is a script of frames on a virtual clock.
//!
//! An author's `Cargo.toml` needs `crate-type = ["cdylib", "rlib"]`, this crate, and for the derives of
//! options `serde = "1"` and `schemars = "1"`; `examples/hello` is a whole one, with its README.

pub mod attributes;
mod binding;
pub mod bindings;
mod config;
mod context;
mod dispatch;
mod export;
#[doc(hidden)]
pub mod guard;
pub mod host;
#[doc(hidden)]
pub mod matcher;
#[doc(hidden)]
pub mod outbound;
mod output;
mod owner;
mod receiver;
mod references;
mod route;
mod run;
mod sender;
mod staged;
mod streams;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
#[cfg(test)]
mod tests;

pub use attributes::{Attributes, AttributesWriter};
pub use binding::{Begin, Binding, Data, Payload, Reset, State, Stream};
pub use bindings::zilla::plugin::types::{
    Batch, CloseCode, Frame, FrameFlags, FrameKind, Instant, Limits, StreamId,
};
pub use config::{
    BindingConfig, ConfigError, Kind, KindOptions, NoOptions, RouteConfig, RouteSchema, Routing, config_error,
};
pub use context::{BindingContext, Context, OpenError};
pub use dispatch::{Instance, describe};
#[doc(hidden)]
pub use export::log_panics;
pub use guard::{Credentials, Guard, GuardConfig, Refused, Session};
pub use matcher::{Match, Matcher, MatcherConfig, Query};
pub use outbound::{Outbound, OutboundGuard};
pub use receiver::Receiver;
pub use references::{ByGuard, GuardName};
pub use route::{Assignment, Condition, Predicate, Route, Test};
pub use sender::{Sender, Written};
pub use staged::Staged;

/// What a plugin usually needs.
pub mod prelude {
    pub use crate::{
        Attributes, AttributesWriter, Begin, Binding, BindingConfig, BindingContext, ByGuard, CloseCode,
        ConfigError, Context, Credentials, Data, Guard, GuardConfig, GuardName, Instant, Kind, KindOptions,
        Match, Matcher, MatcherConfig, NoOptions, OpenError, Outbound, OutboundGuard, Payload, Predicate,
        Query, Refused, Reset, Route, RouteConfig, RouteSchema, Routing, Session, State, Stream, StreamId,
        Test, config_error,
    };
    pub use schemars::JsonSchema;
    pub use serde::Deserialize;
}
