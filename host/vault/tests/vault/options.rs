//! The schema, and what it leaves to the reader.

use crate::maker::{Folder, P256};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use zilla_vault::{describe, files};

/// Fails where a mapping takes any key, or a property has no description.
fn check(schema: &Value, at: &str) {
    if let Some(properties) = schema["properties"].as_object() {
        assert_eq!(schema["additionalProperties"], json!(false), "{at}");
        for (name, property) in properties {
            assert!(property["description"].is_string(), "{at}/{name} says nothing of itself");
        }
    }
    match schema {
        Value::Object(inner) => inner.iter().for_each(|(name, inner)| check(inner, &format!("{at}/{name}"))),
        Value::Array(inner) => inner.iter().for_each(|inner| check(inner, at)),
        _ => {}
    }
}

#[test]
fn the_schema_is_strict_and_says_what_each_option_is() {
    let schema = describe();
    jsonschema::meta::validate(&schema).unwrap();
    check(&schema, "");
    let validator = jsonschema::validator_for(&schema).unwrap();
    for wrong in [
        json!({"key": {}}),
        json!({"keys": {"store": "a", "passwort": "b"}}),
        json!({"keys": {"store": "a", "type": "jks"}}),
        json!({"keys": {"type": "pem", "entries": {"a": {"key": "k"}}}}),
        json!({"trust": {"type": "pem", "entries": {"a": {"key": "k", "certificates": "c"}}}}),
        json!({"revocation": "ocsp"}),
        json!({"revocation": {"type": "crl", "files": []}}),
    ] {
        assert!(!validator.is_valid(&wrong), "{wrong}");
    }
}

#[test]
fn options_that_do_not_go_together_are_refused() {
    let folder = Folder::new();
    let entry = json!({"a": "a.pem"});
    for (options, pointer, says) in [
        (json!({"keys": {}}), "/options/keys", "`store` with the path of a PKCS#12 file"),
        (
            json!({"keys": {"store": "a", "entries": entry}}),
            "/options/keys/entries",
            "a list of aliases, or `type: pem`",
        ),
        (json!({"keys": {"type": "pem"}}), "/options/keys", "the files of each alias"),
        (
            json!({"keys": {"type": "pem", "entries": ["a"]}}),
            "/options/keys/entries",
            "the files of each alias",
        ),
        (
            json!({"keys": {"type": "pem", "store": "a", "entries": entry}}),
            "/options/keys/store",
            "`entries`",
        ),
        (json!({"trust": {"type": "pem"}}), "/options/trust", "`store` with one file, or `entries`"),
        (
            json!({"trust": {"type": "pem", "store": "a", "entries": entry}}),
            "/options/trust",
            "`store` with one file",
        ),
        (
            json!({"signers": {"type": "pem", "store": "a", "password": "b"}}),
            "/options/signers/password",
            "no password",
        ),
        (
            json!({"keys": {"type": "pem", "entries": {"A": "a.pem", "a": "b.pem"}}}),
            "/options/keys/entries/a",
            "an alias of its own",
        ),
        (
            json!({"trust": {"store": "a", "entries": ["A", "a"]}}),
            "/options/trust/entries/1",
            "an alias of its own",
        ),
    ] {
        let (found, expected, _) = folder.error(&options);
        assert_eq!(found, pointer, "{options}");
        assert!(expected.starts_with(says), "{options}: {expected}");
    }
}

#[test]
fn files_are_known_before_they_can_be_read() {
    let options = json!({
        "keys": {"type": "pem", "entries": {"a": {"key": "a.key", "certificates": "a.crt"}, "b": "b.pem"}},
        "trust": {"store": "/etc/trust.p12"},
        "signers": {"store": "b.pem"},
        "revocation": {"type": "crl", "files": ["ca.crl"]}
    });
    let expected = ["/base/a.crt", "/base/a.key", "/base/b.pem", "/base/ca.crl", "/etc/trust.p12"];
    assert_eq!(files(&options, Path::new("/base")), expected.map(PathBuf::from));
}

#[test]
fn the_digest_is_that_of_the_files() {
    let folder = Folder::new();
    folder.self_signed("ca", P256);
    folder.self_signed("other", P256);
    folder.join("trust.pem", &["ca.crt"]);
    let options = json!({"trust": {"type": "pem", "store": "trust.pem"}});
    let first = folder.read(&options).unwrap();
    assert_eq!(first.digest(), folder.read(&options).unwrap().digest());
    assert_eq!(first.files().collect::<Vec<_>>(), [folder.path().join("trust.pem")]);
    folder.join("trust.pem", &["other.crt"]);
    assert_ne!(first.digest(), folder.read(&options).unwrap().digest());
}

#[test]
fn an_empty_vault_is_a_vault() {
    let vault = Folder::new().read(&json!({})).unwrap();
    assert_eq!(vault.key("a").unwrap_err().to_string(), "no entry `a`: there are none");
}
