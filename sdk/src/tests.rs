//! Tests of the SDK through its harness.

mod attach;
mod credit;
mod forward;
mod group;
mod lifetime;
mod outbound;
mod policy;
mod probe;
mod relay;
mod state;
mod time;
mod walk;
