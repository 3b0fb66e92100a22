//! Guards in a running host: who is let in, for how long, and what a guard that goes wrong costs.
//!
//! The guest `ask` asks guards as its peer says, the guest `say` accepts whom it is told to: see their sources.

mod asking;
mod credentials;
mod failing;
mod fetching;
mod inline;
mod issuer;
mod jwt;
mod lasting;
mod matching;
mod opening;
mod publisher;
mod showing;
mod site;
mod sockets;
mod swapping;
mod upstream;
