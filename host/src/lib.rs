#![doc = include_str!("../ARCHITECTURE.md")]

mod breaker;
pub mod cli;
mod clock;
pub mod control;
mod guards;
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
