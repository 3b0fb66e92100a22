//! Keys that are fetched: what is asked for, what is taken, and when.

use super::issuer::{NOW, claims_with, encode, key, keys};
use crate::Jwt;
use crate::keys::{KEYS_MAX, Keys};
use crate::remote::{ANSWER_MS, DOCUMENT_OCTETS_MAX, RETRY_MS_MAX, RETRY_MS_MIN, UNKNOWN_KEY_MS};
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use zilla_sdk::testing::*;

/// A guard with keys from there.
fn attach(keys: Value) -> OutboundHarness<Jwt> {
    let options = json!({"issuer": "https://issuer", "audience": "api", "keys": keys});
    OutboundHarness::attach(&json!({ "options": options }).to_string()).unwrap()
}

fn guard() -> OutboundHarness<Jwt> {
    attach(json!("https://keys.example:7443/jwks.json"))
}

/// A token that the key of that name has signed.
fn token(name: &str) -> String {
    let algorithm = match name {
        "rsa" => Algorithm::RS256,
        "p256" => Algorithm::ES256,
        "p384" => Algorithm::ES384,
        "oct" => Algorithm::HS256,
        _ => Algorithm::EdDSA,
    };
    super::issuer::token(&claims_with(json!({"exp": NOW + 1_000_000})), algorithm, name)
}

fn document(names: &[&str]) -> String {
    json!({"keys": names.iter().map(|name| key(name)).collect::<Vec<_>>()}).to_string()
}

fn head(status: &str, media_type: &str) -> Frame {
    begin_with([(":status", status), ("content-type", media_type)])
}

/// The next fetch, at its time.
#[track_caller]
fn next_fetch(guard: &OutboundHarness<Jwt>) -> Peer {
    for _ in 0..1_000 {
        if let Some(server) = guard.opened() {
            return server;
        }
        guard.advance(1_000);
    }
    panic!("nothing is fetched any more");
}

/// The fetch that has begun is answered so.
#[track_caller]
fn answer(guard: &OutboundHarness<Jwt>, document: &str) {
    answer_on(guard.expect_open(), document);
}

#[track_caller]
fn answer_on(mut server: Peer, document: &str) {
    server.send_all([head("200", "application/json"), data(document), end()]);
    assert!(server.is_over());
}

#[track_caller]
fn accepts(guard: &OutboundHarness<Jwt>, name: &str, is_accepted: bool) {
    let answer = guard.authorize(token(name));
    assert_eq!(answer.is_ok(), is_accepted, "{name}: {answer:?}");
}

#[test]
fn keys_are_asked_for_at_once_and_taken() {
    let guard = guard();
    accepts(&guard, "p256", false);
    let mut server = guard.expect_open();
    for (name, value) in [
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", "keys.example:7443"),
        (":path", "/jwks.json"),
        ("accept-encoding", "identity"),
    ] {
        assert_eq!(server.attribute(name).as_deref(), Some(value), "{name}");
    }
    server.recv_begin();
    server.recv(end());
    server.send_all([
        head("200", "application/jwk-set+json; charset=utf-8"),
        data(document(&["p256", "rsa"])),
        end(),
    ]);
    accepts(&guard, "p256", true);
    accepts(&guard, "rsa", true);
    accepts(&guard, "ed25519", false);
    assert_eq!(guard.streams(), 0);
}

#[test]
fn the_way_is_http_over_tls_or_not() {
    let guard =
        attach(json!({"url": "https://keys.example/x", "vault": "own", "trust": ["ca"], "refresh": 60}));
    let own = guard.outbound().unwrap();
    assert_eq!(own.exit, "http");
    assert_eq!(own.bindings["http"]["exit"], "tls");
    assert_eq!(own.bindings["tls"]["vault"], "own");
    assert_eq!(own.bindings["tls"]["options"], json!({"sni": ["keys.example"], "trust": ["ca"]}));
    assert_eq!(own.bindings["tcp"]["options"], json!({"host": "keys.example", "port": 443}));
    let guard = attach(json!("http://[::1]:8080/x"));
    let own = guard.outbound().unwrap();
    assert_eq!((&own.bindings["http"]["exit"], &own.bindings["tls"]), (&json!("tcp"), &json!(null)));
    assert_eq!(own.bindings["tcp"]["options"], json!({"host": "::1", "port": 8080}));
    assert!(attach(json!(keys())).outbound().is_none());
}

