//! Everything else that can be wrong, and how it is said.

use crate::maker::{Folder, P256};
use serde_json::json;

#[test]
fn a_missing_file_and_a_folder_are_named() {
    let folder = Folder::new();
    let (pointer, expected, found) = folder.error(&json!({"keys": {"store": "tls/no.p12"}}));
    let path = folder.path().join("tls/no.p12");
    assert_eq!((&*pointer, &*expected), ("/options/keys/store", "a file that can be read"));
    assert_eq!(found, format!("`{}`: No such file or directory (os error 2)", path.display()));
    let (_, _, found) = folder.error(&json!({"keys": {"store": "."}}));
    assert!(found.contains("Is a directory"), "{found}");
}

#[test]
fn other_formats_are_told_from_pkcs_12() {
    let folder = Folder::new();
    folder.self_signed("ca", P256);
    let found = |content: &[u8]| {
        folder.write("store", content);
        let (pointer, expected, found) =
            folder.error(&json!({"trust": {"store": "store", "password": "secret"}}));
        assert_eq!(pointer, "/options/trust/store");
        assert!(!content.is_empty() && expected == "a PKCS#12 store" || content.is_empty(), "{expected}");
        found
    };
    assert_eq!(found(&folder.bytes("ca.crt")), "a PEM file, which takes `type: pem`");
    assert_eq!(found(&folder.der("ca")), "a lone certificate in DER");
    assert!(found(b"\xCE\xCE\xCE\xCE\0\0").contains("JCEKS"));
    assert!(found(b"\x30\x80\x02\x01\x03").contains("BER"));
    assert!(found(b"hello").starts_with("something else, or a damaged one"));
    assert!(found(b"").ends_with("empty"));
    let made = folder.keytool(&[
        "-genkeypair",
        "-alias",
        "a",
        "-keyalg",
        "EC",
        "-dname",
        "CN=a",
        "-storetype",
        "JKS",
        "-keystore",
        "store.jks",
        "-storepass",
        "changeit",
        "-keypass",
        "changeit",
    ]);
    if made {
        assert!(found(&folder.bytes("store.jks")).contains("JKS; `keytool -importkeystore"));
    }
}

#[test]
fn a_wrong_password_is_told_without_saying_it() {
    let folder = Folder::new();
    folder.self_signed("localhost", P256);
    for (more, says) in
        [(&[][..], "another one"), (&["-nomac"], "one that does not"), (&["-legacy"], "another one")]
    {
        folder.export("keys.p12", "localhost", "secret", more);
        let options = json!({"keys": {"store": "keys.p12", "password": "guessed-wrong"}});
        let errors = folder.read(&options).unwrap_err();
        assert_eq!(errors[0].pointer, "/options/keys/password");
        assert_eq!(errors[0].expected, "the password that opens the store");
        assert!(errors[0].found.starts_with(says), "{errors:?}");
        assert!(!format!("{errors:?}").contains("guessed"));
        assert_eq!(folder.error(&json!({"keys": {"store": "keys.p12"}})).0, "/options/keys");
    }
}

#[test]
fn a_missing_alias_is_told_with_those_there_are() {
    let folder = Folder::new();
    folder.self_signed("localhost", P256);
    folder.export("keys.p12", "localhost", "", &["-name", "Localhost"]);
    let options = json!({"keys": {"store": "keys.p12", "entries": ["localhost", "example"]}});
    let (pointer, expected, found) = folder.error(&options);
    assert_eq!((&*pointer, &*expected), ("/options/keys/entries/1", "an alias that the store has"));
    assert_eq!(found, "`example`; there is only `localhost`");
}

#[test]
fn a_key_is_not_used_before_or_after_its_time() {
    let folder = Folder::new();
    folder.self_signed("localhost", P256);
    let entry = json!({"key": "localhost.key", "certificates": "localhost.crt"});
    let options = json!({"keys": {"type": "pem", "entries": {"localhost": entry}}});
    folder.read_in(&options, 29).unwrap();
    let (pointer, expected, found) = folder.error_in(&options, 31);
    assert_eq!(pointer, "/options/keys/entries/localhost/certificates");
    assert_eq!(expected, "certificates that are valid now");
    assert!(found.starts_with("`CN=localhost`, expired at "), "{found}");
    let (_, _, found) = folder.error_in(&options, -1);
    assert!(found.starts_with("`CN=localhost`, not valid before "), "{found}");
}

