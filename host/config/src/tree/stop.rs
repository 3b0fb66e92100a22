//! Why the YAML reader gave up.

/// What ended the reading of the file.
#[derive(Debug)]
pub(crate) struct Stop {
    pub(crate) document: usize,
    /// Octets from the start of the text; absent where the reader does not say.
    pub(crate) offset: Option<usize>,
    /// Where what was being read began, by line and column of the text; present if it helps.
    pub(crate) began: Option<(usize, usize)>,
    pub(crate) expected: String,
    pub(crate) found: String,
}

/// The message of an error that a visitor raises once a tree has grown too large.
pub(super) const TOO_MUCH: &str = "a file of reasonable size once its aliases are followed";
/// What the visitor of a key says it expects.
pub(super) const A_KEY: &str = "text as a key";

/// Why the reader gave up, in our words where the error is ours.
pub(super) fn of(document: usize, error: &serde_yaml::Error) -> Stop {
    let message = error.to_string();
    let mut began = None;
    let (expected, found) = if message.contains(TOO_MUCH) {
        (TOO_MUCH.to_owned(), "more, by the same aliases used again and again".to_owned())
    } else if message.contains(A_KEY) {
        (A_KEY.to_owned(), "a list or a mapping".to_owned())
    } else if message.contains("repetition limit") {
        ("aliases that end".to_owned(), "aliases that repeat one another without end".to_owned())
    } else {
        let (words, mark) = without_marks(&message);
        began = mark;
        ("well-formed YAML".to_owned(), words)
    };
    Stop { document, offset: error.location().map(|location| location.index()), began, expected, found }
}

/// Takes the places out of the reader's words, as they count in the text after substitution: what
/// remains, and where what it was about began, as line and column.
fn without_marks(message: &str) -> (String, Option<(usize, usize)>) {
    let (problem, context) = message.split_once(", while ").map_or((message, None), |(a, b)| (a, Some(b)));
    let (problem, _) = without_mark(problem);
    let Some(context) = context else { return (problem.to_owned(), None) };
    let (context, mark) = without_mark(context);
    (format!("{problem}, while {context}"), mark)
}

/// Splits "… at line 3 column 5".
fn without_mark(words: &str) -> (&str, Option<(usize, usize)>) {
    if let Some((words, mark)) = words.rsplit_once(" at line ") {
        let mark = mark.split_once(" column ");
        return (words, mark.and_then(|(line, column)| Some((line.parse().ok()?, column.parse().ok()?))));
    }
    (words.rsplit_once(" at position ").map_or(words, |(words, _)| words), None)
}
