//! Where requests have their credentials, what the guard's answer is good for, and what clients are told.

use crate::script::*;
use binding_http::Http;
use zilla_sdk::host::Refusal;
use zilla_sdk::testing::*;

const BEARER: &str = "authorization: {g: {credentials: {headers: {authorization: 'Bearer {credentials}'}}}}";

/// A guard that knows `good`, which stands for the authorization 7, and `alice:secret`, for 8; `ill` makes it fail.
fn guard() {
    guards(|guard, credentials| match (guard, credentials) {
        ("g", b"good") => Ok(7),
        ("g", b"alice:secret") => Ok(8),
        ("g", b"ill") => Err(Refusal::Unavailable),
        ("g", _) => Err(Refusal::Rejected),
        _ => Err(Refusal::UnknownGuard),
    });
}

/// The authorization that a request goes to its exit with.
fn authorization(options: &str, request_line: &str, fields: &str) -> u64 {
    guard();
    let harness = http(options);
    let (_client, mut exit) = ask(&harness, format!("{request_line} HTTP/1.1\r\nhost: a\r\n{fields}\r\n"));
    exit.recv_begin().value
}

/// What the client is told of a GET with these fields, when its exit resets it with that code.
fn told(options: &str, fields: &str, code: CloseCode) -> String {
    guard();
    let harness = http(options);
    let (mut client, mut exit) = ask(&harness, format!("GET / HTTP/1.1\r\nhost: a\r\n{fields}\r\n"));
    exit.refuse(code);
    let told = client.recv_text();
    expect_closed(&mut client);
    told
}

const UNAUTHORIZED: &str = "HTTP/1.1 401 Unauthorized\r\ncontent-type: text/plain\r\ncontent-length: 30\r\n\
     connection: close\r\nwww-authenticate: Bearer\r\n\r\nthe request needs credentials\n";

#[test]
fn a_header_has_the_credentials_behind_its_scheme() {
    for (field, expected) in [
        ("authorization: Bearer good\r\n", 7),
        ("Authorization: bearer   good \r\n", 7),
        ("authorization: Bearer other\r\n", 0),
        ("authorization: Bearer\r\n", 0),
        ("authorization: Bearer good good\r\n", 0),
        ("authorization: Bearergood\r\n", 0),
        ("authorization: Basic good\r\n", 0),
        ("authorization: good\r\n", 0),
        ("x-authorization: Bearer good\r\n", 0),
        ("", 0),
    ] {
        assert_eq!(authorization(BEARER, "GET /", field), expected, "{field}");
    }
}

#[test]
fn user_name_and_password_are_given_to_the_guard_as_they_are() {
    let basic =
        "authorization: {g: {credentials: {headers: {authorization: 'Basic {username}:{password}'}}}}";
    for (value, expected) in [
        ("Basic YWxpY2U6c2VjcmV0", 8),
        ("BASIC YWxpY2U6c2VjcmV0", 8),
        ("Basic YWxpY2U6c2VjcmV0=", 0),
        ("Basic YWxpY2U6b3RoZXI=", 0),
        // `good`, which is no pair.
        ("Basic Z29vZA==", 0),
        ("Bearer YWxpY2U6c2VjcmV0", 0),
    ] {
        let field = format!("authorization: {value}\r\n");
        assert_eq!(authorization(basic, "GET /", &field), expected, "{value}");
    }
    let told = told(basic, "authorization: Basic Z29vZA==\r\n", CloseCode::Unauthorized);
    assert!(told.contains("\r\nwww-authenticate: Basic realm=\"gateway\", charset=\"UTF-8\"\r\n"), "{told}");
}

