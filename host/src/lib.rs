#![doc = include_str!("../ARCHITECTURE.md")]

pub mod cli;
mod clock;
pub mod log;
mod native;
pub mod plan;
pub mod plugin;
pub mod process;
mod worker;
