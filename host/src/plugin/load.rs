//! From a file to a component that may run: compiled, its imports granted, its world known.

use super::cache::Cache;
use super::digest::Digest;
use super::runtime::Runtime;
use super::sandbox::Concept;
use std::fmt;
use std::path::Path;
use wasmtime::component::{Component, ComponentExportIndex};

/// The version of the contract that this host serves.
const CONTRACT: &str = "zilla:plugin";
const CONTRACT_VERSION: &str = "0.1";

/// Interfaces that a plugin may import, without their version.
const GRANTED: [&str; 2] = ["zilla:plugin/host", "zilla:plugin/types"];

/// What a guard exports that opens streams, without its version.
pub(crate) const OUTBOUND: &str = "zilla:plugin/outbound-exports";

/// Size of a plugin file in octets; a larger one is refused.
pub(crate) const FILE_OCTETS_MAX: u64 = 256 << 20;

/// A compiled component and what it says of itself without running.
#[derive(Clone)]
pub struct Loaded {
    pub(crate) component: Component,
    /// Digest of the file.
    pub digest: Digest,
    /// Size of the file in octets.
    pub octets: usize,
    /// Names of what it imports, as `zilla:plugin/host@0.1.0`.
    pub imports: Vec<String>,
    /// Names of what it exports.
    pub exports: Vec<String>,
}

/// Why a file is no plugin that this host can run.
#[derive(Debug)]
pub enum LoadError {
    /// The file cannot be read.
    Unreadable(std::io::Error),
    /// The file is larger than any plugin should be.
    TooLarge(u64),
    /// The file is not the one that `sha256` in `zilla.yaml` trusts.
    NotPinned {
        /// What is trusted.
        pinned: String,
        /// What the file is.
        found: String,
    },
    /// The file is not signed by the key that `minisign` in `zilla.yaml` trusts: why not.
    Unsigned(String),
    /// The file is no component, or no valid one.
    Invalid(String),
    /// The component imports what no plugin is granted: its name.
    NotGranted(String),
    /// The component exports none of the worlds of the contract.
    WrongWorld(Vec<String>),
    /// The component serves another concept than the one it is to be used for.
    OtherConcept {
        /// `binding`, `guard` or `matcher`, as it is to be used.
        expected: String,
        /// What it serves.
        found: String,
    },
    /// The component trapped when it was asked what it is, or its answer makes no sense.
    Undescribed(String),
    /// The component keeps state, but its functions for that are not those of the contract: why not.
    WrongState(String),
    /// The component is a guard that opens streams, but its functions for that are not those of the contract: why not.
    WrongOutbound(String),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => write!(f, "expected a readable file, found: {error}"),
            Self::TooLarge(octets) => {
                write!(f, "expected a file of at most {FILE_OCTETS_MAX} octets, found {octets}")
            }
            Self::NotPinned { pinned, found } => {
                write!(f, "expected the file whose sha256 is pinned, {pinned}, found {found}")
            }
            Self::Unsigned(why) => {
                write!(f, "expected a file signed by the key that is trusted, found {why}")
            }
            Self::Invalid(error) => write!(f, "expected a WebAssembly component, found: {error}"),
            Self::NotGranted(import) => {
                write!(
                    f,
                    "expected imports of {CONTRACT} only, found the import `{import}`, which is not granted"
                )
            }
            Self::WrongWorld(exports) => write!(
                f,
                "expected an export of {CONTRACT}@{CONTRACT_VERSION}: binding-exports, guard-exports or \
                 matcher-exports; found {}",
                if exports.is_empty() { "none".to_owned() } else { exports.join(", ") }
            ),
            Self::OtherConcept { expected, found } => {
                write!(f, "expected a component that serves a {expected}, found one that serves a {found}")
            }
            Self::Undescribed(error) => write!(f, "expected a description, found: {error}"),
            Self::WrongState(error) => write!(
                f,
                "expected `save` and `restore` as state-exports of {CONTRACT}@{CONTRACT_VERSION} has them, found: \
                 {error}"
            ),
            Self::WrongOutbound(error) => write!(
                f,
                "expected `outbound` and `deliver` as outbound-exports of {CONTRACT}@{CONTRACT_VERSION} has them, \
                 found: {error}"
            ),
        }
    }
}

