//! Sessions: what guards know of those on whose behalf streams are open.

use std::fmt;
use std::sync::Arc;

/// What a guard knows of somebody whose credentials it accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Tells it from every other session, also of other engines: two with one number are the same.
    pub number: u64,
    /// Qualified name of the guard, `namespace:name`.
    pub guard: Arc<str>,
    /// Who it is.
    pub identity: String,
    /// What they may do.
    pub roles: Vec<String>,
    /// More about them, as names and values.
    pub attributes: Vec<(String, String)>,
    /// When it is over, in unix ms; never if none.
    pub expires_unix_ms: Option<u64>,
    /// From when new credentials are asked for, in unix ms; never if none.
    pub challenge_unix_ms: Option<u64>,
    /// What is shown to others on behalf of them, if anything.
    pub credentials: Option<Secret>,
}

/// Octets that nobody is to see: its `Debug` shows their number alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<[u8]>);

impl Secret {
    /// The octets, for who sends them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Secret {
    fn from(octets: Vec<u8>) -> Self {
        Self(octets.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} octets)", self.0.len())
    }
}

/// Of one guard, what a route asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guarded {
    /// Qualified name of the guard.
    pub guard: Arc<str>,
    /// All of these roles; with none, any session of the guard will do.
    pub roles: Vec<String>,
}

/// Why a guard does not let a stream pass. The order is that of what is told where several do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shortfall {
    /// There is a session, and it lacks a role.
    Role,
    /// There is no session.
    Session,
}

impl Session {
    /// Whether it has all of these roles.
    pub(crate) fn has_all<'a>(&self, roles: impl IntoIterator<Item = &'a String>) -> bool {
        roles.into_iter().all(|role| self.roles.contains(role))
    }

    /// Whether this one, with newer credentials of the same somebody, can take the place of `old`, which asks for
    /// them: it may do all that the old one may, and for longer.
    pub(crate) fn renews(&self, old: &Self, unix_ms: u64) -> bool {
        let is_asked_for = old.challenge_unix_ms.is_some_and(|challenge| challenge <= unix_ms);
        let until = |session: &Self| session.expires_unix_ms.unwrap_or(u64::MAX);
        is_asked_for && until(old) < until(self) && self.has_all(&old.roles)
    }
}

/// The session of a guard, if there is one.
pub(crate) fn of_guard<'a>(sessions: &'a [Arc<Session>], guard: &str) -> Option<&'a Session> {
    sessions.iter().map(Arc::as_ref).find(|session| &*session.guard == guard)
}

impl Guarded {
    /// Whether a stream with these sessions may pass, or what it lacks.
    pub(crate) fn check(&self, sessions: &[Arc<Session>]) -> Result<(), Shortfall> {
        let session = of_guard(sessions, &self.guard).ok_or(Shortfall::Session)?;
        if session.has_all(&self.roles) { Ok(()) } else { Err(Shortfall::Role) }
    }
}
