//! Keys: what a JSON Web Key (RFC 7517, RFC 7518, section 6, RFC 8037) may check, and nothing else.

use crate::options::Jwk;
use crate::token::decode;
use jsonwebtoken::crypto::JwtVerifier;
use jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;
use jsonwebtoken::{Algorithm, DecodingKey};
use std::fmt;
use std::str::FromStr as _;

/// Bits of an RSA modulus. RFC 7518, section 3.3, asks for 2,048 at least.
pub(crate) const RSA_BITS_MIN: usize = 2_048;
/// Bits of an RSA modulus. A longer one takes time that all others on the worker would wait for.
pub(crate) const RSA_BITS_MAX: usize = 4_096;
/// Bits of an RSA exponent; 65,537 has 17.
const RSA_EXPONENT_BITS_MAX: usize = 33;
/// Octets of a shared secret; a longer one is no key, but a file.
const SECRET_OCTETS_MAX: usize = 1_024;

/// A key, and the algorithms it may be used with. An algorithm is bound to its key: what a token says is only looked up.
pub(crate) struct Key {
    pub(crate) kid: Option<String>,
    verifiers: Vec<Box<dyn JwtVerifier>>,
}

/// What is wrong with a key: the member, what was expected and what was found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct KeyError {
    pub(crate) member: &'static str,
    pub(crate) expected: String,
    pub(crate) found: String,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {}: expected {}, found {}", self.member, self.expected, self.found)
    }
}

fn wrong<T>(
    member: &'static str,
    expected: impl Into<String>,
    found: impl Into<String>,
) -> Result<T, KeyError> {
    Err(KeyError { member, expected: expected.into(), found: found.into() })
}

impl Key {
    /// Reads a key.
    pub(crate) fn read(jwk: &Jwk) -> Result<Self, KeyError> {
        if jwk.usage.as_deref().is_some_and(|usage| usage != "sig") {
            return wrong("use", "`sig`", "another use");
        }
        if jwk.d.is_some() {
            return wrong("d", "nothing: a public key", "the private part of a key");
        }
        let (key, possible) = match jwk.kty.as_str() {
            "RSA" => read_rsa(jwk)?,
            "EC" => read_ec(jwk)?,
            "OKP" => read_okp(jwk)?,
            "oct" => read_oct(jwk)?,
            other => return wrong("kty", "one of RSA, EC, OKP, oct", format!("`{other}`")),
        };
        let algorithms = match &jwk.alg {
            None => possible,
            Some(name) => {
                let named = Algorithm::from_str(name).ok().filter(|named| possible.contains(named));
                let names = possible.iter().map(|able| format!("{able:?}")).collect::<Vec<_>>().join(", ");
                let Some(named) = named else {
                    return wrong("alg", format!("one of {names}"), format!("`{name}`"));
                };
                vec![named]
            }
        };
        let verifiers = algorithms.iter().map(|able| (DEFAULT_PROVIDER.verifier_factory)(able, &key));
        let verifiers: Result<Vec<_>, _> = verifiers.collect();
        match verifiers {
            Ok(verifiers) => Ok(Self { kid: jwk.kid.clone(), verifiers }),
            Err(_) => wrong("x", "a point on the curve", "another"),
        }
    }

    /// What checks signatures of that algorithm, if the key is for it.
    pub(crate) fn verifier(&self, algorithm: Algorithm) -> Option<&dyn JwtVerifier> {
        self.verifiers.iter().find(|able| able.algorithm() == algorithm).map(|able| &**able)
    }

    /// Whether a token could mean either.
    pub(crate) fn is_confused_with(&self, other: &Self) -> bool {
        self.kid == other.kid && self.verifiers.iter().any(|able| other.verifier(able.algorithm()).is_some())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let algorithms: Vec<_> = self.verifiers.iter().map(|able| able.algorithm()).collect();
        f.debug_struct("Key").field("kid", &self.kid).field("algorithms", &algorithms).finish_non_exhaustive()
    }
}

type Readable = (DecodingKey, Vec<Algorithm>);

