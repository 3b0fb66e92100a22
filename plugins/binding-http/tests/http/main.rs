//! The `http` binding as scripts of frames: a client on one side, an exit on the other.
#![allow(clippy::unwrap_used, reason = "what a test expects is there, or it fails")]

mod access;
mod authorization;
mod bodies;
mod closing;
mod configuration;
mod credit;
mod interim;
mod properties;
mod refusals;
mod requests;
mod responses;
mod runs;
mod script;
mod switching;
mod time;
mod way;
