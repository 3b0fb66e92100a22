//! The file as it was written, and places in it.

use std::fmt;

/// One configuration file: what to call it in messages, and its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Shown in front of each problem: usually the path as the operator gave it.
    pub name: String,
    /// The text as it was read, before any substitution.
    pub text: String,
}

impl Source {
    /// A file called `name` that holds `text`.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into() }
    }

    /// The place of the octet at `offset`, or of the end of the text where there is none.
    pub(crate) fn location(&self, offset: usize) -> Location {
        let mut end = offset.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let before = &self.text[..end];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.bytes().filter(|octet| *octet == b'\n').count() + 1;
        Location { line, column: before[line_start..].trim_start_matches(BOM).chars().count() + 1 }
    }

    /// The text of a line, counted from 1, without its line break.
    pub(crate) fn line(&self, line: usize) -> Option<&str> {
        self.text.lines().nth(line.checked_sub(1)?).map(|text| text.trim_start_matches(BOM))
    }
}

/// The byte order mark, which some editors put in front of UTF-8. It has no column.
pub(crate) const BOM: char = '\u{feff}';

/// A place in a [`Source`]. Ordered as one reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in characters.
    pub column: usize,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        let source = Source::new("f", "a: b\nü: x\n");
        assert_eq!(source.location(0), Location { line: 1, column: 1 });
        assert_eq!(source.location(9), Location { line: 2, column: 4 });
        assert_eq!(source.location(999), Location { line: 3, column: 1 });
        assert_eq!(source.line(2), Some("ü: x"));
        assert_eq!(source.line(9), None);
    }
}
