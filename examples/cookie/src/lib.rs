//! A matcher of one's own: `type: cookie` looks for a cookie, and yields what it says as a parameter, for `with` to use
//! as `${params.NAME}`.

use zilla_sdk::prelude::*;

/// What a route says.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CookieArguments {
    /// The cookie's name.
    #[schemars(length(min = 1))]
    name: String,
    /// Values that fit; any, unless given.
    #[serde(default)]
    values: Option<Vec<String>>,
    /// The parameter that its value becomes; that of its name, unless given.
    #[serde(default, rename = "as")]
    parameter: Option<String>,
}

/// The matcher.
pub struct Cookie;

impl Matcher for Cookie {
    const TYPE: &'static str = "cookie";
    type Options = NoOptions;
    type Arguments = CookieArguments;
    type Use = CookieArguments;

    fn attach(_config: MatcherConfig<NoOptions>) -> Result<Self, ConfigError> {
        Ok(Self)
    }

    fn prepare(&self, arguments: CookieArguments) -> Result<CookieArguments, ConfigError> {
        let is_name = |octet: u8| octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&octet);
        match arguments.name.bytes().all(is_name) && !arguments.name.is_empty() {
            true => Ok(arguments),
            false => Err(config_error("/name", "the name of a cookie", format!("{:?}", arguments.name))),
        }
    }

    fn evaluate(&mut self, used: &CookieArguments, query: Query<'_>, _now: Instant) -> Option<Match> {
        let lines = query.attributes.iter().filter(|(name, _)| *name == b"cookie").map(|(_, line)| line);
        let pairs = lines.flat_map(|line| line.split(|octet| *octet == b';')).map(<[u8]>::trim_ascii);
        let value = pairs.filter_map(|pair| value(pair, &used.name)).next()?;
        let value = std::str::from_utf8(value).ok()?;
        if used.values.as_ref().is_some_and(|values| !values.iter().any(|fits| fits == value)) {
            return None;
        }
        Some(Match::new().param(used.parameter.as_ref().unwrap_or(&used.name), value))
    }
}

/// The value of a pair of that name (RFC 6265, section 4.1.1), without quotes.
fn value<'a>(pair: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let value = pair.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
    let inner = value.strip_prefix(b"\"").and_then(|inner| inner.strip_suffix(b"\""));
    Some(inner.unwrap_or(value))
}

zilla_sdk::export!(Cookie: Matcher);

#[cfg(test)]
mod tests {
    use super::*;
    use zilla_sdk::testing::*;

    fn ask(arguments: &str, cookies: &[&str]) -> Option<Match> {
        let mut matcher = MatcherHarness::<Cookie>::attach("", &[arguments]).unwrap();
        matcher.ask(0, &query(cookies.iter().map(|line| ("cookie", *line))))
    }

    #[test]
    fn what_a_cookie_says_is_a_parameter() {
        let expected = Some(Match::new().param("tenant", "blue"));
        assert_eq!(ask("{name: tenant}", &["a=b; tenant=blue"]), expected);
        assert_eq!(ask("{name: tenant}", &["a=b", "tenant=\"blue\";c=d"]), expected);
        assert_eq!(
            ask("{name: tenant, as: colour}", &["tenant=blue"]),
            Some(Match::new().param("colour", "blue"))
        );
    }

    #[test]
    fn other_cookies_and_parts_of_names_do_not_fit() {
        for line in ["", "tenants=blue", "x-tenant=blue", "TENANT=blue", "a=tenant=blue", "tenant"] {
            assert_eq!(ask("{name: tenant}", &[line]), None, "{line}");
        }
    }

    #[test]
    fn of_several_the_first_counts() {
        let only_red = "{name: tenant, values: [red]}";
        assert_eq!(ask(only_red, &["tenant=blue; tenant=red"]), None);
        assert!(ask(only_red, &["tenant=red; tenant=blue"]).is_some());
    }

    #[test]
    fn a_value_that_is_no_text_does_not_fit() {
        let mut matcher = MatcherHarness::<Cookie>::attach("", &["{name: tenant}"]).unwrap();
        assert_eq!(matcher.ask(0, &query([("cookie", b"tenant=\xff")])), None);
    }

    #[test]
    fn a_name_that_no_cookie_can_have_is_refused() {
        for name in ["''", "'a b'", "'a=b'", "'a;b'"] {
            let errors = MatcherHarness::<Cookie>::attach("", &[&format!("{{name: {name}}}")]).err().unwrap();
            assert_eq!(errors[0].path, "/uses/0/name", "{name}");
        }
    }
}
