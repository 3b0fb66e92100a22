//! `access-control`: which web pages may ask (CORS, as the Fetch standard has it). Nothing here knows how a
//! request or a response is framed.

use crate::status::Refusal;
use crate::target::{Authority, Scheme};
use schemars::JsonSchema;
use serde::Deserialize;
use zilla_sdk::Attributes;

/// Whose pages may ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HttpAccessPolicy {
    /// Those of the same origin only.
    #[default]
    SameOrigin,
    /// Those of the origins that are allowed, too.
    CrossOrigin,
}

/// Which web pages may ask.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct HttpAccessControl {
    /// Whose pages may ask.
    pub policy: HttpAccessPolicy,
    /// What pages of other origins may do.
    pub allow: HttpAccessAllow,
    /// For how long browsers may remember the answer to a preflight, in seconds.
    pub max_age: Option<u32>,
    /// What pages of other origins may read.
    pub expose: HttpAccessExpose,
}

/// What pages of other origins may do; a list that is left out allows all.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct HttpAccessAllow {
    /// Origins, as `https://example.com`; the port of the scheme may be left out.
    pub origins: Option<Vec<String>>,
    /// Methods, as `PUT`.
    pub methods: Option<Vec<String>>,
    /// Request headers, in any case.
    pub headers: Option<Vec<String>>,
    /// Whether pages may send cookies and the like.
    pub credentials: bool,
}

/// What pages of other origins may read of a response.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct HttpAccessExpose {
    /// Response headers; all if left out.
    pub headers: Option<Vec<String>>,
}

/// What of a request decides.
#[derive(Clone, Copy)]
pub(crate) struct Asking<'a> {
    pub(crate) method: &'a str,
    /// The origin of the request's target: scheme and `host:port` in lower case.
    pub(crate) scheme: Scheme,
    pub(crate) authority: Option<&'a [u8]>,
    /// `origin`
    pub(crate) origin: Option<&'a [u8]>,
    /// `access-control-request-method`
    pub(crate) requested_method: Option<&'a [u8]>,
    /// `access-control-request-headers`
    pub(crate) requested_headers: Option<&'a [u8]>,
}

/// What becomes of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is handed on; its response gets these fields.
    Pass(Grant),
    /// It asks whether it may ask: it is answered with 204 and these fields.
    Preflight(Grant),
}

/// What a request of a page that must not ask is answered with.
const REFUSED: Refusal = Refusal::new(403, "the origin must not ask this");

/// Fields of a response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Grant {
    fields: Vec<(&'static str, Vec<u8>)>,
    /// The response's own headers are named as those that may be read.
    exposes_its_own: bool,
}

impl Grant {
    /// Hands each field to `take`. `response` are the attributes of the response.
    pub(crate) fn with_fields(&self, response: Attributes<'_>, mut take: impl FnMut(&str, &[u8])) {
        self.fields.iter().for_each(|(name, value)| take(name, value));
        if self.exposes_its_own {
            let names = response.iter().map(|(name, _)| name).filter(|name| !name.starts_with(b":"));
            let mut names: Vec<Vec<u8>> = names.map(<[u8]>::to_ascii_lowercase).collect();
            names.sort_unstable();
            names.dedup();
            take(EXPOSE_HEADERS, &names.join(&b", "[..]));
        }
    }

    /// To keep until the response comes, if that has fields of ours. Then those of the exit are left out.
    pub(crate) fn kept(self) -> Option<Box<Self>> {
        (!self.fields.is_empty()).then(|| Box::new(self))
    }
}

const ALLOW_ORIGIN: &str = "access-control-allow-origin";
const EXPOSE_HEADERS: &str = "access-control-expose-headers";

impl HttpAccessControl {
    /// Decides on a request.
    pub(crate) fn judge(&self, asking: &Asking<'_>) -> Result<Verdict, Refusal> {
        let is_preflight = asking.method == "OPTIONS"
            && asking.origin.is_some()
            && (asking.requested_method.is_some() || asking.requested_headers.is_some());
        let Some(origin) = asking.origin else { return Ok(Verdict::Pass(self.varied())) };
        Ok(match self.policy {
            // It says nothing of what may be done: the request that follows is refused.
            HttpAccessPolicy::SameOrigin if is_preflight => {
                Verdict::Preflight(Self::default().preflight(asking, origin))
            }
            _ if is_same(asking, origin) && !is_preflight => Verdict::Pass(self.varied()),
            HttpAccessPolicy::SameOrigin => return Err(REFUSED),
            HttpAccessPolicy::CrossOrigin if !self.allows_origin(origin) => return Err(REFUSED),
            HttpAccessPolicy::CrossOrigin if !is_preflight => Verdict::Pass(self.actual(origin)),
            HttpAccessPolicy::CrossOrigin if self.allows(asking) => {
                Verdict::Preflight(self.preflight(asking, origin))
            }
            HttpAccessPolicy::CrossOrigin => return Err(REFUSED),
        })
    }

