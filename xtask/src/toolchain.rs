//! Which compiler and which standard library build the plugins.
//!
//! ```text
//! target in the sysroot ──yes──> Installed
//!   no │
//! rustup ── target add, 90 s ──> Installed
//!   no │    (a failure is remembered for a day)
//! rust-src in the sysroot ─yes─> BuildStd
//!   no │
//! /usr/bin/rustc with sources ─> SystemRustc
//!   no │
//! an error with the commands to type
//! ```
//!
//! [`decide`] is that diagram over observed [`Facts`]; looking and installing happen around it.
//!
//! `.cargo/config.toml` makes `wasm-component-ld` the linker, so what cargo builds for this target is a
//! component. rustup's toolchains ship it; no path works without it.

use std::env;
use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::lock;
use crate::paths::{self, Workspace};
use crate::rustup::{self, Rustup};

/// What plugins are compiled for: WebAssembly with no system below it.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// Turns the linker's output into a component.
const LINKER: &str = "wasm-component-ld";

/// Debian's compiler: the packages rustc-web and rust-web-src have the target's sources.
const SYSTEM_RUSTC: &str = "/usr/bin/rustc";

/// A way to build for [`TARGET`] that is known to work on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Toolchain {
    /// The standard library is installed.
    Installed,
    /// The standard library is built from rust-src.
    BuildStd,
    /// Another compiler builds the standard library from its own sources; the linker is still rustup's.
    SystemRustc {
        /// The compiler.
        rustc: PathBuf,
        /// The folder of rustup's linkers, which the other compiler does not look into.
        linkers: PathBuf,
    },
}

impl Toolchain {
    /// Whether clippy can be used with it: clippy is a compiler itself, and reads only what its own twin built.
    pub fn has_clippy(&self) -> bool {
        match self {
            Self::Installed | Self::BuildStd => true,
            Self::SystemRustc { .. } => false,
        }
    }

    /// Adds what cargo needs to know to `cargo SUBCOMMAND`.
    pub(crate) fn apply(&self, command: &mut Command) {
        match self {
            Self::Installed => return,
            Self::BuildStd => {}
            Self::SystemRustc { rustc, linkers } => {
                let path = env::var_os("PATH").unwrap_or_default();
                let folders =
                    [linkers.clone(), linkers.join("gcc-ld")].into_iter().chain(env::split_paths(&path));
                // Fails only for a folder with a colon in its name, which was in no PATH before either.
                command.env("PATH", env::join_paths(folders).unwrap_or(path));
                command.env("RUSTC", rustc);
            }
        }
        // -Z options are accepted from a stable compiler with this variable alone.
        command.env("RUSTC_BOOTSTRAP", "1").arg("-Zbuild-std=std,panic_abort");
    }
}

/// What was found on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// rustc's sysroot.
    pub sysroot: PathBuf,
    /// The folder of the linkers in it.
    pub linkers: PathBuf,
    /// `wasm-component-ld` is there or on `PATH`.
    pub linker: bool,
    /// The sysroot has the target's standard library.
    pub target: bool,
    /// The sysroot has the standard library's sources.
    pub sources: bool,
    /// Whether rustup may be asked to add the target.
    pub rustup: Rustup,
    /// A compiler outside the sysroot that has the standard library's sources.
    pub system_rustc: Option<PathBuf>,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Build with this.
    Use(Toolchain),
    /// `rustup target add`, then look again.
    AddTarget,
    /// Nothing works.
    GiveUp,
}

/// The order in which ways are tried.
pub fn decide(facts: &Facts) -> Decision {
    if !facts.linker {
        return Decision::GiveUp;
    }
    if facts.target {
        return Decision::Use(Toolchain::Installed);
    }
    if facts.rustup == Rustup::Ready {
        return Decision::AddTarget;
    }
    if facts.sources {
        return Decision::Use(Toolchain::BuildStd);
    }
    if let Some(rustc) = &facts.system_rustc {
        return Decision::Use(Toolchain::SystemRustc {
            rustc: rustc.clone(),
            linkers: facts.linkers.clone(),
        });
    }
    Decision::GiveUp
}

