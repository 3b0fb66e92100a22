//! What the command line says of itself, and what it does not understand.

use zilla_tests::command::zilla;

#[test]
fn help_names_every_command_with_an_example() {
    let output = zilla(&["--help"]);
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    for part in ["Usage: zilla <COMMAND>", "start", "check", "plugin", "version", "zilla start -c zilla.yaml"]
    {
        assert!(output.stdout.contains(part), "{part} is missing from:\n{}", output.stdout);
    }
}

#[test]
fn every_command_has_help() {
    for command in [
        &["start"][..],
        &["check"],
        &["plugin"],
        &["plugin", "list"],
        &["plugin", "inspect"],
        &["plugin", "swap"],
        &["status"],
        &["reload"],
        &["stop"],
    ] {
        let arguments: Vec<&str> = command.iter().copied().chain(["--help"]).collect();
        let output = zilla(&arguments);
        assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{command:?}");
        let usage = format!("Usage: zilla {}", command.join(" "));
        assert!(output.stdout.contains(&usage), "{}", output.stdout);
    }
}

#[test]
fn the_help_of_a_swap_tells_which_file_is_replaced() {
    let help = zilla(&["plugin", "swap", "--help"]).stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(help.contains("replaces the file that it uses, in the directory that it was found in"), "{help}");
}

#[test]
fn the_version_is_that_of_the_workspace() {
    let expected = format!("zilla {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(zilla(&["version"]).stdout, expected);
    assert_eq!(zilla(&["--version"]).stdout, expected);
}

#[test]
fn what_is_not_understood_is_answered_with_2_and_the_usage() {
    for (arguments, said) in [
        (&["chekc"][..], "similar subcommand exists: 'check'"),
        (&["start", "--worker=2"], "similar argument exists: '--workers'"),
        (&["start", "--workers=0"], "0 is not in 1..=256"),
        (&["start", "--log-level=loud"], "invalid value 'loud'"),
        (&["start", "--log-format=xml"], "possible values: text, json"),
        (&["start", "--verbose", "--log-level=info"], "cannot be used with"),
        (&["plugin", "inspect"], "<FILE>"),
    ] {
        let output = zilla(arguments);
        assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(output.stderr.contains(said), "{arguments:?}: {}", output.stderr);
    }
}

#[test]
fn a_file_that_is_missing_is_named() {
    for arguments in
        [&["check", "nowhere.yaml"][..], &["start", "-c", "nowhere.yaml", "--control=/dev/null/x"]]
    {
        let output = zilla(arguments);
        assert_eq!(output.code, Some(1));
        assert_eq!(output.stderr, "error: nowhere.yaml: No such file or directory (os error 2)\n");
    }
}

#[test]
fn a_file_that_is_no_text_is_told_from_where_on() {
    let folder = zilla_tests::Folder::new();
    folder.write("zilla.yaml", b"name: a\xff\n");
    let output = zilla_tests::command::zilla_in(folder.path(), &["check"]);
    assert_eq!(output.code, Some(1));
    assert_eq!(output.stderr, "error: zilla.yaml: expected UTF-8, found other octets at 7\n");
}