fn read_rsa(jwk: &Jwk) -> Result<Readable, KeyError> {
    use Algorithm::{PS256, PS384, PS512, RS256, RS384, RS512};
    let (modulus, exponent) = (member("n", &jwk.n)?, member("e", &jwk.e)?);
    let bits = bits(&modulus);
    if !(RSA_BITS_MIN..=RSA_BITS_MAX).contains(&bits) {
        return wrong("n", format!("a modulus of {RSA_BITS_MIN} to {RSA_BITS_MAX} bits"), format!("{bits}"));
    }
    if modulus.last().is_none_or(|last| last & 1 == 0) {
        return wrong("n", "a modulus", "an even number");
    }
    let is_odd = exponent.last().is_some_and(|last| last & 1 == 1);
    if !is_odd || !(2..=RSA_EXPONENT_BITS_MAX).contains(&self::bits(&exponent)) {
        return wrong("e", "an odd number from 3 to 8,589,934,591, as 65,537", "another");
    }
    let key = DecodingKey::from_rsa_raw_components(&modulus, &exponent);
    Ok((key, vec![RS256, RS384, RS512, PS256, PS384, PS512]))
}

fn read_ec(jwk: &Jwk) -> Result<Readable, KeyError> {
    let (octets, algorithm) = match jwk.crv.as_deref() {
        Some("P-256") => (32, Algorithm::ES256),
        Some("P-384") => (48, Algorithm::ES384),
        other => return wrong("crv", "P-256 or P-384", other.unwrap_or("nothing")),
    };
    let (x, y) = (member("x", &jwk.x)?, member("y", &jwk.y)?);
    // RFC 7518, section 6.2.1.2: the full size of a coordinate, leading zeros included.
    for (name, coordinate) in [("x", &x), ("y", &y)] {
        if coordinate.len() != octets {
            return wrong(name, format!("{octets} octets"), format!("{}", coordinate.len()));
        }
    }
    Ok((DecodingKey::from_ec_der(&[&[4][..], &x, &y].concat()), vec![algorithm]))
}

fn read_okp(jwk: &Jwk) -> Result<Readable, KeyError> {
    match jwk.crv.as_deref() {
        Some("Ed25519") => {}
        other => return wrong("crv", "Ed25519", other.unwrap_or("nothing")),
    }
    let x = member("x", &jwk.x)?;
    if x.len() != 32 {
        return wrong("x", "32 octets", format!("{}", x.len()));
    }
    Ok((DecodingKey::from_ed_der(&x), vec![Algorithm::EdDSA]))
}

/// A secret must be at least as long as the hash, RFC 7518, section 3.2, and name its algorithm: nobody uses one by
/// accident.
fn read_oct(jwk: &Jwk) -> Result<Readable, KeyError> {
    let (algorithm, octets_min) = match jwk.alg.as_deref() {
        Some("HS256") => (Algorithm::HS256, 32),
        Some("HS384") => (Algorithm::HS384, 48),
        Some("HS512") => (Algorithm::HS512, 64),
        other => return wrong("alg", "HS256, HS384 or HS512, for a secret", other.unwrap_or("nothing")),
    };
    let secret = member("k", &jwk.k)?;
    if !(octets_min..=SECRET_OCTETS_MAX).contains(&secret.len()) {
        let expected = format!("{octets_min} to {SECRET_OCTETS_MAX} octets");
        return wrong("k", expected, format!("{}", secret.len()));
    }
    Ok((DecodingKey::from_secret(&secret), vec![algorithm]))
}

/// Octets of a member. What is in it is not shown: it may be a secret.
fn member(name: &'static str, value: &Option<String>) -> Result<Vec<u8>, KeyError> {
    let Some(text) = value else { return wrong(name, "base64url", "nothing") };
    decode(text).map_or_else(|| wrong(name, "base64url without padding", "something else"), Ok)
}

/// Bits of a number, big-endian.
fn bits(octets: &[u8]) -> usize {
    let zeros = octets.iter().take_while(|octet| **octet == 0).count();
    let first = octets.get(zeros).map_or(8, |octet| octet.leading_zeros() as usize);
    (octets.len() - zeros) * 8 - if zeros == octets.len() { 0 } else { first }
}
