//! The process: how it starts, what it says, and how it ends.

mod drain;
mod listening;
mod logging;
mod workers;
