//! Patterns: text in which `*` stands for any text.

/// A pattern, as the pieces between its stars.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    /// What a text begins with; all of it, if there is no star.
    first: String,
    /// What comes after each star, in this order.
    rest: Vec<String>,
}

impl Pattern {
    /// Reads one; any text is a pattern.
    pub(crate) fn new(text: &str) -> Self {
        let mut pieces = text.split('*').map(str::to_owned);
        Self { first: pieces.next().unwrap_or_default(), rest: pieces.collect() }
    }

    /// Whether a text fits, in a time that does not grow with the ways in which it could.
    pub(crate) fn fits(&self, text: &str) -> bool {
        let Some((last, middle)) = self.rest.split_last() else { return self.first == text };
        let Some(mut text) = text.strip_prefix(&*self.first).and_then(|text| text.strip_suffix(&**last))
        else {
            return false;
        };
        // The earliest place of a piece leaves the most to those that follow.
        middle.iter().all(|piece| match text.split_once(&**piece) {
            Some((_, after)) => {
                text = after;
                true
            }
            None => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_text_and_none() {
        for (pattern, text) in [
            ("", ""),
            ("a", "a"),
            ("*", ""),
            ("*", "ä,\n*"),
            ("client-*", "client-"),
            ("client-*", "client-1"),
            ("*.example.com", "a.b.example.com"),
            ("a*b*c", "a-b-b-c"),
            ("a*b*c", "abc"),
            ("a**c", "ac"),
            ("*ab*", "aab"),
            ("*é*", "café au lait"),
        ] {
            assert!(Pattern::new(pattern).fits(text), "{pattern} {text}");
        }
    }

    #[test]
    fn everything_else_is_itself() {
        for (pattern, text) in [
            ("", "a"),
            ("a", ""),
            ("a", "A"),
            ("a", "ab"),
            ("a", "ba"),
            ("client-*", "xclient-1"),
            ("*.example.com", "example.com"),
            ("*.example.com", "a.example.com.evil.test"),
            // A piece is not used twice.
            ("ab*ba", "aba"),
            ("a*b*b", "ab"),
            ("*ab*ab*", "aab"),
            ("a.c", "abc"),
            ("a?", "ab"),
        ] {
            assert!(!Pattern::new(pattern).fits(text), "{pattern} {text}");
        }
    }
}
