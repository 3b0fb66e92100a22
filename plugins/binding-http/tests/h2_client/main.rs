//! A client that speaks HTTP/2 as scripts of frames: openers on one side, an origin on the other.
#![allow(clippy::unwrap_used, reason = "what a test expects is there, or it fails")]

mod ends;
mod flow;
mod hostile;
mod pool;
mod properties;
mod requests;
mod responses;
mod script;
mod time;
mod tunnels;
