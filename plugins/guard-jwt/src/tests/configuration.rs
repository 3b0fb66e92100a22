//! What of a configuration is refused, and where.

use super::issuer::{encode, key, keys};
use crate::Jwt;
use crate::keys::KEYS_MAX;
use serde_json::{Value, json};
use zilla_sdk::testing::GuardHarness;

/// Where a configuration is wrong, what was expected and what was found.
fn error(options: Value) -> (String, String, String) {
    let mut all = json!({"issuer": "i", "audience": "a", "keys": keys()});
    all.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    let attached = GuardHarness::<Jwt>::attach(&json!({ "options": all }).to_string());
    let error = attached.unwrap_err().remove(0);
    (error.path, error.expected, error.found)
}

/// What is wrong with a key: the member, and what was expected of it.
fn key_error(name: &str, more: Value) -> (String, String) {
    let mut key = key(name);
    key.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let (path, expected, _) = error(json!({ "keys": [key] }));
    (path.strip_prefix("/options/keys/0/").unwrap().to_owned(), expected)
}

#[test]
fn there_is_a_key_and_not_too_many() {
    assert_eq!(error(json!({"keys": []})).0, "/options/keys");
    let many: Vec<Value> = (0..=KEYS_MAX)
        .map(|index| {
            let mut one = key("ed25519");
            one["kid"] = json!(index.to_string());
            one
        })
        .collect();
    assert_eq!(error(json!({"keys": many})).2, "65");
    let most = json!({"issuer": "i", "audience": "a", "keys": &many[1..]});
    assert!(GuardHarness::<Jwt>::attach(&json!({ "options": most }).to_string()).is_ok());
}

#[test]
fn two_keys_that_a_token_could_mean_are_refused() {
    let (path, _, found) = error(json!({"keys": [key("rsa"), key("rsa")]}));
    assert_eq!((&*path, &*found), ("/options/keys/1/kid", "Some(\"rsa\")"));
    let mut other = key("p256");
    other["kid"] = json!("rsa");
    let both = json!({"issuer": "i", "audience": "a", "keys": [key("rsa"), other]});
    assert!(GuardHarness::<Jwt>::attach(&json!({ "options": both }).to_string()).is_ok());
}

#[test]
fn an_rsa_key_has_a_size_and_an_exponent() {
    let modulus = |octets: usize| encode([vec![0x80], vec![1; octets - 1]].concat());
    assert_eq!(key_error("rsa", json!({"n": modulus(255)})).1, "a modulus of 2048 to 4096 bits");
    assert_eq!(key_error("rsa", json!({"n": modulus(513)})).0, "n");
    assert_eq!(key_error("rsa", json!({"n": encode([0; 256])})).0, "n");
    assert_eq!(key_error("rsa", json!({"n": encode([0xfe; 256])})).0, "n");
    for exponent in [&[1][..], &[2], &[0, 1], &[], &[0xff; 9]] {
        assert_eq!(key_error("rsa", json!({"e": encode(exponent)})).0, "e", "{exponent:?}");
    }
}

#[test]
fn a_point_is_on_its_curve_and_of_its_size() {
    assert_eq!(key_error("p256", json!({"x": encode([1; 32])})).1, "a point on the curve");
    assert_eq!(key_error("p256", json!({"x": encode([1; 31])})).1, "32 octets");
    assert_eq!(key_error("p384", json!({"y": encode([1; 32])})).1, "48 octets");
    assert_eq!(key_error("p256", json!({"crv": "P-521"})).1, "P-256 or P-384");
    assert_eq!(key_error("ed25519", json!({"crv": "Ed448"})).1, "Ed25519");
    assert_eq!(key_error("ed25519", json!({"x": encode([1; 31])})).1, "32 octets");
}

#[test]
fn a_secret_names_its_algorithm_and_is_as_long_as_its_hash() {
    assert_eq!(key_error("oct", json!({"alg": null})).0, "alg");
    assert_eq!(key_error("oct", json!({"alg": "RS256"})).0, "alg");
    assert_eq!(key_error("oct", json!({"k": encode([1; 31])})).1, "32 to 1024 octets");
    assert_eq!(key_error("oct", json!({"alg": "HS512"})).1, "64 to 1024 octets");
    assert_eq!(key_error("oct", json!({"k": encode([1; 1_025])})).0, "k");
}

#[test]
fn a_key_is_public_for_signatures_and_for_its_own_algorithms() {
    assert_eq!(key_error("rsa", json!({"d": "AQAB"})).0, "d");
    assert_eq!(key_error("rsa", json!({"use": "enc"})).0, "use");
    assert_eq!(key_error("p256", json!({"alg": "ES384"})), ("alg".into(), "one of ES256".into()));
    assert_eq!(key_error("rsa", json!({"alg": "none"})).0, "alg");
    assert_eq!(key_error("rsa", json!({"kty": "DSA"})).1, "one of RSA, EC, OKP, oct");
    assert_eq!(key_error("rsa", json!({"n": null})).1, "base64url");
    assert_eq!(key_error("rsa", json!({"n": "a+b="})).1, "base64url without padding");
}

#[test]
fn a_place_of_keys_is_a_url_with_somebody_to_trust_or_without() {
    let error_of = |options: Value| {
        let (path, expected, found) = error(options);
        format!("{path}: {expected}, {found}")
    };
    assert!(error_of(json!({"keys": "ftp://a"})).starts_with("/options/keys: a list of keys, or a URL"));
    assert!(error_of(json!({"keys": {"url": "a"}})).starts_with("/options/keys/url: "));
    for (keys, found) in [
        (json!({"url": "https://a", "vault": "v"}), "`vault` alone"),
        (json!({"url": "https://a", "trust": ["t"]}), "`trust` alone"),
        (json!({"url": "http://a", "vault": "v", "trust": ["t"]}), "http"),
        (json!({"url": "https://a", "refresh": 0}), "0"),
        (json!({"url": "https://a", "refresh": 86_401}), "86401"),
        (json!({}), "`i/.well-known/jwks.json`"),
    ] {
        assert_eq!(error(json!({ "keys": keys })).2, found, "{keys}");
    }
}

#[test]
fn leeway_has_a_bound() {
    assert_eq!(error(json!({"leeway": 601})).0, "/options/leeway");
}

#[test]
fn a_secret_is_in_no_debug_output() {
    let attached = GuardHarness::<Jwt>::attach(
        &json!({"options": {"issuer": "i", "audience": "a", "keys": [key("oct")]}}).to_string(),
    );
    let shown = format!("{:?}", attached.unwrap());
    assert!(shown.contains("HS256") && !shown.contains("MDEy"), "{shown}");
}
