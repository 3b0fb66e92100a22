//! What exits are told of the way that a request came.

use crate::script::*;
use zilla_sdk::testing::*;

const ALL: &str = "headers: [forwarded, x-forwarded-for, x-forwarded-proto, x-forwarded-host]";
const CLAIMS: &str = "Forwarded: for=9.9.9.9\r\nX-Forwarded-For: 9.9.9.9\r\nx-forwarded-for: 8.8.8.8\r\n\
                      X-Forwarded-Proto: https\r\nX-Forwarded-Host: b\r\n";

/// The attributes that the exit gets of a request with these fields, but for those of the request line.
fn told(options: &str, source: &[(&str, &str)], fields: &str) -> Vec<(String, String)> {
    let harness = http(options);
    let mut client = harness.open(begin_with(source.iter().copied()));
    client.send(data(format!("GET / HTTP/1.1\r\nhost: A\r\n{fields}\r\n")));
    let text = |octets: &Vec<u8>| String::from_utf8(octets.clone()).unwrap();
    let begin = harness.expect_open().recv_begin();
    let pairs = begin.attributes.iter().map(|(name, value)| (text(name), text(value)));
    pairs.filter(|(name, _)| !name.starts_with(':')).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn nothing_is_added_and_what_is_claimed_passes_by_default() {
    let fields = "X-Forwarded-For: 9.9.9.9\r\nMax-Forwards: 0\r\nVia: 1.1 x\r\n";
    let expected = [("x-forwarded-for", "9.9.9.9"), ("max-forwards", "0"), ("via", "1.1 x")];
    assert_eq!(told("", &[("source", "192.0.2.1:80")], fields), pairs(&expected));
}

#[test]
fn what_a_client_claims_is_replaced() {
    let expected = [
        ("forwarded", "for=192.0.2.1;proto=http;host=\"a:80\""),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "a:80"),
    ];
    let options = format!("forwarded: {{{ALL}}}");
    for fields in ["", CLAIMS] {
        assert_eq!(told(&options, &[("source", "192.0.2.1:80")], fields), pairs(&expected));
    }
}

#[test]
fn what_a_trusted_proxy_says_is_kept() {
    let expected = [
        ("forwarded", "for=9.9.9.9, for=\"[2001:db8::1]\";proto=https;host=\"a:443\""),
        ("x-forwarded-for", "9.9.9.9, 8.8.8.8, 2001:db8::1"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "b"),
    ];
    let options = format!("forwarded: {{{ALL}, trust: true}}");
    assert_eq!(told(&options, &[("source", "[2001:db8::1]:80"), ("secure", "")], CLAIMS), pairs(&expected));
}

#[test]
fn only_what_is_listed_is_set() {
    let options = "forwarded: {headers: [x-forwarded-proto]}";
    let expected = [("x-forwarded-for", "7"), ("x-forwarded-proto", "http")];
    assert_eq!(told(options, &[], "x-forwarded-for: 7\r\nx-forwarded-proto: x\r\n"), pairs(&expected));
}

#[test]
fn an_address_may_be_unknown_or_mapped() {
    let options = "forwarded: {headers: [forwarded, x-forwarded-for]}";
    let expected = [("forwarded", "for=unknown;proto=http;host=\"a:80\""), ("x-forwarded-for", "unknown")];
    for source in [&[][..], &[("source", "nowhere")]] {
        assert_eq!(told(options, source, ""), pairs(&expected));
    }
    let mapped = [("source", "[::ffff:192.0.2.7]:1")];
    assert_eq!(
        told("forwarded: {headers: [x-forwarded-for]}", &mapped, ""),
        pairs(&[("x-forwarded-for", "192.0.2.7")])
    );
}

#[test]
fn fields_that_connection_names_are_not_believed() {
    let options = "forwarded: {headers: [x-forwarded-for], trust: true}";
    let fields = "connection: x-forwarded-for\r\nx-forwarded-for: 9.9.9.9\r\n";
    assert_eq!(
        told(options, &[("source", "192.0.2.1:80")], fields),
        pairs(&[("x-forwarded-for", "192.0.2.1")])
    );
}

#[test]
fn via_is_added_both_ways() {
    let expected = [("via", "1.0 x"), ("via", "1.1 gateway")];
    assert_eq!(told("via: gateway", &[], "Via: 1.0 x\r\n"), pairs(&expected));
    let harness = http("via: gateway");
    let (mut client, mut exit) = ask(&harness, "GET / HTTP/1.0\r\n\r\n");
    assert_eq!(exit.attribute("via").as_deref(), Some("1.0 gateway"));
    exit.send_all([begun_with([("via", "1.1 x"), ("content-length", "0")]), end()]);
    client.recv(data(
        "HTTP/1.1 200 OK\r\nvia: 1.1 x\r\ncontent-length: 0\r\nvia: 1.1 gateway\r\nconnection: close\r\n\r\n",
    ));
}
