//! Tests of what is accepted, and of all that is not.

mod claims;
mod configuration;
mod confusion;
mod issuer;
mod mutations;
mod remote;
mod time;
mod vectors;
