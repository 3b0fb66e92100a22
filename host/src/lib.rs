#![doc = include_str!("../ARCHITECTURE.md")]

pub mod cli;
mod clock;
pub mod control;
pub mod log;
mod native;
mod notify;
pub mod plan;
pub mod plugin;
pub mod process;
pub mod reload;
pub mod supervisor;
mod watch;
mod worker;
