//! The help text.

use crate::args::Topic;

const ALL: &str = "\
cargo xtask: everything this workspace does, in one word each

  cargo xtask run              start examples/http.echo; `cargo xtask run tcp.echo` starts another
  cargo xtask test             build the plugins, then every test of the workspace
  cargo xtask check            format, lints and docs, exactly as CI checks them
  cargo xtask plugins          build plugins/*, examples/* and the test guests to components
  cargo xtask bench            measure against the peers
  cargo xtask autobahn         have the Autobahn suite try the WebSockets

A first round: `cargo xtask run`, then in a second terminal the command it shows. Change a plugin under
plugins/ and run `cargo xtask plugins`: it is rebuilt in seconds. Before a commit: `cargo xtask check`
and `cargo xtask test`.

`cargo xtask help COMMAND` says more about one of them.
";

const RUN: &str = "\
cargo xtask run [EXAMPLE] [--release] [-- ARGS]

Builds the plugins and the host, then starts `zilla` with the example's zilla.yaml. An example that needs
more, such as keys and certificates, has a setup.sh: it is run first, in the example's folder, and each
line NAME=VALUE that it prints is a variable of the gateway's environment.

  EXAMPLE      a folder with a zilla.yaml, or the name of one in examples/ (default: http.echo)
  --release    the host as it is measured; takes longer to build
  -- ARGS      handed to `zilla start`

The first build compiles wasmtime and takes a few minutes. Ctrl-C stops the gateway.
";

const TEST: &str = "\
cargo xtask test [ARGS]

Builds the plugins and the guests of the tests to components, then runs `cargo test --workspace ARGS`
(without --workspace when ARGS name a package with -p). The plugins' own unit tests run natively.
stdout is the test runner's alone, and so is the exit code.

  cargo xtask test                          everything
  cargo xtask test reload                   tests with `reload` in their name
  cargo xtask test -p binding-http          one package
";

const CHECK: &str = "\
cargo xtask check

  cargo fmt      nothing to reformat
  cargo clippy   no warning, in the workspace and in the plugins for their own target
  cargo doc      no broken link

Goes through all of them and lists at the end what failed, with the command to repeat it.
";

const PLUGINS: &str = "\
cargo xtask plugins [NAME…] [--no-guests]

Builds plugin crates (plugins/* and examples/* with a cdylib) and the guests of the tests
(tests/guests/*) to WebAssembly components.

  NAME           only these: the crate's or the folder's name
  --no-guests    leave the guests out

Plugins land in target/plugins/bin, where the host looks for them, guests in target/plugins/guests.
A file is replaced only when its content changed.
";

const BENCH: &str = "\
cargo xtask bench [--criterion] [ARGS]

Builds the plugins and measures the gateway against its peers in one run on one machine. Needs wrk and
nginx: apt-get install wrk nginx-light

  --criterion    the micro-benchmarks instead: `cargo bench -p zilla-bench`
  ARGS           handed to the benchmark
";

const AUTOBAHN: &str = "\
cargo xtask autobahn [--server] [--client] [CASE…]

Has the Autobahn test suite try the gateway's WebSockets, compressed ones too: as a server (the suite's
fuzzing client against ws and echo) and as a client (its fuzzing server against a proxy whose other side
echoes). Prints what each of its 517 cases came to, case by case where that is not OK. The exit code is 0 if
none has failed; NON-STRICT and INFORMATIONAL are no failures.

  --server     only as a server
  --client     only as a client
  CASE         only these, as 1.* or 12.1.3; 9.*, 12.* and 13.* take minutes, all others seconds

The first round installs autobahntestsuite 25.10.1 into target/autobahn/venv27, with pip. It needs Python 2.7,
in PATH or by pyenv (`pyenv install 2.7.18`), and python3. Reports are in target/autobahn/server/reports and
target/autobahn/client/reports, as HTML.
";

/// The help of one command, or of all.
pub fn text(topic: Option<Topic>) -> &'static str {
    match topic {
        None => ALL,
        Some(Topic::Run) => RUN,
        Some(Topic::Test) => TEST,
        Some(Topic::Check) => CHECK,
        Some(Topic::Plugins) => PLUGINS,
        Some(Topic::Bench) => BENCH,
        Some(Topic::Autobahn) => AUTOBAHN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_taught() {
        for topic in Topic::ALL {
            let line = format!("cargo xtask {}", topic.word());
            assert!(text(None).contains(&line), "{line} is missing from the help of all");
            assert!(text(Some(topic)).starts_with(&line), "the help of {line} does not begin with it");
        }
    }
}