#[test]
fn cookies_and_the_query_have_them_too() {
    for template in ["{credentials}", ".*{credentials}.*"] {
        let cookie = format!("authorization: {{g: {{credentials: {{cookies: {{t: '{template}'}}}}}}}}");
        for (fields, expected) in [
            ("cookie: t=good\r\n", 7),
            ("cookie: s=1; t=\"good\"; t=other\r\n", 7),
            ("cookie: s=1\r\nCookie: t=good\r\n", 7),
            ("cookie: t=other; t=good\r\n", 0),
            ("cookie: tt=good; xt=good; T=good\r\n", 0),
        ] {
            assert_eq!(authorization(&cookie, "GET /", fields), expected, "{fields}");
        }
    }
    let query = "authorization: {g: {credentials: {query: {t: '{credentials}'}}}}";
    for (path, expected) in [
        ("/?t=good", 7),
        ("/a?b=c&t=good&d", 7),
        ("/?t=g%6f%6Fd", 7),
        ("/?t=g%6%zzd", 0),
        ("/t=good", 0),
        ("/?tt=good", 0),
        ("/?t=other&t=good", 0),
    ] {
        assert_eq!(authorization(query, &format!("GET {path}"), ""), expected, "{path}");
    }
}

#[test]
fn a_cookie_goes_before_a_header_and_that_before_the_query() {
    let all = "authorization: {g: {credentials: {cookies: {t: '{credentials}'}, headers: {x-token: '<{credentials}>'}, \
               query: {t: '{credentials}'}}}}";
    for (path, fields, expected) in [
        ("/?t=good", "", 7),
        ("/?t=good", "x-token: other\r\n", 7),
        ("/?t=good", "x-token: <other>\r\n", 0),
        ("/?t=other", "x-token: <good>\r\n", 7),
        ("/?t=good", "cookie: t=other\r\nx-token: <good>\r\n", 0),
        ("/?t=other", "cookie: t=good\r\nx-token: <other>\r\n", 7),
    ] {
        assert_eq!(authorization(all, &format!("GET {path}"), fields), expected, "{path} {fields}");
    }
}

#[test]
fn a_header_that_is_there_twice_is_no_ones_to_choose_from() {
    guard();
    let harness = http(BEARER);
    let mut client = connect(&harness);
    let fields = "authorization: Bearer good\r\nauthorization: Bearer other\r\n";
    client.send(data(format!("GET / HTTP/1.1\r\nhost: a\r\n{fields}\r\n")));
    client.recv(data(refusal("400 Bad Request", "a field is there more than once")));
    expect_closed(&mut client);
    harness.expect_no_open();
}

#[test]
fn without_credentials_the_client_is_asked_for_them() {
    for code in [CloseCode::Unauthorized, CloseCode::NoRoute] {
        assert_eq!(told(BEARER, "", code), UNAUTHORIZED, "{code:?}");
    }
    assert!(told(BEARER, "", CloseCode::Forbidden).starts_with("HTTP/1.1 403 "));
    assert!(told(BEARER, "", CloseCode::Unreachable).starts_with("HTTP/1.1 502 "));
}

#[test]
fn credentials_that_are_not_accepted_are_told_apart_from_none() {
    let expected = refusal("403 Forbidden", "the credentials are not accepted");
    for credentials in ["bad", "ill"] {
        let field = format!("authorization: Bearer {credentials}\r\n");
        for code in [CloseCode::Unauthorized, CloseCode::NoRoute] {
            assert_eq!(told(BEARER, &field, code), expected, "{code:?}");
        }
    }
}

#[test]
fn whom_a_route_is_not_for_is_not_told_that_it_is_there() {
    let field = "authorization: Bearer good\r\n";
    let expected = refusal("404 Not Found", "no route fits the request");
    for code in [CloseCode::Forbidden, CloseCode::NoRoute] {
        assert_eq!(told(BEARER, field, code), expected, "{code:?}");
    }
}

#[test]
fn a_session_that_ends_before_the_response_asks_for_another() {
    guard();
    let harness = http(BEARER);
    let (mut client, mut exit) =
        ask(&harness, "GET / HTTP/1.1\r\nhost: a\r\nauthorization: Bearer good\r\n\r\n");
    exit.recv_all();
    exit.send(abort(CloseCode::Unauthorized));
    assert_eq!(client.recv_text(), UNAUTHORIZED);
    expect_closed(&mut client);
}

