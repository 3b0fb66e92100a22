//! Plugins are replaced under open WebSockets.

use crate::support::site::Site;
use zilla_tests::plugin::{built, version};
use zilla_tests::streams::make_room;
use zilla_tests::websocket::{WebSocket, opcode};
use zilla_tests::{Ports, config};

/// Sockets that are open all the while.
const SOCKETS: usize = 1_000;

/// Rounds of traffic after the swap.
const ROUNDS: usize = 3;

#[test]
fn plugins_that_are_replaced_cost_no_open_socket() {
    make_room(SOCKETS);
    let port = Ports::one();
    let arguments = ["--no-watch", "--drain-ms=600000"];
    let site = Site::with(&arguments).start(&config::ws_echo(&port, ""));
    // Two generations may have streams at a time, so sockets of each are opened as it begins.
    let mut sockets: Vec<WebSocket> = (0..SOCKETS).map(|_| WebSocket::connect(port.first())).collect();
    for type_name in ["ws", "http"] {
        site.install(type_name, &version(&built(type_name), 1));
    }
    let reloaded = site.reload();
    assert!(reloaded.contains("1 pipelines started, 1 drain"), "{reloaded}");
    for round in 0..ROUNDS {
        for (number, socket) in sockets.iter_mut().enumerate() {
            socket.send(opcode::TEXT, format!("{round} {number}"));
        }
        for (number, socket) in sockets.iter_mut().enumerate() {
            assert_eq!(socket.recv().payload, format!("{round} {number}").as_bytes());
        }
        WebSocket::connect(port.first()).expect_echo(opcode::BINARY, "on the new generation");
    }
    for socket in sockets {
        socket.close(1000);
    }
}
