//! The process: how it starts, what it says, and how it ends.

mod disk;
mod drain;
mod killed;
mod listening;
mod logging;
mod read_only;
mod workers;
