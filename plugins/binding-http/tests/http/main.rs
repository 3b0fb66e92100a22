//! The `http` binding as scripts of frames: a client on one side, an exit on the other.

mod requests;
mod script;
