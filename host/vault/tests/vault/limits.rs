//! Each limit is met.

use crate::maker::{Folder, P256, public_key, read, replace};
use rustls_pki_types::UnixTime;
use serde_json::json;
use std::io;
use std::path::Path;
use zilla_vault::{ENTRIES_MAX, FILE_SIZE_MAX, ITERATIONS_MAX, Source};

#[test]
fn a_file_is_read_no_further_than_the_limit() {
    let options = json!({"keys": {"store": "/dev/zero"}});
    let errors = read(
        &options,
        &mut Source {
            base: Path::new("/"),
            now: UnixTime::now(),
            open: &mut |_| Ok(Box::new(io::repeat(0))),
            public_key: &public_key,
        },
    );
    let errors = errors.unwrap_err();
    assert_eq!(errors[0].expected, format!("a file of at most {FILE_SIZE_MAX} octets"));
}

#[test]
fn a_store_that_asks_for_too_many_iterations_is_refused() {
    let folder = Folder::new();
    folder.self_signed("localhost", P256);
    // 40,000 in DER; in its place 8,388,607, of which none is done.
    let (some, many) = (&[2, 3, 0, 0x9C, 0x40], &[2, 3, 0x7F, 0xFF, 0xFF]);
    for more in [&["-nomac"][..], &["-nomac", "-legacy"], &["-keypbe", "NONE", "-certpbe", "NONE"]] {
        folder.export("keys.p12", "localhost", "secret", &[&["-iter", "40000"], more].concat());
        let content = replace(&folder.bytes("keys.p12"), some, many);
        folder.write("keys.p12", content);
        let options = json!({"keys": {"store": "keys.p12", "password": "secret"}});
        let (pointer, expected, found) = folder.error(&options);
        assert_eq!(pointer, "/options/keys/store");
        assert!(expected.contains(&ITERATIONS_MAX.to_string()), "{expected}");
        assert_eq!(found, "one that asks for 0 and then 8388607 more");
    }
}

#[test]
fn scrypt_that_asks_for_too_much_memory_is_refused() {
    let folder = Folder::new();
    folder.self_signed("localhost", P256);
    folder.openssl(&[
        "pkcs8",
        "-topk8",
        "-in",
        "localhost.key",
        "-passout",
        "pass:secret",
        "-scrypt",
        "-outform",
        "DER",
        "-out",
        "some.der",
    ]);
    // N = 16,384, r = 8, p = 1; openssl itself refuses to make more.
    let (some, many) = (&[2, 2, 0x40, 0, 2, 1, 8, 2, 1, 1], &[2, 2, 0x40, 0, 2, 1, 127, 2, 1, 1]);
    folder.write("big.der", replace(&folder.bytes("some.der"), some, many));
    folder.openssl(&["enc", "-base64", "-in", "big.der", "-out", "big.base64"]);
    folder.write("begin", "-----BEGIN ENCRYPTED PRIVATE KEY-----\n");
    folder.write("end", "-----END ENCRYPTED PRIVATE KEY-----\n");
    folder.join("big.key", &["begin", "big.base64", "end"]);
    let entry = json!({"key": "big.key", "certificates": "localhost.crt", "password": "secret"});
    let (pointer, _, found) = folder.error(&json!({"keys": {"type": "pem", "entries": {"a": entry}}}));
    assert_eq!(pointer, "/options/keys/entries/a/key");
    assert_eq!(found, "one that asks for 0 and then 8323072 more");
}

#[test]
fn a_file_with_too_many_certificates_is_refused() {
    let folder = Folder::new();
    folder.self_signed("ca", P256);
    let many = folder.bytes("ca.crt").repeat(ENTRIES_MAX + 1);
    assert!((many.len() as u64) < FILE_SIZE_MAX);
    folder.write("many.pem", many);
    let (_, expected, _) = folder.error(&json!({"trust": {"type": "pem", "store": "many.pem"}}));
    assert_eq!(expected, format!("a PEM file of at most {ENTRIES_MAX} sections"));
    folder.openssl(&[
        "pkcs12", "-export", "-nokeys", "-in", "many.pem", "-certpbe", "NONE", "-out", "many.p12",
        "-passout", "pass:",
    ]);
    assert!((folder.bytes("many.p12").len() as u64) < FILE_SIZE_MAX);
    let (_, expected, _) = folder.error(&json!({"trust": {"store": "many.p12"}}));
    assert_eq!(expected, format!("a store of at most {ENTRIES_MAX} keys and certificates"));
}
