//! A matcher: a test of one's own on the attributes of a new stream.

use crate::Instant;
use crate::attributes::Attributes;
use crate::bindings::matcher::exports::zilla::plugin::matcher_exports as wit;
use crate::config::{self, ConfigError};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

/// A matcher of one `type`: what `zilla.yaml` configures under `matchers`, and what routes ask by
/// `when: [{matched: {NAME: ARGUMENTS}}]`.
///
/// One value is made for each matcher and worker by [`Matcher::attach`], and each place in a route that names it
/// becomes a [`Matcher::Use`], once, before the first stream. [`crate::export!`] turns it into a component. A trap or
/// a time-out counts as no match.
///
/// ```
/// use zilla_sdk::prelude::*;
/// use zilla_sdk::testing::*;
///
/// /// `options:` of the matcher in `zilla.yaml`.
/// #[derive(Deserialize, JsonSchema)]
/// #[serde(deny_unknown_fields)]
/// pub struct LanguageOptions {
///     /// The header that says which languages are wanted, in lower case.
///     header: String,
/// }
///
/// /// What a route says.
/// #[derive(Deserialize, JsonSchema)]
/// #[serde(deny_unknown_fields)]
/// pub struct Wanted {
///     /// Languages that fit; the first that is wanted is `${params.language}`.
///     any: Vec<String>,
/// }
///
/// pub struct Language(LanguageOptions);
///
/// impl Matcher for Language {
///     const TYPE: &'static str = "language";
///     type Options = LanguageOptions;
///     type Arguments = Wanted;
///     type Use = Vec<String>;
///
///     fn attach(config: MatcherConfig<LanguageOptions>) -> Result<Self, ConfigError> {
///         Ok(Self(config.options))
///     }
///
///     fn prepare(&self, wanted: Wanted) -> Result<Vec<String>, ConfigError> {
///         match wanted.any.is_empty() {
///             true => Err(config_error("/any", "at least one language", "none")),
///             false => Ok(wanted.any),
///         }
///     }
///
///     fn evaluate(&mut self, any: &Vec<String>, query: Query<'_>, _now: Instant) -> Option<Match> {
///         let header = query.attributes.get_str(&self.0.header)?;
///         let found = any.iter().find(|language| header.starts_with(*language))?;
///         Some(Match::new().param("language", found))
///     }
/// }
///
/// zilla_sdk::export!(Language: Matcher);
///
/// let uses = ["{any: [de, fr]}"];
/// let mut matcher = MatcherHarness::<Language>::attach("options: {header: accept-language}", &uses).unwrap();
/// let verdict = matcher.ask(0, &query([("accept-language", "fr-CH, en;q=0.5")]));
/// assert_eq!(verdict, Some(Match::new().param("language", "fr")));
/// assert_eq!(matcher.ask(0, &query([("accept-language", "en")])), None);
/// ```
pub trait Matcher: Sized + 'static {
    /// The `type` in `zilla.yaml`.
    const TYPE: &'static str;
    /// `options` in `zilla.yaml`; [`crate::NoOptions`] if there are none.
    type Options: DeserializeOwned + JsonSchema;
    /// What a route gives it: the value in `matched`. Its JSON Schema is what the host checks routes against.
    type Arguments: DeserializeOwned + JsonSchema;
    /// What is kept for each use in a route: its arguments, ready to be asked.
    type Use;

    /// Takes the configuration. An error refuses the whole file, with its place.
    fn attach(config: MatcherConfig<Self::Options>) -> Result<Self, ConfigError>;

    /// Prepares one use in a route. The pointer of an error is below the arguments, as `/percent`.
    fn prepare(&self, arguments: Self::Arguments) -> Result<Self::Use, ConfigError>;

    /// Whether a new stream fits, and the parameters that it yields.
    fn evaluate(&mut self, used: &Self::Use, query: Query<'_>, now: Instant) -> Option<Match>;

    /// The instance is no longer needed.
    fn detach(self) {}
}

/// The configuration of one matcher.
#[derive(Clone, Debug)]
pub struct MatcherConfig<O> {
    /// Name of the namespace.
    pub namespace: String,
    /// Name of the matcher.
    pub name: String,
    /// `options`, or what an empty mapping means.
    pub options: O,
}

/// A new stream that a route asks about.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// What describes the stream: of http its `:path` and headers.
    pub attributes: Attributes<'a>,
    /// Identity of its session, if it has one.
    pub identity: Option<&'a str>,
}

/// The stream fits, with parameters that `with` may use as `${params.name}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Match(Vec<(String, String)>);

impl Match {
    /// Without parameters.
    pub fn new() -> Self {
        Self::default()
    }

    /// With one parameter more.
    pub fn param(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.push((name.into(), value.into()));
        self
    }

    /// The parameters, in order.
    pub fn params(&self) -> &[(String, String)] {
        &self.0
    }
}

/// One instance of a matcher: what its component holds, and what a test drives natively.
#[doc(hidden)]
pub struct MatcherInstance<M: Matcher> {
    matcher: M,
    uses: Vec<M::Use>,
}

impl<M: Matcher> MatcherInstance<M> {
    /// What a component of this matcher says it is; the version is that of its crate.
    pub fn describe(version: &str) -> wit::Description {
        wit::Description {
            type_name: M::TYPE.to_owned(),
            version: version.to_owned(),
            options_schema: config::schema::<M::Options>(),
            arguments_schema: config::schema::<M::Arguments>(),
        }
    }

    /// Takes the configuration and all uses; all errors at once, those of a use below `/uses/INDEX`.
    pub fn attach(config: wit::MatcherConfig, uses: &[String]) -> Result<Self, Vec<ConfigError>> {
        let refuse = |error: serde_json::Error| {
            vec![config::config_error("/options", "options of the matcher", error.to_string())]
        };
        let options = config::parse(&config.options).map_err(refuse)?;
        let config = MatcherConfig { namespace: config.namespace, name: config.name, options };
        let matcher = M::attach(config).map_err(|error| vec![error])?;
        let (mut prepared, mut errors) = (Vec::with_capacity(uses.len()), Vec::new());
        for (index, text) in uses.iter().enumerate() {
            let arguments = config::parse(text)
                .map_err(|error| config::config_error("", "arguments of the matcher", error.to_string()));
            match arguments.and_then(|arguments| matcher.prepare(arguments)) {
                Ok(used) => prepared.push(used),
                Err(error) => {
                    errors.push(ConfigError { path: format!("/uses/{index}{}", error.path), ..error });
                }
            }
        }
        if errors.is_empty() { Ok(Self { matcher, uses: prepared }) } else { Err(errors) }
    }

    /// Answers queries, one verdict for each. One that names no use, or octets that are not there, is no match.
    pub fn evaluate(&mut self, now: Instant, queries: &[wit::Query], octets: &[u8]) -> Vec<wit::Verdict> {
        queries.iter().map(|query| self.ask(now, query, octets)).collect()
    }

    fn ask(&mut self, now: Instant, query: &wit::Query, octets: &[u8]) -> wit::Verdict {
        let used = self.uses.get(query.use_index as usize)?;
        let block = octets.get(query.offset as usize..)?.get(..query.attributes as usize)?;
        let query = Query { attributes: Attributes::new(block), identity: query.identity.as_deref() };
        self.matcher.evaluate(used, query, now).map(|found| found.0)
    }

    /// The instance is no longer needed.
    pub fn detach(self) {
        self.matcher.detach();
    }
}
