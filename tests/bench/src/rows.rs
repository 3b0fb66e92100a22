//! What is measured: the work, the servers that do it, and what is asked of the gateway.

mod table;

use crate::keys::KeyKind;
use crate::peers::Peer;

pub(crate) use table::ROWS;

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
    /// Of HTTP: a request is answered with 200, and its body if the server can.
    Http(Version),
    /// Requests go to an echo of HTTP behind the server, which is the same for all.
    HttpProxy { front: Version, back: Version },
    /// Messages of WebSockets go back, over HTTP/1.1.
    WebSocket,
    /// The same as `Http(Version::Http1)`, where a guard is asked who somebody is.
    Guarded,
    /// The same, where a matcher is asked about each request.
    Matched,
    /// What one member says, all get.
    Fan(Carrier),
    /// What comes goes back.
    Echo,
    /// What comes goes to an echo behind the server, which is the same for all, and back.
    Proxy,
    /// The same behind TLS, with a key of this kind.
    Tls(KeyKind),
}

impl Service {
    /// What is behind the server, if it is one that passes on.
    pub(crate) fn upstream(self) -> Option<Self> {
        match self {
            Self::Http(_) | Self::Guarded | Self::Matched | Self::WebSocket | Self::Fan(_) | Self::Echo => {
                None
            }
            Self::HttpProxy { back, .. } => Some(Self::Http(back)),
            Self::Proxy | Self::Tls(_) => Some(Self::Echo),
        }
    }
}

/// What lines go over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    /// A line is as it is.
    Tcp,
    /// A line is a message.
    WebSocket,
}

/// What a side speaks, without TLS. HTTP/2 begins with prior knowledge (RFC 9113, 3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    Http1,
    Http2,
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// GET of a response without a body.
    Get,
    /// POST of [`POST_OCTETS`]; who can echo them does.
    Post,
    /// GET with [`CREDENTIALS`].
    GetAsSomebody,
    /// GET of a response of 1 MiB.
    Mebibyte,
}

/// Octets of the body of a POST.
pub(crate) const POST_OCTETS: usize = 1_024;

/// What a request shows to a guard: a token without an end, signed with the key of the example `http.echo.jwt`.
pub(crate) const CREDENTIALS: &str = "eyJhbGciOiJFZERTQSIsImtpZCI6ImV4YW1wbGUifQ.eyJpc3MiOiJodHRwczovL2F1dGguZXhhbXBsZS5jb20iLCJhdWQiOiJod\
    HRwczovL2FwaS5leGFtcGxlLmNvbSIsInN1YiI6ImFsaWNlIiwic2NvcGUiOiJlY2hvOnN0cmVhbSJ9.osUxrKGwPYKNEEaQTcms\
    CeE17U4H55LSJebYltemsxsWHkcYTR7Fvhqp1u7ojT5Ug94yc0vkvMJ8jmPHc1LSDA";

impl Ask {
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Get | Self::Post | Self::GetAsSomebody => "/",
            Self::Mebibyte => MEBIBYTE_PATH,
        }
    }
}

/// Where the upstream has a body of 1 MiB.
pub(crate) const MEBIBYTE_PATH: &str = "/mebibyte";

/// What is asked of the servers of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// Requests of HTTP/1.1, one after the other on each connection, as many as it takes.
    Http { connections: u32, ask: Ask },
    /// Requests of HTTP/2, so many at a time on each connection, as many as it takes.
    Http2 { connections: u32, streams: u32, ask: Ask },
    /// Requests of HTTP/1.1 that are sent when they are due, together half as many as the slowest server of the row
    /// can answer.
    HalfLoad { connections: usize },
    /// Small messages to and fro.
    Ping { connections: usize, octets: usize },
    /// The same in messages of WebSockets.
    WebSocket { connections: usize, octets: usize },
    /// Lines that each go to all.
    Fan { members: usize },
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
            Self::Http { .. } | Self::Http2 { .. } => "req/s",
            Self::HalfLoad { .. } => "µs",
            Self::Ping { .. } | Self::WebSocket { .. } => "msg/s",
            Self::Fan { .. } => "lines/s",
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
            | Self::Http2 { .. }
            | Self::Ping { .. }
            | Self::WebSocket { .. }
            | Self::Fan { .. }
            | Self::Bulk { .. }
            | Self::Connect { .. }
            | Self::Handshake { .. } => false,
            Self::Idle { .. }
            | Self::Start { .. }
            | Self::Swap { .. }
            | Self::Paced { .. }
            | Self::HalfLoad { .. } => true,
        }
    }
}

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
