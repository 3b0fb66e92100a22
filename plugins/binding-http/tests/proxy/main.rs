//! A server and a client behind it, frame by frame: what goes through is what was meant, or nothing.
#![allow(clippy::unwrap_used, reason = "what a test expects is there, or it fails")]

mod chain;
mod exchanges;
mod smuggling;
