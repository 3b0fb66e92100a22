//! Tests of guards and matchers: natively, on a virtual clock.

use crate::attributes::AttributesWriter;
use crate::bindings::guard::exports::zilla::plugin::guard_exports as guard_wit;
use crate::bindings::matcher::exports::zilla::plugin::matcher_exports as matcher_wit;
use crate::config::{ConfigError, config_error};
use crate::guard;
use crate::host::Refusal;
use crate::matcher::MatcherInstance;
use crate::{Credentials, Guard, Instant, Match, Matcher, Refused, Session};
use serde::Deserialize;
use serde_yaml::Mapping;
use std::cell::RefCell;

/// Runs a guard natively; see [`Guard`] for an example.
#[derive(Debug)]
pub struct GuardHarness<G> {
    guard: G,
    now: Instant,
}

impl<G: Guard> GuardHarness<G> {
    /// Attaches the guard to its entry in `zilla.yaml`: `options`.
    pub fn attach(yaml: &str) -> Result<Self, Vec<ConfigError>> {
        Ok(Self { guard: guard::attach(guard_config::<G>(yaml)?)?, now: Instant::of_tests() })
    }

    /// Has the guard check credentials.
    pub fn authorize(&mut self, credentials: impl AsRef<[u8]>) -> Result<Session, Refused> {
        self.guard.authorize(Credentials::new(credentials.as_ref()), self.now)
    }

    /// Asks the guard for its own session.
    pub fn own(&mut self) -> Option<Session> {
        self.guard.own(self.now)
    }

    /// The time.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Lets time pass.
    pub fn advance(&mut self, ms: u64) {
        self.now.advance(ms);
    }

    /// Sets the date, as somebody may who sets the clock of a machine; the other clock goes on as it was.
    pub fn set_unix_ms(&mut self, unix_ms: u64) {
        self.now.unix_ms = unix_ms;
    }
}

/// Runs a matcher natively; see [`Matcher`] for an example.
pub struct MatcherHarness<M: Matcher> {
    instance: MatcherInstance<M>,
    now: Instant,
}

