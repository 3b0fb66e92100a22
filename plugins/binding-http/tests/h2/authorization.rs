//! Credentials of requests. Where they are looked for is tested over HTTP/1.1: here, that it is the same over HTTP/2.

use crate::script::*;
use zilla_sdk::host::Refusal;
use zilla_sdk::testing::*;

const OPTIONS: &str = "authorization: {g: {credentials: {cookies: {t: '{credentials}'}, \
                       headers: {authorization: 'Bearer {credentials}'}}}}";

/// A guard that knows `good`, which stands for the authorization 7.
fn guarded() -> Harness<binding_http::Http> {
    guards(|guard, credentials| match (guard, credentials) {
        ("g", b"good") => Ok(7),
        _ => Err(Refusal::Rejected),
    });
    h2(OPTIONS)
}

/// The fields of a request: those of a GET, and more.
fn with<'a>(more: &'a [(&'a str, &'a str)]) -> Vec<u8> {
    block(GET.into_iter().chain(more.iter().copied()))
}

#[test]
fn requests_go_to_their_exits_with_what_their_credentials_stand_for() {
    let harness = guarded();
    let mut client = Client::connect(&harness);
    for (index, (fields, expected)) in [
        (&[("authorization", "Bearer good")][..], 7),
        (&[("cookie", "s=1"), ("cookie", "t=good")], 7),
        (&[("authorization", "Bearer bad")], 0),
        (&[], 0),
    ]
    .into_iter()
    .enumerate()
    {
        client.send(frame(HEADERS, WHOLE, 1 + 2 * index as u32, with(fields)));
        assert_eq!(harness.expect_open().recv_begin().value, expected, "{fields:?}");
    }
}

#[test]
fn a_client_is_told_whether_credentials_are_missing_wrong_or_not_enough() {
    for (fields, code, status, because) in [
        (&[][..], CloseCode::Unauthorized, "401", "the request needs credentials"),
        (&[], CloseCode::NoRoute, "401", "the request needs credentials"),
        (&[("authorization", "Bearer bad")], CloseCode::NoRoute, "403", "the credentials are not accepted"),
        (&[("authorization", "Bearer good")], CloseCode::Forbidden, "404", "no route fits the request"),
        (
            &[("authorization", "Bearer good")],
            CloseCode::Unauthorized,
            "401",
            "the request needs credentials",
        ),
    ] {
        let harness = guarded();
        let mut client = Client::connect(&harness);
        client.send(frame(HEADERS, WHOLE, 1, with(fields)));
        harness.expect_open().refuse(code);
        client.expect_refusal(1, status, because);
        client.expect_well();
    }
}

#[test]
fn a_401_says_what_it_asks_for() {
    let harness = guarded();
    let mut client = Client::connect(&harness);
    client.send(frame(HEADERS, WHOLE, 1, with(&[])));
    harness.expect_open().refuse(CloseCode::Unauthorized);
    let fields = client.recv().fields;
    assert!(fields.contains(&("www-authenticate".to_owned(), "Bearer".to_owned())), "{fields:?}");
}

#[test]
fn a_session_that_ends_within_the_response_resets_the_stream() {
    let harness = guarded();
    let mut client = Client::connect(&harness);
    client.send(frame(HEADERS, WHOLE, 1, with(&[("authorization", "Bearer good")])));
    harness.expect_open().send_all([begun(), abort(CloseCode::Unauthorized)]);
    client.recv();
    client.expect_reset(1, INTERNAL_ERROR);
    client.expect_well();
}

#[test]
fn new_credentials_are_taken_without_an_exit() {
    let harness = guarded();
    let mut client = Client::connect(&harness);
    let response = |credentials| {
        let post = [(":method", "POST"), (":scheme", "http"), (":authority", "a"), (":path", "/")];
        let more = [("content-type", "application/x-challenge-response"), ("content-length", "0")];
        block(post.into_iter().chain(more).chain([("authorization", credentials)]))
    };
    client.send(frame(HEADERS, WHOLE, 1, response("Bearer good")));
    client.expect_response(1, "204", "");
    client.send(frame(HEADERS, WHOLE, 3, response("Bearer bad")));
    client.expect_refusal(3, "403", "the credentials are not accepted");
    harness.expect_no_open();
    client.expect_well();
}
