//! The command line, parsed into a [`Command`] that cannot be wrong.

use std::fmt;

use crate::autobahn::Autobahn;
use crate::bench::Bench;
use crate::nearest::nearest;
use crate::plugins::Selection;
use crate::run::Run;

/// What `cargo xtask …` was asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Show the help of one command, or of all.
    Help(Option<Topic>),
    /// Build plugins to components.
    Plugins(Selection),
    /// Build everything an example needs and start it.
    Run(Run),
    /// Build plugins and guests, then `cargo test --workspace` with these arguments.
    Test(Vec<String>),
    /// Format, lints and docs.
    Check,
    /// Measure.
    Bench(Bench),
    /// Have the Autobahn suite try the WebSockets.
    Autobahn(Autobahn),
}

/// A command that has a help text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// `cargo xtask plugins`
    Plugins,
    /// `cargo xtask run`
    Run,
    /// `cargo xtask test`
    Test,
    /// `cargo xtask check`
    Check,
    /// `cargo xtask bench`
    Bench,
    /// `cargo xtask autobahn`
    Autobahn,
}

impl Topic {
    /// Every command, in the order a newcomer meets them.
    pub const ALL: [Self; 6] =
        [Self::Run, Self::Test, Self::Check, Self::Plugins, Self::Bench, Self::Autobahn];

    /// The word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Plugins => "plugins",
            Self::Run => "run",
            Self::Test => "test",
            Self::Check => "check",
            Self::Bench => "bench",
            Self::Autobahn => "autobahn",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.word() == word)
    }
}

/// A command line that makes no sense; the fault of who typed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UsageError {
    /// The first word is not a command.
    UnknownCommand(String),
    /// The command exists, this option or argument of it does not.
    Unexpected {
        /// The command that was understood.
        topic: Topic,
        /// The word that was not.
        word: String,
    },
}

impl UsageError {
    /// The command whose help answers this error; none: the help of all.
    pub fn topic(&self) -> Option<Topic> {
        match self {
            Self::UnknownCommand(_) => None,
            Self::Unexpected { topic, .. } => Some(*topic),
        }
    }
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownCommand(word) => {
                write!(f, "no such command: {word}")?;
                match nearest(word, Topic::ALL.map(Topic::word)) {
                    Some(near) => write!(f, "; did you mean `cargo xtask {near}`?"),
                    None => Ok(()),
                }
            }
            Self::Unexpected { topic, word } => {
                write!(f, "`cargo xtask {}` does not know what to do with {word}", topic.word())
            }
        }
    }
}

impl std::error::Error for UsageError {}

/// Parses the words after `cargo xtask`.
pub fn parse(words: impl IntoIterator<Item = String>) -> Result<Command, UsageError> {
    let mut words = words.into_iter();
    let Some(first) = words.next() else { return Ok(Command::Help(None)) };
    let rest: Vec<String> = words.collect();
    if is_help(&first) || first == "help" {
        return Ok(Command::Help(rest.first().and_then(|word| Topic::from_word(word))));
    }
    let Some(topic) = Topic::from_word(&first) else { return Err(UsageError::UnknownCommand(first)) };
    if rest.first().is_some_and(|word| is_help(word)) {
        return Ok(Command::Help(Some(topic)));
    }
    match topic {
        Topic::Plugins => plugins(rest).map(Command::Plugins),
        Topic::Run => run(rest).map(Command::Run),
        Topic::Test => Ok(Command::Test(rest)),
        Topic::Check => check(rest),
        Topic::Bench => Ok(Command::Bench(bench(rest))),
        Topic::Autobahn => autobahn(rest).map(Command::Autobahn),
    }
}

fn is_help(word: &str) -> bool {
    matches!(word, "--help" | "-h")
}

fn plugins(words: Vec<String>) -> Result<Selection, UsageError> {
    let mut names = Vec::new();
    let mut guests = true;
    for word in words {
        match word.as_str() {
            "--no-guests" => guests = false,
            option if option.starts_with('-') => {
                return Err(UsageError::Unexpected { topic: Topic::Plugins, word });
            }
            _ => names.push(word),
        }
    }
    Ok(match (names.is_empty(), guests) {
        (false, _) => Selection::Named(names),
        (true, true) => Selection::All,
        (true, false) => Selection::Plugins,
    })
}

fn run(words: Vec<String>) -> Result<Run, UsageError> {
    let mut wanted = Run::default();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--" => {
                wanted.zilla_args = words.collect();
                break;
            }
            "--release" => wanted.release = true,
            option if option.starts_with('-') => {
                return Err(UsageError::Unexpected { topic: Topic::Run, word });
            }
            _ if wanted.example.is_some() => return Err(UsageError::Unexpected { topic: Topic::Run, word }),
            _ => wanted.example = Some(word),
        }
    }
    Ok(wanted)
}