/// Finds the way to build plugins on this machine, and installs the target when rustup can.
///
/// # Errors
///
/// [`Error::NoRustc`] if rustc does not run, [`Error::Nothing`] if no way is left.
pub fn find(workspace: &Workspace) -> Result<Toolchain, Error> {
    let failure_file = workspace.target_dir().join("rustup-failed");
    let mut facts = observe(&failure_file)?;
    if decide(&facts) == Decision::AddTarget {
        let lock_file = workspace.target_dir().join("rustup.lock");
        let _lock = lock::hold(&lock_file).map_err(|error| Error::Lock(lock_file, error))?;
        facts = observe(&failure_file)?;
        if decide(&facts) == Decision::AddTarget {
            rustup::add_target(workspace, &facts.sysroot, &failure_file);
            facts = observe(&failure_file)?;
        }
    }
    match decide(&facts) {
        Decision::Use(toolchain) => Ok(toolchain),
        Decision::AddTarget | Decision::GiveUp => {
            Err(Error::Nothing { facts: Box::new(facts), failure_file })
        }
    }
}

/// Why plugins cannot be built on this machine.
#[derive(Debug)]
pub enum Error {
    /// `rustc` is missing, or does not answer.
    NoRustc(String),
    /// Another process may be installing the target, and waiting for it failed.
    Lock(PathBuf, io::Error),
    /// No standard library for the target, and no way to get one.
    Nothing {
        /// What was looked at.
        facts: Box<Facts>,
        /// Deleting this file lets rustup be asked again.
        failure_file: PathBuf,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRustc(found) => write!(f, "cannot ask rustc where its libraries are: {found}"),
            Self::Lock(path, error) => write!(f, "cannot lock {}: {error}", path.display()),
            Self::Nothing { facts, .. } if !facts.linker => write!(
                f,
                "the plugins need the linker {LINKER}, and it is neither in {} nor on PATH.\n\
                 rustup's toolchains ship it (https://rustup.rs); or type\n  cargo install {LINKER}",
                facts.linkers.display()
            ),
            Self::Nothing { facts, failure_file } => {
                writeln!(f, "the plugins need Rust's standard library for {TARGET}, and found none:")?;
                writeln!(
                    f,
                    "  {} has neither the target nor the library's sources",
                    facts.sysroot.display()
                )?;
                match &facts.rustup {
                    Rustup::Absent => writeln!(f, "  rustup is not on PATH")?,
                    Rustup::Ready => writeln!(f, "  rustup could not add it")?,
                    Rustup::Failed(reason) => {
                        writeln!(f, "  rustup could not add it ({reason}), and is asked again after a day")?;
                    }
                }
                writeln!(f, "  {SYSTEM_RUSTC} is missing or has no sources")?;
                write!(
                    f,
                    "Any of these helps:\n  \
                     rustup target add {TARGET}\n  \
                     rustup component add rust-src\n  \
                     apt-get install rustc-web rust-web-src\n  \
                     rm {}    (to ask rustup again)",
                    failure_file.display()
                )
            }
        }
    }
}

impl std::error::Error for Error {}

fn observe(failure_file: &Path) -> Result<Facts, Error> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let printed = ask(&rustc, &["--print=sysroot", "--print=host-tuple"]).map_err(Error::NoRustc)?;
    let [sysroot, host] = printed.as_slice() else { return Err(Error::NoRustc(printed.join(" "))) };
    let sysroot = PathBuf::from(sysroot);
    let rustlib = sysroot.join("lib/rustlib");
    let linkers = rustlib.join(host).join("bin");
    let path = env::var_os("PATH");
    Ok(Facts {
        linker: linkers.join(LINKER).is_file() || paths::program(LINKER, path.as_deref()).is_some(),
        target: rustlib.join(TARGET).join("lib").is_dir(),
        sources: has_sources(&sysroot),
        rustup: rustup::state(failure_file, path.as_deref()),
        system_rustc: system_rustc(),
        sysroot,
        linkers,
    })
}

fn has_sources(sysroot: &Path) -> bool {
    sysroot.join("lib/rustlib/src/rust/library/std/Cargo.toml").is_file()
}

