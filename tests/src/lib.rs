//! What the tests of a running host are written with: real processes and real sockets on the loopback.
//!
//! * [`Host`] is a `zilla start` that is killed when it goes out of scope; [`Log`] is what it said.
//! * [`zilla`] runs any other command of `zilla` to its end.
//! * [`Ports`] are free ones, kept free for the host.
//! * [`load::Load`] is clients that ask without a pause, [`streams::Streams`] are many that stay.
//! * [`plugin`] makes versions of plugins, good and bad ones.
//! * [`Client`] is a socket with a deadline, [`http`] reads responses.
//! * [`Browser`] is a Chromium that loads pages and runs scripts in them; [`pages`] is an origin of such pages.
//! * [`Upstream`] is what a host connects to, [`Server`] is one that others have written, [`Names`] are what it finds
//!   there.
//! * [`config`] writes the `zilla.yaml` that most tests begin with.
//!
//! Nothing waits for a time: whatever is waited for is waited for by name, within [`PATIENCE`].

pub mod browser;
pub mod client;
pub mod command;
pub mod config;
pub mod files;
pub mod host;
pub mod http;
pub mod limits;
pub mod load;
pub mod log;
pub mod mounts;
pub mod names;
pub mod pages;
pub mod plugin;
pub mod ports;
pub mod random;
pub mod servers;
pub mod streams;
pub mod upstream;
pub mod websocket;

use std::time::{Duration, Instant};

pub use browser::Browser;
pub use client::Client;
pub use command::{Output, zilla};
pub use files::Folder;
pub use host::Host;
pub use log::{Line, Log};
pub use names::Names;
pub use ports::Ports;
pub use servers::Server;
pub use upstream::Upstream;

/// How long anything may take before a test fails: much longer than it takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How often a condition that nobody announces is looked at.
const GLANCE: Duration = Duration::from_millis(2);

/// Waits until a condition holds.
///
/// # Panics
/// If it does not within [`PATIENCE`].
#[track_caller]
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(GLANCE);
    }
}
