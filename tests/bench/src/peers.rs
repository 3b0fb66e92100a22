//! The servers that are compared, and how each is started.

use crate::Failure;
use crate::load::beside::LOOPING_HOST;
use crate::rows::{Cache, Work};
use crate::scratch::Scratch;
use crate::swap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// The gateway as it is delivered: `zilla start`, plugins as components.
    Zilla,
    /// The gateway with the same plugins linked natively.
    Native,
    /// nginx, which returns 200.
    Nginx,
    /// hyper on one current-thread runtime, which echoes.
    Hyper,
    /// tokio on one current-thread runtime, which echoes.
    Tokio,
    /// The gateway, of which nothing is replaced.
    Still,
    /// The gateway, which is told to read its files again and does not watch them.
    Reload,
    /// The gateway with `isolation: stream`.
    Isolated,
    /// The gateway with a plugin beside the one that is measured that loops on each stream.
    Looped,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Zilla => "zilla",
            Self::Native => "native",
            Self::Nginx => "nginx",
            Self::Hyper => "hyper",
            Self::Tokio => "tokio",
            Self::Still => "still",
            Self::Reload => "reload",
            Self::Isolated => "isolated",
            Self::Looped => "looped",
        })
    }
}

/// Where the programs are.
#[derive(Debug)]
pub(crate) struct Programs {
    this: PathBuf,
    zilla: PathBuf,
    pub(crate) plugins: PathBuf,
    guests: PathBuf,
    nginx: PathBuf,
    pub(crate) wrk: PathBuf,
}

/// Debian's packages of the programs that are not ours.
const PACKAGES: [(&str, &str); 2] = [("wrk", "wrk"), ("nginx", "nginx-light")];

/// Debian puts servers here, and leaves it out of a user's `PATH`.
const SERVERS: &str = "/usr/sbin";

impl Programs {
    /// Finds what is built beside this program, and what is installed.
    pub(crate) fn find() -> Result<Self, Failure> {
        let this = std::env::current_exe()?;
        let profile = this.parent().unwrap_or_else(|| Path::new("."));
        let zilla = profile.join("zilla");
        let target = profile.parent().unwrap_or_else(|| Path::new("."));
        let (plugins, guests) = (target.join("plugins/bin"), target.join("plugins/guests"));
        let built = ["binding_http.wasm", "binding_echo.wasm"].map(|name| plugins.join(name));
        for built in built.iter().chain([&zilla, &guests.join("binding_trap.wasm")]) {
            if !built.is_file() {
                let expected = built.display();
                return Err(
                    format!("expected {expected}; `cargo xtask bench` builds all that is needed").into()
                );
            }
        }
        let (wrk, nginx) = (installed("wrk"), installed("nginx"));
        match (wrk, nginx) {
            (Some(wrk), Some(nginx)) => Ok(Self { this, zilla, plugins, guests, nginx, wrk }),
            _ => Err(missing().into()),
        }
    }
}

fn installed(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::env::split_paths(&path).chain([PathBuf::from(SERVERS)]);
    directories.map(|directory| directory.join(program)).find(|program| program.is_file())
}

fn missing() -> String {
    let missing = PACKAGES.iter().filter(|(program, _)| installed(program).is_none());
    let packages: Vec<_> = missing.map(|(_, package)| *package).collect();
    format!(
        "programs are missing that are measured with or against; type\n  apt-get install {}",
        packages.join(" ")
    )
}