#[test]
fn without_keys_they_are_those_of_the_issuer() {
    let options = json!({"issuer": "https://issuer/realm/", "audience": "api"});
    let guard = OutboundHarness::<Jwt>::attach(&json!({ "options": options }).to_string()).unwrap();
    let server = guard.expect_open();
    assert_eq!(server.attribute(":authority").as_deref(), Some("issuer:443"));
    assert_eq!(server.attribute(":path").as_deref(), Some("/realm/.well-known/jwks.json"));
}

#[test]
fn a_document_may_come_in_any_pieces_and_after_interim_answers() {
    let guard = guard();
    let mut server = guard.expect_open();
    server.send(begin_with([(":status", "103")]));
    server.send(flush([(":status", "200"), ("content-type", "application/json")]));
    for octet in document(&["p256"]).bytes() {
        server.send(data([octet]));
    }
    accepts(&guard, "p256", false);
    server.send(end());
    accepts(&guard, "p256", true);
}

#[test]
fn what_is_no_document_with_keys_is_refused_and_the_old_keys_are_kept() {
    let guard = attach(json!({"url": "https://keys.example/", "refresh": 100}));
    answer(&guard, &document(&["p256"]));
    let good = document(&["rsa"]);
    let with = |status: &str, media_type: &str, body: &str| vec![head(status, media_type), data(body), end()];
    let private = {
        let mut private = key("rsa");
        private["d"] = json!("AQAB");
        json!({ "keys": [private] }).to_string()
    };
    let secret = json!({"keys": [key("oct")]}).to_string();
    let many: Vec<Value> = (0..=KEYS_MAX).map(|_| key("rsa")).collect();
    let scripts = [
        with("301", "application/json", &good),
        with("404", "application/json", &good),
        with("500", "application/json", &good),
        with("204", "application/json", &good),
        with("200", "text/html", &good),
        with("200", "application/jsonp", &good),
        vec![begin_with([(":status", "200")]), data(good.clone()), end()],
        vec![
            begin_with([
                (":status", "200"),
                ("content-type", "application/json"),
                ("content-encoding", "gzip"),
            ]),
            data(good.clone()),
            end(),
        ],
        vec![head("200", "application/json"), data(&good[..20]), end()],
        vec![head("200", "application/json"), data(good.clone()), abort(CloseCode::Unspecified)],
        vec![head("103", "application/json"), end()],
        vec![head("200", "application/json"), end()],
        with("200", "application/json", "{\"keys\": []}"),
        with("200", "application/json", "{\"keys\": {}}"),
        with("200", "application/json", "[]"),
        with("200", "application/json", "{\"keys\": [], \"keys\": []}"),
        with("200", "application/json", "{\"keys\": [{\"kty\": \"DSA\"}, 1]}"),
        with("200", "application/json", &private),
        with("200", "application/json", &secret),
        with("200", "application/json", &json!({ "keys": many }).to_string()),
        vec![abort(CloseCode::Unreachable)],
    ];
    for script in scripts {
        let said = format!("{script:?}");
        let mut server = next_fetch(&guard);
        server.send_all(script);
        assert!(server.is_over(), "{said}");
        accepts(&guard, "p256", true);
        assert_eq!(
            guard.authorize(token("p384")).unwrap_err().reason(),
            "no key is called as the token's",
            "{said}"
        );
    }
}

