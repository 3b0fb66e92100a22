//! Dates of tokens, clocks that are apart, and clocks that jump.

use super::issuer::{NOW, claims_with, guard, guard_with, token};
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use zilla_sdk::{Refused, Session};

fn signed(more: Value) -> String {
    token(&claims_with(more), Algorithm::EdDSA, "ed25519")
}

fn reason(result: Result<Session, Refused>) -> String {
    result.unwrap_err().reason().to_owned()
}

#[test]
fn a_token_is_good_until_it_expires_and_not_in_that_second() {
    let mut guard = guard();
    let token = signed(json!({"exp": NOW + 10}));
    guard.advance(9_999);
    assert_eq!(guard.authorize(&token).unwrap().expires_unix_ms, Some((NOW + 10) * 1_000));
    guard.advance(1);
    assert_eq!(reason(guard.authorize(&token)), "it has expired");
}

#[test]
fn a_token_is_good_from_its_first_second_on() {
    let mut guard = guard();
    let token = signed(json!({"nbf": NOW + 10}));
    guard.advance(9_999);
    assert_eq!(reason(guard.authorize(&token)), "it is not valid yet");
    guard.advance(1);
    assert!(guard.authorize(&token).is_ok());
}

#[test]
fn leeway_is_on_both_sides() {
    let mut guard = guard_with(json!({"leeway": 5}));
    let token = signed(json!({"nbf": NOW + 10, "exp": NOW + 20}));
    guard.advance(4_999);
    assert_eq!(reason(guard.authorize(&token)), "it is not valid yet");
    guard.advance(1);
    assert_eq!(guard.authorize(&token).unwrap().expires_unix_ms, Some((NOW + 25) * 1_000));
    guard.advance(19_999);
    assert!(guard.authorize(&token).is_ok());
    guard.advance(1);
    assert_eq!(reason(guard.authorize(&token)), "it has expired");
}

#[test]
fn a_clock_that_jumps_is_followed_both_ways() {
    let mut guard = guard();
    let token = signed(json!({"nbf": NOW, "exp": NOW + 60}));
    guard.set_unix_ms((NOW + 3_600) * 1_000);
    assert_eq!(reason(guard.authorize(&token)), "it has expired");
    guard.set_unix_ms((NOW - 3_600) * 1_000);
    assert_eq!(reason(guard.authorize(&token)), "it is not valid yet");
    guard.set_unix_ms(NOW * 1_000);
    assert!(guard.authorize(&token).is_ok());
    guard.set_unix_ms(u64::MAX);
    assert_eq!(reason(guard.authorize(&token)), "it has expired");
    guard.set_unix_ms(0);
    assert_eq!(reason(guard.authorize(&token)), "it is not valid yet");
}

#[test]
fn the_client_is_asked_before_its_token_expires() {
    let mut guard = guard_with(json!({"challenge": 30}));
    let session = guard.authorize(signed(json!({}))).unwrap();
    assert_eq!(session.challenge_unix_ms, Some((NOW + 30) * 1_000));
    let mut guard = guard_with(json!({"challenge": u64::MAX}));
    assert_eq!(guard.authorize(signed(json!({}))).unwrap().challenge_unix_ms, Some(0));
}

#[test]
fn nobody_in_particular_is_not_asked_for_newer_credentials() {
    let mut guard = guard_with(json!({"challenge": 30}));
    for nobody in [json!(""), json!(null)] {
        assert_eq!(guard.authorize(signed(json!({"sub": nobody}))).unwrap().challenge_unix_ms, None);
    }
}

#[test]
fn a_token_without_an_end_has_a_session_without_one() {
    let mut claims = claims_with(json!({}));
    claims.as_object_mut().unwrap().remove("exp");
    let mut guard = guard_with(json!({"challenge": 30}));
    let session = guard.authorize(token(&claims, Algorithm::EdDSA, "ed25519")).unwrap();
    assert_eq!((session.expires_unix_ms, session.challenge_unix_ms), (None, None));
}

#[test]
fn dates_are_numbers_of_any_size_and_form() {
    let mut guard = guard();
    for good in [json!(NOW as f64 + 0.5), json!(1e300), json!(u64::MAX), json!(1.767226e9)] {
        assert!(guard.authorize(signed(json!({"exp": good}))).is_ok(), "{good}");
    }
    for past in [json!(0), json!(-1), json!(-1e300), json!(0.5), json!(i64::MIN)] {
        assert_eq!(reason(guard.authorize(signed(json!({"exp": past})))), "it has expired");
        assert!(guard.authorize(signed(json!({"nbf": past}))).is_ok(), "{past}");
    }
    for other in [json!("1767225700"), json!(null), json!([NOW + 60]), json!(true)] {
        assert_eq!(reason(guard.authorize(signed(json!({"exp": other})))), "its `exp` is no number");
        assert_eq!(reason(guard.authorize(signed(json!({"nbf": other})))), "its `nbf` is no number");
    }
}
