//! An issuer of tokens, with a key that nobody else has.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use rcgen::{KeyPair, PKCS_ED25519, SigningKey as _};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

/// An issuer.
pub(crate) struct Issuer {
    name: &'static str,
    key: KeyPair,
}

impl Issuer {
    /// One whose key has that name.
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, key: KeyPair::generate_for(&PKCS_ED25519).expect("a key of Ed25519") }
    }

    /// Its public key, as JSON, which is YAML as well.
    pub(crate) fn jwk(&self) -> Value {
        json!({"kty": "OKP", "crv": "Ed25519", "kid": self.name, "x": encode(self.key.public_key_raw())})
    }

    /// A token of somebody for the audience `api`, for so many seconds from now.
    pub(crate) fn token(&self, subject: &str, scope: &str, seconds: i64) -> String {
        let exp = unix_seconds() + seconds;
        self.sign(&json!({"iss": "issuer", "aud": "api", "sub": subject, "scope": scope, "exp": exp}))
    }

    /// A token with these claims.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        let header = json!({"alg": "EdDSA", "kid": self.name}).to_string();
        let signed = format!("{}.{}", encode(header.as_bytes()), encode(claims.to_string().as_bytes()));
        let signature = self.key.sign(signed.as_bytes()).expect("a signature");
        format!("{signed}.{}", encode(&signature))
    }
}

/// The time, in seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "tokens are for the clock that the host has")]
pub(crate) fn unix_seconds() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than 1970");
    i64::try_from(now.as_secs()).expect("and not that much")
}

fn encode(octets: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(octets)
}
