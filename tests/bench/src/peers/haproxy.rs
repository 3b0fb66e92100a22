//! HAProxy, as one writes it for one thread. Buffers are those that it has when nothing is said.

use super::Task;
use crate::rows::{Service, Version};

/// Connections at a time. More of them would need more open files than many systems allow.
const CONNECTIONS_MAX: usize = 9_000;

pub(super) fn config(task: Task<'_>) -> String {
    let Task { port, upstream, .. } = task;
    let ssl = task.identity().map(|identity| format!(" ssl crt {}", identity.both.display()));
    let ssl = ssl.unwrap_or_default();
    let (mode, bind, server) = match task.row.service {
        Service::HttpProxy { front, back } => ("http", proto(front), proto(back)),
        Service::Http(_)
        | Service::Guarded
        | Service::Matched
        | Service::WebSocket
        | Service::Fan(_)
        | Service::Echo
        | Service::Proxy
        | Service::Tls(_) => ("tcp", "", ""),
    };
    format!(
        "\
global
  nbthread 1
  maxconn {CONNECTIONS_MAX}
defaults
  mode {mode}
  maxconn {CONNECTIONS_MAX}
  backlog 4096
  timeout connect 10s
  timeout client 1h
  timeout server 1h
listen measured
  bind 127.0.0.1:{port}{ssl}{bind}
  server upstream 127.0.0.1:{upstream}{server}
"
    )
}

/// How an address is told to speak a version; HTTP/1.1 is what it speaks when nothing is said.
fn proto(version: Version) -> &'static str {
    match version {
        Version::Http1 => "",
        Version::Http2 => " proto h2",
    }
}
