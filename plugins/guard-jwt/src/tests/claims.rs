//! Who a token is of and for, and what it says of its owner.

use super::issuer::{claims, claims_with, guard, guard_with, token};
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use zilla_sdk::Session;
use zilla_sdk::testing::GuardHarness;

fn signed(more: Value) -> String {
    token(&claims_with(more), Algorithm::EdDSA, "ed25519")
}

fn authorized(guard: &mut GuardHarness<crate::Jwt>, more: Value) -> Session {
    guard.authorize(signed(more)).unwrap()
}

#[test]
fn the_issuer_is_exactly_the_one() {
    for other in [json!("https://issuer/"), json!("HTTPS://issuer"), json!(["https://issuer"]), json!(null)] {
        let refused = guard().authorize(signed(json!({"iss": other}))).unwrap_err();
        assert_eq!(refused.reason(), "it is of another issuer", "{other}");
    }
}

#[test]
fn the_audience_is_the_one_or_among_several() {
    for good in [json!("api"), json!(["api"]), json!(["web", "api"])] {
        assert!(guard().authorize(signed(json!({"aud": good}))).is_ok(), "{good}");
    }
    for other in [json!("API"), json!("api web"), json!([]), json!(["web"]), json!([["api"]]), json!(null)] {
        let refused = guard().authorize(signed(json!({"aud": other}))).unwrap_err();
        assert_eq!(refused.reason(), "it is for another audience", "{other}");
    }
}

#[test]
fn a_token_without_issuer_or_audience_is_refused() {
    for name in ["iss", "aud"] {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(name);
        assert!(guard().authorize(token(&claims, Algorithm::EdDSA, "ed25519")).is_err(), "{name}");
    }
}

#[test]
fn roles_are_a_list_or_text_with_spaces() {
    let mut guard = guard_with(json!({"roles": "realm_access.roles"}));
    for (claim, roles) in [
        (json!({"roles": ["a", "b c"]}), &["a", "b c"][..]),
        (json!({"roles": "a  b"}), &["a", "b"]),
        (json!({"roles": ["a", 1, null, ["b"]]}), &["a"]),
        (json!({"roles": 7}), &[]),
        (json!({"roles": {"a": true}}), &[]),
        (json!({}), &[]),
        (json!("roles"), &[]),
    ] {
        assert_eq!(authorized(&mut guard, json!({"realm_access": claim})).roles, roles, "{claim}");
    }
}

#[test]
fn a_claim_that_is_called_like_a_path_goes_before_the_path() {
    let mut guard = guard_with(json!({"roles": "https://example.com/roles", "identity": "a.b"}));
    let more = json!({"https://example.com/roles": "x", "a": {"b": "below"}, "a.b": "above"});
    let session = authorized(&mut guard, more);
    assert_eq!((session.roles, &*session.identity), (vec!["x".to_owned()], "above"));
    let session = authorized(&mut guard, json!({"a": {"b": "below"}}));
    assert_eq!(session.identity, "below");
    let session = authorized(&mut guard, json!({"a": 1, "b": 2}));
    assert_eq!(session.identity, "");
}

#[test]
fn an_identity_is_text_or_digits_or_nobody() {
    for (claim, identity) in
        [(json!("bob"), "bob"), (json!(7), "7"), (json!(true), "true"), (json!(null), ""), (json!(""), "")]
    {
        assert_eq!(authorized(&mut guard(), json!({"sub": claim})).identity, identity);
    }
    for claim in [json!(["bob"]), json!({"name": "bob"})] {
        let refused = guard().authorize(signed(json!({"sub": claim}))).unwrap_err();
        assert_eq!(refused.reason(), "its identity is no text", "{claim}");
    }
}

#[test]
fn attributes_are_claims_as_text() {
    let attributes =
        json!({"mail": "email", "first": "name.first", "all": "name", "no": "none", "age": "age"});
    let mut guard = guard_with(json!({ "attributes": attributes }));
    let more = json!({"email": "a@b", "name": {"first": "A"}, "age": 7, "none": null});
    let found = authorized(&mut guard, more).attributes;
    let found: Vec<_> = found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(found, [("age", "7"), ("all", r#"{"first":"A"}"#), ("first", "A"), ("mail", "a@b")]);
}
