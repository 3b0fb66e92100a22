//! The peers that are this program itself, started again under another command.

mod broadcast;
mod hyper;
mod native;
mod proxy;
mod tokio;
mod tungstenite;

use crate::Failure;
use crate::args::Serve;
use std::process::ExitCode;

/// Serves until the process is killed.
pub(crate) fn run(server: &Serve) -> Result<ExitCode, Failure> {
    match server {
        Serve::Native { config } => native::serve(config),
        Serve::Hyper { port, version } => hyper::serve(*port, *version),
        Serve::Tokio { port } => tokio::serve(*port),
        Serve::Broadcast { carrier, port } => broadcast::serve(*carrier, *port),
        Serve::Tungstenite { port } => tungstenite::serve(*port),
        Serve::Proxy { port, upstream, identity } => proxy::serve(*port, *upstream, identity.as_deref()),
    }
}
