//! Compiled code on disk: it is code that the host runs, so not every folder and not every file will do.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use zilla_tests::command::{Output, plugin_options, run, zilla_in};
use zilla_tests::{Folder, command, config};

/// Checks a configuration with plugins, and `cache` below a folder as the cache.
#[track_caller]
fn check(folder: &Folder) -> Output {
    folder.write("zilla.yaml", config::tcp_echo(1));
    let [plugins, ..] = plugin_options();
    let output = zilla_in(folder.path(), &["check", &plugins, "--cache=cache"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    output
}

fn entries(folder: &Folder) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = match fs::read_dir(folder.join("cache")) {
        Ok(files) => files.map(|entry| entry.unwrap().path()).collect(),
        Err(_) => Vec::new(),
    };
    entries.sort();
    entries
}

#[track_caller]
fn set_mode(path: &std::path::Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_folder_is_made_that_only_its_owner_can_use() {
    let folder = Folder::new();
    assert_eq!(check(&folder).stderr, "");
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(folder.join("cache")), 0o700);
    let entries = entries(&folder);
    assert_eq!(entries.len(), 1);
    assert_eq!(mode(entries[0].clone()), 0o600);
}

#[test]
fn an_entry_is_used_and_not_written_again() {
    let folder = Folder::new();
    check(&folder);
    let [entry] = <[PathBuf; 1]>::try_from(entries(&folder)).unwrap();
    let written = fs::metadata(&entry).unwrap().modified().unwrap();
    check(&folder);
    assert_eq!(entries(&folder).as_slice(), std::slice::from_ref(&entry));
    assert_eq!(fs::metadata(&entry).unwrap().modified().unwrap(), written);
}

#[test]
fn a_damaged_entry_is_told_and_compiled_anew() {
    let folder = Folder::new();
    check(&folder);
    let entry = entries(&folder).remove(0);
    let whole = fs::read(&entry).unwrap();
    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    for damaged in [&flipped[..], &whole[..whole.len() / 2], &whole[..40]] {
        fs::write(&entry, damaged).unwrap();
        let said = check(&folder).stderr;
        assert!(said.contains("a cache entry is damaged, it is compiled anew"), "{said}");
        assert!(fs::read(&entry).unwrap() == whole, "the entry is still damaged");
        assert_eq!(check(&folder).stderr, "");
    }
}

#[test]
fn a_folder_that_others_can_write_to_is_not_used_and_told() {
    for mode in [0o777, 0o770, 0o720, 0o702] {
        let folder = Folder::new();
        fs::create_dir(folder.join("cache")).unwrap();
        set_mode(&folder.join("cache"), mode);
        let said = check(&folder).stderr;
        assert!(said.contains("compiled plugins are not kept"), "{said}");
        let found = format!("expected a directory that only its owner can write to, found mode {mode:o}");
        assert!(said.contains(&found), "{said}");
        assert_eq!(entries(&folder), [""; 0].map(PathBuf::from));
    }
}

#[test]
fn a_folder_of_somebody_else_is_not_used_and_told() {
    let folder = Folder::new();
    fs::create_dir(folder.join("cache")).unwrap();
    set_mode(&folder.join("cache"), 0o700);
    if std::os::unix::fs::chown(folder.join("cache"), Some(65_534), None).is_err() {
        eprintln!("left out: only root can give a folder away");
        return;
    }
    let said = check(&folder).stderr;
    assert!(said.contains("compiled plugins are not kept"), "{said}");
    assert!(said.contains("found one of user 65534"), "{said}");
    assert_eq!(entries(&folder), [""; 0].map(PathBuf::from));
}

#[test]
fn a_folder_that_cannot_be_had_costs_nothing_but_time() {
    let folder = Folder::new();
    folder.write("cache", "a file");
    let said = check(&folder).stderr;
    assert!(said.contains("compiled plugins are not kept"), "{said}");
}

#[test]
fn nothing_is_kept_where_that_is_asked_for() {
    let folder = Folder::with_config(&config::tcp_echo(1));
    let [plugins, ..] = plugin_options();
    let mut command = command::command(&["check", &plugins, "--no-cache"]);
    let output = run(command.current_dir(folder.path()).env("XDG_CACHE_HOME", folder.path()));
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    assert!(!folder.join("zilla").exists());
}

#[test]
fn the_default_is_below_the_users_folder_for_caches() {
    let folder = Folder::with_config(&config::tcp_echo(1));
    let [plugins, ..] = plugin_options();
    let mut command = command::command(&["check", &plugins]);
    let output = run(command.current_dir(folder.path()).env("XDG_CACHE_HOME", folder.path()));
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    assert_eq!(fs::read_dir(folder.join("zilla")).unwrap().count(), 1);
}

#[test]
fn what_is_too_much_goes_when_an_entry_is_added_and_nothing_else() {
    /// More than all entries may have, in octets. The files are sparse.
    const TOO_MUCH: u64 = 600 << 20;
    let folder = Folder::new();
    check(&folder);
    let used = entries(&folder).remove(0);
    let name = used.file_name().unwrap().to_str().unwrap();
    let of_another_engine = folder.join("cache").join(format!("{}-{:016x}.code", &name[..64], 0));
    let of_somebody = folder.join("cache").join("backup.tar");
    for path in [&of_another_engine, &of_somebody] {
        fs::File::create(path).and_then(|file| file.set_len(TOO_MUCH)).unwrap();
    }
    check(&folder);
    assert!(of_another_engine.exists(), "it goes only when another one comes");
    folder.write("zilla.yaml", config::http_echo(1));
    let [plugins, ..] = plugin_options();
    let output = zilla_in(folder.path(), &["check", &plugins, "--cache=cache"]);
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    assert!(!of_another_engine.exists() && of_somebody.exists() && used.exists());
    // With the one for http.
    assert_eq!(entries(&folder).len(), 3);
}
