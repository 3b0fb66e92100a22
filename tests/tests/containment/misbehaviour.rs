//! Each way in which a plugin can go wrong, and what comes of it: `tests/misbehaviours.md`.
//!
//! With `UPDATE_EXPECT=1`, what is seen is written to the file instead: read the difference.
//!
//! All of them happen one after the other in one host with one worker. Each plugin has a pipeline of its own and in it
//! a neighbour behind the same `tcp` binding. While it goes wrong, three clients ask without a pause: one the neighbour
//! in the same pipeline, one an echo in another, and one an `http` server in a third.

mod cases;
mod table;
mod town;

use cases::{LOADED, RUNNING};
use std::fs;
use table::Table;
use town::Town;
use zilla_tests::files::root;

/// Fewer would not be all that there are.
const MISBEHAVIOURS_MIN: usize = 24;

#[test]
fn every_misbehaviour_costs_its_plugin_what_the_table_says_and_nobody_else_anything() {
    let town = Town::build(RUNNING);
    let mut table = Table::default();
    for case in LOADED {
        table.add_loaded(case, &town.load(case));
    }
    for (index, case) in RUNNING.iter().enumerate() {
        table.add_running(case, &town.run(index, case));
    }
    town.expect_unnoticed();
    assert!(LOADED.len() + RUNNING.len() >= MISBEHAVIOURS_MIN);
    let (path, text) = (root().join("tests/misbehaviours.md"), table.text());
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    let differs = |line: &&str| !expected.lines().any(|expected| expected == *line);
    let news: Vec<&str> = text.lines().filter(differs).collect();
    assert!(text == expected, "UPDATE_EXPECT=1 accepts what is seen; new is:\n{}", news.join("\n"));
}
