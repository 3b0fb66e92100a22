//! HTTP/2 as scripts of frames: a client on one side, exits on the other.
#![allow(clippy::unwrap_used, reason = "what a test expects is there, or it fails")]

mod authorization;
mod connections;
mod errors;
mod exchanges;
mod floods;
mod flow;
mod options;
mod peer;
mod properties;
mod requests;
mod script;
mod time;
mod tunnels;
