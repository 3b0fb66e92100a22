//! Finding plugins by type name: the file name proposes, the component confirms.
//!
//! A file `binding_T.wasm`, `guard_T.wasm` or `matcher_T.wasm` (or with `-` for `_`) in one of the directories
//! of the search path proposes the type `T`; the first directory that has it wins. If the component says that
//! it is of another type, it is refused, with both names.

use super::binding::{BindingPlugin, Code};
use super::cache::Cache;
use super::digest::Digest;
use super::guard::{GuardCode, GuardPlugin};
use super::load::{LoadError, Loaded, read_file};
use super::matcher::{MatcherCode, MatcherPlugin};
use super::options::{Allowance, PluginOptions};
use super::runtime::Runtime;
use super::sandbox::Concept;
use super::{BindingType as _, GuardType as _, MatcherType as _, trust};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// A plugin file that was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// `binding`, `guard` or `matcher`, by the file name.
    pub concept: &'static str,
    /// The type, by the file name.
    pub type_name: String,
    /// The file.
    pub path: PathBuf,
}

/// The plugins of a search path.
pub struct Library {
    runtime: Runtime,
    cache: Option<Cache>,
    directories: Vec<PathBuf>,
    entries: BTreeMap<(&'static str, String), Entry>,
    /// Code that was loaded, by the digest of its file; shared by all scans.
    loaded: Arc<Mutex<BTreeMap<Digest, AnyCode>>>,
}

/// Code of a component, by what it serves.
#[derive(Clone)]
enum AnyCode {
    Binding(Arc<Code>),
    Guard(Arc<GuardCode>),
    Matcher(Arc<MatcherCode>),
}

impl AnyCode {
    fn new(runtime: &Runtime, loaded: &Loaded, concept: Concept) -> Result<Self, LoadError> {
        match concept {
            Concept::Binding => Code::new(runtime, loaded).map(Arc::new).map(Self::Binding),
            Concept::Guard => GuardCode::new(runtime, loaded).map(Arc::new).map(Self::Guard),
            Concept::Matcher => MatcherCode::new(runtime, loaded).map(Arc::new).map(Self::Matcher),
        }
    }

    fn concept(&self) -> Concept {
        match self {
            Self::Binding(_) => Concept::Binding,
            Self::Guard(_) => Concept::Guard,
            Self::Matcher(_) => Concept::Matcher,
        }
    }

    fn type_name(&self) -> &str {
        match self {
            Self::Binding(code) => code.type_name(),
            Self::Guard(code) => code.type_name(),
            Self::Matcher(code) => code.type_name(),
        }
    }

    fn is_used(&self) -> bool {
        match self {
            Self::Binding(code) => Arc::strong_count(code) > 1,
            Self::Guard(code) => Arc::strong_count(code) > 1,
            Self::Matcher(code) => Arc::strong_count(code) > 1,
        }
    }
}

/// A plugin of any concept, whatever the name of its file.
pub enum AnyPlugin {
    /// It serves a binding type.
    Binding(BindingPlugin),
    /// It serves a guard type.
    Guard(GuardPlugin),
    /// It serves a matcher type.
    Matcher(MatcherPlugin),
}

/// Why there is no plugin of a type.
#[derive(Debug)]
pub enum LibraryError {
    /// No file proposes the type.
    NotFound {
        /// Types that there are.
        known: Vec<String>,
        /// Where was looked.
        directories: Vec<PathBuf>,
    },
    /// A file proposes the type, but it cannot be used.
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: LoadError,
    },
    /// A file proposes the type, but its component is of another one.
    OtherType {
        /// The file.
        path: PathBuf,
        /// What the component says.
        type_name: String,
    },
}

impl fmt::Display for LibraryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound { directories, .. } => {
                let places: Vec<_> = directories.iter().map(|place| place.display().to_string()).collect();
                write!(f, "no plugin of this type in {}", places.join(", "))
            }
            Self::Unusable { path, error } => write!(f, "{}: {error}", path.display()),
            Self::OtherType { path, type_name } => {
                write!(f, "{}: by its own word it is of type `{type_name}`", path.display())
            }
        }
    }
}

impl std::error::Error for LibraryError {}

impl AnyPlugin {
    /// `binding`, `guard` or `matcher`.
    pub fn concept(&self) -> &'static str {
        self.serves().0.name()
    }

    /// The type, and the version.
    pub fn names(&self) -> (&str, &str) {
        match self {
            Self::Binding(plugin) => (&plugin.describe().type_name, &plugin.describe().version),
            Self::Guard(plugin) => (&plugin.describe().type_name, &plugin.describe().version),
            Self::Matcher(plugin) => (&plugin.describe().type_name, &plugin.describe().version),
        }
    }

    /// What it serves, and the type.
    pub(crate) fn serves(&self) -> (Concept, &str) {
        match self {
            Self::Binding(plugin) => (Concept::Binding, &plugin.describe().type_name),
            Self::Guard(plugin) => (Concept::Guard, &plugin.describe().type_name),
            Self::Matcher(plugin) => (Concept::Matcher, &plugin.describe().type_name),
        }
    }
}

