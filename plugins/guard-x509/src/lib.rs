//! The `x509` guard: whose a certificate is (RFC 5280), and what that lets them do.
//!
//! ```yaml
//! guards:
//!   clients:
//!     type: x509
//!     options:
//!       identity: subject.cn
//!       attributes: {unit: subject.ou}
//!       roles:
//!         operator:
//!           - {issuer.cn: Example CA, subject.cn: "operator-*"}
//!           - {san.uri: "spiffe://example.com/operator/*"}
//! bindings:
//!   secure:
//!     type: tls
//!     kind: server
//!     options: {keys: […], trust: […], authorization: {clients: {credentials: {certificates: pem}}}}
//!     routes:
//!       - guarded: {clients: [operator]}
//!         exit: …
//! ```
//!
//! **The guard judges, it does not verify.** Credentials are a chain of certificates in PEM (RFC 7468), that of the client
//! first. Whoever shows it has verified it before: `tls` asks for a chain that leads to somebody trusted, and for a
//! proof that the client has its key. So never hand it what a client has sent in a header or the like. Only the first
//! certificate is read; the others are counted.
//!
//! | field | what it is |
//! |---|---|
//! | `subject.dn`, `issuer.dn` | the whole name, as RFC 4514 writes it: `CN=alice,O=Example` |
//! | `subject.cn`, `subject.o`, `subject.ou`, `issuer.cn` | one part of a name, as plain text; the first is the one that a name ends with, as RFC 4514 writes it |
//! | `serial` | the number, in hex of lower case, an even number of digits |
//! | `san.dns`, `san.email`, `san.uri` | other names of the subject |
//! | `sha256` | the fingerprint: SHA-256 of the certificate, in hex of lower case |
//!
//! A certificate may have several values of a field, and none. **Identity and attributes** are the first one. A
//! certificate without the identity is refused, and an attribute without a value is not there.
//!
//! **Roles.** A condition holds if all of its fields do, and one condition gives the role. A field holds if one of its values
//! fits the pattern, in which `*` stands for any text, also for none, and everything else for itself: upper and lower case
//! differ. Patterns of `serial` and `sha256` may be of upper case and have colons, as `openssl x509` prints them. A role without
//! conditions, and a condition without fields, are refused.
//!
//! **Time.** A certificate is refused before its `notBefore`, and from its `notAfter` on, when its session ends.
//!
//! | limit | value | at it |
//! |---|---|---|
//! | octets of a chain | 64 KiB, as many as the host hands to a guard | refused |
//! | certificates of a chain | 16 | refused |

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
