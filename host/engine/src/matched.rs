//! Matchers: tests of a condition that somebody else evaluates, asked and answered as data.

/// One use of a matcher in a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    /// Which matcher.
    pub matcher: u32,
    /// Which of its uses: what it is asked with.
    pub index: u32,
}

/// What a matcher answers: none if a stream does not fit, else the parameters that this yields.
pub type Verdict = Option<Vec<(String, String)>>;

/// Something that a matcher is to say before a new stream can go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question<'a> {
    /// Who is asked, and with what.
    pub of: Use,
    /// Attributes of the stream, as the route would see them.
    pub attributes: &'a [u8],
    /// Whom the stream is open for; of several sessions, that of the guard that was asked last.
    pub identity: Option<&'a str>,
}

/// Verdicts on one stream.
#[derive(Debug, Default)]
pub(crate) struct Verdicts(Vec<(Use, Verdict)>);

impl Verdicts {
    /// Nothing is known yet.
    pub(crate) const NONE: &'static Self = &Self(Vec::new());

    pub(crate) fn get(&self, of: Use) -> Option<&Verdict> {
        self.0.iter().find(|(known, _)| *known == of).map(|(_, verdict)| verdict)
    }

    pub(crate) fn add(&mut self, of: Use, verdict: Verdict) {
        self.0.push((of, verdict));
    }
}
