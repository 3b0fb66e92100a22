//! `authorization`: where a request has its credentials, what a guard makes of them, and what the client is told.
//! Nothing here knows how a request is framed: it reads the attributes that its exit is to get.
//!
//! ```text
//!                          none ──▶ Absent ───┐
//!  cookie, header, query ──▶ guard ──▶ Rejected ├──▶ a route without `guarded`, or 401, 403
//!                                └──▶ Accepted ──▶ routes that its roles suffice for, or 404
//! ```
//!
//! A client has the same option for the other way: see `injection`.

mod injection;

use crate::fields;
use crate::status::Refusal;
use base64ct::{Base64, Encoding as _};
use schemars::JsonSchema;
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::BTreeMap;
use zilla_sdk::{
    Attributes, AttributesWriter, ByGuard, CloseCode, ConfigError, Context, OpenError, StreamId,
    config_error, host,
};

/// What a template has where the credentials are.
const CREDENTIALS: &str = "{credentials}";
/// The template of user name and password (RFC 7617).
const BASIC: &str = "Basic {username}:{password}";
/// Octets of credentials; what is longer is taken for none that a guard knows.
const CREDENTIALS_OCTETS_MAX: usize = 65_536;
/// The media type of a request that brings new credentials and nothing else.
const CHALLENGE_RESPONSE: &[u8] = b"application/x-challenge-response";

/// What is asked of a client without credentials (RFC 6750, 3; RFC 7617, 2).
const ASK_BEARER: &str = "Bearer";
const ASK_BASIC: &str = "Basic realm=\"gateway\", charset=\"UTF-8\"";

/// Which guard checks credentials, or of a client has them, by its name, and where these are: one.
pub type HttpAuthorization = ByGuard<HttpAuthorizationGuard>;

/// Where a guard's credentials are.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpAuthorizationGuard {
    /// Where a guard's credentials are.
    pub credentials: HttpCredentials,
}

/// Where credentials are: looked for in cookies, then in headers, then in the query; the first that are there count.
/// Of each, one name with its template.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HttpCredentials {
    /// A cookie, as `session: "{credentials}"`.
    #[schemars(extend("maxProperties" = 1))]
    pub cookies: BTreeMap<String, String>,
    /// A header, as `authorization: "Bearer {credentials}"` or `authorization: "Basic {username}:{password}"`.
    #[schemars(extend("maxProperties" = 1))]
    pub headers: BTreeMap<String, String>,
    /// A parameter of the query, as `access_token: "{credentials}"`.
    #[schemars(extend("maxProperties" = 1))]
    pub query: BTreeMap<String, String>,
}

/// `authorization`, ready to be asked.
#[derive(Debug)]
pub(crate) struct Authorization {
    guard: String,
    places: Vec<Place>,
    /// What a 401 asks for.
    asks: &'static str,
}

/// Where credentials may be.
#[derive(Debug)]
enum Place {
    Cookie(String, Template),
    Header(String, Template),
    Query(String, Template),
}

/// What is around credentials.
#[derive(Debug)]
enum Template {
    Around { before: String, behind: String },
    Basic,
}

