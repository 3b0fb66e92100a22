//! Lists of revoked certificates.

use crate::maker::{Folder, P256};
use serde_json::json;

/// `ca.crl` and `ca.crl.der`, current for a week.
fn with_crl() -> Folder {
    let folder = Folder::new();
    folder.self_signed("ca", P256);
    folder.write("index.txt", "");
    folder.write("number", "01\n");
    folder.write(
        "ca.cnf",
        "[ca]\ndefault_ca = own\n[own]\ndatabase = index.txt\ncrlnumber = number\ndefault_md = sha256\n",
    );
    folder.openssl(&[
        "ca", "-gencrl", "-config", "ca.cnf", "-keyfile", "ca.key", "-cert", "ca.crt", "-crldays", "7",
        "-out", "ca.crl",
    ]);
    folder.openssl(&["crl", "-in", "ca.crl", "-outform", "DER", "-out", "ca.crl.der"]);
    folder
}

#[test]
fn lists_are_read_in_both_formats() {
    let folder = with_crl();
    let vault =
        folder.read(&json!({"revocation": {"type": "crl", "files": ["ca.crl", "ca.crl.der"]}})).unwrap();
    let der = folder.bytes("ca.crl.der");
    let lists: Vec<&[u8]> = vault.crls().iter().map(|list| list.as_ref()).collect();
    assert_eq!(lists, [&der[..], &der[..]]);
}

#[test]
fn a_list_that_is_overdue_is_refused() {
    let folder = with_crl();
    let options = json!({"revocation": {"type": "crl", "files": ["ca.crl"]}});
    folder.read_in(&options, 6).unwrap();
    let (pointer, _, found) = folder.error_in(&options, 8);
    assert_eq!(pointer, "/options/revocation/files/0");
    assert!(found.starts_with("line 1: that of `CN=ca`, overdue since "), "{found}");
    let (_, _, found) = folder.error_in(&options, -1);
    assert!(found.starts_with("line 1: that of `CN=ca`, issued at "), "{found}");
}

#[test]
fn something_else_than_a_list_is_refused() {
    let folder = with_crl();
    let (_, expected, found) = folder.error(&json!({"revocation": {"type": "crl", "files": ["ca.crt"]}}));
    assert_eq!(expected, "lists of revoked certificates (X509 CRL) in PEM or DER");
    assert_eq!(found, "1 × CERTIFICATE");
}

#[test]
fn the_bare_word_says_how_to_name_files() {
    let folder = Folder::new();
    let (pointer, expected, _) = folder.error(&json!({"revocation": "crl"}));
    assert_eq!((&*pointer, &*expected), ("/options/revocation", "{type: crl, files: [FILE]}"));
}
