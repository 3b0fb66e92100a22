//! Plugins that misbehave: what it costs them, and nobody else.
//!
//! Every guest shares its worker with a neighbour, an echo that must answer before, during and after.

mod attaching;
mod frames;
mod loading;
mod logging;
mod memory;
mod neighbour;
mod traps;
