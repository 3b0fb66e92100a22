//! Where things are: the workspace, its target directory, its examples, programs on `PATH`.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The two folders everything else hangs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    root: PathBuf,
    target_dir: PathBuf,
}

impl Workspace {
    /// The workspace this crate is a member of, with the target directory cargo was told to use.
    pub fn current() -> Self {
        // cargo says where the running crate is. What was compiled in may be outdated: a checkout that was
        // moved together with its target directory is not compiled again.
        let running = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let compiled = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root =
            running.as_deref().and_then(root_above).or_else(|| root_above(compiled)).unwrap_or(compiled);
        Self::at(root.to_path_buf(), env::var_os("CARGO_TARGET_DIR"))
    }

    /// A workspace at `root`; `cargo_target_dir` is the value of the variable of that name. A relative
    /// one is taken from the root, so that every command means the same folder wherever it is typed.
    pub fn at(root: PathBuf, cargo_target_dir: Option<OsString>) -> Self {
        let target_dir = match cargo_target_dir {
            Some(dir) if !dir.is_empty() => root.join(dir),
            _ => root.join("target"),
        };
        Self { root, target_dir }
    }

    /// The folder of the workspace's `Cargo.toml`.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where cargo builds the host and the tests.
    pub fn target_dir(&self) -> &Path {
        &self.target_dir
    }

    /// The plugins' own target directory: cargo's lock on it is not the lock an outer cargo may hold.
    pub fn plugins_target_dir(&self) -> PathBuf {
        self.target_dir.join("plugins")
    }

    /// The examples: each folder of `examples/` with a `zilla.yaml`, sorted by name.
    pub fn examples(&self) -> Vec<String> {
        // Without an examples folder there are no examples.
        let folders = folders(&self.root.join("examples")).unwrap_or_default();
        let with_config = folders.iter().filter(|folder| folder.join("zilla.yaml").is_file());
        with_config.filter_map(|folder| Some(folder.file_name()?.to_str()?.to_owned())).collect()
    }
}

/// The nearest folder at or above `folder` that has this crate in it.
fn root_above(folder: &Path) -> Option<&Path> {
    folder.ancestors().find(|above| above.join("xtask/Cargo.toml").is_file())
}

/// The folders in `parent`, sorted by name.
pub(crate) fn folders(parent: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(parent)? {
        let path = entry?.path();
        if path.is_dir() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// `path` as it is shortest to type: relative to the current directory when it lies below it.
pub fn shown(path: &Path) -> String {
    let here = env::current_dir().unwrap_or_default();
    path.strip_prefix(&here).unwrap_or(path).display().to_string()
}

/// The file that starting `program` would start, given the value of `PATH`.
pub fn program(program: &str, path: Option<&OsStr>) -> Option<PathBuf> {
    env::split_paths(path?).map(|folder| folder.join(program)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plugins_follow_the_target_dir() {
        let root = PathBuf::from("/w");
        let dir =
            |value: Option<&str>| Workspace::at(root.clone(), value.map(Into::into)).plugins_target_dir();
        assert_eq!(dir(None), Path::new("/w/target/plugins"));
        assert_eq!(dir(Some("")), Path::new("/w/target/plugins"));
        assert_eq!(dir(Some("/fast/t")), Path::new("/fast/t/plugins"));
        assert_eq!(dir(Some("out")), Path::new("/w/out/plugins"));
    }

    #[test]
    fn the_root_is_found_from_any_member() {
        let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = xtask.parent();
        for member in [xtask, &xtask.join("src"), &xtask.join("../xtask/src"), root.unwrap()] {
            assert_eq!(
                root_above(member).map(|root| root.canonicalize().unwrap()).as_deref(),
                root,
                "{}",
                member.display()
            );
        }
        assert_eq!(root_above(&env::temp_dir().join("nowhere")), None);
    }

    #[test]
    fn a_program_is_looked_for_in_every_folder_of_the_path() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let path = env::join_paths([&here.join("nowhere"), here]).unwrap();
        assert_eq!(program("Cargo.toml", Some(&path)), Some(here.join("Cargo.toml")));
        assert_eq!(program("Cargo.yaml", Some(&path)), None);
        assert_eq!(program("Cargo.toml", None), None);
    }
}
