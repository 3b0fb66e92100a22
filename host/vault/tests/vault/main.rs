//! The vault against what `openssl` and `keytool` write. Every key is made by the test that uses it.

#![allow(clippy::unwrap_used, reason = "a test that cannot prepare its files fails")]

mod damaged;
mod limits;
mod maker;
mod options;
mod pem;
mod pkcs12;
mod revocation;
mod wrong;
