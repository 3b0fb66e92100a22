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
//! What the crate is *not*: it knows nothing of sockets and TLS. Keys that are fetched come over bindings that it
//! [names](zilla_sdk::OutboundGuard::outbound) and the host runs.
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
//! # Keys of a server
//!
//! | `keys` | |
//! |---|---|
//! | a list | in the file, for as long as it says so |
//! | a URL | fetched from there, a JWK Set (RFC 7517, section 5) |
//! | nothing | fetched from the issuer: its `iss` and `/.well-known/jwks.json` |
//! | `{url, vault, trust, refresh}` | the same, and how: `trust` are aliases of certificates in `vault` that the server is trusted by, the CAs of the system unless given; `refresh` is in seconds, 300 unless given |
//!
//! `https` proves that the keys are those of the server. With `http`, whoever is on the way can let in whom they like: it is
//! for a way that nobody else is on. HTTP/2 and HTTP/1.1 are spoken, one request at a time; the connection ends with it.
//!
//! *When.* At once, then each `refresh`; and when a token names a key that is not known, 5 s after the last fetch began at the
//! earliest. The token itself is refused: issuers publish a key before they use it. Each worker fetches its own, each
//! time earlier or later by up to a tenth of it.
//!
//! *What.* The status 200 with a content type of JSON and a set with one key of use at least. Other answers change nothing, as
//! does none: the log has why, once, the old keys are kept, and it is tried again after 1 s, 2 s and so on up to a minute.
//! Redirections are not followed, and no coding is taken. Of a set, keys that are of no use are left out: for encryption, of
//! another family, private, secrets, and of two that a token could mean the second. Keys that are no longer in it are dropped.
//! What the host knows of a token counts for a minute, so after `refresh` and a minute nothing is accepted by them.
//!
//! *Until there are keys* no token is accepted, which is logged once. A guard that takes the place of another one, after a
//! swap or a change of its options, begins with the keys of that one if they are from the same `url`, `vault` and `trust`.
//!
//! | limit | value | when it is met |
//! |---|---|---|
//! | octets of a document | 256 KiB | the fetch has failed |
//! | from the request to the end of the answer | 10 s | the same |
//! | keys in a document, those of no use included | 64 | the same |
//! | octets of a URL | 2,048 | the file is refused |
//! | fetches for keys that are not known | one each 5 s | the next waits |
//! | fetches that fail | one each 1 s, doubled each time up to 60 s | the next waits |
//!
//! **Claims.** `identity`, `roles` and `attributes` are paths: `a.b` is `b` in `a`, unless a claim is called `a.b`. Roles are
//! a list, or text with spaces between them; of a list, what is no text is left out. The identity of a token that has no
//! such claim is empty; a number stands for its digits, and a list or an object is refused. An attribute whose claim is not
//! there, or null, is not there; text is as it is, and anything else is JSON.
//!
//! **Time.** A session ends with its token; of a token without `exp`, never. `challenge` seconds before, the client is asked
//! for a newer one, if it is anybody: with an empty identity, nobody could tell whose the newer one is.
//!
//! **Relay.** With `relay: true` the token is kept with its session, so that a binding can show it to others: a `http` client
//! whose `authorization` names this guard. Without it, no token is kept. Where a server hands on the header that the token
//! came in, none of that is needed.
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
//! | `keys` as a URL, or left out | fetched from there, or from the issuer, once | the same, and again and again |
//! | `keys` as a mapping | – | whom to trust, and how often to fetch |
//! | `relay` | – | for a `http` client that shows the token, off unless given |
//! | `leeway` | – | seconds that clocks may be apart, 0 unless given |

mod claims;
mod json;
mod key;
mod keys;
mod options;
#[cfg(target_family = "wasm")]
mod random;
mod remote;
#[cfg(test)]
mod tests;
mod token;
mod url;

pub use options::{Jwk, JwtKeys, JwtOptions, RemoteKeys};

use keys::{KEYS_MAX, Keys};
use remote::Remote;
use token::Token;
use zilla_sdk::prelude::*;

/// Seconds that clocks may be apart; more hides a clock that is wrong.
const LEEWAY_SECONDS_MAX: u64 = 600;

/// The guard: see the [crate].
#[derive(Debug)]
pub struct Jwt {
    options: JwtOptions,
    source: Source,
}

/// Where keys come from.
#[derive(Debug)]
enum Source {
    Inline(Keys),
    Remote(Box<Remote>),
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
        let source = match &options.keys {
            JwtKeys::Inline(jwks) => Source::Inline(inline(jwks)?),
            JwtKeys::Url(url) => {
                let keys = RemoteKeys { url: Some(url.clone()), ..RemoteKeys::default() };
                Source::Remote(Box::new(Remote::new(&keys, &options.issuer, "/options/keys")?))
            }
            JwtKeys::Remote(keys) => {
                Source::Remote(Box::new(Remote::new(keys, &options.issuer, "/options/keys/url")?))
            }
        };
        Ok(Self { options, source })
    }

    fn authorize(&mut self, credentials: Credentials<'_>, now: Instant) -> Result<Session, Refused> {
        let token = Token::read(credentials.as_str().ok_or("it is no text")?)?;
        match &mut self.source {
            Source::Inline(keys) => keys.verify(&token)?,
            Source::Remote(remote) => remote.verify(&token)?,
        }
        let session = claims::session(&token.claims()?, &self.options, now.unix_ms)?;
        Ok(if self.options.relay { session.credentials(credentials.as_bytes()) } else { session })
    }
}

fn inline(jwks: &[Jwk]) -> Result<Keys, ConfigError> {
    let count = jwks.len();
    if !(1..=KEYS_MAX).contains(&count) {
        return Err(config_error("/options/keys", format!("1 to {KEYS_MAX} keys"), count.to_string()));
    }
    Keys::configured(jwks).map_err(|(index, error)| {
        config_error(&format!("/options/keys/{index}/{}", error.member), error.expected, error.found)
    })
}

zilla_sdk::export!(Jwt: Guard + Outbound + State);