impl Library {
    /// Looks through directories. One that is missing or unreadable has nothing.
    pub fn scan(runtime: &Runtime, cache: Option<Cache>, directories: Vec<PathBuf>) -> Self {
        let entries = find(&directories);
        Self { runtime: runtime.clone(), cache, directories, entries, loaded: Arc::default() }
    }

    /// Looks through the same directories again. What was loaded before is not compiled again.
    pub fn rescan(&self) -> Self {
        Self {
            runtime: self.runtime.clone(),
            cache: self.cache.clone(),
            directories: self.directories.clone(),
            entries: find(&self.directories),
            loaded: Arc::clone(&self.loaded),
        }
    }

    /// The same, with one type of a concept taken from a file.
    pub(crate) fn with(mut self, concept: Concept, type_name: &str, path: PathBuf) -> Self {
        let entry = Entry { concept: concept.name(), type_name: type_name.to_owned(), path };
        self.entries.insert((concept.name(), type_name.to_owned()), entry);
        self
    }

    /// The file that a type of a concept is in, which is the one that a swap replaces; for a type that has none, its
    /// place in the first directory that there is.
    pub(crate) fn place_of(&self, concept: Concept, type_name: &str) -> Option<PathBuf> {
        let known = self.entries.get(&(concept.name(), type_name.to_owned())).map(|entry| entry.path.clone());
        let first = || self.directories.iter().find(|directory| directory.is_dir());
        known.or_else(|| Some(first()?.join(format!("{concept}_{type_name}.wasm"))))
    }

    /// The digest of the file that a type of that concept is in; none if there is no such file that can be read.
    pub(crate) fn digest_of(&self, concept: Concept, type_name: &str) -> Option<Digest> {
        let entry = self.entries.get(&(concept.name(), type_name.to_owned()))?;
        read_file(&entry.path).ok().map(|octets| Digest::of(&octets))
    }

    /// All plugins that were found, by concept and type.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// Where it looks, in order.
    pub fn directories(&self) -> &[PathBuf] {
        &self.directories
    }

    /// Reads a file without running it.
    pub fn read(&self, path: &Path) -> Result<Loaded, LoadError> {
        let octets = read_file(path)?;
        self.compile(&octets, Digest::of(&octets))
    }

    fn compile(&self, octets: &[u8], digest: Digest) -> Result<Loaded, LoadError> {
        Loaded::new(&self.runtime, self.cache.as_ref(), octets, digest)
    }

    /// Loads the plugin of a binding type.
    pub fn binding(
        &self,
        type_name: &str,
        options: &PluginOptions,
    ) -> Result<Arc<BindingPlugin>, LibraryError> {
        match self.plugin(Concept::Binding, type_name, options)? {
            (AnyCode::Binding(code), path) => {
                Ok(Arc::new(BindingPlugin::new(code, path, options.allowance.clone())))
            }
            (other, path) => Err(other_concept(path, Concept::Binding, &other)),
        }
    }

    /// Loads the plugin of a guard type.
    pub fn guard(&self, type_name: &str, options: &PluginOptions) -> Result<Arc<GuardPlugin>, LibraryError> {
        match self.plugin(Concept::Guard, type_name, options)? {
            (AnyCode::Guard(code), path) => {
                Ok(Arc::new(GuardPlugin::new(code, path, options.allowance.clone())))
            }
            (other, path) => Err(other_concept(path, Concept::Guard, &other)),
        }
    }

    /// Loads the plugin of a matcher type.
    pub fn matcher(
        &self,
        type_name: &str,
        options: &PluginOptions,
    ) -> Result<Arc<MatcherPlugin>, LibraryError> {
        match self.plugin(Concept::Matcher, type_name, options)? {
            (AnyCode::Matcher(code), path) => {
                Ok(Arc::new(MatcherPlugin::new(code, path, options.allowance.clone())))
            }
            (other, path) => Err(other_concept(path, Concept::Matcher, &other)),
        }
    }

