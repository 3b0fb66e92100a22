//! A server and a client behind it, frame by frame: what goes through is what was meant, or nothing.
#![allow(clippy::unwrap_used, reason = "what a test expects is there, or it fails")]

mod chain;
mod downgrades;
mod exchanges;
mod pairings;
mod smuggling;

/// Origins that speak HTTP/2.
#[path = "../h2_client/script.rs"]
#[allow(dead_code, reason = "a script of other tests, of which some is used here")]
mod origin;
/// Clients that speak HTTP/2.
#[path = "../h2/script.rs"]
#[allow(dead_code, reason = "a script of other tests, of which some is used here")]
mod visitor;
