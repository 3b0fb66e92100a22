//! What a request says of the way that it came: `forwarded` (RFC 7239), `x-forwarded-*` and `via`
//! (RFC 9110, 7.6.3).

use crate::fields;
use schemars::JsonSchema;
use serde::Deserialize;
use zilla_sdk::{AttributesWriter, ConfigError, config_error};

/// A field that tells an exit of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HttpForwardedHeader {
    /// `forwarded`: `for`, `proto` and `host` in one (RFC 7239).
    Forwarded,
    /// `x-forwarded-for`: the address that the connection comes from.
    XForwardedFor,
    /// `x-forwarded-proto`: `http` or `https`.
    XForwardedProto,
    /// `x-forwarded-host`: the authority that was asked for.
    XForwardedHost,
}

impl HttpForwardedHeader {
    const fn name(self) -> &'static str {
        match self {
            Self::Forwarded => "forwarded",
            Self::XForwardedFor => "x-forwarded-for",
            Self::XForwardedProto => "x-forwarded-proto",
            Self::XForwardedHost => "x-forwarded-host",
        }
    }
}

/// What exits are told of the client.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct HttpForwarded {
    /// Fields to set. What a client sends of others is handed on as it is.
    pub headers: Vec<HttpForwardedHeader>,
    /// Whether clients are proxies to be believed: what they say of the way so far is kept. Else it is
    /// replaced, so that nobody can pretend to be somebody else.
    pub trust: bool,
}

/// What a request came with.
pub(crate) struct Way<'a> {
    /// The address that the connection comes from, without a port; none if it is not known.
    pub(crate) address: Option<&'a str>,
    pub(crate) scheme: &'static str,
    /// `host:port`, if the request names one.
    pub(crate) authority: Option<&'a [u8]>,
}

impl HttpForwarded {
    /// Whether a field of the client is left out, for it is set here.
    pub(crate) fn replaces(&self, name: &[u8]) -> bool {
        self.headers.iter().any(|header| name.eq_ignore_ascii_case(header.name().as_bytes()))
    }

    /// Writes the fields. `earlier` has what the client sent of one, all its values in one.
    pub(crate) fn write(
        &self,
        way: &Way<'_>,
        earlier: impl Fn(&'static str) -> Option<Vec<u8>>,
        attributes: &mut AttributesWriter<'_>,
    ) {
        for header in &self.headers {
            let earlier = if self.trust { earlier(header.name()) } else { None };
            let here = match header {
                HttpForwardedHeader::Forwarded => Some(element(way)),
                HttpForwardedHeader::XForwardedFor => Some(way.address.unwrap_or("unknown").into()),
                HttpForwardedHeader::XForwardedProto => Some(way.scheme.into()),
                HttpForwardedHeader::XForwardedHost => way.authority.map(<[u8]>::to_vec),
            };
            let is_list =
                matches!(header, HttpForwardedHeader::Forwarded | HttpForwardedHeader::XForwardedFor);
            let value = match (earlier, here) {
                (Some(earlier), Some(here)) if is_list => [earlier, here].join(&b", "[..]),
                // What the first proxy saw is what the client asked for.
                (Some(earlier), _) => earlier,
                (None, Some(here)) => here,
                (None, None) => continue,
            };
            attributes.push(header.name(), value);
        }
    }
}

/// `for=…;proto=…;host=…`, quoted where it is no token (RFC 7239, 4).
fn element(way: &Way<'_>) -> Vec<u8> {
    let mut element = b"for=".to_vec();
    match way.address {
        Some(address) if address.contains(':') => {
            element.extend_from_slice(format!("\"[{address}]\"").as_bytes());
        }
        Some(address) => element.extend_from_slice(address.as_bytes()),
        None => element.extend_from_slice(b"unknown"),
    }
    element.extend_from_slice(b";proto=");
    element.extend_from_slice(way.scheme.as_bytes());
    if let Some(authority) = way.authority {
        element.extend_from_slice(b";host=\"");
        element.extend_from_slice(authority);
        element.push(b'"');
    }
    element
}

/// The address in `192.0.2.1:80` or `[2001:db8::1]:80`.
pub(crate) fn address(source: &str) -> Option<Box<str>> {
    let source: std::net::SocketAddr = source.parse().ok()?;
    Some(source.ip().to_canonical().to_string().into())
}

/// Checks the name that a `via` gives this gateway: a token, for it is no address.
pub(crate) fn check_via(via: Option<&str>) -> Result<(), ConfigError> {
    match via.filter(|name| !fields::is_token(name.as_bytes())) {
        None => Ok(()),
        Some(name) => {
            Err(config_error("/options/via", "a name without spaces, as gateway", format!("{name:?}")))
        }
    }
}
