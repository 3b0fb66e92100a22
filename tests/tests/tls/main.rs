//! The `tls` binding of a running host, against openssl and rustls. All keys and certificates are made by the tests.

#![allow(clippy::unwrap_used, reason = "what these tests set up themselves")]

mod broken;
mod browsers;
mod chosen;
mod clients;
mod endings;
mod files;
mod guarded;
mod handshakes;
mod mutual;
mod peers;
mod proxies;
mod streams;
mod support;
mod upstreams;
