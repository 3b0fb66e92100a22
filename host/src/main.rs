//! The `zilla` command. Everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    zilla_host::cli::main()
}
