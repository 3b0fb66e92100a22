//! Tests of the SDK through its harness.

mod attach;
mod credit;
mod forward;
mod group;
mod lifetime;
mod probe;
mod relay;
mod time;
mod walk;
