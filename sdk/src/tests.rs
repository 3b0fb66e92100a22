//! Tests of the SDK through its harness.

mod credit;
mod describe;
mod forward;
mod harness;
mod lifetime;
mod relay;
mod walk;
