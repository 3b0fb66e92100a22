//! More sockets than usual.

use super::echo;
use zilla_tests::limits::raise_descriptors;
use zilla_tests::websocket::{WebSocket, opcode};

/// Most memory, in octets, that an idle socket takes in the host: its connection, three streams and its state in two
/// plugins.
const SOCKET_OCTETS_MAX: usize = 16 << 10;

#[test]
fn ten_thousand_idle_sockets_are_small_and_served() {
    // This process and others of its tests need some for themselves.
    let count = 10_000.min(raise_descriptors().saturating_sub(3_500));
    assert!(count >= 500, "this machine lets a process have too few file descriptors");
    let (host, port) = echo("permessage-deflate: {}");
    let mut sockets: Vec<WebSocket> = (0..100).map(|_| WebSocket::connect(port)).collect();
    let before = host.rss_kib();
    sockets.extend((100..count).map(|_| WebSocket::connect(port)));
    let grown = (host.rss_kib().saturating_sub(before) as usize) << 10;
    let each = grown / (count - 100);
    eprintln!("{count} sockets, {each} octets each");
    assert!(each < SOCKET_OCTETS_MAX, "{each} octets for each of {count} idle sockets");
    for (number, socket) in sockets.iter_mut().enumerate() {
        socket.send(opcode::TEXT, number.to_string());
    }
    for (number, socket) in sockets.iter_mut().enumerate() {
        assert_eq!(socket.recv().payload, number.to_string().as_bytes());
    }
    assert_eq!(host.connections(), count);
}
