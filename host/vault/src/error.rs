//! What can be wrong with a vault, in words for operators.

use std::fmt;

/// Something that keeps a vault from being read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultError {
    /// JSON pointer (RFC 6901) to the option below the vault, such as `/options/keys/password`.
    pub pointer: String,
    /// What was expected there.
    pub expected: String,
    /// What is there. Never a password or a key.
    pub found: String,
}

impl fmt::Display for VaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, found {}", self.pointer, self.expected, self.found)
    }
}

impl std::error::Error for VaultError {}

/// Something that operators want to know, though the vault works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// JSON pointer (RFC 6901) to the option below the vault.
    pub pointer: String,
    /// What is there.
    pub found: String,
}

/// An alias that the vault does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// What was asked for, as it was asked for.
    pub alias: String,
    /// The aliases that there are, in order.
    pub present: Vec<String>,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no entry `{}`: {}", self.alias, list(&self.present))
    }
}

impl std::error::Error for Missing {}

/// Aliases in words.
pub(crate) fn list(aliases: &[String]) -> String {
    match aliases {
        [] => "there are none".to_owned(),
        [one] => format!("there is only `{one}`"),
        many => format!("there are `{}`", many.join("`, `")),
    }
}

/// What a fault is blamed on: which option it is shown at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blame {
    File,
    /// The file with the certificates, where the key has one of its own.
    Certificates,
    Password,
}

/// What is wrong with the content of a file, before it is known which option named the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) blame: Blame,
    pub(crate) expected: String,
    pub(crate) found: String,
}

impl Fault {
    pub(crate) fn file(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { blame: Blame::File, expected: expected.into(), found: found.into() }
    }

    pub(crate) fn certificates(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { blame: Blame::Certificates, expected: expected.into(), found: found.into() }
    }

    pub(crate) fn password(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { blame: Blame::Password, expected: expected.into(), found: found.into() }
    }
}
