//! A guard of one's own: `type: key` knows clients by their API keys. The file has the keys' SHA-256 digests, so that
//! who reads it can use none of them.

use sha2::{Digest as _, Sha256};
use zilla_sdk::prelude::*;

/// `options:` of the guard in `zilla.yaml`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyOptions {
    /// The clients and their keys, at least one.
    #[schemars(length(min = 1))]
    clients: Vec<Client>,
    /// For how long a stream may last once its key was shown, in seconds; for ever unless given.
    #[serde(default)]
    seconds: Option<u64>,
}

/// A client and its key.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// Who it is.
    name: String,
    /// SHA-256 of its key, in hexadecimal: `printf %s "$KEY" | sha256sum`.
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    sha256: String,
    /// What it may do.
    #[serde(default)]
    roles: Vec<String>,
}

/// The guard.
pub struct Key(KeyOptions);

impl Guard for Key {
    const TYPE: &'static str = "key";
    type Options = KeyOptions;

    fn attach(config: GuardConfig<KeyOptions>) -> Result<Self, ConfigError> {
        let clients = &config.options.clients;
        for (index, client) in clients.iter().enumerate() {
            if clients[..index].iter().any(|other| other.sha256 == client.sha256) {
                let pointer = format!("/options/clients/{index}/sha256");
                return Err(config_error(&pointer, "a key that no other client has", &client.name));
            }
        }
        Ok(Self(config.options))
    }

    fn authorize(&mut self, credentials: Credentials<'_>, now: Instant) -> Result<Session, Refused> {
        // Digests are compared, so the time that it takes tells nothing of a key.
        let digest: String =
            Sha256::digest(credentials.as_bytes()).iter().map(|octet| format!("{octet:02x}")).collect();
        let client = self.0.clients.iter().find(|client| client.sha256 == digest);
        let client = client.ok_or("no client has this key")?;
        let session = Session::of(&client.name).roles(&client.roles);
        Ok(match self.0.seconds {
            Some(seconds) => session.expires(now.unix_ms.saturating_add(seconds.saturating_mul(1_000))),
            None => session,
        })
    }
}

zilla_sdk::export!(Key: Guard);

#[cfg(test)]
mod tests {
    use super::*;
    use zilla_sdk::testing::*;

    /// `printf %s let-me-in | sha256sum`
    const DIGEST: &str = "a3ee786b5707c27d42570785081ec17f5c7db9262a01366af362a1aa61a420b9";

    fn guard(more: &str) -> GuardHarness<Key> {
        let yaml = format!("options: {{clients: [{{name: alice, sha256: {DIGEST}, roles: [read]}}]{more}}}");
        GuardHarness::attach(&yaml).unwrap()
    }

    #[test]
    fn who_has_a_key_is_known_by_it() {
        let session = guard("").authorize("let-me-in").unwrap();
        assert_eq!(session, Session::of("alice").role("read"));
    }

    #[test]
    fn who_has_none_is_not() {
        let mut guard = guard("");
        for other in ["let-me-out", "", "let-me-in ", DIGEST] {
            assert_eq!(guard.authorize(other), Err(Refused::because("no client has this key")), "{other:?}");
        }
    }

    #[test]
    fn a_session_may_have_an_end() {
        let mut guard = guard(", seconds: 60");
        guard.advance(5);
        let expires = guard.now().unix_ms + 60_000;
        assert_eq!(guard.authorize("let-me-in").unwrap().expires_unix_ms, Some(expires));
    }

    #[test]
    fn one_key_is_of_one_client() {
        let client = |name| format!("{{name: {name}, sha256: {DIGEST}}}");
        let yaml = format!("options: {{clients: [{}, {}]}}", client("alice"), client("bob"));
        let errors = GuardHarness::<Key>::attach(&yaml).err().unwrap();
        assert_eq!((&*errors[0].path, &*errors[0].found), ("/options/clients/1/sha256", "bob"));
    }
}
