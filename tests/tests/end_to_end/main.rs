//! The host as its users meet it: real processes, real sockets.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

mod cli;
mod examples;
mod fan;
mod http;
mod isolation;
mod pinned;
mod process;
mod tcp;
mod ws;
