//! What is measured: the work, the servers that do it, and what is asked of the gateway.

use crate::keys::KeyKind;
use crate::peers::Peer;

/// One line of the table: some work, and the servers that do it.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) service: Service,
    pub(crate) work: Work,
    /// The gateway first. What is asked of it against each other one: a ratio, at least, if anything.
    pub(crate) peers: &'static [(Peer, Option<f64>)],
}

/// What the servers of a row are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    /// Of HTTP: a request is answered with 200.
    Http,
    /// What comes goes back.
    Echo,
    /// What comes goes to an echo behind the server, which is the same for all, and back.
    Proxy,
    /// The same behind TLS, with a key of this kind.
    Tls(KeyKind),
}

impl Service {
    /// Whether it needs an echo behind it.
    pub(crate) fn has_upstream(self) -> bool {
        match self {
            Self::Http | Self::Echo => false,
            Self::Proxy | Self::Tls(_) => true,
        }
    }
}

/// What is asked of the servers of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// HTTP requests, as many as it takes.
    Http { connections: u32, body_octets: usize },
    /// Small messages to and fro.
    Ping { connections: usize, octets: usize },
    /// As many octets as it takes, to and fro.
    Bulk { connections: usize },
    /// From the start of the process to its first answer.
    Start { cache: Cache },
    /// A plugin is replaced again and again, under HTTP requests.
    Swap { asks: Swap },
    /// Connections that are made, answered once and broken off.
    Connect { connections: usize },
    /// TLS connections that are made, answered once and ended.
    Handshake { connections: usize, session: Session },
    /// Connections that are kept and do nothing, each after one answer.
    Idle { connections: usize },
    /// Small messages that are sent when they are due, whatever has come back.
    Paced { connections: usize },
}

/// What is asked of a swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Swap {
    /// The longest time between two answers that one client got.
    Gap,
    /// From the changed file to the new generation.
    Apply,
}

/// How clients of TLS begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Session {
    /// As if they had never been here.
    Full,
    /// With a ticket of the connection before.
    Resumed,
}

/// Whether the gateway finds its plugins compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cache {
    Cold,
    Warm,
}

impl Work {
    /// What its values are in.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::Http { .. } => "req/s",
            Self::Ping { .. } => "msg/s",
            Self::Bulk { .. } => "MiB/s",
            Self::Idle { .. } => "B/conn",
            Self::Start { .. } | Self::Swap { .. } | Self::Paced { .. } => "ms",
            Self::Connect { .. } => "conn/s",
            Self::Handshake { .. } => "hs/s",
        }
    }

    /// Whether a smaller value is the better one.
    pub(crate) fn is_cost(self) -> bool {
        match self {
            Self::Http { .. }
            | Self::Ping { .. }
            | Self::Bulk { .. }
            | Self::Connect { .. }
            | Self::Handshake { .. } => false,
            Self::Idle { .. } | Self::Start { .. } | Self::Swap { .. } | Self::Paced { .. } => true,
        }
    }
}

const HTTP_PEERS: &[(Peer, Option<f64>)] =
    &[(Peer::Zilla, None), (Peer::Native, Some(0.7)), (Peer::Nginx, Some(1.1)), (Peer::Hyper, Some(1.1))];

const PROXY_PEERS: &[(Peer, Option<f64>)] =
    &[(Peer::Zilla, None), (Peer::Haproxy, Some(1.0)), (Peer::Nginx, Some(1.0)), (Peer::Tokio, None)];

