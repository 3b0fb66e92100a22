//! PEM in its shapes.

use crate::maker::{Folder, P256, chain};
use serde_json::json;
use zilla_vault::KeyAlgorithm;

#[track_caller]
fn takes(kind: &[&str], algorithm: KeyAlgorithm) {
    let folder = Folder::new();
    folder.self_signed("localhost", kind);
    let entry = json!({"key": "localhost.key", "certificates": "localhost.crt"});
    let vault = folder.read(&json!({"keys": {"type": "pem", "entries": {"localhost": entry}}})).unwrap();
    assert_eq!(vault.key("localhost").unwrap().algorithm(), algorithm);
}

#[test]
fn keys_of_each_algorithm_are_taken() {
    let curve = |name: &str| format!("ec_paramgen_curve:{name}");
    takes(P256, KeyAlgorithm::EcdsaP256);
    takes(&["-newkey", "ec", "-pkeyopt", &curve("P-384")], KeyAlgorithm::EcdsaP384);
    takes(&["-newkey", "ec", "-pkeyopt", &curve("P-521")], KeyAlgorithm::EcdsaP521);
    takes(&["-newkey", "ed25519"], KeyAlgorithm::Ed25519);
    takes(&["-newkey", "rsa:2048"], KeyAlgorithm::Rsa { bits: 2048 });
    takes(&["-newkey", "rsa:4096"], KeyAlgorithm::Rsa { bits: 4096 });
}

#[test]
fn the_largest_rsa_key_is_taken() {
    takes(&["-newkey", "rsa:8192"], KeyAlgorithm::Rsa { bits: 8192 });
}

#[test]
fn other_keys_are_refused_by_name() {
    let refused = |kind: &[&str], what: &str| {
        let folder = Folder::new();
        folder.self_signed("localhost", kind);
        let entry = json!({"key": "localhost.key", "certificates": "localhost.crt"});
        let (pointer, expected, found) =
            folder.error(&json!({"keys": {"type": "pem", "entries": {"a": entry}}}));
        assert_eq!(pointer, "/options/keys/entries/a/key");
        assert!(expected.starts_with("a key for RSA of 2048 to 8192 bits"), "{expected}");
        assert!(found.contains(what), "{found}");
    };
    refused(&["-newkey", "rsa:1024"], "RSA of 1024 bits");
    refused(&["-newkey", "ed448"], "1.3.101.113");
    refused(&["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"], "1.3.132.0.10");
}

#[test]
fn one_file_may_have_key_and_chain_in_any_order() {
    let folder = Folder::new();
    folder.chain();
    folder.join("all.pem", &["others.pem", "localhost.key", "localhost.crt"]);
    let vault = folder.read(&json!({"keys": {"type": "pem", "entries": {"Me": "all.pem"}}})).unwrap();
    assert_eq!(chain(&vault, "me"), ["localhost", "between", "root"].map(|name| folder.der(name)));
}

#[test]
fn certificates_of_others_are_left_out_of_the_chain() {
    let folder = Folder::new();
    folder.chain();
    folder.self_signed("stranger", P256);
    folder.join("all.pem", &["stranger.crt", "store.pem", "localhost.key"]);
    let vault = folder.read(&json!({"keys": {"type": "pem", "entries": {"me": "all.pem"}}})).unwrap();
    assert_eq!(chain(&vault, "me"), ["localhost", "between", "root"].map(|name| folder.der(name)));
}

#[test]
fn a_renewed_issuer_goes_before_the_one_that_expired() {
    let folder = Folder::new();
    folder.self_signed("root", P256);
    folder.issued("localhost", "root");
    let renew = |days: &str, out: &str| {
        folder.openssl(&[
            "req", "-x509", "-new", "-key", "root.key", "-subj", "/CN=root", "-days", days, "-out", out,
        ]);
    };
    renew("1", "old.crt");
    renew("29", "new.crt");
    folder.join("all.pem", &["old.crt", "new.crt", "localhost.crt", "localhost.key"]);
    let options = json!({"keys": {"type": "pem", "entries": {"me": "all.pem"}}});
    assert_eq!(
        chain(&folder.read(&options).unwrap(), "me"),
        ["localhost", "old"].map(|name| folder.der(name))
    );
    let later = folder.read_in(&options, 2).unwrap();
    assert_eq!(chain(&later, "me"), ["localhost", "new"].map(|name| folder.der(name)));
}