impl<M: Matcher> MatcherHarness<M> {
    /// Attaches the matcher to its entry in `zilla.yaml`, `options`, and to its uses in routes: what `matched`
    /// gives it in each.
    pub fn attach(yaml: &str, uses: &[&str]) -> Result<Self, Vec<ConfigError>> {
        let config = matcher_wit::MatcherConfig {
            namespace: "test".to_owned(),
            name: M::TYPE.to_owned(),
            options: options(yaml, M::TYPE)?,
        };
        let (mut read, mut errors) = (Vec::new(), Vec::new());
        for (index, text) in uses.iter().enumerate() {
            match serde_yaml::from_str::<serde_json::Value>(text) {
                Ok(value) => read.push(value.to_string()),
                Err(error) => errors.push(config_error(&format!("/uses/{index}"), "YAML", error.to_string())),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self { instance: MatcherInstance::attach(config, &read)?, now: Instant::of_tests() })
    }

    /// Asks whether a stream fits a use, by its index.
    pub fn ask(&mut self, used: u32, query: &StreamQuery) -> Option<Match> {
        let query_wit = matcher_wit::Query {
            use_index: used,
            identity: query.identity.clone(),
            offset: 0,
            attributes: query.block.len() as u32,
        };
        let verdicts = self.instance.evaluate(self.now, &[query_wit], &query.block);
        let params = verdicts.into_iter().next().flatten()?;
        Some(params.into_iter().fold(Match::new(), |found, (name, value)| found.param(name, value)))
    }

    /// The time.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Lets time pass.
    pub fn advance(&mut self, ms: u64) {
        self.now.advance(ms);
    }

    /// Sets the date, as somebody may who sets the clock of a machine; the other clock goes on as it was.
    pub fn set_unix_ms(&mut self, unix_ms: u64) {
        self.now.unix_ms = unix_ms;
    }
}

thread_local! {
    static GUARDS: RefCell<Guards> = RefCell::new(Box::new(|_, _| Err(Refusal::UnknownGuard)));
}

/// Answers with the authorization of credentials that the guard of a name is shown.
type Guards = Box<dyn FnMut(&str, &[u8]) -> Result<u64, Refusal>>;

/// What [`crate::host::authorize`] answers from now on in this thread; until then there is no guard.
pub fn guards(answer: impl FnMut(&str, &[u8]) -> Result<u64, Refusal> + 'static) {
    GUARDS.set(Box::new(answer));
}

pub(crate) fn ask_guards(guard: &str, credentials: &[u8]) -> Result<u64, Refusal> {
    GUARDS.with_borrow_mut(|answer| answer(guard, credentials))
}

thread_local! {
    static CREDENTIALS: RefCell<Shown> = RefCell::new(Box::new(|_, _| Err(Refusal::UnknownGuard)));
}

/// Answers with what the guard of a name has to show on behalf of an authorization.
type Shown = Box<dyn FnMut(&str, u64) -> Result<Vec<u8>, Refusal>>;

/// What [`crate::host::credentials`] answers from now on in this thread; until then there is no guard.
pub fn credentials(answer: impl FnMut(&str, u64) -> Result<Vec<u8>, Refusal> + 'static) {
    CREDENTIALS.set(Box::new(answer));
}

pub(crate) fn ask_credentials(guard: &str, authorization: u64) -> Result<Vec<u8>, Refusal> {
    CREDENTIALS.with_borrow_mut(|answer| answer(guard, authorization))
}

/// A stream that a [`MatcherHarness`] is asked about. Made by [`query`].
#[derive(Clone, Debug, Default)]
pub struct StreamQuery {
    block: Vec<u8>,
    identity: Option<String>,
}

impl StreamQuery {
    /// With a session of that identity.
    pub fn identity(mut self, identity: impl Into<String>) -> Self {
        self.identity = Some(identity.into());
        self
    }
}

/// A stream with these attributes.
pub fn query<N, V>(attributes: impl IntoIterator<Item = (N, V)>) -> StreamQuery
where
    N: AsRef<[u8]>,
    V: AsRef<[u8]>,
{
    let mut query = StreamQuery::default();
    let mut writer = AttributesWriter::new(&mut query.block);
    for (name, value) in attributes {
        writer.push(name, value);
    }
    query
}

impl Instant {
    /// When a test begins: a date that a test may compute with, and a clock whose zero is not it.
    pub(super) fn of_tests() -> Self {
        Self { monotonic_ms: 1_000, unix_ms: 1_767_225_600_000 }
    }

    fn advance(&mut self, ms: u64) {
        self.monotonic_ms += ms;
        self.unix_ms += ms;
    }
}

/// One entry of `guards:` or `matchers:`, without its name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ComponentYaml {
    #[serde(rename = "type")]
    type_name: Option<String>,
    #[serde(default)]
    options: Mapping,
}

/// The configuration of a guard as the host hands it over.
pub(super) fn guard_config<G: Guard>(yaml: &str) -> Result<guard_wit::GuardConfig, Vec<ConfigError>> {
    let options = options(yaml, G::TYPE)?;
    Ok(guard_wit::GuardConfig { namespace: "test".to_owned(), name: G::TYPE.to_owned(), options })
}

/// `options` as the host hands them over.
fn options(yaml: &str, type_name: &str) -> Result<String, Vec<ConfigError>> {
    let refuse = |error: String| vec![config_error("", "a guard or matcher of zilla.yaml", error)];
    let yaml = if yaml.trim().is_empty() { "{}" } else { yaml };
    let read: ComponentYaml = serde_yaml::from_str(yaml).map_err(|error| refuse(error.to_string()))?;
    if let Some(other) = read.type_name.filter(|name| name != type_name) {
        return Err(vec![config_error("/type", type_name, other)]);
    }
    serde_json::to_string(&read.options).map_err(|error| refuse(error.to_string()))
}