#[test]
fn a_document_has_a_size() {
    let guard = attach(json!({"url": "https://keys.example/", "refresh": 100}));
    let mut text = document(&["p256"]);
    text.pop();
    text += &format!(", \"more\": \"{}\"}}", "x".repeat(DOCUMENT_OCTETS_MAX - text.len() - 13));
    assert_eq!(text.len(), DOCUMENT_OCTETS_MAX);
    let mut server = guard.expect_open();
    server.send(head("200", "application/json"));
    server.send_payload(&text);
    server.send(end());
    accepts(&guard, "p256", true);
    let mut server = next_fetch(&guard);
    server.send(head("200", "application/json"));
    server.send_payload(text + " ");
    assert!(!server.can_send(), "the rest is refused");
    accepts(&guard, "p256", true);
}

#[test]
fn an_answer_has_a_time() {
    let guard = guard();
    let mut server = guard.expect_open();
    server.send(head("200", "application/json"));
    for _ in 0..ANSWER_MS / 1_000 {
        server.send(data(" "));
        guard.advance(999);
    }
    assert!(server.can_send());
    guard.advance(ANSWER_MS % 999 + 11);
    assert!(!server.can_send());
    answer_on(next_fetch(&guard), &document(&["p256"]));
    accepts(&guard, "p256", true);
}

#[test]
fn a_server_that_is_away_is_asked_less_and_less() {
    let guard = guard();
    let mut expected_ms = RETRY_MS_MIN;
    for _ in 0..10 {
        guard.expect_open().refuse(CloseCode::Unreachable);
        accepts(&guard, "p256", false);
        guard.advance(expected_ms - expected_ms / 10 - 1);
        guard.expect_no_open();
        // Whoever asks for keys meanwhile changes nothing.
        accepts(&guard, "rsa", false);
        guard.advance(expected_ms / 5 + 2);
        expected_ms = (expected_ms * 2).min(RETRY_MS_MAX);
    }
    answer(&guard, &document(&["p256"]));
    accepts(&guard, "p256", true);
}

#[test]
fn a_key_that_is_not_known_does_not_hurry_a_server_that_fails() {
    let guard = attach(json!({"url": "https://keys.example/", "refresh": 100}));
    answer(&guard, &document(&["p256"]));
    // After the fourth failure, it is 8 s to the next fetch, give or take a tenth.
    for _ in 0..4 {
        next_fetch(&guard).refuse(CloseCode::Unreachable);
    }
    accepts(&guard, "rsa", false);
    guard.advance(7_199);
    guard.expect_no_open();
    guard.advance(1_602);
    answer(&guard, &document(&["rsa"]));
    accepts(&guard, "rsa", true);
}

#[test]
fn keys_are_fetched_again_and_those_that_are_gone_are_dropped() {
    let guard = attach(json!({"url": "https://keys.example/", "refresh": 100}));
    answer(&guard, &document(&["p256", "rsa"]));
    guard.advance(89_999);
    guard.expect_no_open();
    let server = next_fetch(&guard);
    accepts(&guard, "rsa", true);
    answer_on(server, &document(&["p384", "p256"]));
    for (name, is_accepted) in [("p256", true), ("p384", true), ("rsa", false)] {
        accepts(&guard, name, is_accepted);
    }
}

#[test]
fn a_key_that_is_not_known_is_asked_for_but_not_again_and_again() {
    let guard = guard();
    answer(&guard, &document(&["p256"]));
    accepts(&guard, "rsa", false);
    guard.expect_no_open();
    guard.advance(UNKNOWN_KEY_MS);
    answer(&guard, &document(&["p256", "rsa"]));
    accepts(&guard, "rsa", true);
    // One that no document has: one fetch each time, however often it is asked for.
    for _ in 0..3 {
        for _ in 0..100 {
            accepts(&guard, "p384", false);
        }
        guard.expect_no_open();
        guard.advance(UNKNOWN_KEY_MS);
        answer(&guard, &document(&["p256", "rsa"]));
    }
    guard.advance(UNKNOWN_KEY_MS);
    guard.expect_no_open();
}

