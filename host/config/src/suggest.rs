//! "Did you mean …?"

/// The candidate that `word` is most likely a slip of, if any is near.
pub(crate) fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > WORD_BYTES_MAX {
        return None;
    }
    let lower = word.to_lowercase();
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= WORD_BYTES_MAX)
        .filter_map(|candidate| Some((distance(&lower, &candidate.to_lowercase())?, candidate)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Longer words are not names, and comparing costs the product of both lengths.
const WORD_BYTES_MAX: usize = 256;

/// Edits from one to the other, if they are few: a third of the longer one, or one is the start of the other.
fn distance(word: &str, candidate: &str) -> Option<usize> {
    let edits = strsim::osa_distance(word, candidate);
    let longer = word.chars().count().max(candidate.chars().count());
    let shorter = word.chars().count().min(candidate.chars().count());
    let is_start = shorter >= 3 && (word.starts_with(candidate) || candidate.starts_with(word));
    (edits <= (longer / 3).max(1) && edits < longer || is_start).then_some(edits)
}

/// The help for a name that is none of `candidates`: the nearest one, or all if they are few.
pub fn help(word: &str, candidates: &[&str], one: &str) -> Option<String> {
    let elsewhere =
        candidates.iter().copied().find(|name| name.split_once(':').is_some_and(|(_, name)| name == word));
    if let Some(near) = elsewhere.or_else(|| closest(word, candidates.iter().copied())) {
        return Some(format!("did you mean `{near}`?"));
    }
    match candidates {
        [] => Some(format!("there is no {one} here")),
        few if few.len() <= LISTED_MAX => Some(format!("known here: {}", list(few, "and"))),
        _ => None,
    }
}

/// More names than this are not read.
const LISTED_MAX: usize = 12;

/// "`a`, `b` and `c`".
pub(crate) fn list(words: &[impl AsRef<str>], conjunction: &str) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{}`", word.as_ref())).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, before)) => format!("{} {conjunction} {last}", before.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised() {
        let near = |word: &str| closest(word, ["name", "bindings", "guards", "exit", "ui"]);
        assert_eq!(near("bindngs"), Some("bindings"));
        assert_eq!(near("Guards"), Some("guards"));
        assert_eq!(near("exti"), Some("exit"));
        assert_eq!(near("namespace"), Some("name"));
        assert_eq!(near("telemetry"), None);
        assert_eq!(near("x"), None);
        assert_eq!(near(&"bindings".repeat(100)), None);
    }

    #[test]
    fn few_names_are_listed() {
        assert_eq!(help("qqq", &["a", "b"], "guard").unwrap(), "known here: `a` and `b`");
        assert_eq!(help("b", &["a", "two:b"], "guard").unwrap(), "did you mean `two:b`?");
        assert_eq!(help("qqq", &[], "guard").unwrap(), "there is no guard here");
        assert_eq!(list(&["a", "b", "c"], "or"), "`a`, `b` or `c`");
    }
}
