//! The keys of an issuer.

use crate::json;
use crate::key::{Key, KeyError};
use crate::options::Jwk;
use crate::token::Token;
use serde::Deserialize as _;
use serde_json::Value;
use zilla_sdk::Refused;

/// Keys of one issuer. One has two, the old and the new, and seldom ten; of a file with more, something else is wrong.
pub(crate) const KEYS_MAX: usize = 64;

/// Keys by name and algorithm, at most [`KEYS_MAX`].
#[derive(Debug, Default)]
pub(crate) struct Keys(Vec<Key>);

/// Keys of a document, and what in it was of no use.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) keys: Keys,
    pub(crate) unused: Vec<String>,
}

impl Key {
    /// Reads a key that anybody may see: a secret among those is none any more.
    fn published(jwk: &Value) -> Result<Self, String> {
        let jwk = Jwk::deserialize(jwk).map_err(|error| error.to_string())?;
        if jwk.kty == "oct" {
            return Err("a secret that is published".to_owned());
        }
        Self::read(&jwk).map_err(|error| error.to_string())
    }
}

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

    /// Reads a set of keys (RFC 7517, section 5) that was fetched. What is of no use in it is left out: keys for
    /// encryption, of families that are not known, with a secret in them, and one that could be taken for another before it.
    /// The error is why there is no key.
    pub(crate) fn fetched(document: &[u8]) -> Result<Fetched, String> {
        let document = json::object(document).ok_or("no JSON object in which nothing is said twice")?;
        let Some(Value::Array(jwks)) = document.get("keys") else {
            return Err("no list of `keys`".to_owned());
        };
        if jwks.len() > KEYS_MAX {
            return Err(format!("{} keys, more than {KEYS_MAX}", jwks.len()));
        }
        let (mut keys, mut unused): (Vec<Key>, Vec<String>) = (Vec::with_capacity(jwks.len()), Vec::new());
        for (index, jwk) in jwks.iter().enumerate() {
            match Key::published(jwk) {
                Ok(key) if keys.iter().any(|other| other.is_confused_with(&key)) => {
                    unused.push(format!("key {index}: another one is called so"));
                }
                Ok(key) => keys.push(key),
                Err(reason) => unused.push(format!("key {index}: {reason}")),
            }
        }
        match keys.is_empty() {
            false => Ok(Fetched { keys: Self(keys), unused }),
            true if unused.is_empty() => Err("no key".to_owned()),
            true => Err(format!("no key that is of use: {}", unused.join("; "))),
        }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// Whether a key has the name that a token asks for.
    pub(crate) fn has_name(&self, token: &Token<'_>) -> bool {
        self.0.iter().any(|key| key.kid == token.kid)
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
