//! `options:` of a client in `zilla.yaml`.

use crate::deflate::WsDeflate;
use crate::options::{self, WsLimits, WsPing, WsTimeouts};
use schemars::JsonSchema;
use serde::Deserialize;
use zilla_sdk::{ConfigError, config_error};

/// Options of a `ws` binding of kind `client`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct WsClientOptions {
    /// What is asked for where a stream does not say.
    pub defaults: WsDefaults,
    /// Names of fields that the server gets where the stream has them, in lower case; `*` is any octets.
    pub headers: Vec<String>,
    /// What messages may take.
    pub limits: WsLimits,
    /// How long things may take.
    pub timeouts: WsTimeouts,
    /// Asking servers whether they are still there.
    pub ping: WsPing,
    /// Compression of messages; without it, none is offered.
    pub permessage_deflate: Option<WsDeflate>,
}

/// What is asked for where a stream does not say.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WsDefaults {
    /// The subprotocol.
    pub protocol: Option<String>,
    /// `http` or `https`; `http` if this is absent as well.
    pub scheme: Option<String>,
    /// `host:port`.
    pub authority: Option<String>,
    /// The path; `/` if this is absent as well.
    pub path: Option<String>,
}

impl WsClientOptions {
    /// Checks what the types cannot say.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if let Some(scheme) =
            self.defaults.scheme.as_deref().filter(|scheme| !["http", "https"].contains(scheme))
        {
            return Err(config_error("/options/defaults/scheme", "http or https", format!("{scheme:?}")));
        }
        if let Some(at) =
            self.headers.iter().position(|name| name.bytes().any(|octet| octet.is_ascii_uppercase()))
        {
            let found = format!("{:?}", self.headers[at]);
            return Err(config_error(&format!("/options/headers/{at}"), "a name in lower case", found));
        }
        let deflate = self.permessage_deflate.as_ref();
        options::check(&self.limits, &self.timeouts, &self.ping, deflate)
    }
}
