//! Claims (RFC 7519, section 4), and what of them becomes a session.

use crate::options::JwtOptions;
use serde_json::{Map, Value};
use zilla_sdk::{Refused, Session};

/// Milliseconds of a date that no clock reaches: later ones are as good as this.
const NEVER_UNIX_MS: u64 = 1 << 53;

/// Makes a session of claims whose signature is good, or says why not.
pub(crate) fn session(
    claims: &Map<String, Value>,
    options: &JwtOptions,
    now_unix_ms: u64,
) -> Result<Session, Refused> {
    let leeway_ms = options.leeway.saturating_mul(1_000);
    let is_issuer = claims.get("iss").and_then(Value::as_str) == Some(&options.issuer);
    if !is_issuer {
        return Err("it is of another issuer".into());
    }
    if !is_for(claims.get("aud"), &options.audience) {
        return Err("it is for another audience".into());
    }
    if date(claims, "nbf")?.is_some_and(|from| now_unix_ms.saturating_add(leeway_ms) < from) {
        return Err("it is not valid yet".into());
    }
    let expires = date(claims, "exp")?.map(|until| until.saturating_add(leeway_ms));
    if expires.is_some_and(|until| until <= now_unix_ms) {
        return Err("it has expired".into());
    }
    let mut session = Session::of(identity(find(claims, &options.identity))?);
    session.roles = roles(find(claims, &options.roles));
    for (name, path) in &options.attributes {
        if let Some(value) = find(claims, path).and_then(text) {
            session = session.attribute(name, value);
        }
    }
    if let Some(until) = expires {
        session = session.expires(until);
        // Of a token of nobody in particular, no other is the newer one: nobody is asked for it.
        if let Some(seconds) = options.challenge.filter(|_| !session.identity.is_empty()) {
            session = session.challenge(until.saturating_sub(seconds.saturating_mul(1_000)));
        }
    }
    Ok(session)
}

/// RFC 7519, section 4.1.3: one audience, or a list of them.
fn is_for(claim: Option<&Value>, audience: &str) -> bool {
    match claim {
        Some(Value::String(one)) => one == audience,
        Some(Value::Array(some)) => some.iter().any(|one| one.as_str() == Some(audience)),
        _ => false,
    }
}

/// A date in ms since 1970: RFC 7519, section 2, has seconds, with or without a fraction.
fn date(claims: &Map<String, Value>, name: &str) -> Result<Option<u64>, Refused> {
    let Some(claim) = claims.get(name) else { return Ok(None) };
    let ms = match (claim.as_u64(), claim.as_f64()) {
        (Some(seconds), _) => seconds.saturating_mul(1_000),
        // A conversion of a float ends at the bounds of the integer.
        (None, Some(seconds)) => (seconds * 1_000.0) as u64,
        (None, None) => return Err(format!("its `{name}` is no number").into()),
    };
    Ok(Some(ms.min(NEVER_UNIX_MS)))
}

/// The claim at a path. A name that has dots in it goes before a path, so `https://example.com/roles` is found.
pub(crate) fn find<'a>(claims: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    if let Some(claim) = claims.get(path) {
        return Some(claim);
    }
    path.match_indices('.').find_map(|(at, _)| {
        let below = claims.get(&path[..at])?.as_object()?;
        find(below, &path[at + 1..])
    })
}

/// A list of roles, or text with spaces between them as `scope` has (RFC 8693, section 4.2); none of anything else.
fn roles(claim: Option<&Value>) -> Vec<String> {
    match claim {
        Some(Value::String(text)) => text.split_ascii_whitespace().map(str::to_owned).collect(),
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// Who it is; nobody in particular if the claim is not there. A list or an object is nobody's name.
fn identity(claim: Option<&Value>) -> Result<String, Refused> {
    match claim {
        Some(Value::Array(_) | Value::Object(_)) => Err("its identity is no text".into()),
        claim => Ok(claim.and_then(text).unwrap_or_default()),
    }
}

/// A claim as text: text as it is, anything else as JSON; nothing for null.
fn text(claim: &Value) -> Option<String> {
    match claim {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}