#[test]
fn a_key_that_is_not_known_is_asked_for_at_once_if_the_last_fetch_is_long_ago() {
    let guard = guard();
    answer(&guard, &document(&["p256"]));
    guard.advance(UNKNOWN_KEY_MS + 1);
    guard.expect_no_open();
    accepts(&guard, "rsa", false);
    answer(&guard, &document(&["rsa"]));
    accepts(&guard, "rsa", true);
}

#[test]
fn of_a_document_what_is_of_use_is_taken() {
    let guard = guard();
    let mut encryption = key("rsa");
    encryption["use"] = json!("enc");
    let mut double = key("p256");
    double["x"] = key("p256")["y"].clone();
    let other = json!({"kty": "EC", "crv": "secp256k1", "kid": "k", "x": encode([1; 32])});
    let keys = json!([encryption, other, key("oct"), 7, key("p256"), double, key("ed25519")]);
    let document = json!({"keys": keys, "issuer": "anybody"}).to_string();
    let fetched = Keys::fetched(document.as_bytes()).unwrap();
    assert_eq!((fetched.keys.count(), fetched.unused.len()), (2, 5), "{:?}", fetched.unused);
    answer(&guard, &document);
    accepts(&guard, "p256", true);
    accepts(&guard, "ed25519", true);
    accepts(&guard, "rsa", false);
    accepts(&guard, "oct", false);
}

#[test]
fn a_successor_has_the_keys_of_the_same_place_and_asks_for_them_all_the_same() {
    let guard = guard();
    assert_eq!(guard.save(), b"");
    answer(&guard, &document(&["p256"]));
    let state = guard.save();
    let yaml = |keys: Value| {
        json!({"options": {"issuer": "https://issuer", "audience": "api", "keys": keys}}).to_string()
    };
    let same = yaml(json!({"url": "https://keys.example:7443/jwks.json", "refresh": 60}));
    let (heir, restored) = OutboundHarness::<Jwt>::attach_restored(&same, "0.0.1", &state).unwrap();
    assert_eq!(restored, Ok(()));
    accepts(&heir, "p256", true);
    answer(&heir, &document(&["rsa"]));
    accepts(&heir, "p256", false);
    for (keys, state) in [
        (json!("https://keys.example:7443/other.json"), &state[..]),
        (json!({"url": "https://keys.example:7443/jwks.json", "vault": "v", "trust": ["t"]}), &state),
        (json!("https://keys.example:7443/jwks.json"), &state[..state.len() - 1]),
        (json!("https://keys.example:7443/jwks.json"), b"nothing of it"),
    ] {
        let (heir, restored) = OutboundHarness::<Jwt>::attach_restored(&yaml(keys), "0.0.1", state).unwrap();
        assert!(restored.is_err(), "{}", state.escape_ascii());
        accepts(&heir, "p256", false);
    }
}

#[test]
fn a_guard_that_drains_leaves_and_opens_nothing_more() {
    let guard = guard();
    let mut server = guard.expect_open();
    guard.drain();
    assert!(server.is_over());
    server.recv_all();
    guard.advance(10 * RETRY_MS_MAX);
    accepts(&guard, "p256", false);
    guard.expect_no_open();
}

#[test]
fn what_comes_in_any_order_is_survived() {
    for script in [
        vec![head("200", "application/json"), begin_end()],
        vec![abort(CloseCode::Limit)],
        vec![head("100", "x"), head_flush("100"), head_flush("200"), end()],
        vec![head("999", "application/json")],
        vec![head("", ""), end()],
    ] {
        let guard = guard();
        let mut server = guard.expect_open();
        server.send_all(script);
        assert!(server.is_over());
        answer_on(next_fetch(&guard), &document(&["p256"]));
        accepts(&guard, "p256", true);
    }
}

fn begin_end() -> Frame {
    end_with([("trailer", "x")])
}

fn head_flush(status: &str) -> Frame {
    flush([(":status", status)])
}
