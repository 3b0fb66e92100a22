//! `zilla-bench`: see [`zilla_bench::main`].

use std::process::ExitCode;

fn main() -> ExitCode {
    zilla_bench::main(std::env::args().skip(1).collect())
}
