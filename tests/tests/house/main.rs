//! House rules: what must stay true of the source, whoever changes it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

mod contract;
mod coverage;
mod dependencies;
mod source;
mod words;
