//! What `plugins` in `zilla.yaml` says of a type: what an instance may use, and which file is trusted.

use std::time::Duration;
use zilla_config::{Isolation, PluginSettings};
use zilla_engine::Quota;

/// How the plugins of one type are run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginOptions {
    /// What one instance serves.
    pub isolation: Isolation,
    /// What each instance may use.
    pub allowance: Allowance,
    /// The SHA-256 of the only file that is trusted, in hexadecimal digits; any file if none.
    pub sha256: Option<String>,
    /// The minisign public key of whoever may sign the file, in base64; unsigned files are trusted if none. The
    /// signature is beside the file, as `FILE.minisig`.
    pub minisign: Option<String>,
}

/// What one instance may use. Each limit has the name of its key in `zilla.yaml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// `memory`: linear memory in octets; growth past it is refused and logged.
    pub memory_octets: usize,
    /// `call-budget`: time of one call; past it, the call is stopped, which is a trap.
    pub call_budget: Duration,
    /// `log-rate`: lines of the log that one call may write; more are dropped, and their number is logged.
    pub log_rate: u32,
    /// `state`: what an instance may hand to its successor, in octets; more is not handed over, which is logged.
    /// At 0, nothing ever is.
    pub state_octets: usize,
    /// `streams`, `timers` and `queued-frames`.
    pub quota: Quota,
}

impl Default for Allowance {
    fn default() -> Self {
        Self {
            memory_octets: 64 << 20,
            call_budget: Duration::from_millis(50),
            log_rate: 64,
            state_octets: 1 << 20,
            quota: zilla_engine::Limits::default().quota(),
        }
    }
}

impl Default for PluginOptions {
    fn default() -> Self {
        Self { isolation: Isolation::Worker, allowance: Allowance::default(), sha256: None, minisign: None }
    }
}

impl PluginOptions {
    /// Those of a type: the defaults, with what the file says.
    pub(crate) fn of(settings: Option<&PluginSettings>) -> Self {
        let default = Allowance::default();
        let Some(settings) = settings else { return Self::default() };
        let narrow = |value: Option<u64>, default: u32| {
            value.map_or(default, |value| u32::try_from(value).unwrap_or(u32::MAX))
        };
        let octets = |value: Option<u64>, default: usize| {
            value.and_then(|octets| usize::try_from(octets).ok()).unwrap_or(default)
        };
        let quota = Quota {
            streams: narrow(settings.streams, default.quota.streams),
            timers: narrow(settings.timers, default.quota.timers),
            queued_frames: narrow(settings.queued_frames, default.quota.queued_frames),
        };
        let allowance = Allowance {
            memory_octets: octets(settings.memory_octets, default.memory_octets),
            call_budget: settings.call_budget_ms.map_or(default.call_budget, Duration::from_millis),
            log_rate: narrow(settings.log_rate, default.log_rate),
            state_octets: octets(settings.state_octets, default.state_octets),
            quota,
        };
        let isolation = settings.isolation.unwrap_or(Isolation::Worker);
        Self { isolation, allowance, sha256: settings.sha256.clone(), minisign: settings.minisign.clone() }
    }
}
