//! What is measured: the work, the servers that do it, and what is asked of the gateway.

use crate::peers::Peer;

/// One line of the table: some work, and the servers that do it.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) work: Work,
    /// The gateway first. What is asked of it against each other one: a ratio, at least, if anything.
    pub(crate) peers: &'static [(Peer, Option<f64>)],
}

/// What the servers of a row do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// HTTP requests, as many as it takes.
    Http { connections: u32, body_octets: usize },
    /// Small messages to and fro.
    Ping { connections: usize },
    /// As many octets as it takes, to and fro.
    Bulk { connections: usize },
    /// Connections that are kept and do nothing.
    Idle { connections: usize },
    /// From the start of the process to its first answer.
    Start { cache: Cache },
    /// A plugin is replaced again and again, under HTTP requests.
    Swap { asks: Swap },
    /// Connections that are made, answered once and broken off.
    Connect { connections: usize },
    /// Connections to an echo that are kept and do nothing, each after one answer.
    Kept { connections: usize },
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
            Self::Kept { .. } => "B/conn",
        }
    }

    /// Whether a smaller value is the better one.
    pub(crate) fn is_cost(self) -> bool {
        match self {
            Self::Http { .. } | Self::Ping { .. } | Self::Bulk { .. } | Self::Connect { .. } => false,
            Self::Idle { .. }
            | Self::Start { .. }
            | Self::Swap { .. }
            | Self::Kept { .. }
            | Self::Paced { .. } => true,
        }
    }
}

const HTTP_PEERS: &[(Peer, Option<f64>)] =
    &[(Peer::Zilla, None), (Peer::Native, Some(0.7)), (Peer::Nginx, Some(1.1)), (Peer::Hyper, Some(1.1))];

/// Every row, in the order of the table.
pub(crate) static ROWS: &[Row] = &[
    Row {
        name: "http.get.64",
        about: "GET without a body, 64 keep-alive connections",
        work: Work::Http { connections: 64, body_octets: 0 },
        peers: HTTP_PEERS,
    },
    Row {
        name: "http.get.1024",
        about: "GET without a body, 1,024 keep-alive connections",
        work: Work::Http { connections: 1_024, body_octets: 0 },
        peers: HTTP_PEERS,
    },
    Row {
        name: "http.post.64",
        about: "POST of 1 KiB that is echoed, 64 keep-alive connections",
        work: Work::Http { connections: 64, body_octets: 1_024 },
        peers: &[(Peer::Zilla, None), (Peer::Native, Some(0.7)), (Peer::Hyper, Some(1.1))],
    },
    Row {
        name: "tcp.ping.64",
        about: "messages of 64 octets, one at a time on each of 64 connections",
        work: Work::Ping { connections: 64 },
        peers: &[(Peer::Zilla, None), (Peer::Native, None), (Peer::Tokio, Some(1.0))],
    },
    Row {
        name: "tcp.bulk.4",
        about: "a stream in both directions on each of 4 connections",
        work: Work::Bulk { connections: 4 },
        peers: &[(Peer::Zilla, None), (Peer::Native, None), (Peer::Tokio, Some(1.0))],
    },
    Row {
        name: "idle.10000",
        about: "memory of each of 10,000 keep-alive connections after one request",
        work: Work::Idle { connections: 10_000 },
        peers: &[(Peer::Zilla, None), (Peer::Native, None), (Peer::Nginx, Some(1.0)), (Peer::Hyper, None)],
    },
    Row {
        name: "start.warm",
        about: "start to first answer, plugins compiled before; on all cores",
        work: Work::Start { cache: Cache::Warm },
        // "The same order": a tenth.
        peers: &[(Peer::Zilla, None), (Peer::Nginx, Some(0.1))],
    },
    Row {
        name: "start.cold",
        about: "start to first answer, plugins not compiled before; on all cores",
        work: Work::Start { cache: Cache::Cold },
        peers: &[(Peer::Zilla, None), (Peer::Nginx, None)],
    },
    Row {
        name: "swap.gap",
        about: "longest time between two answers of 16 clients, while `http` is replaced again and again; on all cores",
        work: Work::Swap { asks: Swap::Gap },
        peers: &[(Peer::Zilla, None), (Peer::Still, None)],
    },
    Row {
        name: "swap.apply",
        about: "from a changed plugin file to the new generation, compiled and under load; on all cores",
        work: Work::Swap { asks: Swap::Apply },
        peers: &[(Peer::Zilla, None), (Peer::Reload, None)],
    },
    Row {
        name: "isolate.stream",
        about: "connections to an echo, one word each; with an instance for each",
        work: Work::Connect { connections: 16 },
        peers: &[(Peer::Zilla, None), (Peer::Isolated, None)],
    },
    Row {
        name: "isolate.bulk",
        about: "a stream in both directions on each of 4 connections; with an instance for each",
        work: Work::Bulk { connections: 4 },
        peers: &[(Peer::Zilla, None), (Peer::Isolated, None)],
    },
    Row {
        name: "instance.memory",
        about: "memory of each of 1,000 connections to an echo; with an instance for each",
        work: Work::Kept { connections: 1_000 },
        peers: &[(Peer::Zilla, None), (Peer::Isolated, None)],
    },
    Row {
        name: "loop.neighbour",
        about: "longest wait of 4 connections with a message each ms, beside a plugin that loops on each stream",
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
    ROWS.iter().map(|row| format!("  {:<15} {}\n", row.name, row.about)).collect()
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