fn check(words: Vec<String>) -> Result<Command, UsageError> {
    match words.into_iter().next() {
        Some(word) => Err(UsageError::Unexpected { topic: Topic::Check, word }),
        None => Ok(Command::Check),
    }
}

fn autobahn(words: Vec<String>) -> Result<Autobahn, UsageError> {
    let (mut server, mut client, mut cases) = (false, false, Vec::new());
    for word in words {
        let is_case = |word: &str| {
            word.starts_with(|c: char| c.is_ascii_digit())
                && word.chars().all(|c| c.is_ascii_digit() || c == '.' || c == '*')
        };
        match word.as_str() {
            "--server" => server = true,
            "--client" => client = true,
            case if is_case(case) => cases.push(word),
            _ => return Err(UsageError::Unexpected { topic: Topic::Autobahn, word }),
        }
    }
    // Neither is both.
    let both = !server && !client;
    Ok(Autobahn { server: server || both, client: client || both, cases })
}

fn bench(words: Vec<String>) -> Bench {
    let (flags, args): (Vec<String>, Vec<String>) = words.into_iter().partition(|word| word == "--criterion");
    Bench { criterion: !flags.is_empty(), args }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, UsageError> {
        parse(line.split_whitespace().map(String::from))
    }

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(String::from).collect()
    }

    #[test]
    fn no_command_and_help_show_the_help_of_all() {
        for line in ["", "--help", "-h", "help"] {
            assert_eq!(parsed(line), Ok(Command::Help(None)), "{line:?}");
        }
    }

    #[test]
    fn help_can_be_asked_of_one_command() {
        for line in ["run --help", "run -h", "help run"] {
            assert_eq!(parsed(line), Ok(Command::Help(Some(Topic::Run))), "{line:?}");
        }
    }

    #[test]
    fn plugins_selects_all_or_no_guests_or_by_name() {
        assert_eq!(parsed("plugins"), Ok(Command::Plugins(Selection::All)));
        assert_eq!(parsed("plugins --no-guests"), Ok(Command::Plugins(Selection::Plugins)));
        let named = Selection::Named(words("binding-http hello"));
        assert_eq!(parsed("plugins binding-http hello"), Ok(Command::Plugins(named)));
    }

    #[test]
    fn run_takes_an_example_and_hands_the_rest_to_zilla() {
        assert_eq!(parsed("run"), Ok(Command::Run(Run::default())));
        assert_eq!(
            parsed("run --release tcp.echo -- --workers 2 --release"),
            Ok(Command::Run(Run {
                example: Some("tcp.echo".into()),
                release: true,
                zilla_args: words("--workers 2 --release"),
            }))
        );
    }

    #[test]
    fn test_hands_everything_to_cargo() {
        assert_eq!(parsed("test -p sdk -- --nocapture"), Ok(Command::Test(words("-p sdk -- --nocapture"))));
    }

    #[test]
    fn bench_keeps_its_own_flag_and_hands_the_rest_on() {
        let wanted = Bench { criterion: true, args: words("frames") };
        assert_eq!(parsed("bench --criterion frames"), Ok(Command::Bench(wanted)));
        let wanted = Autobahn { server: true, client: true, cases: words("1.* 12.1.3") };
        assert_eq!(parsed("autobahn 1.* 12.1.3"), Ok(Command::Autobahn(wanted)));
        let wanted = Autobahn { server: false, client: true, cases: Vec::new() };
        assert_eq!(parsed("autobahn --client"), Ok(Command::Autobahn(wanted)));
        assert!(parsed("autobahn --serve").is_err());
        let wanted = Bench { criterion: false, args: words("--quick") };
        assert_eq!(parsed("bench --quick"), Ok(Command::Bench(wanted)));
    }

    #[test]
    fn an_unknown_command_names_the_nearest() {
        let error = parsed("plugin").unwrap_err();
        assert_eq!(error.to_string(), "no such command: plugin; did you mean `cargo xtask plugins`?");
        assert_eq!(parsed("deploy").unwrap_err().to_string(), "no such command: deploy");
    }

    #[test]
    fn words_a_command_does_not_know_are_refused() {
        for (line, topic, word) in [
            ("plugins --fast", Topic::Plugins, "--fast"),
            ("run --fast", Topic::Run, "--fast"),
            ("run one two", Topic::Run, "two"),
            ("check sdk", Topic::Check, "sdk"),
        ] {
            assert_eq!(parsed(line), Err(UsageError::Unexpected { topic, word: word.into() }), "{line}");
        }
    }
}
