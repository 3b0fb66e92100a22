//! Names that only a host under test knows: its `getaddrinfo` is replaced by one that reads a file.

use crate::Folder;
use crate::host::Start;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use xtask::paths::Workspace;

/// Names and their addresses, as one host resolves them.
#[derive(Debug)]
pub struct Names {
    folder: Folder,
}

/// Compiled once for all tests of a process.
fn library() -> PathBuf {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    let compile = || {
        let folder = Folder::new();
        folder.write("names.c", include_str!("names.c"));
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o", "names.so", "names.c", "-ldl"])
            .current_dir(folder.path())
            .status();
        assert!(compiled.is_ok_and(|status| status.success()), "cc did not compile names.c");
        // Renamed, since the tests of another process may use what was there.
        let place = Workspace::current().target_dir().join("tmp");
        let (new, known) = (place.join(format!("names-{}.so", std::process::id())), place.join("names.so"));
        let kept = std::fs::create_dir_all(&place)
            .and_then(|()| std::fs::copy(folder.join("names.so"), &new))
            .and_then(|_| std::fs::rename(&new, &known));
        kept.unwrap_or_else(|error| panic!("{}: {error}", known.display()));
        known
    };
    LIBRARY.get_or_init(compile).clone()
}

impl Names {
    /// A name in each line, with an address, or with `~` and milliseconds that a lookup takes.
    pub fn new(lines: &str) -> Self {
        let names = Self { folder: Folder::new() };
        names.set(lines);
        names
    }

    /// Other names from now on.
    pub fn set(&self, lines: &str) {
        self.folder.write("names.new", lines);
        let renamed = std::fs::rename(self.folder.join("names.new"), self.folder.join("names"));
        renamed.expect("a file in a folder of its own can be renamed");
    }

    /// Has a host know these names and no others.
    #[must_use]
    pub fn with(&self, start: Start) -> Start {
        start
            .variable("ZILLA_TEST_NAMES", &self.folder.join("names").display().to_string())
            .variable("LD_PRELOAD", &library().display().to_string())
    }

    /// How often a name was looked up.
    pub fn lookups(&self, name: &str) -> usize {
        let log = std::fs::read_to_string(self.folder.join("names.log")).unwrap_or_default();
        log.lines().filter(|line| *line == name).count()
    }
}
