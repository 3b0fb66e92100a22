//! `options` of the guard in `zilla.yaml`.

use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Options of the `jwt` guard.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JwtOptions {
    /// Who must have issued a token: its `iss`.
    #[schemars(length(min = 1))]
    pub issuer: String,
    /// Whom a token must be for: its `aud`, or one of them.
    #[schemars(length(min = 1))]
    pub audience: String,
    /// Keys to check tokens with: a list of JSON Web Keys, or where they are fetched from. Unless given, from
    /// `/.well-known/jwks.json` of the issuer.
    #[serde(default)]
    pub keys: JwtKeys,
    /// Path of the claim that has the roles, as `realm_access.roles`: a list, or text with spaces between.
    #[serde(default = "roles_default")]
    #[schemars(length(min = 1))]
    pub roles: String,
    /// Path of the claim that says who it is.
    #[serde(default = "identity_default")]
    #[schemars(length(min = 1))]
    pub identity: String,
    /// Attributes of the session, each with the path of its claim.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// How long before a token expires the client is asked for a new one, in seconds.
    #[serde(default)]
    pub challenge: Option<u64>,
    /// How far the clocks of issuer and gateway may be apart, in seconds: a token is good for that much longer, and
    /// that much earlier. At most 600.
    #[serde(default)]
    #[schemars(range(max = 600))]
    pub leeway: u64,
    /// Whether the token itself may be shown to others on behalf of who brought it, by bindings that name this guard.
    #[serde(default)]
    pub relay: bool,
}

/// Keys of the `jwt` guard.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum JwtKeys {
    /// In the file.
    Inline(Vec<Jwk>),
    /// Fetched from a URL with `https` or `http`.
    Url(String),
    /// Fetched, and how.
    Remote(RemoteKeys),
}

impl Default for JwtKeys {
    fn default() -> Self {
        Self::Remote(RemoteKeys::default())
    }
}

/// Where keys are fetched from.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RemoteKeys {
    /// A URL with `https` or `http`; `/.well-known/jwks.json` of the issuer unless given.
    pub url: Option<String>,
    /// The vault that `trust` is in.
    pub vault: Option<String>,
    /// Certificates in `vault` that the server is trusted by, by alias; the CAs of the system unless given.
    #[schemars(length(min = 1))]
    pub trust: Option<Vec<String>>,
    /// How often the keys are fetched again, in seconds: 1 to 86,400.
    #[schemars(range(min = 1, max = 86_400))]
    pub refresh: u64,
}

impl Default for RemoteKeys {
    fn default() -> Self {
        Self { url: None, vault: None, trust: None, refresh: REFRESH_SECONDS }
    }
}

/// How often keys are fetched unless the file says so: a key that is taken back counts no longer than that, and the minute
/// for which the host knows an answer.
const REFRESH_SECONDS: u64 = 300;

fn roles_default() -> String {
    "scope".to_owned()
}

fn identity_default() -> String {
    "sub".to_owned()
}

/// A JSON Web Key (RFC 7517): a public one, or a secret that issuer and gateway share. Members that are not named here
/// are read past.
#[derive(Clone, Default, Deserialize, JsonSchema)]
pub struct Jwk {
    /// Family of the key.
    pub kty: String,
    /// Name of the key, as tokens have it in their header.
    #[serde(default)]
    pub kid: Option<String>,
    /// The one algorithm that it is for; any that the key can do, unless given.
    #[serde(default)]
    pub alg: Option<String>,
    /// `sig`, if given.
    #[serde(default, rename = "use")]
    pub usage: Option<String>,
    /// RSA: the modulus.
    #[serde(default)]
    pub n: Option<String>,
    /// RSA: the exponent.
    #[serde(default)]
    pub e: Option<String>,
    /// EC, OKP: the curve.
    #[serde(default)]
    pub crv: Option<String>,
    /// EC, OKP: the point, or its first coordinate.
    #[serde(default)]
    pub x: Option<String>,
    /// EC: the second coordinate.
    #[serde(default)]
    pub y: Option<String>,
    /// oct: the secret.
    #[serde(default)]
    pub k: Option<String>,
    /// The private part, which is none of the gateway's business: refused.
    #[serde(default)]
    pub d: Option<String>,
}

impl std::fmt::Debug for Jwk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Jwk").field("kty", &self.kty).field("kid", &self.kid).finish_non_exhaustive()
    }
}