/// How a client stands towards the guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nobody asks for credentials.
    Unasked,
    /// It has brought none. What a 401 asks for.
    Absent(&'static str),
    /// It has brought some that the guard does not accept.
    Rejected,
    /// It has a session. What a 401 asks for when that is over.
    Accepted(&'static str),
}

/// What becomes of a request.
#[derive(Debug)]
pub(crate) enum Opened {
    /// It is on its way to an exit.
    To(StreamId, Standing),
    /// It brought new credentials, which are accepted: it is answered with 204.
    Renewed,
    /// It is answered with an error.
    Refused(Refusal),
}

impl Authorization {
    /// Reads the option.
    pub(crate) fn new(options: &HttpAuthorization) -> Result<Self, ConfigError> {
        const POINTER: &str = "/options/authorization";
        let mut guards = options.iter();
        let (Some((guard, HttpAuthorizationGuard { credentials })), None) = (guards.next(), guards.next())
        else {
            return Err(config_error(POINTER, "one guard", options.len().to_string()));
        };
        let pointer = format!("{POINTER}/{}/credentials", crate::routes::escape(guard));
        let mut places = Vec::new();
        if let Some((name, template)) = only(&credentials.cookies, &format!("{pointer}/cookies"))? {
            places.push(Place::Cookie(name.clone(), Template::around(template, &pointer, "cookies", name)?));
        }
        if let Some((name, template)) = only(&credentials.headers, &format!("{pointer}/headers"))? {
            if !fields::is_token(name.as_bytes()) || name.bytes().any(|octet| octet.is_ascii_uppercase()) {
                let expected = "the name of a header, in lower case";
                return Err(config_error(&format!("{pointer}/headers"), expected, format!("{name:?}")));
            }
            let template = match template.as_str() {
                BASIC => Template::Basic,
                _ => Template::around(template, &pointer, "headers", name)?,
            };
            places.push(Place::Header(name.clone(), template));
        }
        if let Some((name, template)) = only(&credentials.query, &format!("{pointer}/query"))? {
            places.push(Place::Query(name.clone(), Template::around(template, &pointer, "query", name)?));
        }
        if places.is_empty() {
            return Err(config_error(&pointer, "cookies, headers or query", "none of them"));
        }
        let is_basic = places.iter().any(|place| matches!(place, Place::Header(_, Template::Basic)));
        let asks = if is_basic { ASK_BASIC } else { ASK_BEARER };
        Ok(Self { guard: guard.clone(), places, asks })
    }

    /// The authorization of a request, if it has one.
    fn check(&self, request: Attributes<'_>) -> Result<(Option<u64>, Standing), Refusal> {
        let Some(credentials) = self.find(request)? else {
            return Ok((None, Standing::Absent(self.asks)));
        };
        if credentials.len() > CREDENTIALS_OCTETS_MAX {
            return Ok((None, Standing::Rejected));
        }
        // Whether it said no, or could not say: nobody is let in.
        Ok(match host::authorize(&self.guard, &credentials) {
            Ok(authorization) => (Some(authorization), Standing::Accepted(self.asks)),
            Err(_) => (None, Standing::Rejected),
        })
    }

    /// The first credentials there are.
    fn find<'a>(&self, request: Attributes<'a>) -> Result<Option<Cow<'a, [u8]>>, Refusal> {
        for place in &self.places {
            if let Some(found) = place.find(request)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

/// The one entry of a map, if it has any.
fn only<'a>(
    map: &'a BTreeMap<String, String>,
    pointer: &str,
) -> Result<Option<(&'a String, &'a String)>, ConfigError> {
    match map.len() {
        0 | 1 => Ok(map.iter().next()),
        more => Err(config_error(pointer, "one name", more.to_string())),
    }
}

impl Template {
    /// Text with the credentials in it. `.*` at its ends is read over: around credentials, anything means nothing.
    fn around(text: &str, pointer: &str, place: &str, name: &str) -> Result<Self, ConfigError> {
        let inner = text.strip_prefix(".*").unwrap_or(text);
        let inner = inner.strip_suffix(".*").unwrap_or(inner);
        match inner.split_once(CREDENTIALS) {
            Some((before, behind)) if !before.contains('{') && !behind.contains('{') => {
                Ok(Self::Around { before: before.to_owned(), behind: behind.to_owned() })
            }
            _ => {
                let pointer = format!("{pointer}/{place}/{}", crate::routes::escape(name));
                let expected = format!("a template with {CREDENTIALS} in it, once");
                Err(config_error(&pointer, expected, format!("{text:?}")))
            }
        }
    }

    /// The credentials in a value; none if it is another kind of value.
    fn find<'a>(&self, value: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        match self {
            Self::Around { before, behind } => {
                let rest = strip(value, before.as_bytes())?;
                let inner = rest.strip_suffix(behind.as_bytes())?;
                let is_word = !inner.is_empty() && !inner.iter().any(u8::is_ascii_whitespace);
                is_word.then_some(Cow::Borrowed(inner))
            }
            Self::Basic => basic(strip(value, b"Basic ")?).map(Cow::Owned),
        }
    }
}

/// What follows `before`. A scheme, which ends in a blank, is told without regard to case, and more blanks may follow
/// (RFC 9110, 11.1 and 11.4).
fn strip<'a>(value: &'a [u8], before: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = value.split_at_checked(before.len())?;
    match before.last() {
        Some(b' ') if start.eq_ignore_ascii_case(before) => Some(fields::trim(rest)),
        _ if start == before => Some(rest),
        _ => None,
    }
}

/// `username:password` out of base64 (RFC 7617, 2); none if it is not that.
fn basic(text: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?;
    Base64::decode_vec(text).ok().filter(|pair| pair.contains(&b':'))
}

impl Place {
    /// What is there of credentials.
    fn find<'a>(&self, request: Attributes<'a>) -> Result<Option<Cow<'a, [u8]>>, Refusal> {
        Ok(match self {
            Self::Cookie(name, template) => {
                let lines = request.iter().filter(|(field, _)| *field == b"cookie").map(|(_, value)| value);
                let pairs = lines.flat_map(|line| line.split(|octet| *octet == b';')).map(fields::trim);
                let value = pairs.filter_map(|pair| named(pair, name)).next();
                value.and_then(|value| template.find(unquoted(value)))
            }
            Self::Header(name, template) => {
                let mut values = request.iter().filter(|(field, _)| *field == name.as_bytes());
                let value = values.next().map(|(_, value)| fields::trim(value));
                if values.next().is_some() {
                    // What is checked here and what is read at the exit could be two.
                    return Err(Refusal::bad_request("a field is there more than once"));
                }
                value.and_then(|value| template.find(value))
            }
            Self::Query(name, template) => {
                let path = request.get(":path").unwrap_or_default();
                let query = path.splitn(2, |octet| *octet == b'?').nth(1).unwrap_or_default();
                let value = query.split(|octet| *octet == b'&').filter_map(|pair| named(pair, name)).next();
                value.and_then(|value| match percent_decoded(value) {
                    Cow::Borrowed(value) => template.find(value),
                    Cow::Owned(value) => template.find(&value).map(|found| Cow::Owned(found.into_owned())),
                })
            }
        })
    }
}