fn system_rustc() -> Option<PathBuf> {
    let printed = ask(OsStr::new(SYSTEM_RUSTC), &["--print=sysroot"]).ok()?;
    has_sources(Path::new(printed.first()?)).then(|| SYSTEM_RUSTC.into())
}

/// The lines `program` prints.
fn ask(program: &OsStr, args: &[&str]) -> Result<Vec<String>, String> {
    let output = Command::new(program).args(args).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{}: {error}", program.display()))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A rustup toolchain without the target, and nothing else.
    fn bare() -> Facts {
        Facts {
            sysroot: "/rust".into(),
            linkers: "/rust/bin".into(),
            linker: true,
            target: false,
            sources: false,
            rustup: Rustup::Absent,
            system_rustc: None,
        }
    }

    fn failed() -> Rustup {
        Rustup::Failed("no network".into())
    }

    fn debian() -> Option<PathBuf> {
        Some(SYSTEM_RUSTC.into())
    }

    #[test]
    fn ways_are_tried_in_order() {
        let system = Toolchain::SystemRustc { rustc: SYSTEM_RUSTC.into(), linkers: "/rust/bin".into() };
        for (facts, decision) in [
            (Facts { target: true, ..bare() }, Decision::Use(Toolchain::Installed)),
            (
                Facts { target: true, rustup: Rustup::Ready, sources: true, ..bare() },
                Decision::Use(Toolchain::Installed),
            ),
            (Facts { rustup: Rustup::Ready, ..bare() }, Decision::AddTarget),
            (
                Facts { rustup: Rustup::Ready, sources: true, system_rustc: debian(), ..bare() },
                Decision::AddTarget,
            ),
            (Facts { rustup: failed(), sources: true, ..bare() }, Decision::Use(Toolchain::BuildStd)),
            (Facts { sources: true, system_rustc: debian(), ..bare() }, Decision::Use(Toolchain::BuildStd)),
            (Facts { rustup: failed(), system_rustc: debian(), ..bare() }, Decision::Use(system.clone())),
            (Facts { system_rustc: debian(), ..bare() }, Decision::Use(system)),
            (Facts { rustup: failed(), ..bare() }, Decision::GiveUp),
            (bare(), Decision::GiveUp),
            (Facts { linker: false, target: true, rustup: Rustup::Ready, ..bare() }, Decision::GiveUp),
        ] {
            assert_eq!(decide(&facts), decision, "{facts:?}");
        }
    }

    #[test]
    fn nothing_left_names_the_commands_to_type() {
        let facts = Box::new(Facts { rustup: failed(), ..bare() });
        let text = Error::Nothing { facts, failure_file: "/t/rustup-failed".into() }.to_string();
        for part in [
            "rustup target add wasm32-unknown-unknown",
            "rustup component add rust-src",
            "apt-get install rustc-web rust-web-src",
            "rm /t/rustup-failed",
            "no network",
        ] {
            assert!(text.contains(part), "{part} is missing from:\n{text}");
        }
    }

    #[test]
    fn without_the_linker_the_error_is_about_the_linker() {
        let facts = Box::new(Facts { linker: false, ..bare() });
        let text = Error::Nothing { facts, failure_file: "/t/rustup-failed".into() }.to_string();
        assert!(text.contains("wasm-component-ld"), "{text}");
        assert!(!text.contains("rustup target add"), "{text}");
    }

    #[test]
    fn std_is_built_only_when_it_is_not_installed() {
        let args = |toolchain: Toolchain| {
            let mut command = Command::new("cargo");
            toolchain.apply(&mut command);
            command.get_args().map(|arg| arg.to_string_lossy().into_owned()).collect::<Vec<_>>()
        };
        let system = Toolchain::SystemRustc { rustc: SYSTEM_RUSTC.into(), linkers: "/rust/bin".into() };
        assert!(args(Toolchain::Installed).is_empty());
        assert_eq!(args(Toolchain::BuildStd), ["-Zbuild-std=std,panic_abort"]);
        assert_eq!(args(system), ["-Zbuild-std=std,panic_abort"]);
    }
}
