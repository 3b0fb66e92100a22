//! What goes when the cache has grown too large: entries of other engines first, then those not used for longest.
//!
//! Only files with the name of an entry are ever removed, whatever else is in the directory.

use std::ffi::OsStr;
use std::fs::{self, DirEntry, File, FileTimes};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Octets of all entries. It is room for the code of several hundred plugins; what is more than that was left behind
/// by earlier versions of them, or of this host.
pub(super) const OCTETS_MAX: u64 = 512 << 20;

/// Age at which an entry that is still partial has no writer any more: none takes so long.
const PARTIAL_AGE: Duration = Duration::from_secs(60 * 60);

/// Digits of a component's digest and of an engine's hash.
const DIGEST_DIGITS: usize = 64;
const ENGINE_DIGITS: usize = 16;

/// A file with the name of an entry.
struct Found {
    path: PathBuf,
    /// Whether it was compiled by the engine of this process. One that was not is of no use to it, but may be to
    /// another process.
    is_own: bool,
    used: SystemTime,
    octets: u64,
}

/// Notes that an entry is used now. The time of access says so: it is set here, as not every file system does.
pub(super) fn note_use(file: &File) -> io::Result<()> {
    #[expect(clippy::disallowed_methods, reason = "it is compared with times of the file system alone")]
    let now = SystemTime::now();
    file.set_times(FileTimes::new().set_accessed(now))
}

/// Removes entries until there are no more than `octets_max`, except the one at `keep`, and what was left of writing
/// one. Another process may do so at the same time, or write.
pub(super) fn evict(directory: &Path, engine: &str, keep: &Path, octets_max: u64) -> io::Result<()> {
    let mut entries = Vec::new();
    for file in fs::read_dir(directory)?.flatten() {
        match Name::of(&file.file_name()) {
            Some(Name::Entry(compiled_by)) => entries.extend(look_at(&file, compiled_by == engine)),
            Some(Name::Partial) if is_abandoned(&file) => remove(&file.path()),
            Some(Name::Partial) | None => {}
        }
    }
    entries.sort_by_key(|entry| (entry.is_own, entry.used));
    let mut octets: u64 = entries.iter().map(|entry| entry.octets).sum();
    for entry in entries.iter().filter(|entry| entry.path != keep) {
        if octets <= octets_max {
            break;
        }
        remove(&entry.path);
        octets -= entry.octets;
    }
    Ok(())
}

/// What a file is, by its name.
#[derive(Debug, PartialEq, Eq)]
enum Name {
    /// `DIGEST-ENGINE.code`, with the hash of the engine.
    Entry(String),
    /// `DIGEST-ENGINE.PID.partial`.
    Partial,
}

impl Name {
    fn of(name: &OsStr) -> Option<Self> {
        let (stem, extension) = name.to_str()?.split_once('.')?;
        let (digest, engine) = stem.split_once('-')?;
        let is_hexadecimal = |text: &str, digits| {
            text.len() == digits && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        if !(is_hexadecimal(digest, DIGEST_DIGITS) && is_hexadecimal(engine, ENGINE_DIGITS)) {
            return None;
        }
        match extension.strip_suffix(".partial") {
            Some(pid) => pid.parse::<u32>().is_ok().then_some(Self::Partial),
            None => (extension == "code").then(|| Self::Entry(engine.to_owned())),
        }
    }
}

/// None if it is no file, or no longer there.
fn look_at(file: &DirEntry, is_own: bool) -> Option<Found> {
    let metadata = file.metadata().ok().filter(fs::Metadata::is_file)?;
    let used = metadata.accessed().ok()?;
    Some(Found { path: file.path(), is_own, used, octets: metadata.len() })
}

fn is_abandoned(file: &DirEntry) -> bool {
    let written = file.metadata().and_then(|metadata| metadata.modified());
    // One that was written in the future has a writer, or a wrong clock: it stays.
    written.is_ok_and(|written| written.elapsed().is_ok_and(|age| age >= PARTIAL_AGE))
}

fn remove(path: &Path) {
    match fs::remove_file(path) {
        Ok(()) => tracing::debug!(path = %path.display(), "old compiled code is removed"),
        // Another process was faster.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => tracing::warn!(path = %path.display(), %error, "old compiled code stays"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "00000000000000aa";
    const OTHER: &str = "00000000000000bb";

    /// A directory of files, removed at the end.
    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("zilla-evict-{}-{name}", std::process::id()));
            fs::create_dir(&path).unwrap();
            Self(path)
        }

