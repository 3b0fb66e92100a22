//! What is wrong, where, what was expected there and what was found.

use std::fmt;

use crate::limits::MESSAGE_CHARS_MAX;
use crate::source::Location;

/// Whether a file can be used in spite of a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The file is refused.
    Error,
    /// The file is used, and may not mean what its author thinks.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// One thing in a file that its author has to look at. Displayed for the operator:
///
/// ```text
/// zilla.yaml:14:7: error at bindings.north_tcp_server.exit
///   expected: the name of a binding
///   found:    north_echo_serer
///   help:     did you mean `north_echo_server`?
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Problem {
    /// Whether the file is refused.
    pub severity: Severity,
    /// Where it is in the text as written. Absent only for what has no place in it.
    pub at: Option<Location>,
    /// The name of the [`Source`](crate::Source).
    pub file: String,
    /// The node, such as `bindings.north_tcp_server.exit`; empty for the whole file. In a later
    /// document its namespace stands before it: `second: bindings.x`.
    pub path: String,
    /// What would have been right there.
    pub expected: String,
    /// What is there. A value that came from a variable is named by the variable, not shown.
    pub found: String,
    /// A way out, where one is known.
    pub help: Option<String>,
}

impl Problem {
    /// An error about a file as a whole, at its start.
    pub(crate) fn in_file(file: &str, expected: String, found: String) -> Self {
        Self {
            severity: Severity::Error,
            at: Some(Location { line: 1, column: 1 }),
            file: file.to_owned(),
            path: String::new(),
            expected,
            found,
            help: None,
        }
    }

    /// The same problem with a way out.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same problem as a warning.
    #[must_use]
    pub fn as_warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// Whether the file is refused because of it.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// In the order of the file; what has no place comes last.
    pub(crate) fn order(&self) -> (bool, Option<Location>) {
        (self.at.is_none(), self.at)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut headline = self.file.clone();
        if let Some(at) = self.at {
            headline.push_str(&format!(":{at}"));
        }
        headline.push_str(&format!(": {}", self.severity));
        if !self.path.is_empty() {
            headline.push_str(&format!(" at {}", self.path));
        }
        f.write_str(&one_line(&headline))?;
        write!(f, "\n{}", one_line(&format!("  expected: {}", self.expected)))?;
        write!(f, "\n{}", one_line(&format!("  found:    {}", self.found)))?;
        if let Some(help) = &self.help {
            write!(f, "\n{}", one_line(&format!("  help:     {help}")))?;
        }
        Ok(())
    }
}

/// `text` on one line of at most [`MESSAGE_CHARS_MAX`] characters, control characters as spaces.
pub(crate) fn one_line(text: &str) -> String {
    clip(text, MESSAGE_CHARS_MAX)
}

/// The first `chars_max` characters of `text`, on one line; three dots stand for what is cut.
pub(crate) fn clip(text: &str, chars_max: usize) -> String {
    let mut line: String =
        text.chars().take(chars_max + 1).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if let Some((cut, _)) = line.char_indices().nth(chars_max) {
        let kept = line.char_indices().nth(chars_max.saturating_sub(CUT.len())).map_or(cut, |(at, _)| at);
        line.truncate(kept);
        line.push_str(CUT);
    }
    line
}

/// Stands for what is left out.
pub(crate) const CUT: &str = "...";

#[cfg(test)]
mod tests {
    use super::*;

    fn problem() -> Problem {
        Problem {
            severity: Severity::Error,
            at: Some(Location { line: 14, column: 7 }),
            file: "zilla.yaml".to_owned(),
            path: "bindings.north_tcp_server.exit".to_owned(),
            expected: "the name of a binding".to_owned(),
            found: "north_http_serer".to_owned(),
            help: None,
        }
    }

    #[test]
    fn says_where_and_what() {
        assert_eq!(
            problem().with_help("did you mean `north_http_server`?").to_string(),
            "zilla.yaml:14:7: error at bindings.north_tcp_server.exit\n  \
             expected: the name of a binding\n  \
             found:    north_http_serer\n  \
             help:     did you mean `north_http_server`?"
        );
        let nowhere = Problem { at: None, path: String::new(), ..problem() }.as_warning();
        assert!(nowhere.to_string().starts_with("zilla.yaml: warning\n"));
    }

    #[test]
    fn each_part_stays_on_one_line() {
        let found = format!("a\nb\u{1b}[31m{}", "x".repeat(MESSAGE_CHARS_MAX));
        let shown = Problem { found, ..problem() }.to_string();
        assert_eq!(shown.lines().count(), 3);
        assert!(shown.lines().all(|line| line.chars().count() <= MESSAGE_CHARS_MAX));
        assert!(shown.ends_with("x..."));
    }
}