    /// Whether the answer names the origin, so that it is not that for another.
    fn names_origin(&self) -> bool {
        self.allow.origins.is_some() || self.allow.credentials
    }

    /// What a response without anything else has: a cache must not give it to pages of other origins.
    fn varied(&self) -> Grant {
        let mut grant = Grant::default();
        if self.policy == HttpAccessPolicy::CrossOrigin && self.names_origin() {
            grant.fields.push(("vary", b"origin".to_vec()));
        }
        grant
    }

    fn common(&self, origin: &[u8]) -> Grant {
        let mut grant = Grant::default();
        let allowed = if self.names_origin() { origin } else { b"*" };
        grant.fields.push((ALLOW_ORIGIN, allowed.to_vec()));
        if self.allow.credentials {
            grant.fields.push(("access-control-allow-credentials", b"true".to_vec()));
        }
        grant
    }

    /// What the response to a request has.
    fn actual(&self, origin: &[u8]) -> Grant {
        let mut grant = self.common(origin);
        match &self.expose.headers {
            Some(names) if names.is_empty() => {}
            Some(names) => grant.fields.push((EXPOSE_HEADERS, names.join(", ").into_bytes())),
            // With credentials, `*` is a name like any other.
            None if self.allow.credentials => grant.exposes_its_own = true,
            None => grant.fields.push((EXPOSE_HEADERS, b"*".to_vec())),
        }
        grant.fields.append(&mut self.varied().fields);
        grant
    }

    /// What the answer to a preflight has.
    fn preflight(&self, asking: &Asking<'_>, origin: &[u8]) -> Grant {
        let mut grant = self.common(origin);
        let or_any = |is_listed: bool, asked: &[u8]| {
            if is_listed || self.allow.credentials { asked.to_vec() } else { b"*".to_vec() }
        };
        if let Some(method) = asking.requested_method {
            let value = or_any(self.allow.methods.is_some(), method);
            grant.fields.push(("access-control-allow-methods", value));
        }
        if let Some(headers) = asking.requested_headers {
            let value = or_any(self.allow.headers.is_some(), headers);
            grant.fields.push(("access-control-allow-headers", value));
        }
        if let Some(seconds) = self.max_age {
            grant.fields.push(("access-control-max-age", seconds.to_string().into_bytes()));
        }
        grant.fields.append(&mut self.varied().fields);
        grant
    }

    fn allows_origin(&self, origin: &[u8]) -> bool {
        let Some(origins) = &self.allow.origins else { return true };
        let normal = normal_origin(origin);
        origins.iter().any(|allowed| match &normal {
            Some(origin) => normal_origin(allowed.as_bytes()).as_ref() == Some(origin),
            None => allowed.as_bytes() == origin,
        })
    }

    fn allows(&self, asking: &Asking<'_>) -> bool {
        let lists = |list: &Option<Vec<String>>, is: &dyn Fn(&str) -> bool| match list {
            None => true,
            Some(list) => list.iter().any(|allowed| is(allowed)),
        };
        let is_method = |method: &[u8]| lists(&self.allow.methods, &|allowed| allowed.as_bytes() == method);
        let is_header = |name: &[u8]| {
            name.is_empty()
                || lists(&self.allow.headers, &|allowed| allowed.as_bytes().eq_ignore_ascii_case(name))
        };
        let names = asking.requested_headers.unwrap_or_default();
        asking.requested_method.is_none_or(is_method)
            && names.split(|octet| *octet == b',').map(crate::fields::trim).all(is_header)
    }
}

/// Whether the page is of the origin that it asks.
fn is_same(asking: &Asking<'_>, origin: &[u8]) -> bool {
    let own = asking.authority.map(|authority| (asking.scheme.as_str(), authority.to_vec()));
    own.is_some() && normal_origin(origin) == own
}

/// Scheme and `host:port`; none of what is no origin of a page on the web, as `null`.
fn normal_origin(origin: &[u8]) -> Option<(&'static str, Vec<u8>)> {
    let schemes = [(Scheme::Http, &b"http://"[..]), (Scheme::Https, b"https://")];
    let strip = |(scheme, prefix): (Scheme, &[u8])| {
        let (start, authority) = origin.split_at_checked(prefix.len())?;
        start.eq_ignore_ascii_case(prefix).then_some((scheme, authority))
    };
    let (scheme, authority) = schemes.into_iter().find_map(strip)?;
    let authority = Authority::parse(authority).ok()?;
    Some((scheme.as_str(), authority.with_normalised(scheme, <[u8]>::to_vec)))
}
