//! The decoders of the binding under inputs that are nearly right: kept ones, and mutations of them.
//!
//! `corpus/TARGET/*` are inputs as octets, named for what they are. Each target reads its folder, runs each input,
//! and then [2,000](corpus::RUNS) mutations of them from a fixed seed; `ZILLA_FUZZ_RUNS` sets another number. An
//! input that fails is written to a file, which belongs into the corpus once it is understood.
//!
//! What holds for every input: nothing panics; each frame of the binding keeps the contract, which the harness
//! checks; pieces make no difference; and when nobody says any more, time ends whatever is left.
#![allow(clippy::unwrap_used, reason = "what a test expects is there, or it fails")]

mod corpus;
mod frames;
mod mutation;
mod outcome;
mod requests;
mod response;

#[path = "../client/script.rs"]
#[allow(dead_code, reason = "a script of other tests, of which some is used here")]
mod opener;
#[path = "../http/script.rs"]
#[allow(dead_code, reason = "a script of other tests, of which some is used here")]
mod server;
#[path = "../h2/script.rs"]
#[allow(dead_code, reason = "a script of other tests, of which some is used here")]
mod visitor;
