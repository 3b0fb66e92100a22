//! The host as its users meet it: real processes, real sockets.

mod cli;
mod examples;
mod http;
mod isolation;
mod process;
mod tcp;
