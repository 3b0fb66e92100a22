//! The Rust files of the workspace, and rules on how they are cut.

use std::fs;
use std::path::{Path, PathBuf};
use zilla_tests::files::root;

/// One file.
pub(crate) struct File {
    /// Below the root of the workspace.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

impl File {
    /// Whether it is a test, whole.
    pub(crate) fn is_test(&self) -> bool {
        let is_tests = |part: &std::ffi::OsStr| {
            ["tests", "benches", "testing", "bench"].iter().any(|name| part == *name)
        };
        self.path.iter().any(is_tests) || self.path.ends_with("tests.rs")
    }

    /// Its lines with their numbers, up to the tests at its end.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines: Vec<&str> = self.text.lines().collect();
        let begins_tests =
            |two: &[&str]| two[0] == "#[cfg(test)]" && two[1].starts_with("mod ") && two[1].ends_with('{');
        let end = lines.windows(2).position(begins_tests).unwrap_or(lines.len());
        lines.into_iter().take(end).enumerate().map(|(index, line)| (index + 1, line))
    }
}

/// All Rust files below some folders.
pub(crate) fn files(folders: &[&str]) -> Vec<File> {
    let mut files = Vec::new();
    for folder in folders {
        collect(&root().join(folder), &mut files);
    }
    assert!(!files.is_empty(), "there is nothing in {folders:?}");
    files
}

fn collect(folder: &Path, files: &mut Vec<File>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with("target") {
                collect(&path, files);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            files.push(File { path: path.strip_prefix(root()).unwrap().to_owned(), text });
        }
    }
}

/// Everything that is written by hand in this workspace.
pub(crate) const ALL: [&str; 6] = ["host", "sdk", "plugins", "examples", "tests", "xtask"];

/// Fails with all that is wrong, if anything is.
#[track_caller]
pub(crate) fn expect_none(rule: &str, wrong: &[String]) {
    assert!(wrong.is_empty(), "{rule}:\n  {}", wrong.join("\n  "));
}

/// Lines of a file above which it is to be split. Tests are lists, and may be longer.
const LINES_MAX: usize = 500;
const TEST_LINES_MAX: usize = 1_000;

#[test]
fn no_file_is_too_long_to_be_read() {
    let mut wrong = Vec::new();
    for file in files(&ALL) {
        let lines = file.text.lines().count();
        let most = if file.is_test() { TEST_LINES_MAX } else { LINES_MAX };
        if lines > most {
            wrong.push(format!("{}: {lines} lines, at most {most}", file.path.display()));
        }
    }
    expect_none("a long file is split by what its parts are about", &wrong);
}

#[test]
fn no_module_is_named_for_nothing() {
    const NAMES: [&str; 10] =
        ["mod", "util", "utils", "helper", "helpers", "common", "manager", "misc", "shared", "stuff"];
    let mut wrong = Vec::new();
    for file in files(&ALL) {
        let stem = file.path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        if NAMES.contains(&stem) {
            wrong.push(file.path.display().to_string());
        }
        for (number, line) in file.lines() {
            let words: Vec<&str> = line.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
            let declares = words.windows(2).any(|two| two[0] == "mod" && NAMES.contains(&two[1]));
            if declares && !line.trim_start().starts_with("//") && !line.contains('"') {
                wrong.push(format!("{}:{number}: {}", file.path.display(), line.trim()));
            }
        }
    }
    expect_none("a module is named for what is in it", &wrong);
}

#[test]
fn nothing_unwraps_what_may_be_missing() {
    let mut wrong = Vec::new();
    for file in files(&["host", "sdk", "plugins"]).iter().filter(|file| !file.is_test()) {
        for (number, line) in file.lines() {
            let is_comment = line.trim_start().starts_with("//");
            if line.contains(".unwrap()") && !is_comment {
                wrong.push(format!("{}:{number}: {}", file.path.display(), line.trim()));
            }
        }
    }
    expect_none("expect with the invariant in its words, or an error", &wrong);
}
