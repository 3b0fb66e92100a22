//! `kind: client` as scripts of frames: those who ask on one side, origins on the other.
#![allow(clippy::unwrap_used, reason = "what a test expects is there, or it fails")]

mod authorization;
mod configuration;
mod failures;
mod pool;
mod properties;
mod requests;
mod responses;
mod runs;
mod script;
mod time;
mod tunnels;
