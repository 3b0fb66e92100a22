#![doc = include_str!("../README.md")]

mod certificate;
mod field;
mod options;
mod pattern;
mod pem;
mod role;
#[cfg(test)]
mod tests;

pub use options::X509Options;

use certificate::Client;
use field::Field;
use role::Role;
use zilla_sdk::prelude::*;

/// The guard: see the [crate].
#[derive(Debug)]
pub struct X509 {
    identity: Field,
    attributes: Vec<(String, Field)>,
    roles: Vec<Role>,
}

impl Guard for X509 {
    const TYPE: &'static str = "x509";
    type Options = X509Options;

    fn attach(config: GuardConfig<X509Options>) -> Result<Self, ConfigError> {
        let X509Options { identity, attributes, roles } = config.options;
        let attribute = |(name, field): (String, String)| {
            let place = format!("/options/attributes/{}", options::escaped(&name));
            Ok((name, Field::configured(&field, &place)?))
        };
        Ok(Self {
            identity: Field::configured(&identity, "/options/identity")?,
            attributes: attributes.into_iter().map(attribute).collect::<Result<_, ConfigError>>()?,
            roles: roles.into_iter().map(Role::configured).collect::<Result<_, _>>()?,
        })
    }

    fn authorize(&mut self, credentials: Credentials<'_>, now: Instant) -> Result<Session, Refused> {
        let client = Client::read(&pem::first(credentials.as_bytes())?)?;
        let not_after_unix_ms = client.valid_until(now.unix_ms)?;
        let Some(identity) = client.first(self.identity).filter(|identity| !identity.is_empty()) else {
            return Err(format!("the certificate has no {}", self.identity.name()).into());
        };
        let roles = self.roles.iter().filter(|role| role.is_given_to(&client)).map(Role::name);
        let mut session = Session::of(identity).roles(roles).expires(not_after_unix_ms);
        for (name, field) in &self.attributes {
            if let Some(value) = client.first(*field) {
                session = session.attribute(name, value);
            }
        }
        Ok(session)
    }
}

zilla_sdk::export!(X509: Guard);