    /// Code of a type, and the file that it is in.
    fn plugin(
        &self,
        concept: Concept,
        type_name: &str,
        options: &PluginOptions,
    ) -> Result<(AnyCode, PathBuf), LibraryError> {
        let concept_name = concept.name();
        let Some(entry) = self.entries.get(&(concept_name, type_name.to_owned())) else {
            let known = self.entries.keys().filter(|(concept, _)| *concept == concept_name);
            return Err(LibraryError::NotFound {
                known: known.map(|(_, type_name)| type_name.clone()).collect(),
                directories: self.directories.clone(),
            });
        };
        let path = entry.path.clone();
        let code = match self.load(&path, concept, options) {
            Ok(code) => code,
            Err(error) => return Err(LibraryError::Unusable { path, error }),
        };
        match code.type_name() {
            found if found == type_name => Ok((code, path)),
            found => Err(LibraryError::OtherType { path, type_name: found.to_owned() }),
        }
    }

    /// Reads a file, once, and compiles it unless its code is here already. Whether it is trusted is looked at
    /// before anything is done with it.
    fn load(&self, path: &Path, concept: Concept, options: &PluginOptions) -> Result<AnyCode, LoadError> {
        let octets = read_file(path)?;
        trust::check(path, &octets, options)?;
        let digest = Digest::of(&octets);
        let known = |codes: &BTreeMap<_, AnyCode>| codes.get(&digest).cloned();
        if let Some(code) = known(&self.loaded.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(code);
        }
        let code = AnyCode::new(&self.runtime, &self.compile(&octets, digest)?, concept)?;
        let mut codes = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        // What nothing runs any more is let go.
        codes.retain(|_, code| code.is_used());
        codes.insert(digest, code.clone());
        Ok(code)
    }

    /// Loads a file as the plugin of a binding, whatever its name.
    pub fn binding_at(&self, path: &Path) -> Result<(Loaded, BindingPlugin), LoadError> {
        let loaded = self.read(path)?;
        let code = Arc::new(Code::new(&self.runtime, &loaded)?);
        Ok((loaded, BindingPlugin::new(code, path.to_owned(), Allowance::default())))
    }

    /// Loads a file as the plugin that it is, whatever its name.
    pub fn any_at(&self, path: &Path) -> Result<(Loaded, AnyPlugin), LoadError> {
        let loaded = self.read(path)?;
        // A component that serves nothing is refused as one that should be a binding.
        let concept = loaded.concept().unwrap_or(Concept::Binding);
        let (path, allowance) = (path.to_owned(), Allowance::default());
        let plugin = match AnyCode::new(&self.runtime, &loaded, concept)? {
            AnyCode::Binding(code) => AnyPlugin::Binding(BindingPlugin::new(code, path, allowance)),
            AnyCode::Guard(code) => AnyPlugin::Guard(GuardPlugin::new(code, path, allowance)),
            AnyCode::Matcher(code) => AnyPlugin::Matcher(MatcherPlugin::new(code, path, allowance)),
        };
        Ok((loaded, plugin))
    }
}

/// The same file, under names of two concepts, was loaded as the other one.
fn other_concept(path: PathBuf, expected: Concept, found: &AnyCode) -> LibraryError {
    let error =
        LoadError::OtherConcept { expected: expected.to_string(), found: found.concept().to_string() };
    LibraryError::Unusable { path, error }
}

/// Entries by concept and type; the first directory that has one wins.
fn find(directories: &[PathBuf]) -> BTreeMap<(&'static str, String), Entry> {
    let mut entries = BTreeMap::new();
    for entry in directories.iter().flat_map(|directory| list(directory)) {
        entries.entry((entry.concept, entry.type_name.clone())).or_insert(entry);
    }
    entries
}

fn list(directory: &Path) -> Vec<Entry> {
    let Ok(files) = std::fs::read_dir(directory) else { return Vec::new() };
    let mut entries: Vec<Entry> = files.flatten().filter_map(|file| propose(&file.path())).collect();
    entries.sort();
    entries
}

/// What a file name proposes.
fn propose(path: &Path) -> Option<Entry> {
    let stem = path.file_name()?.to_str()?.strip_suffix(".wasm")?;
    ["binding", "guard", "matcher"].into_iter().find_map(|concept| {
        let type_name = stem.strip_prefix(concept)?.strip_prefix(['_', '-'])?;
        let entry = Entry { concept, type_name: type_name.to_owned(), path: path.to_owned() };
        (!type_name.is_empty()).then_some(entry)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_proposes_concept_and_type() {
        let proposed = |name| propose(Path::new(name)).map(|entry| (entry.concept, entry.type_name));
        assert_eq!(proposed("binding_greet.wasm"), Some(("binding", "greet".to_owned())));
        assert_eq!(proposed("guard-key.wasm"), Some(("guard", "key".to_owned())));
        assert_eq!(proposed("matcher_time_window.wasm"), Some(("matcher", "time_window".to_owned())));
        for none in ["greet.wasm", "binding_.wasm", "binding_greet.wat", "bindinggreet.wasm", ".wasm"] {
            assert_eq!(proposed(none), None, "{none}");
        }
    }
}
