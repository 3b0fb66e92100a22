//! What a checked file says.
//!
//! Everything is in flat lists, over all namespaces and in the order of the file; a reference is an
//! index into one of them that cannot miss. The meaning of `options`, conditions, `with` and
//! arguments belongs to the plugin of the type; they are checked elsewhere.

use std::fmt;

use serde_json::Value;

use crate::path::NodePath;

/// One YAML document.
#[derive(Clone, Debug, PartialEq)]
pub struct Namespace {
    /// Unique in the file.
    pub name: String,
    /// The root of its document.
    pub at: NodePath,
}

macro_rules! index {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub(crate) usize);

        impl $name {
            /// The position in its list, from 0.
            #[must_use]
            pub fn position(self) -> usize {
                self.0
            }
        }
    };
}

index! {
    /// A binding of one [`Config`](crate::Config): its position in `bindings`.
    BindingIndex
}
index! {
    /// A guard of one [`Config`](crate::Config): its position in `guards`.
    GuardIndex
}
index! {
    /// A matcher of one [`Config`](crate::Config): its position in `matchers`.
    MatcherIndex
}
index! {
    /// A vault of one [`Config`](crate::Config): its position in `vaults`.
    VaultIndex
}

/// A guard, a matcher or a vault.
#[derive(Clone, Debug, PartialEq)]
pub struct Component {
    /// The namespace it is declared in.
    pub namespace: String,
    /// Unique among its like in the namespace.
    pub name: String,
    /// The plugin, from `type`.
    pub type_name: String,
    /// A mapping, or null where the file has none.
    pub options: Value,
    /// `guards.NAME`, `matchers.NAME` or `vaults.NAME`.
    pub at: NodePath,
}

/// One step in the life of a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Binding {
    /// The namespace it is declared in.
    pub namespace: String,
    /// Unique among the bindings of the namespace.
    pub name: String,
    /// The plugin, from `type`.
    pub type_name: String,
    /// Which side of its protocol it is.
    pub kind: Kind,
    /// Where its keys and certificates come from.
    pub vault: Option<VaultIndex>,
    /// A mapping, or null where the file has none.
    pub options: Value,
    /// In the order in which they are tried: `routes`, then its own `exit` without a condition.
    pub routes: Vec<Route>,
    /// What a remote kind serves; present for those alone.
    pub entry: Option<String>,
    /// `bindings.NAME`.
    pub at: NodePath,
}

impl Binding {
    /// `namespace:name`, as another namespace refers to it.
    #[must_use]
    pub fn qualified_name(&self) -> String {
        format!("{}:{}", self.namespace, self.name)
    }
}

/// Where a stream goes on to, and which streams do.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// The next binding; none where the stream leaves the host or goes where its attributes say.
    pub exit: Option<BindingIndex>,
    /// Any one of these has to hold; none at all holds always.
    pub when: Vec<When>,
    /// What the stream is changed into: a mapping, or null where the file has none.
    pub with: Value,
    /// All of these have to let the stream pass.
    pub guarded: Vec<Guarded>,
    /// `bindings.NAME.routes[0]`, or `bindings.NAME.exit`.
    pub at: NodePath,
}

impl Route {
    /// Whether every stream takes it that comes so far.
    #[must_use]
    pub fn is_unconditional(&self) -> bool {
        self.guarded.is_empty() && (self.when.is_empty() || self.when.iter().any(When::is_empty))
    }
}

/// One condition of a route; all parts of it have to hold.
#[derive(Clone, Debug, PartialEq)]
pub struct When {
    /// The condition without its `matched`: a mapping whose keys the binding's plugin knows.
    pub conditions: Value,
    /// The matchers asked, in the order of the file.
    pub matched: Vec<Matched>,
    /// `bindings.NAME.routes[0].when[0]`.
    pub at: NodePath,
}

impl When {
    fn is_empty(&self) -> bool {
        self.matched.is_empty() && self.conditions.as_object().is_none_or(serde_json::Map::is_empty)
    }
}

/// A matcher asked by a condition.
#[derive(Clone, Debug, PartialEq)]
pub struct Matched {
    /// Which matcher.
    pub matcher: MatcherIndex,
    /// What it is asked with, as written; null where the file has nothing.
    pub arguments: Value,
    /// `bindings.NAME.routes[0].when[0].matched.MATCHER`.
    pub at: NodePath,
}

/// A guard that a stream has to pass.
#[derive(Clone, Debug, PartialEq)]
pub struct Guarded {
    /// Which guard.
    pub guard: GuardIndex,
    /// All of these roles are needed.
    pub roles: Vec<String>,
    /// `bindings.NAME.routes[0].guarded.GUARD`.
    pub at: NodePath,
}

/// Which side of its protocol a binding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Decodes what a client sends.
    Server,
    /// Encodes for a server.
    Client,
    /// Turns one protocol into another, or a stream of one into another of the same.
    Proxy,
    /// Serves a remote system that calls in through its own protocol; has an entry.
    RemoteServer,
    /// Calls on behalf of a remote system; has an entry.
    RemoteClient,
    /// The side of a cache that clients read.
    CacheClient,
    /// The side of a cache that is filled from a server.
    CacheServer,
}

impl Kind {
    /// All kinds, as in the documentation.
    pub const ALL: [Self; 7] = [
        Self::Server,
        Self::Client,
        Self::Proxy,
        Self::RemoteServer,
        Self::RemoteClient,
        Self::CacheClient,
        Self::CacheServer,
    ];

    /// The word in the file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
            Self::Proxy => "proxy",
            Self::RemoteServer => "remote_server",
            Self::RemoteClient => "remote_client",
            Self::CacheClient => "cache_client",
            Self::CacheServer => "cache_server",
        }
    }

    /// Whether a binding of this kind has to have an `entry`; the others may not.
    #[must_use]
    pub fn is_remote(self) -> bool {
        matches!(self, Self::RemoteServer | Self::RemoteClient)
    }

    /// The kind of this word.
    pub(crate) fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
