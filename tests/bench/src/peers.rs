//! The servers that are compared, and how each is started.

mod envoy;
mod haproxy;
mod nginx;
mod zilla;

use crate::Failure;
use crate::keys::{Identity, Keys};
use crate::rows::{Cache, Carrier, Row, Service, Version, Work};
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
    /// nginx, which returns 200, or passes on what comes.
    Nginx,
    /// HAProxy, which passes on what comes.
    Haproxy,
    /// Envoy, which passes on requests.
    Envoy,
    /// hyper on one current-thread runtime, which echoes.
    Hyper,
    /// tokio-tungstenite on one current-thread runtime, which echoes.
    Tungstenite,
    /// tokio on one current-thread runtime, which echoes, passes on what comes, or gives it to all.
    Tokio,
    /// The gateway without the guard or the matcher that is measured.
    Plain,
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
            Self::Haproxy => "haproxy",
            Self::Envoy => "envoy",
            Self::Hyper => "hyper",
            Self::Tungstenite => "tungstenite",
            Self::Tokio => "tokio",
            Self::Plain => "plain",
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
    haproxy: PathBuf,
    /// No Debian package has it, so that a run goes on without.
    envoy: Option<PathBuf>,
    pub(crate) wrk: PathBuf,
    pub(crate) h2load: PathBuf,
}

/// Debian's packages of the programs that are not ours, and of a part of one.
const PACKAGES: [(&str, &str); 5] = [
    ("wrk", "wrk"),
    ("h2load", "nghttp2-client"),
    ("nginx", "nginx-light"),
    (nginx::STREAM_MODULE, "libnginx-mod-stream"),
    ("haproxy", "haproxy"),
];

/// Plugins that rows name.
const BUILT: [&str; 6] = [
    "binding_echo.wasm",
    "binding_fan.wasm",
    "binding_http.wasm",
    "binding_ws.wasm",
    "guard_jwt.wasm",
    "matcher_canary.wasm",
];

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
        let built = BUILT.map(|name| plugins.join(name));
        for built in built.iter().chain([&zilla, &guests.join("binding_trap.wasm")]) {
            if !built.is_file() {
                let expected = built.display();
                return Err(
                    format!("expected {expected}; `cargo xtask bench` builds all that is needed").into()
                );
            }
        }
        let envoy = envoy::find(target);
        match ["wrk", "h2load", "nginx", "haproxy", nginx::STREAM_MODULE].map(installed) {
            [Some(wrk), Some(h2load), Some(nginx), Some(haproxy), Some(_)] => {
                Ok(Self { this, zilla, plugins, guests, nginx, haproxy, envoy, wrk, h2load })
            }
            _ => Err(missing().into()),
        }
    }

    /// How to install a peer that is missing and that a run can go on without.
    pub(crate) fn missing(&self, peer: Peer) -> Option<&'static str> {
        (peer == Peer::Envoy && self.envoy.is_none()).then_some(envoy::INSTALL)
    }
}

/// Where a program is. A path stands for itself, whatever it is joined to.
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

/// What a server is to serve, and where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Task<'a> {
    pub(crate) row: &'static Row,
    pub(crate) port: u16,
    /// The echo behind it. Only [`Service::upstream`] asks for it.
    pub(crate) upstream: u16,
    pub(crate) keys: &'a Keys,
}

impl Task<'_> {
    /// The key that it shows, if it speaks TLS.
    pub(crate) fn identity(&self) -> Option<&Identity> {
        match self.row.service {
            Service::Tls(kind) => Some(self.keys.get(kind)),
            Service::Http(_)
            | Service::Guarded
            | Service::Matched
            | Service::HttpProxy { .. }
            | Service::WebSocket
            | Service::Fan(_)
            | Service::Echo
            | Service::Proxy => None,
        }
    }
}

/// What is behind a server. nginx has no echo of WebSockets, so that it passes on what the other peer has.
pub(crate) fn upstream(peer: Peer, service: Service) -> Option<Service> {
    match (peer, service) {
        (Peer::Nginx, Service::WebSocket) => Some(service),
        _ => service.upstream(),
    }
}

/// How to start an echo: what is behind others, and two of the peers.
pub(crate) fn echo(service: Service, port: u16, programs: &Programs) -> Command {
    let server = match service {
        Service::Http(Version::Http1) | Service::Guarded | Service::Matched => "serve-hyper",
        Service::Http(Version::Http2) => "serve-hyper-h2",
        Service::WebSocket => "serve-tungstenite",
        Service::Fan(Carrier::Tcp) => "serve-broadcast",
        Service::Fan(Carrier::WebSocket) => "serve-broadcast-ws",
        Service::Echo | Service::HttpProxy { .. } | Service::Proxy | Service::Tls(_) => "serve-tokio",
    };
    let mut command = Command::new(&programs.this);
    command.args([server, &port.to_string()]);
    command
}

/// How to start a server.
pub(crate) fn command(
    peer: Peer,
    task: Task<'_>,
    programs: &Programs,
    scratch: &Scratch,
) -> Result<Command, Failure> {
    let Task { row: Row { work, .. }, port, .. } = task;
    let work = *work;
    Ok(match peer {
        Peer::Zilla | Peer::Plain | Peer::Still | Peer::Reload | Peer::Isolated | Peer::Looped => {
            let is_swapped = matches!(work, Work::Swap { .. });
            let mut command = Command::new(&programs.zilla);
            command.args(["start", "--workers", "1", "--log-level", "warn", "--config"]);
            command.arg(zilla::config(peer, task, scratch)?);
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
            command.arg("serve-native").arg(zilla::config(peer, task, scratch)?);
            command
        }
        Peer::Nginx => {
            let mut command = Command::new(&programs.nginx);
            let config = scratch.write("nginx.conf", &nginx::config(task, scratch.path()))?;
            command.arg("-p").arg(scratch.path()).arg("-c").arg(config);
            command
        }
        Peer::Haproxy => {
            let mut command = Command::new(&programs.haproxy);
            command.arg("-db").arg("-f").arg(scratch.write("haproxy.cfg", &haproxy::config(task))?);
            command
        }
        Peer::Envoy => {
            let program =
                programs.envoy.as_ref().ok_or_else(|| format!("missing; type {}", envoy::INSTALL))?;
            let mut command = Command::new(program);
            command.args(["--concurrency", "1", "--disable-hot-restart", "--log-level", "warn"]);
            command.arg("--config-path").arg(scratch.write("envoy.yaml", &envoy::config(task))?);
            command
        }
        Peer::Hyper | Peer::Tungstenite => echo(task.row.service, port, programs),
        Peer::Tokio if task.row.service.upstream().is_some() => {
            let mut command = Command::new(&programs.this);
            command.args(["serve-proxy", &port.to_string(), &task.upstream.to_string()]);
            command.args(task.identity().map(|identity| &identity.both));
            command
        }
        Peer::Tokio => echo(task.row.service, port, programs),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_padded_as_a_column_asks() {
        assert_eq!(format!("{:<7}|", Peer::Zilla), "zilla  |");
    }

    #[test]
    fn a_path_stands_for_itself_wherever_programs_are() {
        let this = std::env::current_exe().unwrap();
        assert_eq!(installed(this.to_str().unwrap()), Some(this));
        assert_eq!(installed("/no/such/program"), None);
    }
}
