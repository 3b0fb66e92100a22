//! A token in which anything is changed is refused, and nothing that anybody sends panics.

use super::issuer::{EVERY, claims, encode, guard, guard_with, sign_text, token};
use crate::token::TOKEN_OCTETS_MAX;
use jsonwebtoken::Algorithm;
use proptest::prelude::*;
use serde_json::json;

#[test]
fn every_algorithm_is_accepted_with_its_key() {
    let mut guard = guard();
    for (algorithm, name) in EVERY {
        let session = guard.authorize(token(&claims(), algorithm, name));
        assert_eq!(session.map(|session| session.identity), Ok("alice".to_owned()), "{algorithm:?}");
    }
}

#[test]
fn each_octet_that_is_changed_has_the_token_refused() {
    let mut guard = guard();
    for (algorithm, name) in
        [(Algorithm::RS256, "rsa"), (Algorithm::ES256, "p256"), (Algorithm::EdDSA, "ed25519")]
    {
        let token = token(&claims(), algorithm, name).into_bytes();
        for at in 0..token.len() {
            // The lowest bit of a character of base64url is that of its value, or it is none of base64url.
            for change in [1, 2, 32, 128] {
                let mut changed = token.clone();
                changed[at] ^= change;
                assert!(guard.authorize(&changed).is_err(), "{algorithm:?}: octet {at} ^ {change}");
            }
        }
    }
}

#[test]
fn each_part_of_a_token_is_refused_and_so_is_anything_more() {
    let mut guard = guard();
    let token = token(&claims(), Algorithm::EdDSA, "ed25519");
    for length in 0..token.len() {
        assert!(guard.authorize(&token[..length]).is_err(), "{length} octets");
        assert!(guard.authorize(&token[length + 1..]).is_err(), "from {length}");
    }
    for more in [".", "=", " ", "\n", ".AA", "\0"] {
        assert!(guard.authorize(format!("{token}{more}")).is_err(), "{more:?} behind");
        assert!(guard.authorize(format!("{more}{token}")).is_err(), "{more:?} before");
    }
}

#[test]
fn what_is_signed_but_said_twice_is_refused() {
    let mut guard = guard();
    let header = r#"{"alg":"EdDSA","kid":"ed25519"}"#;
    let mut twice = claims().to_string();
    twice.insert_str(1, r#""sub":"mallory","#);
    for (header, claims) in [
        (header, twice),
        (r#"{"alg":"EdDSA","alg":"EdDSA","kid":"ed25519"}"#, claims().to_string()),
        (r#"{"alg":"EdDSA","kid":"rsa","kid":"ed25519"}"#, claims().to_string()),
    ] {
        assert!(guard.authorize(sign_text(header, &claims, Algorithm::EdDSA, "ed25519")).is_err());
    }
    assert!(guard.authorize(sign_text(header, &claims().to_string(), Algorithm::EdDSA, "ed25519")).is_ok());
}

#[test]
fn a_token_may_be_as_long_as_the_limit_and_no_longer() {
    let mut guard = guard();
    let with_padding = |octets: usize| {
        let mut claims = claims();
        claims["padding"] = json!("x".repeat(octets));
        token(&claims, Algorithm::EdDSA, "ed25519")
    };
    let longest = (0..TOKEN_OCTETS_MAX).rev().map(with_padding).find(|token| token.len() <= TOKEN_OCTETS_MAX);
    let longest = longest.unwrap();
    assert!(longest.len() > TOKEN_OCTETS_MAX - 4);
    assert!(guard.authorize(&longest).is_ok());
    let refused = guard.authorize("x".repeat(TOKEN_OCTETS_MAX + 1)).unwrap_err();
    assert_eq!(refused.reason(), "a token of 16385 octets, more than 16384");
}

#[test]
fn a_reason_never_has_a_part_of_the_token() {
    let mut guard = guard_with(json!({"roles": "roles"}));
    let secret = "c2VjcmV0LXNlY3JldA";
    let tokens = [
        secret.to_owned(),
        format!("{secret}.{secret}"),
        format!("{secret}.{secret}.{secret}"),
        format!("{}.{secret}.{secret}", encode(r#"{"alg":"c2VjcmV0LXNlY3JldA"}"#)),
        format!("{}.{secret}.{secret}", encode(r#"{"alg":"EdDSA","kid":"c2VjcmV0LXNlY3JldA"}"#)),
        sign_text(r#"{"alg":"EdDSA","kid":"ed25519"}"#, r#"{"iss":"secret"}"#, Algorithm::EdDSA, "ed25519"),
    ];
    for token in tokens {
        let refused = guard.authorize(&token).unwrap_err();
        assert!(!refused.reason().contains("c2Vj") && !refused.reason().contains("secret"), "{refused}");
    }
}

proptest! {
    #[test]
    fn whatever_octets_are_refused(octets: Vec<u8>) {
        prop_assert!(guard().authorize(&octets).is_err());
    }

    #[test]
    fn whatever_header_and_claims_are_refused_without_a_signature(header in ".{0,60}", claims in ".{0,60}") {
        let token = format!("{}.{}.AA", encode(header), encode(claims));
        prop_assert!(guard().authorize(token).is_err());
    }

    #[test]
    fn whatever_is_signed_does_not_panic(claims in r#"\{"(iss|aud|exp|nbf|sub|scope)":[-0-9e."a\[\]{}]{1,12}\}"#) {
        let header = r#"{"alg":"HS256","kid":"oct"}"#;
        prop_assert!(guard().authorize(sign_text(header, &claims, Algorithm::HS256, "oct")).is_err());
    }
}
