//! What the suite has found.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

use super::Error;

/// One case: how its messages went, and how its connection ended.
#[derive(Debug, Default, PartialEq, Eq)]
struct Case {
    id: String,
    behavior: String,
    behavior_close: String,
}

/// The cases of one round.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Report {
    cases: Vec<Case>,
}

/// What is no failure: the first is what is wanted, the others are listed.
const PASSED: [&str; 3] = ["OK", "NON-STRICT", "INFORMATIONAL"];

impl Case {
    /// The worse of the two.
    fn result(&self) -> &str {
        let rank = |result: &str| PASSED.iter().position(|passed| *passed == result).unwrap_or(PASSED.len());
        if rank(&self.behavior) >= rank(&self.behavior_close) { &self.behavior } else { &self.behavior_close }
    }
}

impl Report {
    /// Reads the summary of a round.
    pub(super) fn read(path: &Path, agent: &str) -> Result<Self, Error> {
        let text = fs::read_to_string(path).map_err(|error| Error::file(path, error))?;
        Ok(Self::parse(&text, agent))
    }

    /// The summary is JSON, of which the suite writes each value on a line of its own.
    fn parse(text: &str, agent: &str) -> Self {
        let mut cases: Vec<Case> = Vec::new();
        for line in text.lines() {
            let Some((name, value)) = line.trim().trim_end_matches(',').split_once(": ") else { continue };
            let (name, value) = (name.trim_matches('"'), value.trim_matches('"'));
            match (name, value) {
                (id, "{") if id != agent => cases.push(Case { id: id.to_owned(), ..Case::default() }),
                ("behavior", behavior) => set(&mut cases, |case| case.behavior = behavior.to_owned()),
                ("behaviorClose", close) => set(&mut cases, |case| case.behavior_close = close.to_owned()),
                _ => {}
            }
        }
        cases.sort_by_key(|case| {
            case.id.split('.').map(|part| part.parse().unwrap_or(0)).collect::<Vec<u32>>()
        });
        Self { cases }
    }

    /// Whether a case fails, or none was tried.
    pub(super) fn has_failed(&self) -> bool {
        self.cases.is_empty() || self.cases.iter().any(|case| !PASSED.contains(&case.result()))
    }
}

fn set(cases: &mut [Case], set: impl FnOnce(&mut Case)) {
    if let Some(case) = cases.last_mut() {
        set(case);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for case in &self.cases {
            *counts.entry(case.result()).or_default() += 1;
        }
        writeln!(f, "{:>6} cases", self.cases.len())?;
        for (result, count) in &counts {
            writeln!(f, "{count:>6} {result}")?;
        }
        for case in self.cases.iter().filter(|case| case.result() != "OK") {
            writeln!(f, "       {:<8} {} ({} at the end)", case.id, case.behavior, case.behavior_close)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUMMARY: &str = "{\n   \"zilla\": {\n      \"1.10.1\": {\n         \"behavior\": \"OK\",\n         \
        \"behaviorClose\": \"OK\",\n         \"duration\": 2\n      },\n      \"1.2.1\": {\n         \
        \"behavior\": \"NON-STRICT\",\n         \"behaviorClose\": \"OK\"\n      }\n   }\n}\n";

    #[test]
    fn what_fails_fails_the_round() {
        let report = Report::parse(SUMMARY, "zilla");
        assert!(!report.has_failed());
        let shown =
            "     2 cases\n     1 NON-STRICT\n     1 OK\n       1.2.1    NON-STRICT (OK at the end)\n";
        assert_eq!(report.to_string(), shown);
        for (from, to) in
            [("\"behavior\": \"OK\"", "\"behavior\": \"FAILED\""), ("Close\": \"OK", "Close\": \"UNCLEAN")]
        {
            assert!(Report::parse(&SUMMARY.replace(from, to), "zilla").has_failed());
        }
        assert!(Report::parse("{}", "zilla").has_failed());
    }
}
