//! Examples of the RFCs: they verify, and with one bit changed they do not.

use crate::keys::Keys;
use crate::options::Jwk;
use crate::token::Token;
use serde::Deserialize;

#[derive(Deserialize)]
struct Vector {
    source: String,
    jwk: Jwk,
    token: String,
}

fn vectors() -> Vec<Vector> {
    serde_json::from_str(include_str!("vectors.json")).unwrap()
}

#[test]
fn examples_of_the_rfcs_verify() {
    for Vector { source, jwk, token } in vectors() {
        // RFC 7520 calls the key by a name that its tokens have; those of RFC 7515 have none.
        let keys = Keys::configured(&[jwk]).unwrap();
        let token = Token::read(&token).unwrap();
        assert_eq!(keys.verify(&token), Ok(()), "{source}");
    }
}

#[test]
fn examples_with_another_signature_do_not_verify() {
    for Vector { source, jwk, token } in vectors() {
        let keys = Keys::configured(&[jwk]).unwrap();
        let token = Token::read(&token).unwrap();
        for bit in 0..token.signature.len() * 8 {
            let mut changed = token.clone();
            changed.signature[bit / 8] ^= 1 << (bit % 8);
            assert!(keys.verify(&changed).is_err(), "{source}: bit {bit}");
        }
        for length in 0..token.signature.len() {
            let mut changed = token.clone();
            changed.signature.truncate(length);
            assert!(keys.verify(&changed).is_err(), "{source}: {length} octets");
        }
        for zero in [0, 0xff] {
            let mut changed = token.clone();
            changed.signature.fill(zero);
            assert!(keys.verify(&changed).is_err(), "{source}: all {zero}");
        }
    }
}
