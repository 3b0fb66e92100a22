//! An issuer for tests. Its keys are those of RFC 7515 (A.2, A.3), RFC 8037 (A.1), and one for P-384.

use crate::Jwt;
use crate::token::decode;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::sign;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use zilla_sdk::testing::GuardHarness;

/// When a test's clock begins, in seconds since 1970.
pub(super) const NOW: u64 = 1_767_225_600;

/// A secret of 32 octets.
pub(super) const SECRET: &[u8; 32] = b"0123456789abcdef0123456789abcdef";

/// The public keys, called `rsa`, `p256`, `p384` and `ed25519`, and the secret, `oct`.
pub(super) fn keys() -> Vec<Value> {
    let mut keys: Vec<Value> = serde_json::from_str(include_str!("keys/public.json")).unwrap();
    keys.push(json!({"kty": "oct", "kid": "oct", "alg": "HS256", "k": encode(SECRET)}));
    keys
}

/// A key by its name.
pub(super) fn key(name: &str) -> Value {
    keys().into_iter().find(|key| key["kid"] == name).unwrap()
}

/// A guard with all keys, and `more` options.
pub(super) fn guard_with(more: Value) -> GuardHarness<Jwt> {
    let mut options = json!({"issuer": "https://issuer", "audience": "api", "keys": keys()});
    options.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    GuardHarness::attach(&json!({ "options": options }).to_string()).unwrap()
}

/// A guard with all keys.
pub(super) fn guard() -> GuardHarness<Jwt> {
    guard_with(json!({}))
}

/// Claims that are accepted for a minute.
pub(super) fn claims() -> Value {
    json!({"iss": "https://issuer", "aud": "api", "sub": "alice", "scope": "read write", "exp": NOW + 60})
}

/// Those claims, with others.
pub(super) fn claims_with(more: Value) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    claims
}

/// The private key of a name.
pub(super) fn private(name: &str) -> EncodingKey {
    match name {
        "rsa" => EncodingKey::from_rsa_der(include_bytes!("keys/rsa.der")),
        "p256" => EncodingKey::from_ec_der(include_bytes!("keys/p256.der")),
        "p384" => EncodingKey::from_ec_der(include_bytes!("keys/p384.der")),
        "ed25519" => EncodingKey::from_ed_der(include_bytes!("keys/ed25519.der")),
        "oct" => EncodingKey::from_secret(SECRET),
        other => panic!("no key is called {other}"),
    }
}

/// A token of any text as header and claims.
pub(super) fn sign_text(header: &str, claims: &str, algorithm: Algorithm, name: &str) -> String {
    let signed = format!("{}.{}", encode(header), encode(claims));
    let signature = sign(signed.as_bytes(), &private(name), algorithm).unwrap();
    format!("{signed}.{signature}")
}

/// A token that names its key.
pub(super) fn token(claims: &Value, algorithm: Algorithm, name: &str) -> String {
    let header = json!({"alg": format!("{algorithm:?}"), "kid": name});
    sign_text(&header.to_string(), &claims.to_string(), algorithm, name)
}

pub(super) fn encode(octets: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(octets)
}

/// Which algorithms there are a key for.
pub(super) const EVERY: [(Algorithm, &str); 10] = [
    (Algorithm::RS256, "rsa"),
    (Algorithm::RS384, "rsa"),
    (Algorithm::RS512, "rsa"),
    (Algorithm::PS256, "rsa"),
    (Algorithm::PS384, "rsa"),
    (Algorithm::PS512, "rsa"),
    (Algorithm::ES256, "p256"),
    (Algorithm::ES384, "p384"),
    (Algorithm::EdDSA, "ed25519"),
    (Algorithm::HS256, "oct"),
];

#[test]
fn tokens_of_this_issuer_are_three_parts() {
    let token = token(&claims(), Algorithm::EdDSA, "ed25519");
    let parts: Vec<_> = token.split('.').map(|part| decode(part).unwrap()).collect();
    assert_eq!(parts.len(), 3);
    assert_eq!(parts[2].len(), 64);
}
