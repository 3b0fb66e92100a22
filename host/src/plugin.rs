//! Plugins: from a `.wasm` file to an instance that handles batches of frames.
//!
//! ```text
//!   Library ──▶ Component ──▶ BindingPlugin ──▶ Instance
//!   finds by     compiled       described,        one store: one binding
//!   type name    and cached     imports checked   on one worker
//! ```
//!
//! Guards and matchers go the same way, from [`GuardPlugin`] to [`GuardInstance`], and from [`MatcherPlugin`] to
//! [`MatcherInstance`].
//!
//! Everything behind [`BindingType`] and [`Instance`] knows WebAssembly, and nothing before them does: a test
//! or a benchmark can serve a type natively through the same two traits.

mod binding;
mod cache;
pub mod contract;
mod digest;
mod frames;
mod guard;
mod import;
mod library;
mod load;
mod matcher;
mod options;
mod overtime;
mod runtime;
mod sandbox;
mod state;
mod trust;

use std::fmt;
use std::path::Path;
use std::time::Duration;
use zilla_engine::{Batch, Frame};

pub use crate::guards::Authority;
pub use binding::BindingPlugin;
pub use cache::Cache;
pub use contract::exports::zilla::plugin::binding_exports::{
    BindingConfig, Description, KindDescription, Placement, Route, RouteConfig, Routing,
};
pub use contract::outbound::exports::zilla::plugin::outbound_exports::OwnBindings;
pub use contract::zilla::plugin::host::Refusal;
pub use contract::zilla::plugin::types::{ConfigError, Instant, Limits};
pub use digest::Digest;
pub use guard::{GuardConfig, GuardDescription, GuardInstance, GuardPlugin, GuardSession, GuardType};
pub use library::{AnyPlugin, Entry, Library, LibraryError};
pub use load::{LoadError, Loaded};
pub use matcher::{
    MatcherConfig, MatcherDescription, MatcherInstance, MatcherPlugin, MatcherQuery, MatcherType,
};
pub use options::{Allowance, PluginOptions};
pub use runtime::{Runtime, RuntimeOptions};
pub(crate) use sandbox::Concept;

/// A binding type: what it is, and how to make an instance for one binding and one worker.
pub trait BindingType: Send + Sync {
    /// What it is; asked once, when it was loaded.
    fn describe(&self) -> &Description;

    /// What tells this code from any other: two types with the same identity do the same.
    fn identity(&self) -> String {
        let Description { type_name, version, .. } = self.describe();
        format!("{type_name} {version}")
    }

    /// The file that it was read from, for errors; none for one that is linked natively.
    fn file(&self) -> Option<&Path> {
        None
    }

    /// Whether its instances have state to save and restore.
    fn keeps_state(&self) -> bool {
        false
    }

    /// Makes an instance and gives it its configuration. The compiled routes are in its order.
    fn attach(&self, config: &BindingConfig) -> Result<(Box<dyn Instance>, Vec<Route>), AttachError>;
}

/// One binding on one worker.
pub trait Instance: Send {
    /// Handles a batch. After a trap it is thrown away.
    fn deliver(&mut self, now: Instant, batch: &Batch, returned: &mut Returned) -> Result<(), Trap>;

    /// Exchanges whom its calls of `authorize` ask: to be put in before a call, and taken out after it.
    fn swap_authority(&mut self, _authority: &mut Option<Box<Authority>>) {}

    /// State for its successor, any octets. It goes on afterwards; after a trap it is thrown away. Called where
    /// its type keeps state.
    fn save(&mut self) -> Result<Vec<u8>, Trap> {
        Ok(Vec::new())
    }

    /// Takes what a predecessor has saved, of that version, before the first batch. Called where its type keeps
    /// state.
    fn restore(&mut self, _version: &str, _state: &[u8]) -> Result<(), RestoreError> {
        Ok(())
    }

    /// It is no longer needed.
    fn detach(&mut self) -> Result<(), Trap>;
}

/// What an instance returned. Borrowed frames point into the batch, the others into `octets`.
#[derive(Debug, Default)]
pub struct Returned {
    /// In the order in which they are to be handled.
    pub frames: Vec<Frame>,
    /// Attributes and payloads.
    pub octets: Vec<u8>,
}

/// Why an instance could not be made.
#[derive(Debug)]
pub enum AttachError {
    /// The plugin does not accept its configuration.
    Refused(Vec<ConfigError>),
    /// The plugin trapped, or its answer does not fit its configuration.
    Failed(Trap),
}

impl fmt::Display for AttachError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(errors) => {
                f.write_str("the configuration is refused")?;
                errors.iter().try_for_each(|error| {
                    write!(f, "; {}: expected {}, found {}", error.path, error.expected, error.found)
                })
            }
            Self::Failed(trap) => write!(f, "{trap}"),
        }
    }
}

impl std::error::Error for AttachError {}

/// Why an instance did not take the state of its predecessor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RestoreError {
    /// The plugin does not accept it, in its own words. The instance is as it was.
    Refused(String),
    /// The plugin trapped. The instance is lost.
    Failed(Trap),
}

/// Why an instance is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trap {
    /// A call took longer than this, so that others had to wait for it.
    OverBudget(Duration),
    /// Anything else, in words for the log.
    Other(String),
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OverBudget(budget) => {
                write!(f, "call-budget: a call took longer than {} ms", budget.as_millis())
            }
            Self::Other(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for Trap {}
