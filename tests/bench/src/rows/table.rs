//! The rows themselves.

use super::{Ask, Cache, Carrier, Row, Service, Session, Swap, Version, Work};
use crate::keys::KeyKind;
use crate::peers::Peer;

const HTTP_PEERS: &[(Peer, Option<f64>)] =
    &[(Peer::Zilla, None), (Peer::Native, Some(0.7)), (Peer::Nginx, Some(1.1)), (Peer::Hyper, Some(1.1))];

/// Reverse proxies of HTTP.
const HTTP_PROXY_PEERS: &[(Peer, Option<f64>)] = &[
    (Peer::Zilla, None),
    (Peer::Native, None),
    (Peer::Haproxy, Some(1.0)),
    (Peer::Nginx, Some(1.2)),
    (Peer::Envoy, Some(2.0)),
];

const HTTP2_PEERS: &[(Peer, Option<f64>)] =
    &[(Peer::Zilla, None), (Peer::Native, None), (Peer::Nginx, Some(1.0)), (Peer::Hyper, Some(1.0))];

/// Those that speak HTTP/2 to an upstream: nginx does so for gRPC alone, and Envoy answers what it had under way with 503
/// when the upstream asks for a new connection, as nginx does after so many requests.
const HTTP2_UPSTREAM_PEERS: &[(Peer, Option<f64>)] =
    &[(Peer::Zilla, None), (Peer::Native, None), (Peer::Haproxy, Some(1.0))];

/// Echoes of WebSockets; nginx is in front of tungstenite.
const WEBSOCKET_PEERS: &[(Peer, Option<f64>)] =
    &[(Peer::Zilla, None), (Peer::Native, None), (Peer::Tungstenite, Some(1.2)), (Peer::Nginx, Some(1.2))];

/// The same for long messages.
const WEBSOCKET_BULK_PEERS: &[(Peer, Option<f64>)] =
    &[(Peer::Zilla, None), (Peer::Native, None), (Peer::Tungstenite, None), (Peer::Nginx, None)];

/// Crowds. The one of WebSockets is on tokio-tungstenite.
const CROWD_PEERS: &[(Peer, Option<f64>)] = &[(Peer::Zilla, None), (Peer::Native, None), (Peer::Tokio, None)];

/// HTTP/1.1 on both sides of a proxy.
const HTTP1_PROXY: Service = Service::HttpProxy { front: Version::Http1, back: Version::Http1 };

/// HTTP/2 from clients, HTTP/1.1 to the upstream.
const HTTP2_PROXY: Service = Service::HttpProxy { front: Version::Http2, back: Version::Http1 };

const PROXY_PEERS: &[(Peer, Option<f64>)] =
    &[(Peer::Zilla, None), (Peer::Haproxy, Some(1.0)), (Peer::Nginx, Some(1.0)), (Peer::Tokio, None)];

