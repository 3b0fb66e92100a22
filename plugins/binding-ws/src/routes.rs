//! `when` of a route: compiled into tests that the host evaluates, and evaluated here to choose a subprotocol.

use schemars::JsonSchema;
use serde::Deserialize;
use zilla_sdk::{ConfigError, Predicate, Route, RouteConfig, Test};

/// One item of `when`. All that is there must match; `*` is any octets.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WsCondition {
    /// The subprotocol.
    pub protocol: Option<String>,
    /// `http` or `https`.
    pub scheme: Option<String>,
    /// `host:port`.
    pub authority: Option<String>,
    /// The path, with any query unless it says more.
    pub path: Option<String>,
}

impl WsCondition {
    /// The alternatives that it stands for, each a list of names and patterns that must all match.
    fn alternatives(&self) -> Vec<Vec<(&'static str, String)>> {
        let names = [("protocol", &self.protocol), ("scheme", &self.scheme), ("authority", &self.authority)];
        let mut all = Vec::new();
        for (name, pattern) in names {
            all.extend(pattern.iter().map(|pattern| (name, pattern.clone())));
        }
        let Some(path) = &self.path else { return vec![all] };
        let with = |pattern: String| all.iter().cloned().chain([("path", pattern)]).collect();
        match path.ends_with('*') || path.contains('?') {
            true => vec![with(path.clone())],
            false => vec![with(path.clone()), with(format!("{path}?*"))],
        }
    }
}

/// Compiles one route.
pub(crate) fn compile(route: &RouteConfig<'_>) -> Result<Route, ConfigError> {
    let mut compiled = Route::default();
    for condition in route.when::<WsCondition>()? {
        let any = condition.alternatives().into_iter().map(|all| {
            let test = |(name, pattern): (&str, String)| {
                let test =
                    if pattern.contains('*') { Test::Wildcard(pattern) } else { Test::Equals(pattern) };
                Predicate::new(name, test)
            };
            all.into_iter().map(test).collect()
        });
        compiled = compiled.condition(any.collect());
    }
    Ok(compiled)
}

/// What is asked for, as far as routes look at it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) scheme: &'a [u8],
    pub(crate) authority: &'a [u8],
    pub(crate) path: &'a [u8],
}

/// The conditions of all routes, in their order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Routes(pub(crate) Vec<Vec<WsCondition>>);

impl Routes {
    /// Sorts subprotocols by the first route that fits each, keeping the order of those that share it, and leaves
    /// out those that no route fits. The host decides: guards and matchers are not asked here.
    pub(crate) fn rank<'p>(&self, asked: Asked<'_>, protocols: &[&'p [u8]]) -> Vec<&'p [u8]> {
        let fits = |protocol: &[u8]| self.0.iter().position(|when| fits(when, asked, protocol));
        let mut ranked: Vec<_> =
            protocols.iter().filter_map(|protocol| Some((fits(protocol)?, *protocol))).collect();
        ranked.sort_by_key(|(route, _)| *route);
        ranked.into_iter().map(|(_, protocol)| protocol).collect()
    }
}

fn fits(when: &[WsCondition], asked: Asked<'_>, protocol: &[u8]) -> bool {
    let value = |name: &str| match name {
        "protocol" => protocol,
        "scheme" => asked.scheme,
        "authority" => asked.authority,
        _ => asked.path,
    };
    let holds = |all: &Vec<(&str, String)>| {
        all.iter().all(|(name, pattern)| is_match(pattern.as_bytes(), value(name)))
    };
    when.is_empty() || when.iter().any(|condition| condition.alternatives().iter().any(holds))
}

/// Whether a pattern fits a value as a whole; `*` is any octets.
pub(crate) fn is_match(pattern: &[u8], value: &[u8]) -> bool {
    let (mut at, mut seen) = (0, 0);
    // Where the last `*` is, and how much it stands for so far.
    let mut star: Option<(usize, usize)> = None;
    while seen < value.len() {
        if pattern.get(at) == Some(&b'*') {
            star = Some((at, seen));
            at += 1;
        } else if pattern.get(at) == Some(&value[seen]) {
            at += 1;
            seen += 1;
        } else if let Some((behind, taken)) = &mut star {
            *taken += 1;
            (at, seen) = (*behind + 1, *taken);
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|octet| *octet == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_octets_and_everything_else_itself() {
        for (pattern, value) in [
            ("", ""),
            ("*", ""),
            ("*", "a/b"),
            ("a*", "a"),
            ("*b", "aab"),
            ("a*c*e", "abcde"),
            ("a.b", "a.b"),
        ] {
            assert!(is_match(pattern.as_bytes(), value.as_bytes()), "{pattern} {value}");
        }
        for (pattern, value) in
            [("", "a"), ("a", ""), ("a*", "ba"), ("a.b", "axb"), ("*ab", "abb"), ("a**b", "a")]
        {
            assert!(!is_match(pattern.as_bytes(), value.as_bytes()), "{pattern} {value}");
        }
    }

    fn routes(patterns: &[Option<&str>]) -> Routes {
        let route = |protocol: &Option<&str>| {
            protocol
                .iter()
                .map(|protocol| WsCondition {
                    protocol: Some((*protocol).to_owned()),
                    ..WsCondition::default()
                })
                .collect()
        };
        Routes(patterns.iter().map(route).collect())
    }

    #[test]
    fn the_lowest_route_chooses_and_then_the_client() {
        let asked = Asked { scheme: b"http", authority: b"a:80", path: b"/" };
        let offered = [&b"three"[..], b"two", b"one"];
        let both = routes(&[Some("one"), Some("two")]);
        assert_eq!(both.rank(asked, &offered), [&b"one"[..], b"two"]);
        assert_eq!(routes(&[Some("t*"), Some("one")]).rank(asked, &offered), offered);
        assert_eq!(routes(&[None]).rank(asked, &offered), offered);
        assert!(routes(&[Some("x")]).rank(asked, &offered).is_empty());
    }
}
