//! `options:` of a client in `zilla.yaml`.

use crate::authorization::HttpAuthorization;
use crate::h2::HttpH2Limits;
use crate::head::HEADERS_MAX;
use crate::options::{self, HttpVersion, Limits};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use zilla_sdk::{ConfigError, config_error};

/// Options of a `http` binding of kind `client`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct HttpClientOptions {
    /// Versions to speak, at least one. Of both, what TLS agrees on with the origin decides; without that, HTTP/1.1 is
    /// spoken. `h2` alone is spoken without being agreed on, too.
    pub versions: Vec<HttpVersion>,
    /// Request headers to set, by lower-case name; pseudo-headers such as `:authority` too.
    pub overrides: BTreeMap<String, String>,
    /// Which guard has the credentials that origins are shown, and where they are put, in the place of what a request
    /// brings.
    pub authorization: Option<HttpAuthorization>,
    /// Protocols that a request may switch its connection to, as `websocket`. Asking for others is not
    /// handed on.
    pub upgrade: Vec<String>,
    /// What origins and responses may take.
    pub limits: HttpClientLimits,
    /// How long things may take.
    pub timeouts: HttpClientTimeouts,
}

impl Default for HttpClientOptions {
    fn default() -> Self {
        Self {
            versions: vec![HttpVersion::Http11, HttpVersion::H2],
            overrides: BTreeMap::new(),
            authorization: None,
            upgrade: Vec::new(),
            limits: HttpClientLimits::default(),
            timeouts: HttpClientTimeouts::default(),
        }
    }
}

/// What origins and responses may take.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct HttpClientLimits {
    /// Most connections to one origin, on each worker. As many more may end with what they have, as it told them to.
    #[schemars(range(min = 1, max = 65_535))]
    pub connections: u32,
    /// Most connections to one origin that are kept while they have no request; 0 keeps none.
    #[schemars(range(max = 65_535))]
    pub idle_connections: u32,
    /// Most requests to one origin that wait for a connection; one more is refused.
    #[schemars(range(max = 65_535))]
    pub waiting_requests: u32,
    /// Longest head of a response in octets, and longest trailers.
    #[schemars(range(min = 16, max = 1_048_576))]
    pub header_bytes: u32,
    /// Most header fields of a response.
    #[schemars(range(min = 1, max = 128))]
    pub header_count: u32,
    /// What a connection of HTTP/2 may take besides.
    pub h2: HttpH2Limits,
}

impl Default for HttpClientLimits {
    fn default() -> Self {
        Self {
            connections: 10,
            idle_connections: 10,
            waiting_requests: 100,
            header_bytes: 16_384,
            header_count: 100,
            h2: HttpH2Limits::default(),
        }
    }
}

/// How long things may take, in ms; 0 is for ever.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct HttpClientTimeouts {
    /// For a request to get a connection where all are in use.
    pub waiting_ms: u64,
    /// From the end of a request to the end of the head of its response.
    pub response_ms: u64,
    /// Between two pieces of a response, while its receiver would take more.
    pub body_read_ms: u64,
    /// Between two pieces of a request that the origin takes.
    pub write_ms: u64,
    /// For a connection that has no request.
    pub idle_ms: u64,
    /// From the SETTINGS of HTTP/2 to their acknowledgement.
    pub settings_ms: u64,
}

impl Default for HttpClientTimeouts {
    fn default() -> Self {
        Self {
            waiting_ms: 10_000,
            response_ms: 60_000,
            body_read_ms: 60_000,
            write_ms: 60_000,
            idle_ms: 60_000,
            settings_ms: 60_000,
        }
    }
}

/// Most that the limits of an origin can be set to.
const COUNT_MAX: u32 = 65_535;

impl HttpClientOptions {
    /// Checks what the types cannot say.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let limits = &self.limits;
        if self.versions.is_empty() {
            return Err(config_error("/options/versions", "http/1.1, h2 or both", "none"));
        }
        limits.h2.check()?;
        options::check_upgrade(&self.upgrade)?;
        options::within("/options/limits/connections", limits.connections, 1, COUNT_MAX)?;
        options::within("/options/limits/idle-connections", limits.idle_connections, 0, COUNT_MAX)?;
        options::within("/options/limits/waiting-requests", limits.waiting_requests, 0, COUNT_MAX)?;
        options::within("/options/limits/header-bytes", limits.header_bytes, 16, options::BYTES_MAX)?;
        options::within("/options/limits/header-count", limits.header_count, 1, HEADERS_MAX as u32)
    }

    /// As the decoder of a body reads them.
    pub(crate) fn body_limits(&self, attributes_octets: u32) -> Limits {
        let limits = &self.limits;
        Limits {
            request_line_bytes: limits.header_bytes as usize,
            header_bytes: limits.header_bytes as usize,
            header_count: limits.header_count as usize,
            body_bytes: u64::MAX,
            length_required: false,
            attributes_octets: attributes_octets as usize,
            h2: limits.h2,
        }
    }
}
