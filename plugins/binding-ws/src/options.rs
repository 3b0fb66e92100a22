//! `options:` in `zilla.yaml`: what both kinds have, and those of a server.

use crate::deflate::WsDeflate;
use schemars::JsonSchema;
use serde::Deserialize;
use zilla_sdk::{ConfigError, config_error};

/// Options of a `ws` binding of kind `server`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct WsOptions {
    /// What messages may take.
    pub limits: WsLimits,
    /// How long things may take.
    pub timeouts: WsTimeouts,
    /// Asking peers whether they are still there.
    pub ping: WsPing,
    /// Compression of messages; without it, none are compressed.
    pub permessage_deflate: Option<WsDeflate>,
}

/// What messages may take.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct WsLimits {
    /// Longest payload of one frame that is taken, in octets.
    #[schemars(range(min = 125))]
    pub frame_bytes: u64,
    /// Longest message that is taken, in octets, all of its frames together.
    #[schemars(range(min = 125))]
    pub message_bytes: u64,
}

impl Default for WsLimits {
    fn default() -> Self {
        Self { frame_bytes: 16 << 20, message_bytes: 64 << 20 }
    }
}

/// How long things may take, in ms.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct WsTimeouts {
    /// From one close frame to the one that answers it, and from there to the end of the connection; at least 1.
    #[schemars(range(min = 1))]
    pub close_ms: u64,
}

impl Default for WsTimeouts {
    fn default() -> Self {
        Self { close_ms: 5_000 }
    }
}

/// Asking peers whether they are still there.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct WsPing {
    /// A peer that was silent for so long is sent a ping, in ms; 0 never.
    pub interval_ms: u64,
    /// How long a peer may then stay silent, in ms, before its connection is given up; at least 1.
    #[schemars(range(min = 1))]
    pub timeout_ms: u64,
}

impl Default for WsPing {
    fn default() -> Self {
        Self { interval_ms: 0, timeout_ms: 20_000 }
    }
}

impl WsOptions {
    /// Checks what the types cannot say.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        check(&self.limits, &self.timeouts, &self.ping, self.permessage_deflate.as_ref())
    }
}

/// Checks what both kinds have, where the schema was not.
pub(crate) fn check(
    limits: &WsLimits,
    timeouts: &WsTimeouts,
    ping: &WsPing,
    deflate: Option<&WsDeflate>,
) -> Result<(), ConfigError> {
    deflate.map_or(Ok(()), WsDeflate::check)?;
    at_least("/options/limits/frame-bytes", limits.frame_bytes, 125)?;
    at_least("/options/limits/message-bytes", limits.message_bytes, 125)?;
    at_least("/options/timeouts/close-ms", timeouts.close_ms, 1)?;
    at_least("/options/ping/timeout-ms", ping.timeout_ms, 1)
}

fn at_least(pointer: &str, value: u64, min: u64) -> Result<(), ConfigError> {
    if value >= min {
        return Ok(());
    }
    Err(config_error(pointer, format!("at least {min}"), value.to_string()))
}
