//! Credentials that a guard has, in requests to origins.

use crate::script::*;
use zilla_sdk::host::Refusal;
use zilla_sdk::testing::*;

/// A guard `g` that has credentials for whom the authorization 7 stands for, and others of its own; with 8 there are none,
/// and with 9 it fails.
fn guard() {
    credentials(|guard, authorization| match (guard, authorization) {
        ("g", 0) => Ok(b"own:s3cret".to_vec()),
        ("g", 7) => Ok(b"t0ken".to_vec()),
        ("g", 8) => Err(Refusal::Rejected),
        ("g", 9) => Err(Refusal::Unavailable),
        ("g", 10) => Ok(b"a\r\nb: c".to_vec()),
        _ => Err(Refusal::UnknownGuard),
    });
}

fn options(places: &str) -> String {
    format!("authorization: {{g: {{credentials: {{{places}}}}}}}")
}

/// A GET of that path with these fields, on behalf of that authorization.
fn get(path: &str, fields: &[(&str, &str)], authorization: u64) -> Frame {
    let said = [(":method", "GET"), (":scheme", "http"), (":authority", "a:80"), (":path", path)];
    Frame { value: authorization, ..begin_with(said.into_iter().chain(fields.iter().copied())) }
}

/// What an origin gets of it.
#[track_caller]
fn told(places: &str, begin: Frame) -> String {
    guard();
    let harness = client(&options(places));
    let _opener = ask_with(&harness, begin);
    let mut origin = accept(&harness);
    origin.recv_text()
}

const BEARER: &str = "headers: {authorization: 'Bearer {credentials}'}";
const BASIC: &str = "headers: {authorization: 'Basic {username}:{password}'}";

#[test]
fn a_header_has_them_in_the_place_of_what_came() {
    let came = [("authorization", "Bearer other"), ("x", "y"), ("authorization", "Basic eDp5")];
    assert_eq!(
        told(BEARER, get("/", &came, 7)),
        "GET / HTTP/1.1\r\nhost: a\r\nx: y\r\nauthorization: Bearer t0ken\r\n\r\n"
    );
    assert_eq!(
        told("headers: {x-api-key: '{credentials}'}", get("/", &[("x-api-key", "mine")], 0)),
        "GET / HTTP/1.1\r\nhost: a\r\nx-api-key: own:s3cret\r\n\r\n"
    );
}

#[test]
fn a_user_name_and_a_password_are_encoded() {
    assert_eq!(
        told(BASIC, get("/", &[], 0)),
        "GET / HTTP/1.1\r\nhost: a\r\nauthorization: Basic b3duOnMzY3JldA==\r\n\r\n"
    );
}

#[test]
fn a_cookie_has_them_beside_the_others() {
    let came = [("cookie", "a=b; session=mine"), ("x", "y"), ("cookie", "sessions=1;session=more")];
    assert_eq!(
        told("cookies: {session: '{credentials}'}", get("/", &came, 7)),
        "GET / HTTP/1.1\r\nhost: a\r\nx: y\r\ncookie: a=b; sessions=1; session=t0ken\r\n\r\n"
    );
    assert_eq!(
        told("cookies: {session: '{credentials}'}", get("/", &[], 7)),
        "GET / HTTP/1.1\r\nhost: a\r\ncookie: session=t0ken\r\n\r\n"
    );
}

#[test]
fn a_query_has_them_once_and_encoded() {
    let query = "query: {token: '{credentials}'}";
    for (path, expected) in [
        ("/", "/?token=own%3As3cret"),
        ("/a?", "/a?token=own%3As3cret"),
        ("/a?b=c&token=mine&d&token", "/a?b=c&d&token=own%3As3cret"),
        ("/a?%74oken=mine&tokens=1", "/a?tokens=1&token=own%3As3cret"),
    ] {
        assert_eq!(told(query, get(path, &[], 0)), format!("GET {expected} HTTP/1.1\r\nhost: a\r\n\r\n"));
    }
}

#[test]
fn each_place_that_is_named_has_them() {
    let places = format!("{BEARER}, cookies: {{s: '{{credentials}}'}}, query: {{t: '{{credentials}}'}}");
    assert_eq!(
        told(&places, get("/", &[], 7)),
        "GET /?t=t0ken HTTP/1.1\r\nhost: a\r\ncookie: s=t0ken\r\nauthorization: Bearer t0ken\r\n\r\n"
    );
}

#[test]
fn a_request_that_cannot_have_them_does_not_reach_the_origin() {
    guard();
    for (places, authorization, code) in [
        (BEARER, 8, CloseCode::Unauthorized),
        (BEARER, 9, CloseCode::Crashed),
        (BEARER, 10, CloseCode::Violation),
        // No pair.
        (BASIC, 7, CloseCode::Violation),
        ("cookies: {s: '{credentials}'}", 10, CloseCode::Violation),
    ] {
        let harness = client(&options(places));
        let mut opener = ask_with(&harness, get("/", &[], authorization));
        expect_failed(&mut opener, code);
        harness.expect_no_open();
    }
}

#[test]
fn what_authorization_may_be() {
    for (wrong, path) in [
        ("authorization: {}", "/options/authorization"),
        ("authorization: {g: {credentials: {}}}", "/options/authorization/g/credentials"),
        (
            "authorization: {g: {credentials: {headers: {authorization: Bearer}}}}",
            "/options/authorization/g/credentials/headers/authorization",
        ),
    ] {
        let yaml = format!("{{kind: client, options: {{{wrong}}}, exit: net}}");
        let errors = Harness::<binding_http::Http>::attach(&yaml).unwrap_err();
        assert_eq!(errors[0].path, path, "{wrong}: {errors:?}");
    }
}
