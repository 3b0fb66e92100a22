//! Whatever stands in a file, it is read or refused with a place, and nothing panics.

use proptest::prelude::*;

use super::{outcome, source};
use crate::{
    BINDINGS_MAX, FILE_BYTES_MAX, OPEN_BRACKETS_MAX, PROBLEMS_KEPT_MAX, PROBLEMS_MAX, parse, render,
};

const VALID: &str = "\
name: one
vaults: &vaults
  keys: {type: filesystem, options: {store: \"k\\t.p12\"}}
guards:
  jwt: {type: jwt}
matchers:
  canary: {type: percent}
bindings:
  b:
    type: 'x'
    kind: server
    vault: keys # a comment
    options: {port: [7114, \"8000-8010\"], text: |
      two
      lines
      }
    routes:
      - guarded: {jwt: [role]}
        when:
          - path: /*
            matched: {canary: {percent: 1.5}}
        exit: two:c
    exit: d
  d: {type: ${{env.TYPE}}, kind: client}
--- # another
name: two
vaults: *vaults
bindings:
  c: {type: x, kind: client}
";

/// Reads a text, and looks at every problem as an operator would.
#[track_caller]
fn read(text: &str) {
    let outcome = parse(&source(text), &mut |_| Some("é: x".to_owned()));
    let refused = outcome.problems.iter().any(crate::Problem::is_error);
    assert_eq!(outcome.config.is_none(), refused);
    for problem in &outcome.problems {
        assert!(problem.at.is_some(), "no place for {problem} in\n{text}");
    }
    let shown = render(&source(text), &outcome.problems);
    assert_eq!(shown.is_empty(), outcome.problems.is_empty());
    if let Some(config) = outcome.config {
        for binding in &config.bindings {
            assert!(config.locate(&binding.at).is_some());
        }
    }
}

#[test]
fn each_octet_may_be_missing_or_another() {
    assert!(outcome("name: one").config.is_some());
    read(VALID);
    for (at, old) in VALID.char_indices() {
        let (before, after) = (&VALID[..at], &VALID[at + old.len_utf8()..]);
        read(&format!("{before}{after}"));
        read(before);
        for new in "\0\t\n\r !\"#$%&'*+,-.:<>?@[\\]^_`{|}~a0\u{7f}\u{85}\u{feff}é\u{2028}".chars() {
            read(&format!("{before}{new}{after}"));
        }
    }
}

#[test]
fn each_line_may_be_missing_or_there_twice() {
    let lines: Vec<&str> = VALID.lines().collect();
    for at in 0..lines.len() {
        let mut fewer = lines.clone();
        fewer.remove(at);
        read(&fewer.join("\n"));
        let mut more = lines.clone();
        more.insert(at, lines[at]);
        read(&more.join("\r\n"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
        read(&text);
    }

    #[test]
    fn any_text_of_yaml_characters_is_read_or_refused(text in "[-:,\\[\\]{}#&*!|>'\"%@`a0 \n~?.]{0,120}") {
        read(&text);
        read(&format!("name: a\nbindings:\n  b: {text}"));
    }

    #[test]
    fn any_two_parts_of_a_file_may_change_places(a in 0..VALID.len(), b in 0..VALID.len(), c in 0..VALID.len()) {
        let mut cuts = [a, b, c];
        cuts.sort_unstable();
        let [a, b, c] = cuts;
        read(&format!("{}{}{}{}", &VALID[..a], &VALID[b..c], &VALID[a..b], &VALID[c..]));
    }
}

#[test]
fn what_is_too_large_is_refused_unread() {
    let refused = outcome(&"#".repeat(FILE_BYTES_MAX + 1));
    assert_eq!(refused.problems[0].found, "4194305 octets");
    let refused = outcome(&"[".repeat(OPEN_BRACKETS_MAX + 1));
    assert_eq!(refused.problems[0].expected, "at most 4096 brackets open at once");
    assert_eq!(refused.problems[0].at.unwrap().column, OPEN_BRACKETS_MAX + 1);
    let bindings: String =
        (0..=BINDINGS_MAX).map(|n| format!("  b{n}: {{type: x, kind: client}}\n")).collect();
    let refused = outcome(&format!("name: a\nbindings:\n{bindings}"));
    assert_eq!(refused.problems[0].found, "4097 bindings");
}

#[test]
fn problems_without_end_are_cut() {
    let bindings: String = (0..500).map(|n| format!("  b{n}: {{type: x, kind: clint}}\n")).collect();
    let yaml = format!("name: a\nbindings:\n{bindings}");
    let refused = outcome(&yaml);
    assert_eq!(refused.problems.len(), PROBLEMS_KEPT_MAX);
    let shown = render(&source(&yaml), &refused.problems);
    assert_eq!(shown.matches(": error").count(), PROBLEMS_MAX);
    assert!(shown.ends_with("... and 50 more\n\n100 errors, 0 warnings\n"));
}

#[test]
fn a_long_way_of_exits_is_followed() {
    let chain: String = (0..BINDINGS_MAX - 1)
        .map(|n| format!("  b{n}: {{type: x, kind: proxy, exit: b{}}}\n", n + 1))
        .collect();
    let last = BINDINGS_MAX - 1;
    let open = format!("name: a\nbindings:\n{chain}  b{last}: {{type: x, kind: client}}\n");
    assert!(outcome(&open).config.is_some());
    let closed = format!("name: a\nbindings:\n{chain}  b{last}: {{type: x, kind: proxy, exit: b0}}\n");
    let refused = outcome(&closed);
    let found = "a cycle: b0 -> b1 -> b2 -> b3 -> b4 -> b5 -> b6 -> b7 -> ... 4088 more ... -> b0";
    assert_eq!(refused.problems[0].found, found);
}
