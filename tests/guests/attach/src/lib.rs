//! Does not take its configuration, in the way that `options.how` says.

use zilla_sdk::prelude::*;

/// `options` of the binding in `zilla.yaml`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttachOptions {
    /// What happens.
    how: How,
}

/// How a configuration is not taken.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// With an error that names its place.
    Refuse,
    /// With a panic.
    Panic,
    /// Not in time.
    Spin,
    /// With tests that the host cannot evaluate.
    Nonsense,
}

/// A condition that is refused where it is written.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttachWhen {
    /// Anything.
    word: String,
}

/// `type: attach`, `kind: server`.
pub struct Attach(How);

/// A stream that closes.
pub struct Nothing;

impl Binding for Attach {
    const TYPE: &'static str = "attach";
    const KINDS: &'static [Kind] = &[Kind::Server];
    type Options = AttachOptions;
    type Stream = Nothing;

    fn attach(config: BindingConfig<AttachOptions>) -> Result<Self, ConfigError> {
        match config.options.how {
            How::Panic => panic!("the options said so"),
            How::Spin => loop {
                std::hint::spin_loop();
            },
            how => Ok(Self(how)),
        }
    }

    fn routes(_kind: Kind) -> RouteSchema {
        RouteSchema::exits(Routing::Opened).when::<AttachWhen>()
    }

    fn route(&self, route: &RouteConfig<'_>) -> Result<Route, ConfigError> {
        let words: Vec<AttachWhen> = route.when()?;
        match (&self.0, words.first()) {
            (How::Refuse, Some(when)) => Err(route.error("/when/0/word", "a better word", &when.word)),
            (How::Refuse, None) => Err(config_error("/options/how", "another way", "refuse")),
            _ => {
                let test =
                    Predicate { attribute: "source".to_owned(), test: Test::Cidr("nowhere".to_owned()) };
                let any = words.iter().map(|_| zilla_sdk::Condition { any: vec![vec![test.clone()]] });
                Ok(Route { when: any.collect(), set: Vec::new() })
            }
        }
    }

    fn accept(&mut self, _begin: Begin<'_>, _cx: &mut Context<'_>) -> Result<Nothing, Reset> {
        Ok(Nothing)
    }
}

impl Stream for Nothing {}

zilla_sdk::export!(Attach);
