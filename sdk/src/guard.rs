//! A guard: says who somebody is, and what they may do.

use crate::Instant;
use crate::bindings::guard::exports::zilla::plugin::guard_exports as wit;
use crate::config::{self, ConfigError};
use crate::host::{self, Level};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use std::borrow::Cow;
use std::fmt;

pub use wit::Session;

/// A guard of one `type`: what `zilla.yaml` configures under `guards`, and what checks credentials.
///
/// One value is made for each guard and worker by [`Guard::attach`]. [`crate::export!`] turns it into a component.
/// A guard fails closed: where it answers nothing, traps or takes too long, credentials are refused.
///
/// ```
/// use std::collections::BTreeMap;
/// use zilla_sdk::prelude::*;
/// use zilla_sdk::testing::*;
///
/// /// `options:` of the guard in `zilla.yaml`.
/// #[derive(Deserialize, JsonSchema)]
/// #[serde(deny_unknown_fields)]
/// pub struct TicketOptions {
///     /// Tickets, and whose they are.
///     tickets: BTreeMap<String, String>,
///     /// How long a ticket is good for once it was shown, in seconds.
///     seconds: u64,
/// }
///
/// pub struct Tickets(TicketOptions);
///
/// impl Guard for Tickets {
///     const TYPE: &'static str = "ticket";
///     type Options = TicketOptions;
///
///     fn attach(config: GuardConfig<TicketOptions>) -> Result<Self, ConfigError> {
///         match config.options.tickets.is_empty() {
///             true => Err(config_error("/options/tickets", "at least one ticket", "none")),
///             false => Ok(Self(config.options)),
///         }
///     }
///
///     fn authorize(&mut self, credentials: Credentials<'_>, now: Instant) -> Result<Session, Refused> {
///         let ticket = credentials.as_str().ok_or("a ticket is text")?;
///         let owner = self.0.tickets.get(ticket).ok_or("no such ticket")?;
///         Ok(Session::of(owner).role("guest").expires(now.unix_ms + 1_000 * self.0.seconds))
///     }
/// }
///
/// zilla_sdk::export!(Tickets: Guard);
///
/// let mut guard = GuardHarness::<Tickets>::attach("options: {tickets: {a1: alice}, seconds: 60}").unwrap();
/// let session = guard.authorize("a1").unwrap();
/// assert_eq!((&*session.identity, &*session.roles), ("alice", &["guest".to_owned()][..]));
/// assert_eq!(session.expires_unix_ms, Some(guard.now().unix_ms + 60_000));
/// assert_eq!(guard.authorize("b2"), Err(Refused::because("no such ticket")));
/// ```
pub trait Guard: Sized + 'static {
    /// The `type` in `zilla.yaml`.
    const TYPE: &'static str;
    /// `options` in `zilla.yaml`; [`crate::NoOptions`] if there are none. Its JSON Schema is what the host checks
    /// the file against, so doc comments on its fields are what operators read in errors.
    type Options: DeserializeOwned + JsonSchema;

    /// Takes the configuration. An error refuses the whole file, with its place.
    fn attach(config: GuardConfig<Self::Options>) -> Result<Self, ConfigError>;

    /// Checks credentials: whose they are, or why they are not accepted. The reason goes to the log at `debug`;
    /// it must not contain the credentials, nor a part of them.
    fn authorize(&mut self, credentials: Credentials<'_>, now: Instant) -> Result<Session, Refused>;

    /// What the guard has to show to others where nobody has a session of it: its own session, with
    /// [credentials](Session::credentials). Without it, a session that has credentials is needed.
    fn own(&mut self, _now: Instant) -> Option<Session> {
        None
    }

    /// The instance is no longer needed.
    fn detach(self) {}
}

/// The configuration of one guard.
#[derive(Clone, Debug)]
pub struct GuardConfig<O> {
    /// Name of the namespace.
    pub namespace: String,
    /// Name of the guard.
    pub name: String,
    /// `options`, or what an empty mapping means.
    pub options: O,
}

/// What somebody shows to be let in, any octets. Its `Debug` shows their number alone, so that no log gets them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Credentials<'a>(&'a [u8]);

