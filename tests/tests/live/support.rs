//! What these tests are written with.

pub(crate) mod site;
pub(crate) mod usage;
pub(crate) mod yaml;

/// A number that the environment sets, or else this one.
pub(crate) fn from_environment(name: &str, default: usize) -> usize {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|error| panic!("{name}={text}: {error}")),
        Err(_) => default,
    }
}
