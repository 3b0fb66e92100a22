//! A matcher of one's own: `type: canary` fits a part of all streams, and always the same ones. Who has a session is told
//! by its identity, anybody else by an attribute, as a header; without either, nobody is chosen.

use zilla_sdk::prelude::*;

/// Parts that all of what there is falls into, so that a percentage may have two decimals.
const BUCKETS: u64 = 10_000;

/// `options:` of the matcher in `zilla.yaml`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CanaryOptions {
    /// The attribute that tells those without a session apart, as `x-device`.
    attribute: Option<String>,
    /// Any text. Two canaries with different ones choose differently.
    salt: String,
}

/// What a route says.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CanaryShare {
    /// How many of a hundred, from 0 to 100; two decimals count. Who is among ten is among twenty.
    #[schemars(range(min = 0.0, max = 100.0))]
    percent: f64,
}

/// The matcher.
pub struct Canary(CanaryOptions);

impl Matcher for Canary {
    const TYPE: &'static str = "canary";
    type Options = CanaryOptions;
    type Arguments = CanaryShare;
    /// Buckets that fit: those below.
    type Use = u64;

    fn attach(config: MatcherConfig<CanaryOptions>) -> Result<Self, ConfigError> {
        Ok(Self(config.options))
    }

    fn prepare(&self, share: CanaryShare) -> Result<u64, ConfigError> {
        match share.percent {
            percent if (0.0..=100.0).contains(&percent) => Ok((percent * 100.0).round() as u64),
            other => Err(config_error("/percent", "a number from 0 to 100", other.to_string())),
        }
    }

    fn evaluate(&mut self, below: &u64, query: Query<'_>, _now: Instant) -> Option<Match> {
        let identity = query.identity.filter(|identity| !identity.is_empty()).map(str::as_bytes);
        let attribute = || self.0.attribute.as_ref().and_then(|name| query.attributes.get(name));
        let who = identity.or_else(attribute)?;
        (bucket(&self.0.salt, who) < *below).then(Match::new)
    }
}

/// Where somebody falls, on every worker and at every start: FNV-1a, whose upper half is mixed best.
fn bucket(salt: &str, who: &[u8]) -> u64 {
    let octets = salt.bytes().chain([0]).chain(who.iter().copied());
    let hash = octets.fold(0xcbf2_9ce4_8422_2325_u64, |hash, octet| {
        (hash ^ u64::from(octet)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15) % BUCKETS
}

zilla_sdk::export!(Canary: Matcher);

#[cfg(test)]
mod tests {
    use super::*;
    use zilla_sdk::testing::*;

    /// How many of ten thousand identities fit.
    fn count(percent: &str) -> usize {
        let uses = format!("{{percent: {percent}}}");
        let mut matcher = MatcherHarness::<Canary>::attach("", &[&uses]).unwrap();
        let none: [(&str, &str); 0] = [];
        (0..10_000).filter(|n| matcher.ask(0, &query(none).identity(format!("user-{n}"))).is_some()).count()
    }

    #[test]
    fn about_as_many_fit_as_are_asked_for() {
        assert_eq!((count("0"), count("100")), (0, 10_000));
        for (percent, around) in [("1", 100), ("10", 1_000), ("50.5", 5_050)] {
            let found = count(percent);
            assert!(found.abs_diff(around) < around / 5, "{percent}: {found}");
        }
    }

    #[test]
    fn who_is_among_few_is_among_more() {
        let mut matcher = MatcherHarness::<Canary>::attach("", &["{percent: 5}", "{percent: 20}"]).unwrap();
        for n in 0..1_000 {
            let stream = query([(":path", "/")]).identity(format!("user-{n}"));
            assert!(matcher.ask(0, &stream).is_none() || matcher.ask(1, &stream).is_some(), "{n}");
        }
    }

    #[test]
    fn without_a_session_an_attribute_tells() {
        let yaml = "options: {attribute: x-device}";
        let mut matcher = MatcherHarness::<Canary>::attach(yaml, &["{percent: 100}"]).unwrap();
        assert!(matcher.ask(0, &query([("x-device", "d1")])).is_some());
        assert!(matcher.ask(0, &query([(":path", "/")])).is_none());
        assert!(matcher.ask(0, &query([(":path", "/")]).identity("")).is_none());
        let mut by_session = MatcherHarness::<Canary>::attach("", &["{percent: 100}"]).unwrap();
        assert!(by_session.ask(0, &query([("x-device", "d1")])).is_none());
    }

    #[test]
    fn another_salt_chooses_others() {
        let chosen = |salt| -> Vec<u64> { (0..100).map(|n: u64| bucket(salt, &n.to_le_bytes())).collect() };
        assert_ne!(chosen("a"), chosen("b"));
    }

    #[test]
    fn a_share_of_more_than_all_is_refused() {
        for percent in ["-1", "100.01", ".nan"] {
            let uses = format!("{{percent: {percent}}}");
            assert!(MatcherHarness::<Canary>::attach("", &[&uses]).is_err(), "{percent}");
        }
    }
}
