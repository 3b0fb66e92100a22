//! Compiled code on disk, so that a start takes milliseconds.
//!
//! An entry is named by the digest of the component and the hash of the engine that compiled it, and begins
//! with the digest of what follows. It is machine code that the host will run, so the directory must belong
//! to this user alone, and an entry whose digest does not fit is compiled anew.
//!
//! Any number of processes may use one directory, and any of them may end at any time: an entry is there whole or
//! not at all. Whoever adds one removes what is too much, see [`evict`]; another process that misses an entry
//! compiles it anew.

mod evict;

use super::digest::Digest;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use wasmtime::Engine;
use wasmtime::component::Component;

/// Length of the digest that an entry begins with.
const DIGEST_OCTETS: usize = 32;

/// A directory of compiled code.
#[derive(Clone, Debug)]
pub struct Cache {
    directory: PathBuf,
}

/// Where the code of a component is, by its digest and the hash of the engine.
struct EntryPath {
    path: PathBuf,
    engine: String,
}

impl Cache {
    /// Uses a directory, which is made if it is missing, readable by this user only. It is refused if others
    /// could write to it, since they could so have the host run their code.
    pub fn open(directory: &Path) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let metadata = fs::metadata(directory)?;
        let refuse = |found: String| Err(io::Error::new(io::ErrorKind::PermissionDenied, found));
        // The owner of a process's folder in /proc is its effective user.
        let user = fs::metadata("/proc/self")?.uid();
        if metadata.uid() != user {
            let owner = metadata.uid();
            return refuse(format!("expected a directory of user {user}, found one of user {owner}"));
        }
        if metadata.mode() & 0o022 != 0 {
            let mode = metadata.mode() & 0o777;
            return refuse(format!(
                "expected a directory that only its owner can write to, found mode {mode:o}"
            ));
        }
        Ok(Self { directory: directory.to_owned() })
    }

    /// Where compiled code is kept if nothing else is said: `$XDG_CACHE_HOME/zilla` or `~/.cache/zilla`.
    pub fn default_directory(env: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
        let set = |name| env(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let base = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")))?;
        Some(base.join("zilla"))
    }

    /// The compiled component, if the cache has it whole.
    pub(crate) fn load(&self, engine: &Engine, digest: &Digest) -> Option<Component> {
        let EntryPath { path, .. } = self.entry(engine, digest);
        let mut file = fs::File::open(&path).ok()?;
        let mut entry = Vec::new();
        file.read_to_end(&mut entry).ok()?;
        // Where it cannot be noted, the entry is taken for one that is not used, which costs time and nothing else.
        let _ = evict::note_use(&file);
        let (expected, code) = entry.split_at_checked(DIGEST_OCTETS)?;
        if Digest::of(code).as_bytes() != expected {
            tracing::warn!(path = %path.display(), "a cache entry is damaged, it is compiled anew");
            return None;
        }
        #[expect(
            unsafe_code,
            reason = "the entry is in a directory of this user alone, and whole by its digest"
        )]
        // SAFETY: `deserialize` asks for octets that `serialize` of this wasmtime made. The name carries the
        // hash of the engine, the digest says that the octets are those written, and by the permissions of
        // the directory it was this user who wrote them.
        let component = unsafe { Component::deserialize(engine, code) };
        component.inspect_err(|error| tracing::debug!(%error, "a cache entry does not fit")).ok()
    }

    /// Keeps a compiled component. A failure is logged and costs the next start its time, nothing else.
    pub(crate) fn store(&self, engine: &Engine, digest: &Digest, component: &Component) {
        let EntryPath { path, engine } = self.entry(engine, digest);
        let stored =
            component.serialize().map_err(io::Error::other).and_then(|code| self.write(&path, &code));
        if let Err(error) = stored {
            tracing::warn!(directory = %self.directory.display(), %error, "compiled code is not kept");
        }
        if let Err(error) = evict::evict(&self.directory, &engine, &path, evict::OCTETS_MAX) {
            tracing::warn!(directory = %self.directory.display(), %error, "old compiled code stays");
        }
    }

    fn write(&self, path: &Path, code: &[u8]) -> io::Result<()> {
        // A rename within the directory: another process sees the whole entry or none.
        let partial = path.with_extension(format!("{}.partial", std::process::id()));
        let mut file =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
        let written = file
            .write_all(Digest::of(code).as_bytes())
            .and_then(|()| file.write_all(code))
            .and_then(|()| fs::rename(&partial, path));
        if written.is_err() {
            // Nothing more can be done about a partial entry than to try to remove it.
            let _ = fs::remove_file(&partial);
        }
        written
    }

    fn entry(&self, engine: &Engine, digest: &Digest) -> EntryPath {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let engine = format!("{:016x}", hasher.finish());
        EntryPath { path: self.directory.join(format!("{digest}-{engine}.code")), engine }
    }
}