        /// Makes a file of ten octets that was used and written so many seconds ago.
        fn make(&self, name: &str, seconds: u64) -> PathBuf {
            let path = self.0.join(name);
            fs::write(&path, [0; 10]).unwrap();
            let now = fs::metadata(&path).unwrap().modified().unwrap();
            let then = now - Duration::from_secs(seconds);
            let times = FileTimes::new().set_accessed(then).set_modified(then);
            File::open(&path).unwrap().set_times(times).unwrap();
            path
        }

        fn entry(&self, number: u64, engine: &str, seconds: u64) -> PathBuf {
            self.make(&format!("{number:064x}-{engine}.code"), seconds)
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    #[test]
    fn the_least_recently_used_go_and_the_new_one_stays() {
        let directory = Directory::new("oldest");
        let [kept, middle, old] =
            [(1, 900), (2, 200), (3, 300)].map(|(number, seconds)| directory.entry(number, OWN, seconds));
        evict(&directory.0, OWN, &kept, 30).unwrap();
        assert!(old.exists(), "nothing was too much");
        evict(&directory.0, OWN, &kept, 29).unwrap();
        assert_eq!((kept.exists(), middle.exists(), old.exists()), (true, true, false));
        evict(&directory.0, OWN, &kept, 0).unwrap();
        assert_eq!((kept.exists(), middle.exists()), (true, false));
    }

    #[test]
    fn one_that_is_used_is_not_the_oldest() {
        let directory = Directory::new("used");
        let [used, unused] = [directory.entry(1, OWN, 300), directory.entry(2, OWN, 200)];
        note_use(&File::open(&used).unwrap()).unwrap();
        evict(&directory.0, OWN, Path::new("new"), 10).unwrap();
        assert_eq!((used.exists(), unused.exists()), (true, false));
    }

    #[test]
    fn those_of_other_engines_go_first() {
        let directory = Directory::new("engines");
        let [other, own] = [directory.entry(1, OTHER, 100), directory.entry(2, OWN, 900)];
        evict(&directory.0, OWN, Path::new("new"), 20).unwrap();
        assert!(other.exists(), "another process may use it");
        evict(&directory.0, OWN, Path::new("new"), 10).unwrap();
        assert_eq!((other.exists(), own.exists()), (false, true));
    }

    #[test]
    fn what_was_left_of_writing_goes_in_time() {
        let directory = Directory::new("partial");
        let partial = |number: u64| format!("{number:064x}-{OWN}.4711.partial");
        let [abandoned, new] = [directory.make(&partial(1), 3_601), directory.make(&partial(2), 3_000)];
        evict(&directory.0, OWN, Path::new("new"), 1_000).unwrap();
        assert_eq!((abandoned.exists(), new.exists()), (false, true));
    }

    #[test]
    fn nothing_else_is_ever_removed() {
        let directory = Directory::new("others");
        let digest = "0".repeat(64);
        let names = [
            "notes.txt".to_owned(),
            "x.partial".to_owned(),
            format!("{digest}.code"),
            format!("{digest}-{OWN}"),
            format!("{digest}-{OWN}.code.bak"),
            format!("{digest}-{OWN}.me.partial"),
            format!("{digest}-{OWN}0.code"),
            format!("{}g-{OWN}.code", &digest[1..]),
            format!("{}-{OWN}.code", digest.replace('0', "A")),
        ];
        let others = names.map(|name| directory.make(&name, 9_999));
        let inside = directory.0.join(format!("{digest}-{OWN}.code"));
        fs::create_dir(&inside).unwrap();
        evict(&directory.0, OWN, Path::new("new"), 0).unwrap();
        assert!(others.iter().chain([&inside]).all(|path| path.exists()));
    }

    #[test]
    fn many_that_evict_at_once_do_not_disturb_each_other() {
        let directory = Directory::new("many");
        let entries: Vec<PathBuf> =
            (0..200).map(|number| directory.entry(number, OWN, 200 - number)).collect();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| evict(&directory.0, OWN, Path::new("new"), 100).unwrap());
            }
        });
        let left: Vec<&PathBuf> = entries.iter().filter(|path| path.exists()).collect();
        assert_eq!(left, entries[190..].iter().collect::<Vec<_>>());
    }
}