#[test]
fn a_session_that_ends_within_the_response_aborts_it() {
    guard();
    let harness = http(BEARER);
    let (mut client, mut exit) =
        ask(&harness, "GET / HTTP/1.1\r\nhost: a\r\nauthorization: Bearer good\r\n\r\n");
    exit.send_all([begun(), data("half"), abort(CloseCode::Unauthorized)]);
    expect_aborted(&mut client);
}

#[test]
fn each_request_of_a_connection_has_its_own_credentials() {
    guard();
    let harness = http(BEARER);
    let mut client = connect(&harness);
    for (field, expected) in [("authorization: Bearer good\r\n", 7), ("", 0)] {
        client.send(data(format!("GET / HTTP/1.1\r\nhost: a\r\n{field}\r\n")));
        let mut exit = harness.expect_open();
        assert_eq!(exit.recv_begin().value, expected);
        exit.send_all([begun_with([("content-length", "0")]), end()]);
    }
}

#[test]
fn the_exit_gets_the_credentials_as_they_came() {
    guard();
    let harness = http(BEARER);
    let (_client, mut exit) =
        ask(&harness, "GET / HTTP/1.1\r\nhost: a\r\nauthorization: Bearer good\r\n\r\n");
    assert_eq!(exit.recv_begin().attribute("authorization").as_deref(), Some("Bearer good"));
}

const RESPONSE: &str = "POST /any HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-challenge-response\r\n\
                        content-length: 0\r\n";

#[test]
fn new_credentials_are_taken_without_an_exit() {
    guard();
    let harness = http(BEARER);
    let mut client = connect(&harness);
    client.send(data(format!("{RESPONSE}authorization: Bearer good\r\n\r\n")));
    client.recv(data("HTTP/1.1 204 No Content\r\n\r\n"));
    harness.expect_no_open();
    expect_kept(&harness, &mut client);
    client.send(data(format!("{RESPONSE}authorization: Bearer bad\r\n\r\n")));
    client.recv(data(refusal("403 Forbidden", "the credentials are not accepted")));
    expect_closed(&mut client);
    let mut client = connect(&harness);
    client.send(data(format!("{RESPONSE}\r\n")));
    client.recv(data(UNAUTHORIZED));
    harness.expect_no_open();
}

#[test]
fn without_a_guard_nothing_is_asked_and_a_challenge_response_is_a_request() {
    guard();
    assert_eq!(authorization("", "GET /", "authorization: Bearer good\r\n"), 0);
    let harness = http("");
    let (_client, mut exit) = ask(&harness, format!("{RESPONSE}\r\n"));
    assert_eq!(exit.recv_begin().attribute(":path").as_deref(), Some("/any"));
}

#[test]
fn what_cannot_be_looked_for_is_refused() {
    for (option, pointer) in [
        ("{a: {credentials: {query: {t: '{credentials}'}}}, b: {credentials: {}}}", ""),
        ("{g: {credentials: {}}}", "/g/credentials"),
        ("{g: {credentials: {headers: {a: 'x', b: 'y'}}}}", "/g/credentials/headers"),
        ("{g: {credentials: {headers: {authorization: Bearer}}}}", "/g/credentials/headers/authorization"),
        ("{g: {credentials: {headers: {Authorization: '{credentials}'}}}}", "/g/credentials/headers"),
        ("{g: {credentials: {query: {t: '{credentials}{credentials}'}}}}", "/g/credentials/query/t"),
        ("{g: {credentials: {cookies: {t: '{identity}'}}}}", "/g/credentials/cookies/t"),
    ] {
        let yaml = format!("{{kind: server, options: {{authorization: {option}}}, exit: app}}");
        let errors = Harness::<Http>::attach(&yaml).unwrap_err();
        assert_eq!(errors[0].path, format!("/options/authorization{pointer}"), "{option}");
    }
}
