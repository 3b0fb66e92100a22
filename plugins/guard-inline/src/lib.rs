#![doc = include_str!("../README.md")]

use schemars::JsonSchema;
use serde::Deserialize;
use zilla_sdk::{ConfigError, Credentials, Guard, GuardConfig, Instant, Refused, Session, config_error};

/// Octets of credentials: as many as fit a header.
const CREDENTIALS_OCTETS_MAX: usize = 8_192;

/// Options of the `inline` guard.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InlineOptions {
    /// Who it is.
    #[schemars(length(min = 1))]
    identity: String,
    /// What is to be shown, exactly.
    #[schemars(length(min = 1))]
    credentials: String,
    /// What others are shown, and what the attribute `credentials` of the session is, as `Bearer {credentials}`.
    #[serde(default)]
    format: Option<String>,
}

/// The guard: see the [crate].
pub struct Inline(InlineOptions);

impl Guard for Inline {
    const TYPE: &'static str = "inline";
    type Options = InlineOptions;

    fn attach(config: GuardConfig<InlineOptions>) -> Result<Self, ConfigError> {
        let InlineOptions { identity, credentials, .. } = &config.options;
        if identity.is_empty() {
            return Err(config_error("/options/identity", "who it is", "nothing"));
        }
        // An empty secret is mostly a variable that is not set.
        if !(1..=CREDENTIALS_OCTETS_MAX).contains(&credentials.len()) {
            let expected = format!("1 to {CREDENTIALS_OCTETS_MAX} octets");
            return Err(config_error("/options/credentials", expected, credentials.len().to_string()));
        }
        Ok(Self(config.options))
    }

    fn authorize(&mut self, credentials: Credentials<'_>, _now: Instant) -> Result<Session, Refused> {
        if !is_same(credentials.as_bytes(), self.0.credentials.as_bytes()) {
            return Err("they are others".into());
        }
        Ok(self.session())
    }

    fn own(&mut self, _now: Instant) -> Option<Session> {
        Some(self.session())
    }
}

impl Inline {
    fn session(&self) -> Session {
        let InlineOptions { identity, credentials, format } = &self.0;
        let session = Session::of(identity);
        match format {
            None => session.credentials(credentials.as_str()),
            Some(format) => {
                let shown = render(format, identity, credentials);
                session.attribute("credentials", shown.as_str()).credentials(shown)
            }
        }
    }
}

/// Compares in a time that does not depend on where octets differ.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let differ = one.iter().zip(other).fold(0, |differ, (one, other)| differ | (one ^ other));
    one.len() == other.len() && std::hint::black_box(differ) == 0
}

/// Puts both into their places at once: what is put in is not looked at again.
fn render(format: &str, identity: &str, credentials: &str) -> String {
    let pieces: Vec<String> =
        format.split("{credentials}").map(|piece| piece.replace("{identity}", identity)).collect();
    pieces.join(credentials)
}

zilla_sdk::export!(Inline: Guard);

#[cfg(test)]
mod tests {
    use super::*;
    use zilla_sdk::testing::GuardHarness;

    fn guard(more: &str) -> GuardHarness<Inline> {
        let yaml = format!("options: {{identity: alice, credentials: 's3cret'{more}}}");
        GuardHarness::attach(&yaml).unwrap()
    }

    #[test]
    fn the_very_credentials_are_accepted() {
        assert_eq!(guard("").authorize("s3cret"), Ok(Session::of("alice").credentials("s3cret")));
    }

    #[test]
    fn they_are_what_others_are_shown_in_their_format() {
        assert_eq!(guard("").own(), Some(Session::of("alice").credentials("s3cret")));
        let own = guard(", format: '{identity}:{credentials}'").own().unwrap();
        assert_eq!(own.credentials.as_deref(), Some(&b"alice:s3cret"[..]));
    }

    #[test]
    fn no_others_are() {
        for other in ["", "s3cre", "s3crets", "S3cret", "s3cre\0", "t3rces"] {
            assert_eq!(guard("").authorize(other), Err(Refused::because("they are others")), "{other:?}");
        }
    }

    #[test]
    fn a_format_makes_an_attribute_of_them() {
        let session = guard(", format: 'Bearer {identity}:{credentials}'").authorize("s3cret").unwrap();
        assert_eq!(session.attributes, [("credentials".to_owned(), "Bearer alice:s3cret".to_owned())]);
    }

    #[test]
    fn what_is_put_into_a_format_is_text() {
        assert_eq!(
            render("{identity}/{credentials}", "{credentials}", "{identity}"),
            "{credentials}/{identity}"
        );
        assert_eq!(render("none", "a", "b"), "none");
    }

    #[test]
    fn nobody_and_nothing_are_refused() {
        for (options, path) in [
            ("{identity: '', credentials: x}", "/options/identity"),
            ("{identity: alice, credentials: ''}", "/options/credentials"),
            ("{identity: alice}", "/options"),
            ("{credentials: x}", "/options"),
        ] {
            let errors = GuardHarness::<Inline>::attach(&format!("options: {options}")).err().unwrap();
            assert_eq!(errors[0].path, path, "{options}");
        }
    }
}
