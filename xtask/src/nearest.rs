//! "Did you mean …?": the known word nearest to a mistyped one.

/// The candidate that is a slip of the fingers away from `word`, if there is one.
///
/// A slip is at most a third of the word's letters changed, added or left out: beyond that a guess
/// misleads more than it helps.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let slips_max = word.chars().count().div_ceil(3);
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(slips, _)| *slips <= slips_max)
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance: letters to change, add or leave out to turn `from` into `to`.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, letter) in from.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (above, other) in row.iter_mut().skip(1).zip(&to) {
            let changed = diagonal + usize::from(letter != *other);
            diagonal = *above;
            left = changed.min(diagonal + 1).min(left + 1);
            *above = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_letters() {
        for (from, to, letters) in
            [("", "", 0), ("", "run", 3), ("run", "run", 0), ("rnu", "run", 2), ("kitten", "sitting", 3)]
        {
            assert_eq!(distance(from, to), letters, "{from} {to}");
            assert_eq!(distance(to, from), letters, "{to} {from}");
        }
    }

    #[test]
    fn a_slip_finds_its_word_and_a_stranger_none() {
        let known = ["binding-echo", "binding-http", "guard-jwt"];
        assert_eq!(nearest("binding-htp", known), Some("binding-http"));
        assert_eq!(nearest("kafka", known), None);
    }
}
