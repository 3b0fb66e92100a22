//! A matcher that looks at the attribute `word`, and does what that says.
//!
//! ```text
//! matched: {m: {starts: be}}    fits what starts so; the rest is the parameter `rest`, the identity `who`
//! word=panic, word=spin         a trap, and a call that never ends
//! ```

use zilla_sdk::prelude::*;

/// `options` of the matcher in `zilla.yaml`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WordOptions {
    /// The attribute to look at, which is never `none`.
    #[serde(default = "word")]
    attribute: String,
}

fn word() -> String {
    "word".to_owned()
}

/// What a route says.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WordArguments {
    /// How the word has to start; not with `!`.
    starts: String,
}

/// `type: word`.
pub struct Word(WordOptions);

impl Matcher for Word {
    const TYPE: &'static str = "word";
    type Options = WordOptions;
    type Arguments = WordArguments;
    type Use = String;

    fn attach(config: MatcherConfig<WordOptions>) -> Result<Self, ConfigError> {
        match config.options.attribute == "none" {
            true => Err(config_error("/options/attribute", "the name of an attribute", "none")),
            false => Ok(Self(config.options)),
        }
    }

    fn prepare(&self, arguments: WordArguments) -> Result<String, ConfigError> {
        match arguments.starts.starts_with('!') {
            true => Err(config_error("/starts", "a word", arguments.starts)),
            false => Ok(arguments.starts),
        }
    }

    fn evaluate(&mut self, starts: &String, query: Query<'_>, _now: Instant) -> Option<Match> {
        match query.attributes.get_str(&self.0.attribute)? {
            "panic" => panic!("the word said so"),
            "spin" => loop {
                std::hint::spin_loop();
            },
            word => {
                let rest = word.strip_prefix(starts.as_str())?;
                Some(Match::new().param("rest", rest).param("who", query.identity.unwrap_or("nobody")))
            }
        }
    }
}

zilla_sdk::export!(Word: Matcher);
