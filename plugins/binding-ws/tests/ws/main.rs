//! The `ws` binding, as scripts of frames.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

mod clients;
mod closing;
mod compression;
mod frames;
mod handshakes;
mod messages;
mod properties;
mod script;
