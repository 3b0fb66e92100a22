//! The contract says what everything in it means, and since when it is there.

use crate::source::expect_none;
use std::fs;
use zilla_tests::files::root;

/// What a line of WIT declares, if anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Declared {
    /// An interface, a world, a type or a function: has a comment and a version.
    Item,
    /// A field or a case: has a comment.
    Part,
}

fn declared(line: &str) -> Option<Declared> {
    const WORDS: [&str; 8] = ["interface", "world", "record", "enum", "flags", "variant", "type", "resource"];
    let first = line.split_whitespace().next().unwrap_or_default();
    if line.starts_with("//")
        || line.starts_with('@')
        || matches!(first, "use" | "package" | "import" | "export")
    {
        return None;
    }
    if WORDS.contains(&first) || line.contains(": func(") {
        return Some(Declared::Item);
    }
    line.ends_with(',').then_some(Declared::Part)
}

#[test]
fn everything_in_the_contract_is_explained_and_has_a_version() {
    let (mut wrong, mut items, mut parts) = (Vec::new(), 0, 0);
    for entry in fs::read_dir(root().join("wit")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "wit") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        for (index, line) in lines.iter().enumerate() {
            let above = |count: usize| index.checked_sub(count).map_or("", |at| lines[at]);
            let is_right = match declared(line) {
                None => continue,
                Some(Declared::Item) => {
                    items += 1;
                    above(1).starts_with("@since(version = ") && above(2).starts_with("///")
                }
                Some(Declared::Part) => {
                    parts += 1;
                    above(1).starts_with("///")
                }
            };
            if !is_right {
                wrong.push(format!("{}:{}: {line}", path.display(), index + 1));
            }
        }
    }
    assert!(items > 40 && parts > 60, "{items} items and {parts} parts were found");
    expect_none("every item has a comment and @since, every field and case a comment", &wrong);
}

#[test]
fn the_package_has_one_version() {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join("wit")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "wit") {
            let text = fs::read_to_string(&path).unwrap();
            found.extend(text.lines().filter_map(|line| line.strip_prefix("package ")).map(str::to_owned));
        }
    }
    assert_eq!(found, ["zilla:plugin@0.1.0;"]);
}
