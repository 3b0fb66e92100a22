//! Compiles `when` and `with` of a route into tests and assignments that the host evaluates.

use crate::fields;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use zilla_sdk::{ConfigError, Predicate, Route, RouteConfig};

/// One item of `when`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpCondition {
    /// Patterns by header name, `:method`, `:protocol`, `:scheme`, `:authority` and `:path` included; all must match.
    /// `*` is any octets, `{name}` one or more, kept as `${params.name}`.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

/// `with` of a route.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HttpWith {
    /// What is done to request headers.
    pub headers: HttpWithHeaders,
}

/// `with.headers` of a route.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HttpWithHeaders {
    /// Request headers to set, by name; a value may have `${params.name}` in it.
    pub overrides: BTreeMap<String, String>,
}

/// Names of what the request line says.
const PSEUDO_HEADERS: [&str; 4] = [":method", ":scheme", ":authority", ":path"];
/// What a request asks for that is none (RFC 8441): to be looked at, not to be set.
const PROTOCOL: &str = ":protocol";

/// Compiles one route; `overrides` are those of the binding's options, and the route's own come after them.
pub(crate) fn compile(
    route: &RouteConfig<'_>,
    overrides: &BTreeMap<String, String>,
) -> Result<Route, ConfigError> {
    let (mut compiled, mut params) = (Route::default(), Vec::new());
    let conditions: Vec<HttpCondition> = route.when()?;
    // A condition without headers is a matcher's, which may yield any.
    let has_matcher = conditions.iter().any(|condition| condition.headers.is_empty());
    for (index, condition) in conditions.into_iter().enumerate() {
        compiled = compiled.condition(alternatives(route, index, &condition, &mut params)?);
    }
    for (name, value) in overrides {
        compiled = compiled.set(name.to_ascii_lowercase(), value);
    }
    for (name, value) in route.with::<HttpWith>()?.headers.overrides {
        let pointer = format!("/with/headers/overrides/{}", escape(&name));
        check_assignment(&name, &value, (!has_matcher).then_some(&params))
            .map_err(|(expected, found)| route.error(&pointer, expected, found))?;
        compiled = compiled.set(name.to_ascii_lowercase(), value);
    }
    Ok(compiled)
}

/// What an error expects and what it finds.
type Mismatch = (String, String);

/// Checks a header that is set. `params` are the names that conditions capture, if that is known.
pub(crate) fn check_assignment(
    name: &str,
    value: &str,
    params: Option<&Vec<String>>,
) -> Result<(), Mismatch> {
    check_name(name)?;
    if !fields::is_value(value.as_bytes()) {
        return Err(("a value without control characters".to_owned(), format!("{value:?}")));
    }
    for (start, _) in value.match_indices("${") {
        let expression = &value[start + 2..];
        let Some((expression, _)) = expression.split_once('}') else {
            return Err(("a } that closes the ${".to_owned(), format!("{value:?}")));
        };
        match expression.strip_prefix("params.") {
            Some(param) if params.is_none_or(|params| params.iter().any(|known| known == param)) => {}
            Some(param) => {
                let known = params
                    .into_iter()
                    .flatten()
                    .map(|param| format!("{{{param}}}"))
                    .collect::<Vec<_>>()
                    .join(", ");
                let known = if known.is_empty() { "none".to_owned() } else { known };
                return Err((
                    format!("a parameter that a condition of the route captures ({known})"),
                    param.to_owned(),
                ));
            }
            None if expression.starts_with("guarded[") => {}
            None => {
                return Err((
                    "${params.name} or ${guarded['name'].identity}".to_owned(),
                    format!("${{{expression}}}"),
                ));
            }
        }
    }
    Ok(())
}

/// The lists of tests that one item of `when` stands for.
fn alternatives(
    route: &RouteConfig<'_>,
    index: usize,
    condition: &HttpCondition,
    params: &mut Vec<String>,
) -> Result<Vec<Vec<Predicate>>, ConfigError> {
    let mut any = vec![Vec::new()];
    for (name, pattern) in &condition.headers {
        let pointer = format!("/when/{index}/headers/{}", escape(name));
        let error = |(expected, found): Mismatch| route.error(&pointer, expected, found);
        if !name.eq_ignore_ascii_case(PROTOCOL) {
            check_name(name).map_err(error)?;
        }
        params.extend(captures(pattern).map_err(error)?);
        let name = name.to_ascii_lowercase();
        let with_query = (name == ":path" && !pattern.ends_with('*')).then(|| any.clone());
        for all in &mut any {
            all.push(Predicate::pattern(&*name, pattern));
        }
        for mut all in with_query.into_iter().flatten() {
            all.push(Predicate::pattern(&*name, &format!("{pattern}?*")));
            any.push(all);
        }
    }
    Ok(any)
}

/// Names of the `{name}` in a pattern.
fn captures(pattern: &str) -> Result<Vec<String>, Mismatch> {
    let mut names: Vec<String> = Vec::new();
    for (start, _) in pattern.match_indices('{') {
        let Some((name, _)) = pattern[start + 1..].split_once('}') else {
            return Err(("a } that closes the {".to_owned(), format!("{pattern:?}")));
        };
        if name.is_empty() || !name.bytes().all(|octet| octet.is_ascii_alphabetic() || octet == b'_') {
            return Err(("letters and _ between { and }".to_owned(), format!("{pattern:?}")));
        }
        if names.iter().any(|known| known == name) {
            return Err(("each {name} once in a pattern".to_owned(), format!("{pattern:?}")));
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

fn check_name(name: &str) -> Result<(), Mismatch> {
    let lower = name.to_ascii_lowercase();
    if PSEUDO_HEADERS.contains(&lower.as_str()) {
        return Ok(());
    }
    match lower.as_str() {
        "host" => Err((":authority, which is what host becomes".to_owned(), name.to_owned())),
        _ if fields::is_token(name.as_bytes()) => Ok(()),
        _ => Err(("a header name, :method, :scheme, :authority or :path".to_owned(), format!("{name:?}"))),
    }
}

/// A name as a part of a JSON pointer (RFC 6901, 3).
pub(crate) fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
