//! A list of problems as the operator reads it.

use crate::limits::{LINE_CHARS_MAX, PROBLEMS_MAX};
use crate::problem::{CUT, Problem};
use crate::source::{Location, Source};

/// All problems in the order of the file, each with the line it is about, and how many there are.
///
/// Plain text without colours. Equal problems are shown once, and at most [`PROBLEMS_MAX`] of them.
/// Ends with a line break; empty if there is no problem.
#[must_use]
pub fn render(source: &Source, problems: &[Problem]) -> String {
    let mut sorted: Vec<&Problem> = Vec::new();
    for problem in problems {
        if !sorted.contains(&problem) {
            sorted.push(problem);
        }
    }
    sorted.sort_by_key(|problem| problem.order());
    let mut out = String::new();
    for problem in sorted.iter().take(PROBLEMS_MAX) {
        out.push_str(&format!("{problem}\n"));
        if let Some(excerpt) = problem.at.and_then(|at| excerpt(source, at)) {
            out.push_str(&excerpt);
        }
        out.push('\n');
    }
    if let Some(more) = sorted.len().checked_sub(PROBLEMS_MAX).filter(|more| *more > 0) {
        out.push_str(&format!("... and {more} more\n\n"));
    }
    if !sorted.is_empty() {
        out.push_str(&summary(&sorted));
    }
    out
}

/// `2 errors, 1 warning`.
fn summary(problems: &[&Problem]) -> String {
    let errors = problems.iter().filter(|problem| problem.is_error()).count();
    let warnings = problems.len() - errors;
    format!("{}, {}\n", count(errors, "error"), count(warnings, "warning"))
}

fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// The line of a place with a caret below the place; a long line is cut around it.
fn excerpt(source: &Source, at: Location) -> Option<String> {
    let line = source.line(at.line).filter(|line| !line.trim().is_empty())?;
    let number = at.line.to_string();
    let margin = " ".repeat(number.len());
    let room = LINE_CHARS_MAX.saturating_sub(number.len() + FRAME.len()).max(CUT.len() * 4);
    let (shown, caret) = window(line, at.column - 1, room);
    Some(format!("{margin} |\n{number} | {shown}\n{margin} | {}^\n", " ".repeat(caret)))
}

/// What an excerpt puts between the number of a line and its text.
const FRAME: &str = " | ";

/// At most `room` characters of `line` that include the one at `column`, counted from 0, and the
/// column at which that one then stands.
fn window(line: &str, column: usize, room: usize) -> (String, usize) {
    let chars: Vec<char> = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if chars.len() <= room {
        return (chars.into_iter().collect(), column);
    }
    let start = if column + CUT.len() < room { 0 } else { column - room / 2 };
    let end = (start + room).min(chars.len());
    let mut shown: Vec<char> = chars[start..end].to_vec();
    if start > 0 {
        shown.splice(..CUT.len(), CUT.chars());
    }
    if end < chars.len() {
        let kept = shown.len() - CUT.len();
        shown.splice(kept.., CUT.chars());
    }
    (shown.into_iter().collect(), column - start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Severity;

    fn at(line: usize, column: usize) -> Problem {
        Problem {
            severity: Severity::Error,
            at: Some(Location { line, column }),
            file: "f".to_owned(),
            path: String::new(),
            expected: "x".to_owned(),
            found: "y".to_owned(),
            help: None,
        }
    }

    #[test]
    fn problems_come_in_the_order_of_the_file_with_their_lines() {
        let source = Source::new("f", "a: 1\nb: 2\n");
        let nowhere = Problem { at: None, ..at(1, 1) }.as_warning();
        let shown = render(&source, &[nowhere, at(2, 4), at(1, 1), at(2, 4)]);
        let expected = "\
f:1:1: error
  expected: x
  found:    y
  |
1 | a: 1
  | ^

f:2:4: error
  expected: x
  found:    y
  |
2 | b: 2
  |    ^

f: warning
  expected: x
  found:    y

2 errors, 1 warning
";
        assert_eq!(shown, expected);
        assert_eq!(render(&source, &[]), "");
    }

    #[test]
    fn no_more_are_shown_than_one_reads() {
        let source = Source::new("f", "");
        let problems: Vec<Problem> = (1..=PROBLEMS_MAX + 3).map(|line| at(line, 1)).collect();
        let shown = render(&source, &problems);
        assert!(shown.ends_with("... and 3 more\n\n53 errors, 0 warnings\n"), "{shown}");
    }

    #[test]
    fn a_long_line_is_cut_around_the_place() {
        let source = Source::new("f", format!("{}X{}", "a".repeat(300), "b".repeat(300)));
        let shown = render(&source, &[at(1, 301)]);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[4].chars().nth(lines[5].find('^').unwrap()), Some('X'));
        assert!(lines.iter().all(|line| line.chars().count() <= LINE_CHARS_MAX));
        assert!(lines[4].contains("...a") && lines[4].ends_with("b..."));
    }

    #[test]
    fn a_place_at_the_end_of_a_long_line_is_shown() {
        let source = Source::new("f", "a".repeat(300));
        let shown = render(&source, &[at(1, 301)]);
        assert!(shown.lines().any(|line| line.ends_with('^')));
    }
}