#[test]
fn of_issuers_of_one_name_that_with_the_right_key_is_taken() {
    let folder = Folder::new();
    folder.self_signed("root", P256);
    folder.join("stranger.crt", &["root.crt"]);
    folder.self_signed("root", P256);
    folder.issued("localhost", "root");
    folder.write("extensions", "authorityKeyIdentifier = keyid:always\n");
    folder.openssl(&[
        "x509",
        "-req",
        "-in",
        "localhost.csr",
        "-CA",
        "root.crt",
        "-CAkey",
        "root.key",
        "-set_serial",
        "7",
        "-extfile",
        "extensions",
        "-days",
        "30",
        "-out",
        "localhost.crt",
    ]);
    folder.join("all.pem", &["stranger.crt", "root.crt", "localhost.crt", "localhost.key"]);
    let vault = folder.read(&json!({"keys": {"type": "pem", "entries": {"me": "all.pem"}}})).unwrap();
    assert_eq!(chain(&vault, "me"), ["localhost", "root"].map(|name| folder.der(name)));
}

#[test]
fn issuers_in_a_circle_are_a_chain_with_an_end() {
    let folder = Folder::new();
    folder.self_signed("one", P256);
    folder.issued("other", "one");
    folder.openssl(&["req", "-new", "-key", "one.key", "-subj", "/CN=one", "-out", "one.csr"]);
    folder.openssl(&[
        "x509",
        "-req",
        "-in",
        "one.csr",
        "-CA",
        "other.crt",
        "-CAkey",
        "other.key",
        "-set_serial",
        "8",
        "-days",
        "30",
        "-out",
        "one.crt",
    ]);
    folder.join("all.pem", &["other.crt", "one.crt", "one.key"]);
    let vault = folder.read(&json!({"keys": {"type": "pem", "entries": {"me": "all.pem"}}})).unwrap();
    assert_eq!(chain(&vault, "me"), ["one", "other"].map(|name| folder.der(name)));
}

#[test]
fn the_formats_before_pkcs_8_are_read() {
    let folder = Folder::new();
    folder.self_signed("ec", P256);
    folder.self_signed("rsa", &["-newkey", "rsa:2048"]);
    folder.openssl(&["ec", "-in", "ec.key", "-out", "sec1.key"]);
    folder.openssl(&["rsa", "-in", "rsa.key", "-traditional", "-out", "pkcs1.key"]);
    // As `openssl ecparam -genkey` writes them: parameters of the curve go before the key.
    folder.openssl(&["ecparam", "-name", "prime256v1", "-out", "curve.pem"]);
    folder.join("ec.pem", &["curve.pem", "sec1.key"]);
    let entries = json!({
        "ec": {"key": "ec.pem", "certificates": "ec.crt"},
        "rsa": {"key": "pkcs1.key", "certificates": "rsa.crt"}
    });
    let vault = folder.read(&json!({"keys": {"type": "pem", "entries": entries}})).unwrap();
    assert!(folder.bytes("ec.pem").windows(14).any(|window| window == b"EC PRIVATE KEY"));
    assert!(folder.bytes("pkcs1.key").windows(15).any(|window| window == b"RSA PRIVATE KEY"));
    assert_eq!(vault.keys().count(), 2);
}

#[test]
fn an_encrypted_key_takes_its_own_password_or_that_of_all() {
    let folder = Folder::new();
    folder.self_signed("localhost", P256);
    let encrypt = |out: &str, more: &[&str]| {
        let first = ["pkcs8", "-topk8", "-in", "localhost.key", "-passout", "pass:secret", "-out", out];
        folder.openssl(&[&first, more].concat());
    };
    encrypt("pbkdf2.key", &[]);
    encrypt("scrypt.key", &["-scrypt"]);
    encrypt("pkcs12.key", &["-v1", "PBE-SHA1-3DES"]);
    let entry = |key: &str| json!({"key": key, "certificates": "localhost.crt"});
    let own = json!({"key": "pbkdf2.key", "certificates": "localhost.crt", "password": "secret"});
    folder.read(&json!({"keys": {"type": "pem", "entries": {"own": own}}})).unwrap();
    let entries = json!({"a": entry("pbkdf2.key"), "b": entry("scrypt.key"), "c": entry("pkcs12.key")});
    let shared = json!({"keys": {"type": "pem", "password": "secret", "entries": entries}});
    assert_eq!(folder.read(&shared).unwrap().keys().count(), 3);

    let wrong = json!({"key": "pbkdf2.key", "certificates": "localhost.crt", "password": "guessed-wrong"});
    let (pointer, _, found) = folder.error(&json!({"keys": {"type": "pem", "entries": {"own": wrong}}}));
    assert_eq!(pointer, "/options/keys/entries/own/password");
    assert_eq!(found, "another one (or the key is damaged)");
    let none = json!({"keys": {"type": "pem", "entries": {"a/b": entry("pbkdf2.key")}}});
    let (pointer, expected, _) = folder.error(&none);
    assert_eq!(pointer, "/options/keys/entries/a~1b/key");
    assert_eq!(expected, "a password for the encrypted private key");
}