impl std::error::Error for LoadError {}

impl Loaded {
    /// Compiles the octets of a file, or takes their code from the cache. Nothing of it runs.
    pub(crate) fn new(
        runtime: &Runtime,
        cache: Option<&Cache>,
        octets: &[u8],
        digest: Digest,
    ) -> Result<Self, LoadError> {
        let engine = runtime.engine();
        let component = match cache.and_then(|cache| cache.load(engine, &digest)) {
            Some(component) => component,
            None => {
                let component = Component::from_binary(engine, octets)
                    .map_err(|error| LoadError::Invalid(in_one_line(&format!("{error:#}"))))?;
                if let Some(cache) = cache {
                    cache.store(engine, &digest, &component);
                }
                component
            }
        };
        let component_type = component.component_type();
        let imports: Vec<String> = component_type.imports(engine).map(|(name, _)| name.to_owned()).collect();
        let exports: Vec<String> = component_type.exports(engine).map(|(name, _)| name.to_owned()).collect();
        Ok(Self { component, digest, octets: octets.len(), imports, exports })
    }

    /// Refuses what is not granted, by name, and what does not serve that concept of the contract.
    pub(crate) fn check(&self, concept: Concept) -> Result<(), LoadError> {
        if let Some(import) = self.imports.iter().find(|import| !is_granted(import)) {
            return Err(LoadError::NotGranted(import.clone()));
        }
        match self.concept() {
            Some(found) if found == concept => Ok(()),
            Some(found) => {
                Err(LoadError::OtherConcept { expected: concept.to_string(), found: found.to_string() })
            }
            None => Err(LoadError::WrongWorld(self.exports.clone())),
        }
    }

    /// What the component serves, by what it exports.
    pub(crate) fn concept(&self) -> Option<Concept> {
        Concept::ALL.into_iter().find(|concept| {
            let exports = format!("zilla:plugin/{concept}-exports");
            self.exports.iter().any(|export| is_contract(export, &exports))
        })
    }

    /// Whether the component says that it has state to save and restore.
    pub(crate) fn keeps_state(&self) -> bool {
        self.exports.iter().any(|export| is_contract(export, "zilla:plugin/state-exports"))
    }

    /// Whether the component says that it opens streams as a guard.
    pub(crate) fn opens_streams(&self) -> bool {
        self.exports.iter().any(|export| is_contract(export, OUTBOUND))
    }

    /// Where `deliver` is in an interface that the component exports.
    pub(crate) fn find_deliver(&self, interface: &str) -> Option<ComponentExportIndex> {
        let name = self.exports.iter().find(|export| is_contract(export, interface))?;
        let exports = self.component.get_export_index(None, name)?;
        self.component.get_export_index(Some(&exports), "deliver")
    }
}

/// Reads a file that is not larger than a plugin may be.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, LoadError> {
    let size = std::fs::metadata(path).map_err(LoadError::Unreadable)?.len();
    if size > FILE_OCTETS_MAX {
        return Err(LoadError::TooLarge(size));
    }
    std::fs::read(path).map_err(LoadError::Unreadable)
}

fn is_granted(import: &str) -> bool {
    GRANTED.iter().any(|granted| is_contract(import, granted))
}

/// Whether a name is that interface in a version that this host serves: 0.1 and any patch of it.
fn is_contract(name: &str, interface: &str) -> bool {
    name.split_once('@').is_some_and(|(found, version)| {
        found == interface && version.strip_prefix(CONTRACT_VERSION).is_some_and(|rest| rest.starts_with('.'))
    })
}

/// Errors of the parser may have octets in them, one a line.
fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_contract_in_its_version_is_granted() {
        for granted in ["zilla:plugin/host@0.1.0", "zilla:plugin/types@0.1.7"] {
            assert!(is_granted(granted), "{granted}");
        }
        for refused in [
            "wasi:filesystem/preopens@0.2.0",
            "zilla:plugin/host",
            "zilla:plugin/host@0.2.0",
            "zilla:plugin/host@0.10.0",
            "zilla:plugin/other@0.1.0",
            "env",
        ] {
            assert!(!is_granted(refused), "{refused}");
        }
    }
}
