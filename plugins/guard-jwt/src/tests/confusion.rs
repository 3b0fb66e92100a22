//! A token does not choose how it is checked: RFC 8725, section 2.1 and 3.1.

use super::issuer::{EVERY, claims, encode, guard, guard_with, key, sign_text, token};
use jsonwebtoken::crypto::sign;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::json;

/// A token whose header is this, and whose signature is good for that key and algorithm.
fn claims_signed(header: &str, algorithm: Algorithm, name: &str) -> String {
    sign_text(header, &claims().to_string(), algorithm, name)
}

#[test]
fn none_is_no_algorithm_in_any_spelling() {
    let mut guard = guard();
    for none in ["none", "None", "NONE", "nOnE", ""] {
        for kid in ["", r#","kid":"ed25519""#, r#","kid":null"#] {
            let unsigned =
                format!("{}.{}", encode(format!(r#"{{"alg":"{none}"{kid}}}"#)), encode(claims().to_string()));
            for signature in ["", "AA"] {
                let refused = guard.authorize(format!("{unsigned}.{signature}")).unwrap_err();
                assert_eq!(refused.reason(), "the header's algorithm is none that is known", "{none}{kid}");
            }
        }
    }
}

#[test]
fn a_public_key_is_no_secret() {
    let mut guard = guard();
    for name in ["rsa", "p256", "ed25519"] {
        let public = key(name);
        let header = format!(r#"{{"alg":"HS256","kid":"{name}"}}"#);
        let signed = format!("{}.{}", encode(header), encode(claims().to_string()));
        let member = if name == "rsa" { "n" } else { "x" };
        let octets = crate::token::decode(public[member].as_str().unwrap()).unwrap();
        for secret in [octets, public[member].as_str().unwrap().into(), public.to_string().into_bytes()] {
            let key = EncodingKey::from_secret(&secret);
            let signature = sign(signed.as_bytes(), &key, Algorithm::HS256).unwrap();
            let refused = guard.authorize(format!("{signed}.{signature}")).unwrap_err();
            assert_eq!(refused.reason(), "the key is not for the token's algorithm", "{name}");
        }
    }
}

#[test]
fn an_algorithm_of_another_family_is_refused_whatever_the_signature() {
    let mut guard = guard();
    for (algorithm, name) in EVERY {
        for (claimed, other) in EVERY.into_iter().filter(|(_, other)| *other != name) {
            let header = format!(r#"{{"alg":"{claimed:?}","kid":"{name}"}}"#);
            let refused = guard.authorize(claims_signed(&header, algorithm, name)).unwrap_err();
            assert_eq!(refused.reason(), "the key is not for the token's algorithm", "{algorithm:?} {other}");
        }
    }
}

#[test]
fn a_key_with_an_algorithm_is_for_no_other_of_its_family() {
    let mut rsa = key("rsa");
    rsa["alg"] = json!("RS256");
    let mut guard = guard_with(json!({"keys": [rsa]}));
    assert!(guard.authorize(token(&claims(), Algorithm::RS256, "rsa")).is_ok());
    for other in [Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS512] {
        let refused = guard.authorize(token(&claims(), other, "rsa")).unwrap_err();
        assert_eq!(refused.reason(), "the key is not for the token's algorithm", "{other:?}");
    }
}

#[test]
fn the_key_is_the_one_that_is_named() {
    let mut guard = guard();
    for header in [r#"{"alg":"EdDSA","kid":"other"}"#, r#"{"alg":"EdDSA"}"#, r#"{"alg":"EdDSA","kid":""}"#] {
        let refused = guard.authorize(claims_signed(header, Algorithm::EdDSA, "ed25519")).unwrap_err();
        assert_eq!(refused.reason(), "no key is called as the token's", "{header}");
    }
    let header = r#"{"alg":"EdDSA","kid":7}"#;
    assert!(guard.authorize(claims_signed(header, Algorithm::EdDSA, "ed25519")).is_err());
}

#[test]
fn a_key_without_a_name_is_for_tokens_that_name_none() {
    let mut nameless = key("ed25519");
    nameless.as_object_mut().unwrap().remove("kid");
    let mut guard = guard_with(json!({"keys": [nameless, key("p256")]}));
    assert!(guard.authorize(claims_signed(r#"{"alg":"EdDSA"}"#, Algorithm::EdDSA, "ed25519")).is_ok());
    assert!(guard.authorize(token(&claims(), Algorithm::ES256, "p256")).is_ok());
    assert!(guard.authorize(token(&claims(), Algorithm::EdDSA, "ed25519")).is_err());
    assert!(guard.authorize(claims_signed(r#"{"alg":"ES256"}"#, Algorithm::ES256, "p256")).is_err());
}

#[test]
fn what_is_critical_is_refused() {
    let mut guard = guard();
    for crit in [r#"["exp"]"#, "[]", "null", r#""b64""#] {
        let header = format!(r#"{{"alg":"EdDSA","kid":"ed25519","exp":1,"crit":{crit}}}"#);
        let refused = guard.authorize(claims_signed(&header, Algorithm::EdDSA, "ed25519")).unwrap_err();
        assert_eq!(refused.reason(), "the header has critical extensions", "{crit}");
    }
}

#[test]
fn keys_that_a_token_brings_along_are_not_looked_at() {
    let mut guard = guard_with(json!({"keys": [key("rsa")]}));
    let header =
        json!({"alg": "EdDSA", "kid": "rsa", "jwk": key("ed25519"), "jku": "https://evil/jwks.json"});
    assert!(guard.authorize(claims_signed(&header.to_string(), Algorithm::EdDSA, "ed25519")).is_err());
}
