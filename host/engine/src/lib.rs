//! Streams, credit, routes and timers of the gateway, as pure state.
//!
//! What this crate is *not*: it does no I/O, reads no clock, starts no thread and knows no protocol. Frames,
//! octets and the time come in as arguments, and the same calls give the same answers.
//!
//! * [`Engine`] owns every stream between the bindings of one worker. It takes the frames that bindings
//!   return, checks them, and queues them for the bindings that are to get them.
//! * [`Route`] decides where a new stream goes, by its attributes and by whom it is open for.
//! * [`Authorizations`] has the sessions that streams carry; guards put them in.
//! * [`Question`] is what a route asks somebody else about a new stream.
//! * [`Frame`] is the unit of exchange; `wit/README.md` has the rules.
//! * [`limits`] has every bound.
//!
//! Invariants, held by the property tests: credit is never negative; every opened stream ends exactly once each
//! way, at both of its ends; no frame of a direction is delivered after its end; nothing is kept of a stream
//! after both of its ends are done with it.

pub mod attributes;
mod authorizations;
mod engine;
mod forward;
mod frame;
mod inbox;
pub mod limits;
mod matched;
mod pattern;
mod route;
mod session;
mod shares;
mod stream;
mod table;
mod template;
mod timers;
mod violation;

pub use authorizations::Authorizations;
pub use engine::{Binding, Engine};
pub use frame::{Batch, CloseCode, Flags, Frame, FrameKind, StreamId};
pub use limits::{LimitMet, Limits, Quota};
pub use matched::{Question, Use, Verdict};
pub use pattern::{Pattern, PatternError};
pub use route::{Assignment, BindingIndex, Cidr, Condition, Predicate, Route, Routing, Test};
pub use session::{Guarded, Secret, Session};
pub use template::Template;
pub use violation::{Rule, Violation, Violations};
