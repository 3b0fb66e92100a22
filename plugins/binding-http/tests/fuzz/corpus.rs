//! Kept inputs, and how a target runs them.

use crate::mutation::{Random, mutated};
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Mutations that a target runs if `ZILLA_FUZZ_RUNS` says nothing: some seconds of each test run.
pub(crate) const RUNS: usize = 2_000;

/// Runs the corpus of a target and mutations of it: `outcome` of an input in one piece, and in others, is the same.
pub(crate) fn fuzz<O: PartialEq + Debug>(target: &str, outcome: impl Fn(&[&[u8]]) -> O) {
    let entries = entries(target);
    for (path, input) in &entries {
        let single: Vec<&[u8]> = input.chunks(1).collect();
        check(
            target,
            input,
            &path.display().to_string(),
            &outcome,
            &[single, Random::of(input).pieces(input)],
        );
    }
    let inputs: Vec<_> = entries.into_iter().map(|(_, input)| input).collect();
    let mut random = Random::of(target.as_bytes());
    for run in 0..runs() {
        let input = mutated(&inputs, &mut random);
        let pieces = Random::of(&input).pieces(&input);
        check(target, &input, &format!("mutation {run}"), &outcome, &[pieces]);
    }
}

fn runs() -> usize {
    match env::var("ZILLA_FUZZ_RUNS") {
        Ok(runs) => runs.parse().expect("ZILLA_FUZZ_RUNS is a number of mutations"),
        Err(_) => RUNS,
    }
}

/// The inputs of a target, by name.
fn entries(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
    let paths = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = paths.map(|entry| entry.unwrap().path()).collect();
    paths.sort_unstable();
    assert!(!paths.is_empty(), "{}: expected inputs, found none", folder.display());
    paths.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// Fails with the input in a file.
fn check<O: PartialEq + Debug>(
    target: &str,
    input: &[u8],
    name: &str,
    outcome: &impl Fn(&[&[u8]]) -> O,
    cuts: &[Vec<&[u8]>],
) {
    let run = || {
        let whole = outcome(&[input]);
        for pieces in cuts {
            let shown: Vec<_> = pieces.iter().map(|piece| piece.escape_ascii().to_string()).collect();
            assert_eq!(outcome(pieces), whole, "left in pieces, right in one: {shown:?}");
        }
    };
    if let Err(because) = catch_unwind(AssertUnwindSafe(run)) {
        let text = because.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| because.downcast_ref::<&str>().copied()).unwrap_or("a panic without text");
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{target}-failed"));
        fs::write(&path, input).unwrap();
        panic!(
            "{target}: {name} fails: {text}\n\nThe input is in {}; once it is understood, it belongs into \
             tests/fuzz/corpus/{target}",
            path.display()
        );
    }
}

#[test]
fn an_input_that_fails_is_kept() {
    let failed = catch_unwind(|| {
        check("nothing", b"abc", "an input", &|pieces| pieces.len(), &[vec![b"a", b"bc"]]);
    });
    let because = failed.unwrap_err();
    assert!(because.downcast_ref::<String>().unwrap().starts_with("nothing: an input fails: "));
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz-nothing-failed");
    assert_eq!(fs::read(path).unwrap(), b"abc");
}
