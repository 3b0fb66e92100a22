//! `options` of the guard in `zilla.yaml`.

use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Options of the `x509` guard.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct X509Options {
    /// Field of the certificate that says who it is.
    #[serde(default = "identity_default")]
    pub identity: String,
    /// Attributes of the session, each with its field.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// Roles, each with conditions of which one has to hold: patterns by field, all of which have to fit.
    #[serde(default)]
    pub roles: BTreeMap<String, Vec<BTreeMap<String, String>>>,
}

fn identity_default() -> String {
    "subject.dn".to_owned()
}

/// A key as a part of a place (RFC 6901, section 3).
pub(crate) fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}
