//! HAProxy, as one writes it for one thread. Buffers are those that it has when nothing is said.

use super::Task;

/// Connections at a time. More of them would need more open files than many systems allow.
const CONNECTIONS_MAX: usize = 9_000;

pub(super) fn config(task: Task<'_>) -> String {
    let Task { port, upstream, .. } = task;
    let ssl = task.identity().map(|identity| format!(" ssl crt {}", identity.both.display()));
    let ssl = ssl.unwrap_or_default();
    format!(
        "\
global
  nbthread 1
  maxconn {CONNECTIONS_MAX}
defaults
  mode tcp
  maxconn {CONNECTIONS_MAX}
  backlog 4096
  timeout connect 10s
  timeout client 1h
  timeout server 1h
listen measured
  bind 127.0.0.1:{port}{ssl}
  server upstream 127.0.0.1:{upstream}
"
    )
}
