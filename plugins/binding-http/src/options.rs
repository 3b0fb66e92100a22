//! `options:` of the binding in `zilla.yaml`.

use crate::access::HttpAccessControl;
use crate::authorization::HttpAuthorization;
use crate::fields;
use crate::forwarded::{self, HttpForwarded};
use crate::h2::HttpH2Limits;
use crate::head::HEADERS_MAX;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use zilla_sdk::{ConfigError, config_error};

/// A version of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum HttpVersion {
    /// HTTP/1.1, and HTTP/1.0 with it.
    #[serde(rename = "http/1.1")]
    Http11,
    /// HTTP/2
    #[serde(rename = "h2")]
    H2,
}

/// Options of a `http` binding.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct HttpOptions {
    /// Versions to serve, at least one.
    pub versions: Vec<HttpVersion>,
    /// Request headers to set after routing, by lower-case name; pseudo-headers such as `:authority` too.
    pub overrides: BTreeMap<String, String>,
    /// Whether responses get a `date` where the exit gives none.
    pub date: bool,
    /// Whether POST, PUT and PATCH without content-length and transfer-encoding are refused with 411,
    /// instead of having an empty body.
    pub length_required: bool,
    /// Which guard checks credentials, and where requests have them.
    #[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
    pub authorization: Option<HttpAuthorization>,
    /// Which web pages may ask; without it, none is refused.
    pub access_control: Option<HttpAccessControl>,
    /// Who answers a client that waits with its body.
    pub expect: HttpExpect,
    /// What exits are told of the client.
    pub forwarded: HttpForwarded,
    /// The name that `via` gives this gateway, in requests and responses; without it, there is no `via`.
    pub via: Option<String>,
    /// Protocols that a request may switch its connection to, as `websocket`: handed on in `upgrade`, for
    /// routes to decide on. Asking for others is not handed on.
    pub upgrade: Vec<String>,
    /// What a request may take.
    pub limits: HttpLimits,
    /// How long things may take.
    pub timeouts: HttpTimeouts,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            versions: vec![HttpVersion::Http11, HttpVersion::H2],
            overrides: BTreeMap::new(),
            date: true,
            length_required: false,
            authorization: None,
            access_control: None,
            expect: HttpExpect::default(),
            forwarded: HttpForwarded::default(),
            via: None,
            upgrade: Vec::new(),
            limits: HttpLimits::default(),
            timeouts: HttpTimeouts::default(),
        }
    }
}

/// Who answers a client that waits with its body (RFC 9110, 10.1.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HttpExpect {
    /// The binding, as soon as the exit has had its chance to refuse the request.
    #[default]
    Answer,
    /// The exit: the expectation is handed on, and its `100` comes back.
    Pass,
}

/// What a request may take.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct HttpLimits {
    /// Longest request line in octets; a longer one is answered with 414.
    #[schemars(range(min = 16, max = 1_048_576))]
    pub request_line_bytes: u32,
    /// Longest head in octets, request line and empty line included, and longest trailers; a longer one is
    /// answered with 431.
    #[schemars(range(min = 16, max = 1_048_576))]
    pub header_bytes: u32,
    /// Most header fields; more are answered with 431.
    #[schemars(range(min = 1, max = 128))]
    pub header_count: u32,
    /// Longest body in octets, 0 for any; a longer one is answered with 413.
    pub body_bytes: u64,
    /// What a connection of HTTP/2 may take besides.
    pub h2: HttpH2Limits,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            request_line_bytes: 8_192,
            header_bytes: 16_384,
            header_count: 100,
            body_bytes: 0,
            h2: HttpH2Limits::default(),
        }
    }
}

/// How long things may take, in ms; 0 is for ever.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct HttpTimeouts {
    /// From the first octet of a head, or from the start of the connection, to the end of the head.
    pub header_read_ms: u64,
    /// Between two pieces of a request body, while the exit would take more.
    pub body_read_ms: u64,
    /// Between two pieces of a response that the client takes.
    pub write_ms: u64,
    /// Between two requests on a connection.
    pub idle_ms: u64,
    /// For an idle connection to send one more request when its generation ends, at least 1.
    #[schemars(range(min = 1))]
    pub drain_idle_ms: u64,
    /// From the end of a request to the begin of its response.
    pub response_ms: u64,
    /// From the SETTINGS of HTTP/2 to their acknowledgement.
    pub settings_ms: u64,
}

impl Default for HttpTimeouts {
    fn default() -> Self {
        Self {
            header_read_ms: 60_000,
            body_read_ms: 60_000,
            write_ms: 60_000,
            idle_ms: 75_000,
            drain_idle_ms: 1_000,
            response_ms: 0,
            settings_ms: 60_000,
        }
    }
}

impl HttpOptions {
    /// Checks what the types cannot say.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if self.versions.is_empty() {
            return Err(config_error("/options/versions", "http/1.1, h2 or both", "none"));
        }
        check_upgrade(&self.upgrade)?;
        forwarded::check_via(self.via.as_deref())?;
        if self.timeouts.drain_idle_ms == 0 {
            return Err(config_error("/options/timeouts/drain-idle-ms", "at least 1", "0"));
        }
        let limits = &self.limits;
        limits.h2.check()?;
        within("/options/limits/request-line-bytes", limits.request_line_bytes, 16, BYTES_MAX)?;
        within("/options/limits/header-bytes", limits.header_bytes, 16, BYTES_MAX)?;
        within("/options/limits/header-count", limits.header_count, 1, HEADERS_MAX as u32)
    }
}

/// Checks a number where the schema was not.
pub(crate) fn within(pointer: &str, value: u32, min: u32, max: u32) -> Result<(), ConfigError> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(config_error(pointer, format!("a number from {min} to {max}"), value.to_string()))
}

/// Names of protocols, which are written into heads.
pub(crate) fn check_upgrade(protocols: &[String]) -> Result<(), ConfigError> {
    for (index, protocol) in protocols.iter().enumerate() {
        if !fields::is_token(protocol.as_bytes()) || protocol.eq_ignore_ascii_case("h2c") {
            let pointer = format!("/options/upgrade/{index}");
            let expected = "a protocol that an octet stream can carry, as websocket";
            return Err(config_error(&pointer, expected, format!("{protocol:?}")));
        }
    }
    Ok(())
}

/// Most that `header-bytes` and `request-line-bytes` can be set to, in octets.
pub(crate) const BYTES_MAX: u32 = 1_048_576;

/// Limits as the decoders read them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) request_line_bytes: usize,
    pub(crate) header_bytes: usize,
    pub(crate) header_count: usize,
    /// `u64::MAX` for any.
    pub(crate) body_bytes: u64,
    pub(crate) length_required: bool,
    /// What the host allows for one attribute block.
    pub(crate) attributes_octets: usize,
    pub(crate) h2: HttpH2Limits,
}

impl Limits {
    pub(crate) fn new(options: &HttpOptions, attributes_octets: u32) -> Self {
        let limits = &options.limits;
        Self {
            request_line_bytes: limits.request_line_bytes as usize,
            header_bytes: limits.header_bytes as usize,
            header_count: limits.header_count as usize,
            body_bytes: if limits.body_bytes == 0 { u64::MAX } else { limits.body_bytes },
            length_required: options.length_required,
            attributes_octets: attributes_octets as usize,
            h2: limits.h2,
        }
    }
}