impl<'a> Credentials<'a> {
    /// These octets.
    pub fn new(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    /// The octets.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// The octets as text, if they are UTF-8.
    pub fn as_str(&self) -> Option<&'a str> {
        std::str::from_utf8(self.0).ok()
    }
}

impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({} octets)", self.0.len())
    }
}

impl Session {
    /// Of somebody who may do nothing in particular, for as long as they like.
    pub fn of(identity: impl Into<String>) -> Self {
        Self {
            identity: identity.into(),
            roles: Vec::new(),
            attributes: Vec::new(),
            expires_unix_ms: None,
            challenge_unix_ms: None,
            credentials: None,
        }
    }

    /// With one role more.
    pub fn role(mut self, role: impl Into<String>) -> Self {
        self.roles.push(role.into());
        self
    }

    /// With these roles more.
    pub fn roles<R: Into<String>>(mut self, roles: impl IntoIterator<Item = R>) -> Self {
        self.roles.extend(roles.into_iter().map(Into::into));
        self
    }

    /// With one attribute more; `${guarded['g'].attributes.name}` in `zilla.yaml`.
    pub fn attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.attributes.push((name.into(), value.into()));
        self
    }

    /// Until this time, in ms since 1970. The host ends the streams that carry it.
    pub fn expires(mut self, unix_ms: u64) -> Self {
        self.expires_unix_ms = Some(unix_ms);
        self
    }

    /// From this time on, in ms since 1970, the host asks for new credentials.
    pub fn challenge(mut self, unix_ms: u64) -> Self {
        self.challenge_unix_ms = Some(unix_ms);
        self
    }
}

impl Session {
    /// With credentials that plugins may show to others on behalf of it, such as a `http` client to its origin. The
    /// host keeps them for as long as the session, and nobody sees them but who is shown them.
    pub fn credentials(mut self, octets: impl Into<Vec<u8>>) -> Self {
        self.credentials = Some(octets.into());
        self
    }
}

impl PartialEq for Session {
    fn eq(&self, other: &Self) -> bool {
        (&self.identity, &self.roles, &self.attributes) == (&other.identity, &other.roles, &other.attributes)
            && (self.expires_unix_ms, self.challenge_unix_ms)
                == (other.expires_unix_ms, other.challenge_unix_ms)
            && self.credentials == other.credentials
    }
}

impl Eq for Session {}

/// Why credentials are not accepted, in words for the log: never the credentials themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused(Cow<'static, str>);

impl Refused {
    /// For this reason.
    pub fn because(reason: impl Into<Cow<'static, str>>) -> Self {
        Self(reason.into())
    }

    /// The reason.
    pub fn reason(&self) -> &str {
        &self.0
    }
}

impl From<&'static str> for Refused {
    fn from(reason: &'static str) -> Self {
        Self::because(reason)
    }
}

impl From<String> for Refused {
    fn from(reason: String) -> Self {
        Self::because(reason)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

/// What a component of this guard says it is; the version is that of its crate.
#[doc(hidden)]
pub fn describe<G: Guard>(version: &str) -> wit::Description {
    wit::Description {
        type_name: G::TYPE.to_owned(),
        version: version.to_owned(),
        options_schema: config::schema::<G::Options>(),
    }
}

/// Makes the guard of a component.
#[doc(hidden)]
pub fn attach<G: Guard>(config: wit::GuardConfig) -> Result<G, Vec<ConfigError>> {
    let options = config::parse(&config.options)
        .map_err(|error| vec![config::config_error("/options", "options of the guard", error.to_string())])?;
    let config = GuardConfig { namespace: config.namespace, name: config.name, options };
    G::attach(config).map_err(|error| vec![error])
}

/// Has the guard check credentials, and tells the log why they are not accepted.
#[doc(hidden)]
pub fn authorize<G: Guard>(guard: &mut G, now: Instant, credentials: &[u8]) -> Option<Session> {
    let refused = match guard.authorize(Credentials::new(credentials), now) {
        Ok(session) => return Some(session),
        Err(refused) => refused,
    };
    host::log(Level::Debug, &format!("credentials are not accepted: {refused}"));
    None
}
