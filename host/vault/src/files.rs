//! Files, each read once and no further than a limit.

use crate::error::Fault;
use crate::source::Source;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use zeroize::Zeroizing;

/// Octets of a file that are read. The bundle of all public CAs has about 250 KiB; a larger file is refused, so that a
/// wrong path does not fill the memory.
pub const FILE_SIZE_MAX: u64 = 4 * 1024 * 1024;

/// Room that a file gets at first. A buffer that grows leaves copies of what was in it behind.
const ROOM: usize = 256 * 1024;

/// The octets of a file, wiped when the last user is done.
pub(crate) type Content = Rc<Zeroizing<Vec<u8>>>;

/// What was read so far.
#[derive(Default)]
pub(crate) struct Files {
    read: BTreeMap<PathBuf, Result<Content, Fault>>,
}

impl Files {
    /// Reads a file, or what was read of it before.
    pub(crate) fn get(&mut self, path: &Path, source: &mut Source<'_>) -> Result<Content, Fault> {
        if let Some(read) = self.read.get(path) {
            return read.clone();
        }
        let read = read(path, source);
        self.read.insert(path.to_owned(), read.clone());
        read
    }

    /// The paths in order, and a digest of them and what is in the files.
    pub(crate) fn finish(self) -> (Vec<PathBuf>, [u8; 32]) {
        let mut digest = Sha256::new();
        let mut part = |octets: &[u8]| {
            digest.update((octets.len() as u64).to_be_bytes());
            digest.update(octets);
        };
        for (path, read) in &self.read {
            part(path.as_os_str().as_encoded_bytes());
            part(read.as_ref().map_or(&[], |content| content.as_slice()));
        }
        (self.read.into_keys().collect(), digest.finalize().into())
    }
}

fn read(path: &Path, source: &mut Source<'_>) -> Result<Content, Fault> {
    let expected = "a file that can be read";
    let unreadable = |error| Fault::file(expected, format!("`{}`: {error}", path.display()));
    let file = (source.open)(path).map_err(unreadable)?;
    let mut content = Zeroizing::new(Vec::with_capacity(ROOM));
    file.take(FILE_SIZE_MAX + 1).read_to_end(&mut content).map_err(unreadable)?;
    if content.len() as u64 > FILE_SIZE_MAX {
        let expected = format!("a file of at most {FILE_SIZE_MAX} octets");
        return Err(Fault::file(expected, format!("`{}`, which has more", path.display())));
    }
    if content.is_empty() {
        return Err(Fault::file("a file with something in it", format!("`{}`, empty", path.display())));
    }
    Ok(Rc::new(content))
}
