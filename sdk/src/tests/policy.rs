//! Guards and matchers: what they are told, and what becomes of their answers.

use super::probe::{Act, Event, Probe};
use crate::bindings::matcher::exports::zilla::plugin::matcher_exports as wit;
use crate::guard;
use crate::host::{self, Refusal};
use crate::matcher::MatcherInstance;
use crate::prelude::*;
use crate::testing::*;

/// Options of a guard.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OneOptions {
    /// The only credentials that are accepted.
    secret: String,
}

#[derive(Debug)]
struct One(OneOptions);

impl Guard for One {
    const TYPE: &'static str = "one";
    type Options = OneOptions;

    fn attach(config: GuardConfig<OneOptions>) -> Result<Self, ConfigError> {
        Ok(Self(config.options))
    }

    fn authorize(&mut self, credentials: Credentials<'_>, now: Instant) -> Result<Session, Refused> {
        if credentials.as_bytes() != self.0.secret.as_bytes() {
            return Err(format!("{credentials:?} are others").into());
        }
        Ok(Session::of("only").roles(["a", "b"]).expires(now.unix_ms + 1).challenge(now.unix_ms))
    }
}

#[test]
fn a_guard_is_told_the_time_and_answers_with_a_session() {
    let mut guard = GuardHarness::<One>::attach("{type: one, options: {secret: s}}").unwrap();
    guard.advance(5);
    let session = guard.authorize("s").unwrap();
    assert_eq!(session.roles, ["a", "b"]);
    assert_eq!(session.challenge_unix_ms, Some(1_767_225_600_005));
    assert_eq!(session.expires_unix_ms, Some(1_767_225_600_006));
    guard.set_unix_ms(7);
    assert_eq!(guard.authorize("s").unwrap().challenge_unix_ms, Some(7));
}

#[test]
fn a_reason_shows_how_many_octets_the_credentials_have_and_none_of_them() {
    let mut guard = GuardHarness::<One>::attach("{options: {secret: s}}").unwrap();
    let refused = guard.authorize("hush").unwrap_err();
    assert_eq!(refused.reason(), "Credentials(4 octets) are others");
    let mut guard = One(OneOptions { secret: "s".to_owned() });
    let now = Instant { monotonic_ms: 0, unix_ms: 0 };
    assert_eq!(guard::authorize(&mut guard, now, b"hush"), None);
}

#[test]
fn a_guard_says_what_it_is() {
    let description = guard::describe::<One>("1.2.3");
    assert_eq!((&*description.type_name, &*description.version), ("one", "1.2.3"));
    assert!(description.options_schema.contains("The only credentials that are accepted."));
}

#[test]
fn options_that_do_not_fit_are_told_with_their_place() {
    let errors = GuardHarness::<One>::attach("{options: {secret: 1}}").unwrap_err();
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].path, "/options");
    assert!(errors[0].found.contains("integer `1`"), "{errors:?}");
    let errors = GuardHarness::<One>::attach("{type: two, options: {secret: s}}").unwrap_err();
    assert_eq!((&*errors[0].path, &*errors[0].expected), ("/type", "one"));
}

/// What a route says.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AtLeast {
    /// How long the path must be.
    octets: usize,
}

/// Fits paths that are long enough.
struct Long;

impl Matcher for Long {
    const TYPE: &'static str = "long";
    type Options = NoOptions;
    type Arguments = AtLeast;
    type Use = usize;

    fn attach(_config: MatcherConfig<NoOptions>) -> Result<Self, ConfigError> {
        Ok(Self)
    }

    fn prepare(&self, least: AtLeast) -> Result<usize, ConfigError> {
        match least.octets {
            0 => Err(config_error("/octets", "a number from 1", "0")),
            octets => Ok(octets),
        }
    }

    fn evaluate(&mut self, octets: &usize, query: Query<'_>, _now: Instant) -> Option<Match> {
        let path = query.attributes.get_str(":path")?;
        let who = query.identity.unwrap_or("nobody");
        (path.len() >= *octets).then(|| Match::new().param("who", who))
    }
}

#[test]
fn each_use_has_its_own_arguments() {
    let mut matcher = MatcherHarness::<Long>::attach("", &["{octets: 2}", "{octets: 4}"]).unwrap();
    let stream = query([(":path", "/ab")]);
    assert_eq!(matcher.ask(0, &stream), Some(Match::new().param("who", "nobody")));
    assert_eq!(matcher.ask(1, &stream), None);
    let stream = query([(":path", "/abc")]).identity("alice");
    assert_eq!(matcher.ask(1, &stream), Some(Match::new().param("who", "alice")));
}

#[test]
fn every_use_that_is_wrong_is_told_with_its_place() {
    let uses = ["{octets: 0}", "{octets: 1}", "{words: 1}"];
    let errors = MatcherHarness::<Long>::attach("", &uses).err().unwrap();
    let paths: Vec<_> = errors.iter().map(|error| error.path.as_str()).collect();
    assert_eq!(paths, ["/uses/0/octets", "/uses/2"]);
    assert!(errors[1].found.contains("unknown field `words`"), "{errors:?}");
}

#[test]
fn a_query_that_names_nothing_is_no_match_and_stops_no_other() {
    let config = wit::MatcherConfig {
        namespace: "test".to_owned(),
        name: "long".to_owned(),
        options: "{}".to_owned(),
    };
    let mut matcher = MatcherInstance::<Long>::attach(config, &["{\"octets\":1}".to_owned()]).unwrap();
    let mut octets = Vec::new();
    AttributesWriter::new(&mut octets).push(":path", "/");
    let length = octets.len() as u32;
    let ask = |use_index, offset, attributes| wit::Query { use_index, identity: None, offset, attributes };
    let now = Instant { monotonic_ms: 0, unix_ms: 0 };
    let queries = [ask(1, 0, length), ask(0, u32::MAX, 1), ask(0, 0, u32::MAX), ask(0, 0, length)];
    let verdicts: Vec<_> = matcher.evaluate(now, &queries, &octets).iter().map(Option::is_some).collect();
    assert_eq!(verdicts, [false, false, false, true]);
}

/// Opens a stream with what a guard makes of the credentials in the attributes.
struct Gate;

impl Act for Gate {
    fn act(event: Event<'_>, kept: &mut Vec<u8>, cx: &mut Context<'_>) {
        let Event::Accept(begin) = event else { return };
        let credentials = begin.attributes.get("credentials").unwrap_or_default();
        match host::authorize("door", credentials) {
            Ok(authorization) => _ = cx.open_authorized(authorization, |to| to.push("a", "1")),
            Err(_) => kept.push(b'x'),
        }
    }
}

#[test]
fn a_stream_is_opened_with_the_authorization_of_a_guard() {
    guards(|guard, credentials| match (guard, credentials) {
        ("door", b"key") => Ok(7),
        ("door", _) => Err(Refusal::Rejected),
        _ => Err(Refusal::UnknownGuard),
    });
    let harness = Harness::<Probe<Gate>>::attach("{kind: server}").unwrap();
    let _knocks = harness.open(begin_with([("credentials", "key")]));
    harness.expect_open().recv(begin_with([("a", "1")]).authorized(7));
    let mut locked_out = harness.open(begin_with([("credentials", "axe")]));
    locked_out.recv(abort(CloseCode::Limit));
    harness.expect_no_open();
}
