//! The configuration a binding gets, and what it says of it: kinds, schemas and errors.

use crate::bindings::exports::zilla::plugin::binding_exports::{self as wit, Placement};
use crate::bindings::zilla::plugin::types::Limits;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;

pub use crate::bindings::exports::zilla::plugin::binding_exports::Routing;
pub use crate::bindings::zilla::plugin::types::ConfigError;

/// The `kind` of a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Accepts a protocol and opens streams of what it carries.
    Server,
    /// Accepts streams and opens the protocol that carries them.
    Client,
    /// Accepts and opens streams of one protocol, or of two on one level.
    Proxy,
    /// A server whose peer is reached through a client connection.
    RemoteServer,
    /// A client whose peer is reached through a server connection.
    RemoteClient,
    /// The side of a cache that faces clients.
    CacheClient,
    /// The side of a cache that faces servers.
    CacheServer,
}

impl Kind {
    const ALL: [Self; 7] = [
        Self::Server,
        Self::Client,
        Self::Proxy,
        Self::RemoteServer,
        Self::RemoteClient,
        Self::CacheClient,
        Self::CacheServer,
    ];

    /// As written in `zilla.yaml`.
    pub const fn as_str(self) -> &'static str {
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

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// The configuration of one binding.
#[derive(Clone, Debug)]
pub struct BindingConfig<O> {
    /// Name of the namespace.
    pub namespace: String,
    /// Name of the binding.
    pub name: String,
    /// One of [`crate::Binding::KINDS`].
    pub kind: Kind,
    /// `options`, or what an empty mapping means.
    pub options: O,
    /// What the host allows this instance.
    pub limits: Limits,
}

impl Default for Limits {
    /// What a host allows unless it is configured otherwise.
    fn default() -> Self {
        Self { initial_credit: 64 * 1024, streams: 64 * 1024, timers: 8, attributes_octets: 64 * 1024 }
    }
}

/// `options` of a binding that has none.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoOptions {}

/// `options` of a binding whose kinds have different ones: each kind names its own with
/// [`RouteSchema::options`], and [`crate::Binding::attach`] reads those of the kind that it gets.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct KindOptions(serde_json::Value);

impl KindOptions {
    /// The options as those of one kind.
    pub fn read<O: DeserializeOwned>(self) -> Result<O, ConfigError> {
        serde_json::from_value(self.0).map_err(|error| options_error(&error))
    }
}

/// Options that do not fit their type.
pub(crate) fn options_error(error: &serde_json::Error) -> ConfigError {
    config_error("/options", "options of the binding", error.to_string())
}

/// Which `when`, `with`, exits and `options` a kind has, and on how many workers it has an instance; see [`crate::Binding::routes`].
#[derive(Clone, Debug)]
pub struct RouteSchema {
    routing: Routing,
    options: Option<String>,
    when: Option<String>,
    with: Option<String>,
    placement: Placement,
}

impl RouteSchema {
    /// The kind exits nowhere.
    pub fn none() -> Self {
        Self::exits(Routing::None)
    }

    /// The kind has exits, decided as `routing` says, with neither `when` nor `with`.
    pub fn exits(routing: Routing) -> Self {
        Self { routing, options: None, when: None, with: None, placement: Placement::EveryWorker }
    }

    /// The kind has one instance in all, which sees every stream of its binding, whatever worker it comes to. A
    /// stream from another worker crosses to it, at some cost, so this is for what must see everyone.
    /// `isolation: stream` is refused for it.
    pub fn on_one_worker(mut self) -> Self {
        self.placement = Placement::OneWorker;
        self
    }

    /// The kind has `options` of its own, an `O`; the binding's are [`KindOptions`].
    pub fn options<O: JsonSchema>(mut self) -> Self {
        self.options = Some(schema::<O>());
        self
    }

    /// Routes have conditions: each item of `when` is a `W`.
    pub fn when<W: JsonSchema>(mut self) -> Self {
        self.when = Some(schema::<W>());
        self
    }

    /// Routes have a `with`.
    pub fn with<W: JsonSchema>(mut self) -> Self {
        self.with = Some(schema::<W>());
        self
    }

    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn routing(&self) -> Routing {
        self.routing
    }

    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn has_when(&self) -> bool {
        self.when.is_some()
    }

    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn has_with(&self) -> bool {
        self.with.is_some()
    }

    pub(crate) fn describe(self, kind: Kind, options_schema: String) -> wit::KindDescription {
        wit::KindDescription {
            kind: kind.as_str().to_owned(),
            options_schema: self.options.unwrap_or(options_schema),
            when_schema: self.when,
            with_schema: self.with,
            routes: self.routing,
            placement: self.placement,
        }
    }
}

/// One route as written; see [`crate::Binding::route`].
#[derive(Clone, Copy, Debug)]
pub struct RouteConfig<'a> {
    pub(crate) route: &'a wit::RouteConfig,
    pub(crate) index: usize,
}

impl RouteConfig<'_> {
    /// The items of `when`. Empty: the route is unconditional.
    pub fn when<W: DeserializeOwned>(&self) -> Result<Vec<W>, ConfigError> {
        let parse = |(item, text): (usize, &String)| {
            parse(text)
                .map_err(|error| self.error(&format!("/when/{item}"), "a condition", error.to_string()))
        };
        self.route.when.iter().enumerate().map(parse).collect()
    }

    /// The route's `with`.
    pub fn with<W: DeserializeOwned>(&self) -> Result<W, ConfigError> {
        parse(&self.route.with).map_err(|error| self.error("/with", "parameters", error.to_string()))
    }

    /// An error at a JSON pointer below this route, as `/when/0/headers`.
    pub fn error(&self, pointer: &str, expected: impl Into<String>, found: impl Into<String>) -> ConfigError {
        config_error(&format!("/routes/{}{pointer}", self.index), expected, found)
    }
}

/// An error at a JSON pointer below the binding, as `/options/greeting`.
pub fn config_error(pointer: &str, expected: impl Into<String>, found: impl Into<String>) -> ConfigError {
    ConfigError { path: pointer.to_owned(), expected: expected.into(), found: found.into() }
}

pub(crate) fn schema<T: JsonSchema>() -> String {
    schemars::schema_for!(T).to_value().to_string()
}

/// Reads JSON text. By way of a value, so that errors do not speak of lines and columns that nobody wrote.
pub(crate) fn parse<T: DeserializeOwned>(json: &str) -> serde_json::Result<T> {
    let value: serde_json::Value = serde_json::from_str(if json.is_empty() { "{}" } else { json })?;
    serde_json::from_value(value)
}