/// How to start a server for some work on a port.
pub(crate) fn command(
    peer: Peer,
    work: Work,
    port: u16,
    programs: &Programs,
    scratch: &Scratch,
) -> Result<Command, Failure> {
    Ok(match peer {
        Peer::Zilla | Peer::Still | Peer::Reload | Peer::Isolated | Peer::Looped => {
            let is_swapped = matches!(work, Work::Swap { .. });
            let mut command = Command::new(&programs.zilla);
            command.args(["start", "--workers", "1", "--log-level", "warn", "--config"]);
            command.arg(zilla_yaml(peer, work, port, scratch)?);
            // Of two directories with the same plugin, the first one counts.
            if is_swapped {
                command.arg("--plugins").arg(swap::plugins(port, programs, scratch)?);
            }
            command.arg("--plugins").arg(&programs.plugins).arg("--plugins").arg(&programs.guests);
            command.arg("--cache").arg(cache(work, port, scratch)).arg("--control").arg(control(scratch));
            if !is_swapped || peer == Peer::Reload {
                command.arg("--no-watch");
            }
            command
        }
        Peer::Native => {
            let mut command = Command::new(&programs.this);
            command.arg("serve-native").arg(zilla_yaml(peer, work, port, scratch)?);
            command
        }
        Peer::Nginx => {
            let mut command = Command::new(&programs.nginx);
            let config = scratch.write("nginx.conf", &nginx_conf(port, scratch.path()))?;
            command.arg("-p").arg(scratch.path()).arg("-c").arg(config);
            command
        }
        Peer::Hyper => {
            let mut command = Command::new(&programs.this);
            command.args(["serve-hyper", &port.to_string()]);
            command
        }
        Peer::Tokio => {
            let mut command = Command::new(&programs.this);
            command.args(["serve-tokio", &port.to_string()]);
            command
        }
    })
}

/// Where the gateway takes commands.
pub(crate) fn control(scratch: &Scratch) -> PathBuf {
    scratch.path().join("zilla.sock")
}

/// Compiled plugins are kept for the whole run, unless it is measured what that is worth.
fn cache(work: Work, port: u16, scratch: &Scratch) -> PathBuf {
    let is_cold = matches!(work, Work::Start { cache: Cache::Cold } | Work::Swap { .. });
    scratch.path().join(if is_cold { format!("cold-{port}") } else { "cache".to_owned() })
}

/// As in the examples `http.echo` and `tcp.echo`.
fn zilla_yaml(peer: Peer, work: Work, port: u16, scratch: &Scratch) -> Result<PathBuf, Failure> {
    let text = match work {
        Work::Swap { .. } => swap::zilla_yaml(port),
        Work::Http { .. } | Work::Idle { .. } | Work::Start { .. } => format!(
            "\
---
name: example
bindings:
  north_tcp_server:
    type: tcp
    kind: server
    options:
      host: 0.0.0.0
      port: {port}
    routes:
      - when:
          - port: {port}
        exit: north_http_server
  north_http_server:
    type: http
    kind: server
    routes:
      - when:
          - headers:
              :scheme: http
              :authority: 127.0.0.1:{port}
        exit: north_echo_server
  north_echo_server:
    type: echo
    kind: server
"
        ),
        Work::Ping { .. }
        | Work::Bulk { .. }
        | Work::Connect { .. }
        | Work::Kept { .. }
        | Work::Paced { .. } => {
            let (isolation, beside) = match peer {
                Peer::Isolated => ("plugins: {echo: {isolation: stream}}\n", String::new()),
                Peer::Looped => ("", looping(port)),
                _ => ("", String::new()),
            };
            format!(
                "\
---
name: example
{isolation}bindings:
  north_tcp_server:
    type: tcp
    kind: server
    options:
      host: 127.0.0.1
      port: {port}
    exit: north_echo_server
  north_echo_server:
    type: echo
    kind: server
{beside}"
            )
        }
    };
    scratch.write("zilla.yaml", &text)
}

/// The same port of another address of the loopback leads to a plugin that loops when it is told to.
fn looping(port: u16) -> String {
    format!(
        "  looping_tcp_server:
    type: tcp
    kind: server
    options:
      host: {LOOPING_HOST}
      port: {port}
    exit: looping_server
  looping_server:
    type: trap
    kind: server
"
    )
}

fn nginx_conf(port: u16, directory: &Path) -> String {
    let directory = directory.display();
    format!(
        "\
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid {directory}/nginx.pid;
error_log stderr warn;
events {{
  worker_connections 20000;
}}
http {{
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 3600s;
  client_body_temp_path {directory}/client_body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  server {{
    listen 127.0.0.1:{port} reuseport backlog=4096;
    location / {{
      return 200;
    }}
  }}
}}
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_padded_as_a_column_asks() {
        assert_eq!(format!("{:<7}|", Peer::Zilla), "zilla  |");
    }
}