#[test]
fn the_old_encryption_of_openssl_is_told_how_to_convert() {
    let folder = Folder::new();
    folder.self_signed("rsa", &["-newkey", "rsa:2048"]);
    folder.openssl(&[
        "rsa",
        "-in",
        "rsa.key",
        "-traditional",
        "-aes128",
        "-passout",
        "pass:secret",
        "-out",
        "old.key",
    ]);
    let entry = json!({"key": "old.key", "certificates": "rsa.crt", "password": "secret"});
    let (pointer, _, found) = folder.error(&json!({"keys": {"type": "pem", "entries": {"old": entry}}}));
    assert_eq!(pointer, "/options/keys/entries/old/key");
    assert_eq!(found, "line 1: OpenSSL's old format; `openssl pkcs8 -topk8` converts it");
}

#[test]
fn a_bundle_is_known_by_common_names() {
    let folder = Folder::new();
    folder.self_signed("One CA", P256);
    folder.self_signed("other", P256);
    let rest = ["-x509", "-nodes", "-subj", "/O=Nameless", "-keyout", "no.key", "-out", "no.crt"];
    folder.openssl(&[&["req"], P256, &rest].concat());
    folder.join("ca.pem", &["One CA.crt", "other.crt", "no.crt"]);
    // A renewal goes by the same name.
    folder.self_signed("One CA", P256);
    folder.join("ca.pem", &["ca.pem", "One CA.crt"]);
    let vault = folder.read(&json!({"trust": {"type": "pem", "store": "ca.pem"}})).unwrap();
    assert_eq!(vault.certificates("one ca").unwrap().len(), 2);
    assert_eq!(vault.certificates("OTHER").unwrap().len(), 1);
    assert_eq!(vault.certificates("o=nameless").unwrap().len(), 1);
    assert_eq!(vault.trusted().count(), 4);

    let options = json!({"trust": {"type": "pem", "store": "ca.pem", "entries": ["other", "third"]}});
    let (pointer, _, found) = folder.error(&options);
    assert_eq!(pointer, "/options/trust/entries/1");
    assert_eq!(found, "`third`; there are `o=nameless`, `one ca`, `other`");
}

#[test]
fn a_key_of_another_certificate_is_found_out() {
    let folder = Folder::new();
    folder.self_signed("localhost", P256);
    folder.self_signed("stranger", P256);
    let entry = json!({"key": "stranger.key", "certificates": "localhost.crt"});
    let (pointer, expected, found) = folder.error(&json!({"keys": {"type": "pem", "entries": {"a": entry}}}));
    assert_eq!(pointer, "/options/keys/entries/a/key");
    assert_eq!(expected, "the private key of `CN=localhost`");
    assert_eq!(found, "one that does not fit the certificate");
}

#[test]
fn a_file_without_a_key_says_what_it_has() {
    let folder = Folder::new();
    folder.chain();
    let options = json!({"keys": {"type": "pem", "entries": {"a": "store.pem"}}});
    let (pointer, expected, found) = folder.error(&options);
    assert_eq!(pointer, "/options/keys/entries/a");
    assert_eq!(expected, "a PEM file with one private key");
    assert_eq!(found, "3 × CERTIFICATE");
    folder.join("two.pem", &["root.key", "between.key", "root.crt"]);
    let (_, _, found) = folder.error(&json!({"keys": {"type": "pem", "entries": {"a": "two.pem"}}}));
    assert_eq!(found, "1 × CERTIFICATE, 2 × PRIVATE KEY");
    let (_, expected, found) = folder.error(&json!({"trust": {"type": "pem", "store": "root.key"}}));
    assert_eq!((&*expected, &*found), ("a PEM file with certificates", "1 × PRIVATE KEY"));
}

#[test]
fn der_and_broken_pem_are_told_from_pem() {
    let folder = Folder::new();
    folder.self_signed("ca", P256);
    folder.der("ca");
    let found = |content: &[u8]| {
        folder.write("wrong.pem", content);
        let (pointer, _, found) = folder.error(&json!({"trust": {"type": "pem", "store": "wrong.pem"}}));
        assert_eq!(pointer, "/options/trust/store");
        found
    };
    assert_eq!(found(&folder.bytes("ca.der")), "DER, which is not text");
    assert_eq!(found(b"hello"), "a file without any `-----BEGIN`");
    assert_eq!(found(b"\n-----BEGIN CERTIFICATE-----\nAAAA"), "none after line 2");
    let section = |inner: &str| format!("-----BEGIN CERTIFICATE-----\n{inner}\n-----END CERTIFICATE-----\n");
    assert_eq!(found(section("A*A=").as_bytes()), "line 1: a CERTIFICATE that is something else");
    assert!(found(section("AAAA").as_bytes()).starts_with("line 1: "));
}