/// Every row, in the order of the table.
pub(crate) static ROWS: &[Row] = &[
    Row {
        name: "http.get.64",
        about: "GET without a body, 64 keep-alive connections",
        service: Service::Http(Version::Http1),
        work: Work::Http { connections: 64, ask: Ask::Get },
        peers: HTTP_PEERS,
    },
    Row {
        name: "http.get.1024",
        about: "GET without a body, 1,024 keep-alive connections",
        service: Service::Http(Version::Http1),
        work: Work::Http { connections: 1_024, ask: Ask::Get },
        peers: HTTP_PEERS,
    },
    Row {
        name: "http.post.64",
        about: "POST of 1 KiB that is echoed, 64 keep-alive connections",
        service: Service::Http(Version::Http1),
        work: Work::Http { connections: 64, ask: Ask::Post },
        peers: &[(Peer::Zilla, None), (Peer::Native, Some(0.7)), (Peer::Hyper, Some(1.1))],
    },
    Row {
        name: "http.half",
        about: "GET at half of what the slowest server can, on 64 connections: what 99 of 100 take, from when they were due",
        service: Service::Http(Version::Http1),
        work: Work::HalfLoad { connections: 64 },
        peers: HTTP_PEERS,
    },
    Row {
        name: "h2.get.32",
        about: "GET without a body over HTTP/2, 8 connections with 32 requests at a time",
        service: Service::Http(Version::Http2),
        work: Work::Http2 { connections: 8, streams: 32, ask: Ask::Get },
        peers: HTTP2_PEERS,
    },
    Row {
        name: "h2.get.1",
        about: "GET without a body over HTTP/2, 64 connections with one request at a time",
        service: Service::Http(Version::Http2),
        work: Work::Http2 { connections: 64, streams: 1, ask: Ask::Get },
        peers: HTTP2_PEERS,
    },
    Row {
        name: "proxy.http.get",
        about: "GET without a body through a reverse proxy, 64 keep-alive connections",
        service: HTTP1_PROXY,
        work: Work::Http { connections: 64, ask: Ask::Get },
        peers: HTTP_PROXY_PEERS,
    },
    Row {
        name: "proxy.http.post",
        about: "POST of 1 KiB through a reverse proxy to an echo, 64 keep-alive connections",
        service: HTTP1_PROXY,
        work: Work::Http { connections: 64, ask: Ask::Post },
        peers: HTTP_PROXY_PEERS,
    },
    Row {
        name: "proxy.http.mebibyte",
        about: "GET of 1 MiB through a reverse proxy, 16 keep-alive connections",
        service: HTTP1_PROXY,
        work: Work::Http { connections: 16, ask: Ask::Mebibyte },
        peers: HTTP_PROXY_PEERS,
    },
    Row {
        name: "proxy.http.half",
        about: "GET through a reverse proxy, as http.half",
        service: HTTP1_PROXY,
        work: Work::HalfLoad { connections: 64 },
        peers: HTTP_PROXY_PEERS,
    },
    Row {
        name: "proxy.h2.get",
        about: "GET over HTTP/2 through a reverse proxy to HTTP/1.1, 8 connections with 32 requests at a time",
        service: HTTP2_PROXY,
        work: Work::Http2 { connections: 8, streams: 32, ask: Ask::Get },
        peers: HTTP_PROXY_PEERS,
    },
    Row {
        name: "proxy.h2.post",
        about: "POST of 1 KiB over HTTP/2 through a reverse proxy to an echo of HTTP/1.1, the same",
        service: HTTP2_PROXY,
        work: Work::Http2 { connections: 8, streams: 32, ask: Ask::Post },
        peers: HTTP_PROXY_PEERS,
    },
    Row {
        name: "proxy.h2.h2",
        about: "GET over HTTP/2 through a reverse proxy to HTTP/2, the same",
        service: Service::HttpProxy { front: Version::Http2, back: Version::Http2 },
        work: Work::Http2 { connections: 8, streams: 32, ask: Ask::Get },
        peers: HTTP2_UPSTREAM_PEERS,
    },
    Row {
        name: "ws.64.1",
        about: "messages of 64 octets over WebSockets to an echo, one at a time on one connection",
        service: Service::WebSocket,
        work: Work::WebSocket { connections: 1, octets: 64 },
        peers: WEBSOCKET_PEERS,
    },
    Row {
        name: "ws.64.1000",
        about: "messages of 64 octets over WebSockets to an echo, one at a time on each of 1,000 connections",
        service: Service::WebSocket,
        work: Work::WebSocket { connections: 1_000, octets: 64 },
        peers: WEBSOCKET_PEERS,
    },
    Row {
        name: "ws.1k.1",
        about: "messages of 1 KiB over WebSockets to an echo, one at a time on one connection",
        service: Service::WebSocket,
        work: Work::WebSocket { connections: 1, octets: 1_024 },
        peers: WEBSOCKET_PEERS,
    },
    Row {
        name: "ws.1k.1000",
        about: "messages of 1 KiB over WebSockets to an echo, one at a time on each of 1,000 connections",
        service: Service::WebSocket,
        work: Work::WebSocket { connections: 1_000, octets: 1_024 },
        peers: WEBSOCKET_PEERS,
    },
    Row {
        name: "ws.64k.1",
        about: "messages of 64 KiB over WebSockets to an echo, one at a time on one connection",
        service: Service::WebSocket,
        work: Work::WebSocket { connections: 1, octets: 65_536 },
        peers: WEBSOCKET_BULK_PEERS,
    },
    Row {
        name: "ws.64k.1000",
        about: "messages of 64 KiB over WebSockets to an echo, one at a time on each of 1,000 connections",
        service: Service::WebSocket,
        work: Work::WebSocket { connections: 1_000, octets: 65_536 },
        peers: WEBSOCKET_BULK_PEERS,
    },
    Row {
        name: "fan.tcp.1000",
        about: "lines of 64 octets from 16 speakers, the next when the one before has come back, to 1,000 members",
        service: Service::Fan(Carrier::Tcp),
        work: Work::Fan { members: 1_000 },
        peers: CROWD_PEERS,
    },
    Row {
        name: "fan.ws.1000",
        about: "the same in messages of WebSockets",
        service: Service::Fan(Carrier::WebSocket),
        work: Work::Fan { members: 1_000 },
        peers: CROWD_PEERS,
    },
    Row {
        name: "guarded.get.64",
        about: "GET with a token that a guard has seen before, 64 keep-alive connections",
        service: Service::Guarded,
        work: Work::Http { connections: 64, ask: Ask::GetAsSomebody },
        peers: &[(Peer::Zilla, None), (Peer::Plain, Some(0.9))],
    },
    Row {
        name: "matched.get.64",
        about: "GET without a body that a matcher is asked about, 64 keep-alive connections",
        service: Service::Matched,
        work: Work::Http { connections: 64, ask: Ask::Get },
        peers: &[(Peer::Zilla, None), (Peer::Plain, None)],
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
        service: Service::Http(Version::Http1),
        work: Work::Idle { connections: 10_000 },
        peers: &[(Peer::Zilla, None), (Peer::Native, None), (Peer::Nginx, Some(1.0)), (Peer::Hyper, None)],
    },
    Row {
        name: "idle.ws.10000",
        about: "memory of each of 10,000 WebSockets to an echo after one message",
        service: Service::WebSocket,
        work: Work::Idle { connections: 10_000 },
        // Behind nginx each would be two connections.
        peers: &[(Peer::Zilla, None), (Peer::Tungstenite, None)],
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
        service: Service::Http(Version::Http1),
        work: Work::Start { cache: Cache::Warm },
        // "The same order": a tenth.
        peers: &[(Peer::Zilla, None), (Peer::Nginx, Some(0.1))],
    },
    Row {
        name: "start.cold",
        about: "start to first answer, plugins not compiled before; on all cores",
        service: Service::Http(Version::Http1),
        work: Work::Start { cache: Cache::Cold },
        peers: &[(Peer::Zilla, None), (Peer::Nginx, None)],
    },
    Row {
        name: "swap.gap",
        about: "longest time between two answers of 16 clients, while `http` is replaced again and again; on all cores",
        service: Service::Http(Version::Http1),
        work: Work::Swap { asks: Swap::Gap },
        peers: &[(Peer::Zilla, None), (Peer::Still, None)],
    },
    Row {
        name: "swap.apply",
        about: "from a changed plugin file to the new generation, compiled and under load; on all cores",
        service: Service::Http(Version::Http1),
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
