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
    let mut compiled = Route::default();
    for (index, condition) in route.when::<HttpCondition>()?.iter().enumerate() {
        compiled = compiled.condition(alternatives(route, index, condition)?);
    }
    for (name, value) in overrides {
        compiled = compiled.set(name.to_ascii_lowercase(), value);
    }
    for (name, value) in route.with::<HttpWith>()?.headers.overrides {
        let pointer = format!("/with/headers/overrides/{}", escape(&name));
        check_assignment(&name, &value, true)
            .map_err(|(expected, found)| route.error(&pointer, expected, found))?;
        compiled = compiled.set(name.to_ascii_lowercase(), value);
    }
    Ok(compiled)
}

/// What an error expects and what it finds.
type Mismatch = (String, String);

/// Checks a header that is set. Whether a condition keeps the parameters that it asks for is the host's to say; `of_route`
/// is whether there are conditions that may.
pub(crate) fn check_assignment(name: &str, value: &str, of_route: bool) -> Result<(), Mismatch> {
    check_name(name)?;
    if !fields::is_value(value.as_bytes()) {
        return Err(("a value without control characters".to_owned(), format!("{value:?}")));
    }
    for (start, _) in value.match_indices("${") {
        let expression = &value[start + 2..];
        let Some((expression, _)) = expression.split_once('}') else {
            return Err(("a } that closes the ${".to_owned(), format!("{value:?}")));
        };
        let is_param = of_route && expression.starts_with("params.");
        if !is_param && !expression.starts_with("guarded[") {
            let params = if of_route { "${params.name} or " } else { "" };
            let expected = format!("{params}${{guarded['name'].identity}}");
            return Err((expected, format!("${{{expression}}}")));
        }
    }
    Ok(())
}

/// The lists of tests that one item of `when` stands for.
fn alternatives(
    route: &RouteConfig<'_>,
    index: usize,
    condition: &HttpCondition,
) -> Result<Vec<Vec<Predicate>>, ConfigError> {
    let mut any = vec![Vec::new()];
    for (name, pattern) in &condition.headers {
        let pointer = format!("/when/{index}/headers/{}", escape(name));
        let error = |(expected, found): Mismatch| route.error(&pointer, expected, found);
        if !name.eq_ignore_ascii_case(PROTOCOL) {
            check_name(name).map_err(error)?;
        }
        check_captures(pattern).map_err(error)?;
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

/// Checks the `{name}` in a pattern.
fn check_captures(pattern: &str) -> Result<(), Mismatch> {
    let mut names: Vec<&str> = Vec::new();
    for (start, _) in pattern.match_indices('{') {
        let Some((name, _)) = pattern[start + 1..].split_once('}') else {
            return Err(("a } that closes the {".to_owned(), format!("{pattern:?}")));
        };
        if name.is_empty() || !name.bytes().all(|octet| octet.is_ascii_alphabetic() || octet == b'_') {
            return Err(("letters and _ between { and }".to_owned(), format!("{pattern:?}")));
        }
        if names.contains(&name) {
            return Err(("each {name} once in a pattern".to_owned(), format!("{pattern:?}")));
        }
        names.push(name);
    }
    Ok(())
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
