//! PKCS#12 as it is written in the wild.

use crate::maker::{Folder, P256, chain, replace};
use der::{Decode, Encode};
use hmac::{KeyInit, Mac};
use serde_json::json;
use zilla_vault::KeyAlgorithm;

/// Encrypted, without a MAC, in the clear.
const PLAIN: &[&str] = &["-keypbe", "NONE", "-certpbe", "NONE"];

#[track_caller]
fn opens(more: &[&str], password: &str) {
    let folder = Folder::new();
    folder.self_signed("localhost", P256);
    folder.export("keys.p12", "localhost", password, &[&["-name", "localhost"], more].concat());
    let vault = folder.read(&json!({"keys": {"store": "keys.p12", "password": password}})).unwrap();
    let key = vault.key("localhost").unwrap();
    assert_eq!(key.chain()[0].to_vec(), folder.der("localhost"));
    assert_eq!(key.private_key().secret_der(), folder.pkcs8("localhost"));
    assert_eq!(key.algorithm(), KeyAlgorithm::EcdsaP256);
}

#[test]
fn a_store_of_openssl_3_opens() {
    opens(&[], "secret");
}

#[test]
fn a_store_of_openssl_1_opens() {
    opens(&["-legacy"], "secret");
}

#[test]
fn rc2_of_128_bits_opens() {
    opens(&["-legacy", "-certpbe", "PBE-SHA1-RC2-128", "-keypbe", "PBE-SHA1-RC2-128"], "secret");
}

#[test]
fn pbes2_with_3des_and_sha1_opens() {
    opens(&["-certpbe", "DES-EDE3-CBC", "-keypbe", "DES-EDE3-CBC", "-macalg", "sha1"], "secret");
}

#[test]
fn a_mac_of_sha_512_is_known() {
    opens(&["-macalg", "sha512"], "secret");
    opens(&["-macalg", "sha384"], "secret");
}

#[test]
fn a_store_without_a_mac_opens() {
    opens(&["-nomac"], "secret");
}

#[test]
fn a_store_in_the_clear_opens() {
    opens(PLAIN, "secret");
    opens(&[PLAIN, &["-nomac"]].concat(), "");
}

#[test]
fn an_empty_password_opens_what_it_closed() {
    opens(&[], "");
    opens(&["-legacy"], "");
}

#[test]
fn a_password_beyond_ascii_opens_in_both_encodings() {
    opens(&[], "pässwörd");
    opens(&["-legacy"], "pässwörd");
    opens(&["-legacy"], "a key: 🔑");
}

#[test]
fn an_empty_password_without_its_nul_opens_too() {
    let folder = Folder::new();
    folder.self_signed("localhost", P256);
    folder.export("keys.p12", "localhost", "", &[PLAIN, &["-name", "localhost"]].concat());
    let content = folder.bytes("keys.p12");
    let mut pfx = pkcs12::Pfx::from_der(&content).unwrap();
    let mac = pfx.mac_data.as_mut().unwrap();
    let (salt, kind) = (mac.mac_salt.as_bytes(), pkcs12::kdf::Pkcs12KeyType::Mac);
    let key = pkcs12::kdf::derive_key::<sha2::Sha256>(&[], salt, kind, mac.iterations, 32);
    let octets: &der::asn1::OctetStringRef = pfx.auth_safe.content.decode_as().unwrap();
    let mut hmac = hmac::SimpleHmac::<sha2::Sha256>::new_from_slice(&key).unwrap();
    hmac.update(octets.as_bytes());
    mac.mac.digest = der::asn1::OctetString::new(hmac.finalize().into_bytes().to_vec()).unwrap();
    folder.write("keys.p12", pfx.to_der().unwrap());
    folder.read(&json!({"keys": {"store": "keys.p12"}})).unwrap().key("localhost").unwrap();
}

#[test]
fn the_chain_is_put_in_order() {
    let folder = Folder::new();
    folder.chain();
    folder.export("keys.p12", "localhost", "secret", &["-certfile", "others.pem", "-name", "localhost"]);
    let vault = folder.read(&json!({"keys": {"store": "keys.p12", "password": "secret"}})).unwrap();
    assert_eq!(chain(&vault, "localhost"), ["localhost", "between", "root"].map(|name| folder.der(name)));
}