#[test]
fn an_issuer_in_the_chain_that_expired_is_an_error_too() {
    let folder = Folder::new();
    let rest =
        ["-x509", "-nodes", "-days", "1", "-subj", "/CN=root", "-keyout", "root.key", "-out", "root.crt"];
    folder.openssl(&[&["req"], P256, &rest].concat());
    folder.issued("localhost", "root");
    folder.join("all.pem", &["localhost.key", "localhost.crt", "root.crt"]);
    let (_, _, found) = folder.error_in(&json!({"keys": {"type": "pem", "entries": {"a": "all.pem"}}}), 2);
    assert!(found.starts_with("`CN=root`, expired at "), "{found}");
}

#[test]
fn trust_that_expired_is_a_warning() {
    let folder = Folder::new();
    folder.self_signed("ca", P256);
    let options = json!({"trust": {"type": "pem", "store": "ca.crt"}});
    assert!(folder.read(&options).unwrap().warnings().is_empty());
    let vault = folder.read_in(&options, 31).unwrap();
    let [warning] = vault.warnings() else { panic!("{:?}", vault.warnings()) };
    assert_eq!(warning.pointer, "/options/trust/store");
    assert!(warning.found.starts_with("`CN=ca`, expired at "), "{warning:?}");
}

#[test]
fn a_trust_store_without_certificates_to_trust_is_refused() {
    let folder = Folder::new();
    folder.self_signed("localhost", P256);
    folder.export("keys.p12", "localhost", "", &[]);
    let (pointer, expected, found) = folder.error(&json!({"trust": {"store": "keys.p12"}}));
    assert_eq!((&*pointer, &*expected), ("/options/trust/store", "a store with certificates to trust"));
    assert_eq!(found, "one of private keys and the certificates of those");
    folder.openssl(&[
        "pkcs12",
        "-export",
        "-nokeys",
        "-in",
        "localhost.crt",
        "-out",
        "trust.p12",
        "-passout",
        "pass:",
    ]);
    let (pointer, expected, found) = folder.error(&json!({"keys": {"store": "trust.p12"}}));
    assert_eq!(found, "one of certificates only");
    assert_eq!((&*pointer, &*expected), ("/options/keys/store", "a store with a private key"));
}

#[test]
fn two_entries_of_an_alias_are_refused() {
    let folder = Folder::new();
    folder.self_signed("one", P256);
    folder.self_signed("other", P256);
    folder.join("both.pem", &["one.crt", "other.crt"]);
    folder.self_signed("third", P256);
    folder.openssl(&[
        "pkcs12",
        "-export",
        "-nokeys",
        "-in",
        "third.crt",
        "-certfile",
        "both.pem",
        "-caname",
        "Same",
        "-caname",
        "same",
        "-caname",
        "SAME",
        "-out",
        "trust.p12",
        "-passout",
        "pass:",
    ]);
    let errors = folder.read(&json!({"trust": {"store": "trust.p12"}})).unwrap_err();
    assert_eq!(errors[0].found, "two of alias `same`; case does not matter");
    let entries = json!({"A": "one.crt", "a": "other.crt"});
    let (pointer, expected, _) = folder.error(&json!({"trust": {"type": "pem", "entries": entries}}));
    assert_eq!((&*pointer, &*expected), ("/options/trust/entries/a", "an alias of its own"));
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let folder = Folder::new();
    let entries = json!({"a": {"key": "no.key", "certificates": "no.crt"}, "b": "no.pem"});
    let errors = folder
        .read(&json!({
            "keys": {"type": "pem", "entries": entries},
            "trust": {"store": "no.p12"},
            "signers": {"type": "pem", "store": "no.pem"},
            "revocation": {"type": "crl", "files": ["no.crl"]}
        }))
        .unwrap_err();
    let pointers: Vec<&str> = errors.iter().map(|error| &*error.pointer).collect();
    assert_eq!(
        pointers,
        [
            "/options/keys/entries/a/certificates",
            "/options/keys/entries/a/key",
            "/options/keys/entries/b",
            "/options/trust/store",
            "/options/signers/store",
            "/options/revocation/files/0",
        ]
    );
}

#[test]
fn a_vault_in_debug_output_keeps_its_secrets() {
    let folder = Folder::new();
    folder.self_signed("localhost", P256);
    folder.export("keys.p12", "localhost", "open-sesame", &["-name", "localhost"]);
    let vault = folder.read(&json!({"keys": {"store": "keys.p12", "password": "open-sesame"}})).unwrap();
    let key = vault.key("localhost").unwrap();
    let expected = "Key { alias: \"localhost\", algorithm: EcdsaP256, certificates: 1, .. }";
    assert_eq!(format!("{key:?}"), expected);
    let debug = format!("{vault:?}");
    assert!(debug.contains(expected) && !debug.contains("sesame"), "{debug}");
}
