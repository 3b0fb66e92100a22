//! Files that are not right, and all that `zilla check` says of each: `tests/broken/NAME.yaml` and `NAME.txt`.
//!
//! With `UPDATE_EXPECT=1`, what is said is written to the `.txt` files instead: read the difference.

use std::fs;
use std::path::PathBuf;
use xtask::setup;
use zilla_tests::Folder;
use zilla_tests::command::{command, plugin_options, run, zilla_in};
use zilla_tests::files::root;

/// Folders that no expectation may depend on.
fn without_folders(text: &str) -> String {
    let built = xtask::plugins::built();
    let text = text.replace(&built.dir.display().to_string(), "PLUGINS");
    let text = text.replace(&built.guests_dir.display().to_string(), "GUESTS");
    match zilla_tests::command::program().parent() {
        Some(folder) => text.replace(&folder.display().to_string(), "PROGRAMS"),
        None => text,
    }
}

fn cases() -> Vec<PathBuf> {
    let folder = root().join("tests/broken");
    let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let mut cases: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|extension| extension == "yaml")).collect();
    cases.sort();
    cases
}

#[test]
fn every_broken_file_is_told_all_that_is_wrong_with_it() {
    let options = plugin_options();
    let is_updating = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut wrong = Vec::new();
    for case in cases() {
        let (folder, name) = (case.parent().unwrap(), case.file_name().unwrap().to_str().unwrap());
        let arguments = ["check", name].into_iter().chain(options.iter().map(String::as_str));
        let output = zilla_in(folder, &arguments.collect::<Vec<_>>());
        let code = output.code.map_or_else(|| "none".to_owned(), |code| code.to_string());
        let said = format!("{}{}exit code: {code}\n", without_folders(&output.stderr), output.stdout);
        let expectation = case.with_extension("txt");
        if is_updating {
            fs::write(&expectation, said).unwrap();
        } else if fs::read_to_string(&expectation).unwrap_or_default() != said {
            wrong.push(format!("{name}:\n{said}"));
        }
    }
    assert!(wrong.is_empty(), "UPDATE_EXPECT=1 accepts what is said:\n\n{}", wrong.join("\n"));
}

#[test]
fn no_expectation_is_left_without_its_file() {
    let cases = cases();
    assert!(cases.len() >= 20);
    for entry in fs::read_dir(root().join("tests/broken")).unwrap() {
        let path = entry.unwrap().path();
        assert!(cases.contains(&path.with_extension("yaml")), "{} has no .yaml", path.display());
    }
}

#[test]
fn every_example_is_valid() {
    let options = plugin_options();
    for folder in fs::read_dir(root().join("examples")).unwrap() {
        let folder = folder.unwrap().path();
        let Ok(yaml) = fs::read_to_string(folder.join("zilla.yaml")) else { continue };
        let scratch = Folder::with_config(&yaml);
        let setup = folder.join(setup::SCRIPT);
        let has_setup = setup.is_file();
        let variables = if has_setup { setup::run(&setup, scratch.path()).unwrap() } else { Vec::new() };
        let mut check = command(&["check"]);
        let output = run(check.args(&options).current_dir(scratch.path()).envs(variables));
        assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{}", folder.display());
        assert!(output.stdout.starts_with("zilla.yaml: valid, "), "{}", output.stdout);
    }
}
