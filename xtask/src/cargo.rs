//! Starting cargo inside cargo: the environment it gets, and what is said when it fails.
//!
//! Variables leak from an outer `cargo run` or `cargo test` into the cargo started here. Two sets are taken
//! out: those the outer cargo set for the program it runs (they would rebuild crates whose build scripts
//! watch them), and, for plugins, those by which a user tunes native builds (a linker argument in `RUSTFLAGS`
//! ends a wasm build).

use std::env;
use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::process::{Command, ExitCode, ExitStatus};

use crate::paths::Workspace;
use crate::toolchain::{TARGET, Toolchain};

/// Plugins are built with the profile of this name in the workspace's `Cargo.toml`.
pub const PLUGIN_PROFILE: &str = "plugin";

/// `cargo SUBCOMMAND` for native code, at the workspace's root.
pub fn native(workspace: &Workspace, subcommand: &str) -> Command {
    let mut command = cargo(workspace, subcommand, set_by_outer_cargo);
    if env::var_os("CARGO_TARGET_DIR").is_some() {
        // It may be relative, and cargo would take it from its own working directory.
        command.env("CARGO_TARGET_DIR", workspace.target_dir());
    }
    command
}

/// `cargo SUBCOMMAND` for plugins: their profile, target and target directory. The packages are the caller's.
pub fn for_plugins(workspace: &Workspace, toolchain: &Toolchain, subcommand: &str) -> Command {
    let mut command = cargo(workspace, subcommand, breaks_a_plugin_build);
    toolchain.apply(&mut command);
    command.args(["--profile", PLUGIN_PROFILE, "--target", TARGET, "--target-dir"]);
    // Relative to the root where it can be: this line is shown, and typed again.
    let target_dir = workspace.plugins_target_dir();
    command.arg(target_dir.strip_prefix(workspace.root()).unwrap_or(&target_dir));
    command
}

/// Runs `command` to its end, in view; what it prints is not touched.
pub fn status(command: &mut Command) -> Result<ExitStatus, Failed> {
    command.status().map_err(|error| Failed { line: line(command), how: How::NotStarted(error) })
}

/// Runs `command` to its end, in view; anything but success is an error.
pub fn succeed(command: &mut Command) -> Result<(), Failed> {
    let status = status(command)?;
    if status.success() { Ok(()) } else { Err(Failed { line: line(command), how: How::Ended(status) }) }
}

/// A program's end as our own exit code; a signal's is 1.
pub fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}

/// `command` as one would type it at the workspace's root.
pub fn line(command: &Command) -> String {
    let mut words = Vec::new();
    for (name, value) in command.get_envs() {
        if let (Some("RUSTDOCFLAGS" | "RUSTC_BOOTSTRAP" | "RUSTC"), Some(value)) = (name.to_str(), value) {
            words.push(format!("{}={}", name.display(), quoted(value)));
        }
    }
    let program = std::path::Path::new(command.get_program());
    words.push(quoted(program.file_name().unwrap_or(program.as_os_str())));
    words.extend(command.get_args().map(quoted));
    words.join(" ")
}

/// A program that did not do what it was started for.
#[derive(Debug)]
pub struct Failed {
    line: String,
    how: How,
}

#[derive(Debug)]
enum How {
    NotStarted(io::Error),
    Ended(ExitStatus),
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.how {
            How::NotStarted(error) => write!(f, "cannot start `{}`: {error}", self.line),
            How::Ended(status) => write!(f, "failed with {status}, its reason is above: {}", self.line),
        }
    }
}

impl std::error::Error for Failed {}

fn cargo(workspace: &Workspace, subcommand: &str, unwanted: fn(&str) -> bool) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace.root()).arg(subcommand);
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(unwanted) {
            command.env_remove(name);
        }
    }
    command
}

/// Variables an outer cargo sets for the program it runs, by "Environment variables Cargo sets" of its book.
fn set_by_outer_cargo(name: &str) -> bool {
    const NAMES: [&str; 5] =
        ["CARGO_BIN_NAME", "CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE", "CARGO_TARGET_TMPDIR", "OUT_DIR"];
    const PREFIXES: [&str; 3] = ["CARGO_BIN_EXE_", "CARGO_MANIFEST_", "CARGO_PKG_"];
    NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Those, and everything that would make a plugin's bytes depend on who builds it: a plugin is what the
/// workspace's `Cargo.toml` and `.cargo/config.toml` say.
fn breaks_a_plugin_build(name: &str) -> bool {
    const KEPT: &str = "CARGO_BUILD_JOBS";
    const NAMES: [&str; 6] = [
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_INCREMENTAL",
        "RUSTC_LINKER",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTC_WRAPPER",
        "RUSTFLAGS",
    ];
    const PREFIXES: [&str; 3] = ["CARGO_BUILD_", "CARGO_PROFILE_", "CARGO_TARGET_"];
    let tunes = NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    set_by_outer_cargo(name) || (tunes && name != KEPT)
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    if word.is_empty() || word.contains([' ', '"', '*', '$']) {
        format!("'{word}'")
    } else {
        word.into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn native_builds_lose_only_what_the_outer_cargo_set() {
        for name in
            ["CARGO_PKG_NAME", "CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_BIN_EXE_zilla", "OUT_DIR"]
        {
            assert!(set_by_outer_cargo(name), "{name}");
        }
        for name in
            ["RUSTFLAGS", "CARGO_HOME", "CARGO_TARGET_DIR", "CARGO_BUILD_JOBS", "RUSTC_WRAPPER", "PATH"]
        {
            assert!(!set_by_outer_cargo(name), "{name}");
        }
    }

    #[test]
    fn plugin_builds_lose_what_tunes_native_ones() {
        for name in [
            "RUSTFLAGS",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_BUILD_RUSTFLAGS",
            "CARGO_BUILD_TARGET",
            "CARGO_TARGET_DIR",
            "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER",
            "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS",
            "CARGO_PROFILE_RELEASE_LTO",
            "CARGO_PKG_NAME",
            "RUSTC_WRAPPER",
            "RUSTC_WORKSPACE_WRAPPER",
        ] {
            assert!(breaks_a_plugin_build(name), "{name}");
        }
        for name in [
            "PATH",
            "HOME",
            "CARGO",
            "CARGO_HOME",
            "CARGO_BUILD_JOBS",
            "CARGO_NET_OFFLINE",
            "RUSTC",
            "RUSTUP_TOOLCHAIN",
        ] {
            assert!(!breaks_a_plugin_build(name), "{name}");
        }
    }

    #[test]
    fn a_command_is_shown_as_it_is_typed() {
        let mut command = Command::new("/opt/rust/bin/cargo");
        command.env("RUSTDOCFLAGS", "-D warnings").env("CARGO_TARGET_DIR", "/t").env_remove("RUSTC");
        command.args(["doc", "--workspace", "--", "a b"]);
        assert_eq!(line(&command), "RUSTDOCFLAGS='-D warnings' cargo doc --workspace -- 'a b'");
    }
}
