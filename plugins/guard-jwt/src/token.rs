//! A token in parts: JWS Compact Serialization (RFC 7515, section 3.1), read strictly.

use crate::json;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};
use std::str::FromStr as _;
use zilla_sdk::Refused;

/// Octets of a token; a longer one is refused unread. Headers of http end at 8 KiB in many servers, so issuers keep
/// well below that.
pub(crate) const TOKEN_OCTETS_MAX: usize = 16 * 1024;

/// A token whose signature is yet to be checked: nothing in it is true before that.
#[cfg_attr(test, derive(Clone))]
pub(crate) struct Token<'a> {
    /// The algorithm, by its own word.
    pub(crate) algorithm: Algorithm,
    /// The key, by its own word.
    pub(crate) kid: Option<String>,
    /// What is signed.
    pub(crate) signed: &'a str,
    /// The signature.
    pub(crate) signature: Vec<u8>,
    payload: &'a str,
}

impl<'a> Token<'a> {
    /// Takes a token apart.
    pub(crate) fn read(text: &'a str) -> Result<Self, Refused> {
        if text.len() > TOKEN_OCTETS_MAX {
            return Err(format!("a token of {} octets, more than {TOKEN_OCTETS_MAX}", text.len()).into());
        }
        let (signed, signature) = text.rsplit_once('.').ok_or("no token: it has no parts")?;
        let (header, payload) = signed.split_once('.').ok_or("no token: it has two parts")?;
        let header = decode(header).and_then(|octets| json::object(&octets));
        let header = header.ok_or("the header is no JSON in base64url")?;
        let (algorithm, kid) = read_header(&header)?;
        let signature = decode(signature).ok_or("the signature is no base64url")?;
        Ok(Self { algorithm, kid, signed, signature, payload })
    }

    /// The claims, for after the signature is checked.
    pub(crate) fn claims(&self) -> Result<Map<String, Value>, Refused> {
        let claims = decode(self.payload).and_then(|octets| json::object(&octets));
        claims.ok_or_else(|| "the claims are no JSON in base64url".into())
    }
}

fn read_header(header: &Map<String, Value>) -> Result<(Algorithm, Option<String>), Refused> {
    if header.contains_key("crit") {
        // RFC 7515, section 4.1.11: what is critical and not understood makes it invalid, and nothing is understood.
        return Err("the header has critical extensions".into());
    }
    let name = header.get("alg").and_then(Value::as_str).ok_or("the header has no algorithm")?;
    let algorithm = Algorithm::from_str(name).map_err(|_| "the header's algorithm is none that is known")?;
    let kid = match header.get("kid") {
        None => None,
        Some(Value::String(kid)) => Some(kid.clone()),
        Some(_) => return Err("the header's `kid` is no text".into()),
    };
    Ok((algorithm, kid))
}

/// Base64url as RFC 7515, section 2, has it: no padding, no line breaks, and each value in one way only.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64url_has_one_form() {
        assert_eq!(decode("AQI").as_deref(), Some(&[1, 2][..]));
        for other in ["AQI=", "AQJ", "A", "AQ I", "A+", "AQI\n"] {
            assert_eq!(decode(other), None, "{other:?}");
        }
        assert_eq!(decode("-_8").as_deref(), Some(&[0xfb, 0xff][..]));
    }
}
