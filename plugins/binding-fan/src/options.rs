//! `options:` of the binding in `zilla.yaml`.

use zilla_sdk::prelude::*;

/// Options of a `fan` binding.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct FanOptions {
    /// Octets that a member may be behind the exit before all wait for it; default 262144, 256 KiB.
    #[schemars(range(min = 1, max = 16_777_216))]
    pub behind: u32,
    /// What becomes of a member that all wait for; default `drop-member`.
    pub slow: Slow,
    /// How long all wait for a slow member to catch up to half of `behind`, in ms; default 1000.
    #[schemars(range(min = 1, max = 60_000))]
    pub patience: u32,
    /// Octets of a message that comes in several pieces; default 262144, 256 KiB.
    #[schemars(range(min = 1, max = 8_388_608))]
    pub message: u32,
}

/// What becomes of a member that is further behind than it may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Slow {
    /// All wait for it as long as `patience` says, then it is reset.
    #[default]
    DropMember,
    /// All wait for it, however long it takes.
    Wait,
}

impl Default for FanOptions {
    fn default() -> Self {
        Self { behind: 256 << 10, slow: Slow::default(), patience: 1_000, message: 256 << 10 }
    }
}
