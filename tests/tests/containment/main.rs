//! What a plugin that goes wrong costs: itself, by the rules, and nobody else.
//!
//! * `every_nth`: traps among many streams, by isolation.
//! * `fairness`: what a binding without rest leaves to others.
//! * `looping`: how long a neighbour waits for calls that do not return.
//! * `misbehaviour`: each way to go wrong, in a table that is checked in as `tests/misbehaviours.md`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

mod every_nth;
mod fairness;
mod looping;
mod misbehaviour;
