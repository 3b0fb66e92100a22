//! The `jwt` guard: JSON Web Tokens (RFC 7519), signed (RFC 7515), checked against keys.
//!
//! ```yaml
//! guards:
//!   jwt:
//!     type: jwt
//!     options:
//!       issuer: https://auth.example.com
//!       audience: https://api.example.com
//!       keys:
//!         - {kty: EC, kid: example, alg: ES256, crv: P-256, x: f83OJ3D2…, y: x_FEzRu9…}
//!       identity: sub
//!       roles: realm_access.roles
//!       attributes: {email: email}
//!       challenge: 30
//! ```
//!
//! A token is accepted if and only if
//!
//! * it is three parts of base64url, in its one form, of at most 16 KiB, whose header and claims are JSON in which no
//!   member is there twice;
//! * its header has an `alg` and no `crit`, and a key has the name in `kid`. A token without `kid` is checked with the
//!   key without a name, if there is one; keys are not tried out;
//! * the key is for that algorithm: its own `alg`, or those of its family where it has none. So `none` is no algorithm,
//!   and a public key is never a secret;
//! * the signature is good;
//! * `iss` is the issuer, `aud` is or contains the audience, `nbf` is not to come and `exp` not past, give or take `leeway`.
//!
//! | keys | algorithms | limits |
//! |---|---|---|
//! | `RSA` | RS256, RS384, RS512, PS256, PS384, PS512 | 2,048 to 4,096 bits |
//! | `EC` with P-256, P-384 | ES256, ES384 | |
//! | `OKP` with Ed25519 | EdDSA | |
//! | `oct` with its `alg` | HS256, HS384, HS512 | at least as long as the hash |
//!
//! At most 64 keys. A private key is refused: a gateway has no use for it.
//!
//! **Claims.** `identity`, `roles` and `attributes` are paths: `a.b` is `b` in `a`, unless a claim is called `a.b`. Roles are
//! a list, or text with spaces between them; of a list, what is no text is left out. The identity of a token that has no
//! such claim is empty; a number stands for its digits, and a list or an object is refused. An attribute whose claim is not
//! there, or null, is not there; text is as it is, and anything else is JSON.
//!
//! **Time.** A session ends with its token; of a token without `exp`, never. `challenge` seconds before, the client is asked
//! for a newer one, if it is anybody: with an empty identity, nobody could tell whose the newer one is.
//!
//! **Different from Zilla, on purpose**
//!
//! | | Zilla | here |
//! |---|---|---|
//! | `issuer` and `audience` absent | accepts the file, and no token | the file is refused |
//! | `guarded: {jwt: []}`, and the token has no roles | not satisfied | satisfied: it asks for none |
//! | `now == exp` | valid | expired, RFC 7519, section 4.1.4 |
//! | a member that is there twice, `crit` | left to the library | refused |
//! | a key without `kid` | refused | serves tokens without `kid` |
//! | `keys` as a URL, or left out | fetched from there, or from the issuer | the file is refused: not served yet |
//! | `leeway` | – | seconds that clocks may be apart, 0 unless given |

mod claims;
mod json;
mod key;
mod keys;
mod options;
#[cfg(target_family = "wasm")]
mod random;
#[cfg(test)]
mod tests;
mod token;

pub use options::{Jwk, JwtOptions};

use keys::{KEYS_MAX, Keys};
use token::Token;
use zilla_sdk::prelude::*;

/// Seconds that clocks may be apart; more hides a clock that is wrong.
const LEEWAY_SECONDS_MAX: u64 = 600;

/// The guard: see the [crate].
#[derive(Debug)]
pub struct Jwt {
    options: JwtOptions,
    keys: Keys,
}

impl Guard for Jwt {
    const TYPE: &'static str = "jwt";
    type Options = JwtOptions;

    fn attach(config: GuardConfig<JwtOptions>) -> Result<Self, ConfigError> {
        let options = config.options;
        if options.leeway > LEEWAY_SECONDS_MAX {
            let expected = format!("at most {LEEWAY_SECONDS_MAX} seconds");
            return Err(config_error("/options/leeway", expected, options.leeway.to_string()));
        }
        let count = options.keys.len();
        if !(1..=KEYS_MAX).contains(&count) {
            return Err(config_error("/options/keys", format!("1 to {KEYS_MAX} keys"), count.to_string()));
        }
        let keys = Keys::configured(&options.keys).map_err(|(index, error)| {
            config_error(&format!("/options/keys/{index}/{}", error.member), error.expected, error.found)
        })?;
        Ok(Self { options, keys })
    }

    fn authorize(&mut self, credentials: Credentials<'_>, now: Instant) -> Result<Session, Refused> {
        let token = Token::read(credentials.as_str().ok_or("it is no text")?)?;
        self.keys.verify(&token)?;
        claims::session(&token.claims()?, &self.options, now.unix_ms)
    }
}

zilla_sdk::export!(Jwt: Guard);
