//! Patterns over octets: `*` for any octets, `{name}` for one or more that are kept.

use std::fmt;

/// Pieces that a pattern may have. Matching takes time in the product of pieces and octets.
pub(crate) const PIECES_MAX: usize = 64;

/// A pattern, matched against a whole value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(Vec<u8>),
    /// `*`: none or more.
    Any,
    /// `{name}`: one or more, kept.
    Capture(String),
}

/// A pattern that cannot be read: what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError(&'static str);

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for PatternError {}

impl Pattern {
    /// Reads a pattern in which `*` is special.
    pub fn wildcard(text: &str) -> Result<Self, PatternError> {
        let mut pieces = Vec::new();
        for (index, literal) in text.split('*').enumerate() {
            if index > 0 && pieces.last() != Some(&Piece::Any) {
                pieces.push(Piece::Any);
            }
            if !literal.is_empty() {
                pieces.push(Piece::Literal(literal.as_bytes().to_vec()));
            }
        }
        Self::checked(pieces)
    }

    /// Reads a pattern in which `*` and `{name}` are special.
    pub fn template(text: &str) -> Result<Self, PatternError> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            pieces.extend(Self::wildcard(&rest[..open])?.pieces);
            let (name, after) =
                rest[open + 1..].split_once('}').ok_or(PatternError("a `{` without its `}`"))?;
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_') {
                return Err(PatternError("a name in `{}` that is not of letters and `_`"));
            }
            pieces.push(Piece::Capture(name.to_owned()));
            rest = after;
        }
        pieces.extend(Self::wildcard(rest)?.pieces);
        Self::checked(pieces)
    }

    fn checked(pieces: Vec<Piece>) -> Result<Self, PatternError> {
        if pieces.len() > PIECES_MAX {
            return Err(PatternError("more than 64 pieces"));
        }
        Ok(Self { pieces })
    }

    /// Names of its captures, in order.
    pub fn captures(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Capture(name) => Some(name.as_str()),
            Piece::Literal(_) | Piece::Any => None,
        })
    }

    /// Whether the whole value fits; `keep` gets each capture. From the left, each piece takes as much as
    /// it can while the rest still fits.
    pub fn matches<'a>(&'a self, value: &'a [u8], mut keep: impl FnMut(&'a str, &'a [u8])) -> bool {
        if self.pieces.iter().all(|piece| !matches!(piece, Piece::Capture(_))) {
            return self.fits(value);
        }
        let fits_from = self.suffix_table(value);
        if !fits_from[0][0] {
            return false;
        }
        let mut at = 0;
        for (index, piece) in self.pieces.iter().enumerate() {
            let least = match piece {
                Piece::Literal(literal) => {
                    at += literal.len();
                    continue;
                }
                Piece::Any => 0,
                Piece::Capture(_) => 1,
            };
            let end = (at + least..=value.len()).rev().find(|end| fits_from[index + 1][*end]);
            let end = end.expect("the table says that this piece and the rest fit");
            if let Piece::Capture(name) = piece {
                keep(name, &value[at..end]);
            }
            at = end;
        }
        true
    }

    /// Literals and `*` only: the first literal is a prefix, the last a suffix, and each between is found
    /// leftmost, which never loses a match.
    fn fits(&self, value: &[u8]) -> bool {
        let mut rest = value;
        let mut floating = false;
        for (index, piece) in self.pieces.iter().enumerate() {
            let last = index + 1 == self.pieces.len();
            match piece {
                Piece::Any => {
                    floating = true;
                    if last {
                        return true;
                    }
                }
                Piece::Literal(literal) if !floating => match rest.strip_prefix(literal.as_slice()) {
                    Some(after) => rest = after,
                    None => return false,
                },
                Piece::Literal(literal) if last => return rest.ends_with(literal),
                Piece::Literal(literal) => {
                    match rest.windows(literal.len()).position(|window| window == literal.as_slice()) {
                        Some(at) => rest = &rest[at + literal.len()..],
                        None => return false,
                    }
                    floating = false;
                }
                Piece::Capture(_) => return false,
            }
        }
        rest.is_empty()
    }

    /// `table[p][i]`: the pieces from `p` on fit the value from `i` on.
    fn suffix_table(&self, value: &[u8]) -> Vec<Vec<bool>> {
        let (pieces, octets) = (self.pieces.len(), value.len());
        let mut table = vec![vec![false; octets + 1]; pieces + 1];
        table[pieces][octets] = true;
        for index in (0..pieces).rev() {
            let (head, tail) = table.split_at_mut(index + 1);
            let (row, next) = (&mut head[index], &tail[0]);
            match &self.pieces[index] {
                Piece::Literal(literal) => {
                    for (at, fits) in row.iter_mut().enumerate() {
                        *fits = value[at..].starts_with(literal) && next[at + literal.len()];
                    }
                }
                Piece::Any => {
                    let mut any = false;
                    for at in (0..=octets).rev() {
                        any |= next[at];
                        row[at] = any;
                    }
                }
                Piece::Capture(_) => {
                    let mut any = false;
                    for at in (0..octets).rev() {
                        any |= next[at + 1];
                        row[at] = any;
                    }
                }
            }
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captures(pattern: &str, value: &str) -> Option<Vec<(String, String)>> {
        let pattern = Pattern::template(pattern).unwrap();
        let mut kept = Vec::new();
        let fits = pattern.matches(value.as_bytes(), |name, value| {
            kept.push((name.to_owned(), String::from_utf8(value.to_vec()).unwrap()));
        });
        fits.then_some(kept)
    }

    #[test]
    fn a_star_takes_anything_and_crosses_slashes() {
        for (pattern, value, fits) in [
            ("*", "", true),
            ("/a/*", "/a/b/c", true),
            ("/a/*", "/a", false),
            ("*.example.com:80", "www.example.com:80", true),
            ("*.example.com:80", "www.example.com:8080", false),
            ("a*b*c", "abc", true),
            ("a*b*c", "aXXbYYbZZc", true),
            ("a*b*c", "acb", false),
            ("a**b", "ab", true),
            ("", "", true),
            ("", "a", false),
            ("*ab", "aab", true),
            ("a*a", "a", false),
            ("a.c", "abc", false),
        ] {
            assert_eq!(
                Pattern::wildcard(pattern).unwrap().matches(value.as_bytes(), |_, _| {}),
                fits,
                "{pattern} {value}"
            );
        }
    }

    #[test]
    fn captures_take_as_much_as_they_can_from_the_left() {
        let pairs = |list: &[(&str, &str)]| {
            Some(list.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect::<Vec<_>>())
        };
        assert_eq!(captures("/items/{id}", "/items/1/2"), pairs(&[("id", "1/2")]));
        assert_eq!(captures("/items/{id}", "/items/"), None);
        assert_eq!(captures("/{a}/{b}", "/1/2/3"), pairs(&[("a", "1/2"), ("b", "3")]));
        assert_eq!(captures("/{a}/x*", "/1/x/x"), pairs(&[("a", "1/x")]));
        assert_eq!(captures("{a}{b}", "12"), pairs(&[("a", "1"), ("b", "2")]));
    }

    #[test]
    fn broken_patterns_are_refused() {
        for broken in ["/{id", "/{}", "/{a-b}", "/{1}"] {
            assert!(Pattern::template(broken).is_err(), "{broken}");
        }
        assert!(Pattern::wildcard(&"*a".repeat(40)).is_err());
    }

    #[test]
    fn hostile_values_take_linear_time_in_the_table() {
        let pattern = format!("{}x", "{a}*".repeat(20));
        assert_eq!(captures(&pattern, &"a".repeat(8192)), None);
    }
}
