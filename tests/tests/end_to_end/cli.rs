//! The command line.

mod broken;
mod cache;
mod help;
mod plugins;