#[test]
fn aliases_have_no_case() {
    let folder = Folder::new();
    folder.self_signed("localhost", P256);
    folder.export("keys.p12", "localhost", "secret", &["-name", "LocalHost ÄÖ"]);
    let options = json!({"keys": {"store": "keys.p12", "password": "secret", "entries": ["LOCALHOST äö"]}});
    let vault = folder.read(&options).unwrap();
    assert_eq!(vault.key("localHOST äÖ").unwrap().alias(), "localhost äö");
}

#[test]
fn an_entry_without_a_name_is_numbered() {
    let folder = Folder::new();
    folder.self_signed("localhost", P256);
    folder.export("keys.p12", "localhost", "secret", &[]);
    let vault = folder.read(&json!({"keys": {"store": "keys.p12", "password": "secret"}})).unwrap();
    assert_eq!(chain(&vault, "1"), [folder.der("localhost")]);
}

#[test]
fn a_key_of_keytool_gets_its_public_half() {
    let folder = Folder::new();
    let made = folder.keytool(&[
        "-genkeypair",
        "-alias",
        "Localhost",
        "-keyalg",
        "EC",
        "-groupname",
        "secp256r1",
        "-dname",
        "CN=localhost",
        "-keystore",
        "keys.p12",
        "-storepass",
        "changeit",
    ]);
    if !made {
        return;
    }
    let vault = folder.read(&json!({"keys": {"store": "keys.p12", "password": "changeit"}})).unwrap();
    let key = vault.key("localhost").unwrap();
    folder.openssl(&["pkcs12", "-in", "keys.p12", "-passin", "pass:changeit", "-nokeys", "-out", "own.crt"]);
    let certificate = folder.der("own");
    assert_eq!(key.chain()[0].to_vec(), certificate);
    let private = key.private_key().secret_der();
    let point = private
        .windows(65)
        .find(|window| window[0] == 4 && certificate.windows(65).any(|public| public == *window));
    assert!(point.is_some(), "the key has no public half");
}

#[test]
fn a_legacy_store_of_keytool_opens() {
    let folder = Folder::new();
    let made = folder.keytool(&[
        "-J-Dkeystore.pkcs12.legacy",
        "-genkeypair",
        "-alias",
        "localhost",
        "-keyalg",
        "RSA",
        "-keysize",
        "2048",
        "-dname",
        "CN=localhost",
        "-keystore",
        "keys.p12",
        "-storepass",
        "changeit",
    ]);
    if made {
        let vault = folder.read(&json!({"keys": {"store": "keys.p12", "password": "changeit"}})).unwrap();
        assert_eq!(vault.key("localhost").unwrap().algorithm(), KeyAlgorithm::Rsa { bits: 2048 });
    }
}

#[test]
fn java_marks_what_is_trusted() {
    let folder = Folder::new();
    for name in ["one", "other"] {
        folder.self_signed(name, P256);
        let file = format!("{name}.crt");
        let made = folder.keytool(&[
            "-importcert",
            "-noprompt",
            "-alias",
            name,
            "-file",
            &file,
            "-keystore",
            "trust.p12",
            "-storepass",
            "changeit",
        ]);
        if !made {
            return;
        }
    }
    // A store with a key beside them: its chain is nobody's anchor.
    folder.keytool(&[
        "-genkeypair",
        "-alias",
        "own",
        "-keyalg",
        "EC",
        "-dname",
        "CN=own",
        "-keystore",
        "trust.p12",
        "-storepass",
        "changeit",
    ]);
    let vault = folder.read(&json!({"trust": {"store": "trust.p12", "password": "changeit"}})).unwrap();
    assert_eq!(vault.certificates("One").unwrap()[0].to_vec(), folder.der("one"));
    assert_eq!(vault.trusted().count(), 2);
    let missing = vault.certificates("own").unwrap_err();
    assert_eq!(missing.to_string(), "no entry `own`: there are `one`, `other`");
}

