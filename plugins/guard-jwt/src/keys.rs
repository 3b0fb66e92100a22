//! The keys of an issuer.

use crate::key::{Key, KeyError};
use crate::options::Jwk;
use crate::token::Token;
use zilla_sdk::Refused;

/// Keys of one issuer. One has two, the old and the new, and seldom ten; of a file with more, something else is wrong.
pub(crate) const KEYS_MAX: usize = 64;

/// Keys by name and algorithm, at most [`KEYS_MAX`].
#[derive(Debug, Default)]
pub(crate) struct Keys(Vec<Key>);

impl Keys {
    /// Reads keys of `zilla.yaml`; the error comes with the index of its key.
    pub(crate) fn configured(jwks: &[Jwk]) -> Result<Self, (usize, KeyError)> {
        let mut keys: Vec<Key> = Vec::with_capacity(jwks.len());
        for (index, jwk) in jwks.iter().enumerate() {
            let key = Key::read(jwk).map_err(|error| (index, error))?;
            if keys.iter().any(|other| other.is_confused_with(&key)) {
                let (expected, found) = ("a name that no other key has".to_owned(), format!("{:?}", key.kid));
                return Err((index, KeyError { member: "kid", expected, found }));
            }
            keys.push(key);
        }
        Ok(Self(keys))
    }

    /// Checks the signature of a token with the key that it names. A token that names none is checked with the key
    /// that has no name; nothing is tried out.
    pub(crate) fn verify(&self, token: &Token<'_>) -> Result<(), Refused> {
        let mut named = self.0.iter().filter(|key| key.kid == token.kid).peekable();
        if named.peek().is_none() {
            return Err("no key is called as the token's".into());
        }
        let verifier = named.find_map(|key| key.verifier(token.algorithm));
        let verifier = verifier.ok_or("the key is not for the token's algorithm")?;
        let verified = verifier.verify(token.signed.as_bytes(), &token.signature);
        verified.map_err(|_| "the signature is not that of the key".into())
    }
}