/// The value of a pair `name=value`, if it has that name.
fn named<'a>(pair: &'a [u8], name: &str) -> Option<&'a [u8]> {
    pair.strip_prefix(name.as_bytes())?.strip_prefix(b"=")
}

/// The value of a cookie, which may be in quotes (RFC 6265, 4.1.1).
fn unquoted(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|inner| inner.strip_suffix(b"\"")).unwrap_or(value)
}

/// A value of a query without its percent-encoding (RFC 3986, 2.1). What is not well encoded stays as it is.
fn percent_decoded(value: &[u8]) -> Cow<'_, [u8]> {
    if !value.contains(&b'%') {
        return Cow::Borrowed(value);
    }
    let digit = |octet: Option<&u8>| char::from(*octet?).to_digit(16);
    let (mut decoded, mut rest) = (Vec::with_capacity(value.len()), value);
    while let [first, behind @ ..] = rest {
        let encoded = digit(behind.first()).zip(digit(behind.get(1))).filter(|_| *first == b'%');
        let (octet, taken) = encoded.map_or((*first, 1), |(high, low)| ((high << 4 | low) as u8, 3));
        decoded.push(octet);
        rest = &rest[taken..];
    }
    Cow::Owned(decoded)
}

/// Opens the stream of a request, for whom its credentials stand. `write` writes what the exit gets.
pub(crate) fn open(
    authorization: Option<&Authorization>,
    write: impl FnOnce(&mut AttributesWriter<'_>),
    cx: &mut Context<'_>,
) -> Result<Opened, OpenError> {
    let Some(authorization) = authorization else {
        return cx.open(write).map(|exit| Opened::To(exit, Standing::Unasked));
    };
    let mut block = Vec::new();
    write(&mut AttributesWriter::new(&mut block));
    let request = Attributes::new(&block);
    let (granted, standing) = match authorization.check(request) {
        Ok(checked) => checked,
        Err(refusal) => return Ok(Opened::Refused(refusal)),
    };
    if brings_credentials_alone(request) {
        let refused = || Opened::Refused(standing.of_reset(CloseCode::Unauthorized));
        return Ok(granted.map_or_else(refused, |_| Opened::Renewed));
    }
    let exit = cx.open_authorized(granted.unwrap_or(0), |attributes| attributes.append(request))?;
    Ok(Opened::To(exit, standing))
}

/// Whether a request is the answer to a challenge: new credentials for the streams that carry the old ones.
fn brings_credentials_alone(request: Attributes<'_>) -> bool {
    request.get(":method") == Some(b"POST")
        && request.get("content-length") == Some(b"0")
        && request.get("content-type").is_some_and(|value| value.eq_ignore_ascii_case(CHALLENGE_RESPONSE))
}

impl Standing {
    /// What the client is told when the exit refuses its request before a response began.
    pub(crate) fn of_reset(self, code: CloseCode) -> Refusal {
        self.refusal(code).unwrap_or_else(|| Refusal::of_reset(code))
    }

    /// What the client is told when the exit aborts before a response began.
    pub(crate) fn of_abort(self, code: CloseCode) -> Refusal {
        self.refusal(code).unwrap_or_else(|| Refusal::of_abort(code))
    }

    fn refusal(self, code: CloseCode) -> Option<Refusal> {
        Some(match (self, code) {
            (Self::Absent(asks), CloseCode::NoRoute | CloseCode::Unauthorized) => {
                Refusal { asks: Some(asks), ..Refusal::of_reset(CloseCode::Unauthorized) }
            }
            (Self::Rejected, CloseCode::NoRoute | CloseCode::Unauthorized) => {
                Refusal::new(403, "the credentials are not accepted")
            }
            // The session is over, or that of another guard is missing.
            (Self::Accepted(asks), CloseCode::Unauthorized) => {
                Refusal { asks: Some(asks), ..Refusal::of_reset(code) }
            }
            // Whom a route is not for is not told that it is there.
            (Self::Accepted(_), CloseCode::Forbidden) => Refusal::of_reset(CloseCode::NoRoute),
            _ => return None,
        })
    }
}
