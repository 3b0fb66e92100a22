//! What a plugin that goes wrong costs: itself, by the rules, and nobody else.
//!
//! * `misbehaviour`: each way to go wrong, in a table that is checked in as `tests/misbehaviours.md`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

mod misbehaviour;