/// Every row, in the order of the table.
pub(crate) static ROWS: &[Row] = &[
    Row {
        name: "http.get.64",
        about: "GET without a body, 64 keep-alive connections",
        service: Service::Http,
        work: Work::Http { connections: 64, body_octets: 0 },
        peers: HTTP_PEERS,
    },
    Row {
        name: "http.get.1024",
        about: "GET without a body, 1,024 keep-alive connections",
        service: Service::Http,
        work: Work::Http { connections: 1_024, body_octets: 0 },
        peers: HTTP_PEERS,
    },
    Row {
        name: "http.post.64",
        about: "POST of 1 KiB that is echoed, 64 keep-alive connections",
        service: Service::Http,
        work: Work::Http { connections: 64, body_octets: 1_024 },
        peers: &[(Peer::Zilla, None), (Peer::Native, Some(0.7)), (Peer::Hyper, Some(1.1))],
    },
    Row {
        name: "tcp.ping.64",
        about: "messages of 64 octets, one at a time on each of 64 connections",
        service: Service::Echo,
        work: Work::Ping { connections: 64, octets: 64 },
        peers: &[(Peer::Zilla, None), (Peer::Native, None), (Peer::Tokio, Some(1.0))],
    },
    Row {
        name: "tcp.bulk.4",
        about: "a stream in both directions on each of 4 connections",
        service: Service::Echo,
        work: Work::Bulk { connections: 4 },
        peers: &[(Peer::Zilla, None), (Peer::Native, None), (Peer::Tokio, Some(1.0))],
    },
    Row {
        name: "proxy.tcp.ping",
        about: "messages of 100 octets through a proxy, one at a time on each of 64 connections",
        service: Service::Proxy,
        work: Work::Ping { connections: 64, octets: 100 },
        peers: PROXY_PEERS,
    },
    Row {
        name: "proxy.tcp.bulk",
        about: "a stream in both directions through a proxy, on each of 4 connections",
        service: Service::Proxy,
        work: Work::Bulk { connections: 4 },
        peers: PROXY_PEERS,
    },
    Row {
        name: "proxy.tcp.connect",
        about: "connections through a proxy, one word each, 16 at a time",
        service: Service::Proxy,
        work: Work::Connect { connections: 16 },
        peers: PROXY_PEERS,
    },
    Row {
        name: "tls.handshake.full",
        about: "TLS 1.3 handshakes with an ECDSA key (P-256), one message each, 32 at a time",
        service: Service::Tls(KeyKind::P256),
        work: Work::Handshake { connections: 32, session: Session::Full },
        peers: PROXY_PEERS,
    },
    Row {
        name: "tls.handshake.rsa",
        about: "the same with an RSA key of 2,048 bits",
        service: Service::Tls(KeyKind::Rsa2048),
        work: Work::Handshake { connections: 32, session: Session::Full },
        peers: PROXY_PEERS,
    },
    Row {
        name: "tls.handshake.resumed",
        about: "TLS 1.3 handshakes with a ticket, one message each, 32 at a time",
        service: Service::Tls(KeyKind::P256),
        work: Work::Handshake { connections: 32, session: Session::Resumed },
        peers: PROXY_PEERS,
    },
    Row {
        name: "tls.ping",
        about: "messages of 100 octets through TLS to an echo, one at a time on each of 64 connections",
        service: Service::Tls(KeyKind::P256),
        work: Work::Ping { connections: 64, octets: 100 },
        peers: PROXY_PEERS,
    },
    Row {
        name: "tls.bulk",
        about: "a stream in both directions through TLS to an echo, on each of 4 connections",
        service: Service::Tls(KeyKind::P256),
        work: Work::Bulk { connections: 4 },
        peers: PROXY_PEERS,
    },
    Row {
        name: "idle.10000",
        about: "memory of each of 10,000 keep-alive connections after one request",
        service: Service::Http,
        work: Work::Idle { connections: 10_000 },
        peers: &[(Peer::Zilla, None), (Peer::Native, None), (Peer::Nginx, Some(1.0)), (Peer::Hyper, None)],
    },
    Row {
        name: "idle.tls.8000",
        about: "memory of each of 8,000 TLS connections to an echo after one message",
        service: Service::Tls(KeyKind::P256),
        // With those to the echo they fit within the 20,000 open files that many systems allow.
        work: Work::Idle { connections: 8_000 },
        peers: PROXY_PEERS,
    },
    Row {
        name: "start.warm",
        about: "start to first answer, plugins compiled before; on all cores",
        service: Service::Http,
        work: Work::Start { cache: Cache::Warm },
        // "The same order": a tenth.
        peers: &[(Peer::Zilla, None), (Peer::Nginx, Some(0.1))],
    },
    Row {
        name: "start.cold",
        about: "start to first answer, plugins not compiled before; on all cores",
        service: Service::Http,
        work: Work::Start { cache: Cache::Cold },
        peers: &[(Peer::Zilla, None), (Peer::Nginx, None)],
    },
    Row {
        name: "swap.gap",
        about: "longest time between two answers of 16 clients, while `http` is replaced again and again; on all cores",
        service: Service::Http,
        work: Work::Swap { asks: Swap::Gap },
        peers: &[(Peer::Zilla, None), (Peer::Still, None)],
    },
    Row {
        name: "swap.apply",
        about: "from a changed plugin file to the new generation, compiled and under load; on all cores",
        service: Service::Http,
        work: Work::Swap { asks: Swap::Apply },
        peers: &[(Peer::Zilla, None), (Peer::Reload, None)],
    },
    Row {
        name: "isolate.stream",
        about: "connections to an echo, one word each; with an instance for each",
        service: Service::Echo,
        work: Work::Connect { connections: 16 },
        peers: &[(Peer::Zilla, None), (Peer::Isolated, None)],
    },
    Row {
        name: "isolate.bulk",
        about: "a stream in both directions on each of 4 connections; with an instance for each",
        service: Service::Echo,
        work: Work::Bulk { connections: 4 },
        peers: &[(Peer::Zilla, None), (Peer::Isolated, None)],
    },
    Row {
        name: "instance.memory",
        about: "memory of each of 1,000 connections to an echo; with an instance for each",
        service: Service::Echo,
        work: Work::Idle { connections: 1_000 },
        peers: &[(Peer::Zilla, None), (Peer::Isolated, None)],
    },
    Row {
        name: "loop.neighbour",
        about: "longest wait of 4 connections with a message each ms, beside a plugin that loops on each stream",
        service: Service::Echo,
        work: Work::Paced { connections: 4 },
        peers: &[(Peer::Zilla, None), (Peer::Looped, None)],
    },
];

/// The rows whose names begin so; all if there is nothing.
pub(crate) fn select(prefixes: &[String]) -> Result<Vec<&'static Row>, String> {
    let begins = |row: &&Row, prefix: &String| row.name.starts_with(prefix.as_str());
    if let Some(unknown) = prefixes.iter().find(|prefix| !ROWS.iter().any(|row| begins(&row, prefix))) {
        return Err(format!("no such row: {unknown}; there are\n{}", list()));
    }
    let is_wanted = |row: &&Row| prefixes.is_empty() || prefixes.iter().any(|prefix| begins(row, prefix));
    Ok(ROWS.iter().filter(is_wanted).collect())
}

/// A line for each row.
pub(crate) fn list() -> String {
    ROWS.iter().map(|row| format!("  {:<22} {}\n", row.name, row.about)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gateway_comes_first_and_is_compared_with_others() {
        for row in ROWS {
            let (first, others) = row.peers.split_first().unwrap();
            assert_eq!(first, &(Peer::Zilla, None), "{}", row.name);
            assert!(others.iter().all(|(peer, _)| *peer != Peer::Zilla), "{}", row.name);
            assert!(!others.is_empty(), "{}", row.name);
        }
    }
}
