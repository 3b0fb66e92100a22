//! `cargo xtask`: see [`xtask::main`].

use std::process::ExitCode;

fn main() -> ExitCode {
    xtask::main(std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned()))
}
