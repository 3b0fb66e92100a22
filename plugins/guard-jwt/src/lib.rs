#![doc = include_str!("../README.md")]

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