#[test]
fn a_store_of_certificates_alone_is_about_trust() {
    let folder = Folder::new();
    folder.self_signed("ca", P256);
    folder.openssl(&[
        "pkcs12",
        "-export",
        "-nokeys",
        "-in",
        "ca.crt",
        "-out",
        "trust.p12",
        "-passout",
        "pass:secret",
    ]);
    let vault = folder.read(&json!({"trust": {"store": "trust.p12", "password": "secret"}})).unwrap();
    assert_eq!(vault.certificates("1").unwrap()[0].to_vec(), folder.der("ca"));
}

#[test]
fn a_signer_stands_for_the_keys_that_it_issued() {
    let folder = Folder::new();
    folder.chain();
    folder.self_signed("stranger", P256);
    let key = |name: &str| json!({"key": format!("{name}.key"), "certificates": format!("{name}.crt")});
    let vault = folder
        .read(&json!({
            "keys": {"type": "pem", "entries": {"localhost": key("localhost"), "stranger": key("stranger")}},
            "signers": {"type": "pem", "entries": {"between": "between.crt", "root": "root.crt"}}
        }))
        .unwrap();
    let issued = |signer| -> Vec<String> {
        vault.issued_by(signer).unwrap().iter().map(|key| key.alias().to_owned()).collect()
    };
    assert_eq!(issued("between"), ["localhost"]);
    assert!(issued("root").is_empty());
    assert_eq!(vault.issued_by("nobody").unwrap_err().present, ["between", "root"]);
}

#[test]
fn entries_leave_the_rest_of_a_store_alone() {
    let folder = Folder::new();
    folder.self_signed("one", P256);
    folder.self_signed("other", P256);
    folder.export("one.p12", "one", "secret", &["-name", "one"]);
    folder.export("other.p12", "other", "secret", &["-name", "other"]);
    let import = |from: &str| {
        folder.keytool(&[
            "-importkeystore",
            "-srckeystore",
            from,
            "-srcstorepass",
            "secret",
            "-destkeystore",
            "both.p12",
            "-deststorepass",
            "secret",
        ])
    };
    if import("one.p12") && import("other.p12") {
        let options = json!({"keys": {"store": "both.p12", "password": "secret", "entries": ["other"]}});
        let vault = folder.read(&options).unwrap();
        assert_eq!(vault.key("one").unwrap_err().present, ["other"]);
    }
}

#[test]
fn a_key_of_another_certificate_is_found_out() {
    let folder = Folder::new();
    folder.self_signed("localhost", P256);
    folder.self_signed("stranger", P256);
    folder.export("keys.p12", "localhost", "", &[PLAIN, &["-nomac", "-name", "localhost"]].concat());
    let swapped = replace(&folder.bytes("keys.p12"), &folder.pkcs8("localhost"), &folder.pkcs8("stranger"));
    folder.write("keys.p12", swapped);
    let (pointer, expected, found) = folder.error(&json!({"keys": {"store": "keys.p12"}}));
    assert_eq!(pointer, "/options/keys/store");
    assert_eq!(expected, "the private key of `CN=localhost`");
    assert_eq!(found, "entry `localhost`: one that does not fit the certificate");
}

#[test]
fn a_damaged_store_is_not_a_wrong_password() {
    let folder = Folder::new();
    folder.self_signed("localhost", P256);
    folder.export("keys.p12", "localhost", "secret", &["-name", "localhost"]);
    // The name of the key, which is covered by the MAC and is not encrypted.
    let content = folder.bytes("keys.p12");
    let name: Vec<u8> = "localhost".encode_utf16().flat_map(u16::to_be_bytes).collect();
    let other: Vec<u8> = "localhosT".encode_utf16().flat_map(u16::to_be_bytes).collect();
    folder.write("keys.p12", replace(&content, &name, &other));
    let (pointer, _, found) = folder.error(&json!({"keys": {"store": "keys.p12", "password": "secret"}}));
    assert_eq!((&*pointer, &*found), ("/options/keys/store", "a damaged one: its MAC does not fit"));
    let (pointer, _, found) = folder.error(&json!({"keys": {"store": "keys.p12", "password": "other"}}));
    assert_eq!((&*pointer, &*found), ("/options/keys/password", "another one"));
}
