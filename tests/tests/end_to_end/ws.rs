//! WebSockets over real sockets: `tcp` to `http` to `ws` to `echo`.

mod endings;
mod many;
mod pages;
mod peers;

use zilla_tests::http::HttpClient;
use zilla_tests::random::Random;
use zilla_tests::websocket::{WebSocket, frame, handshake, opcode};
use zilla_tests::{Host, Ports, config, until};

/// A host with one worker and the built `binding_ws.wasm`, and its port.
fn echo(options: &str) -> (Host, u16) {
    let port = Ports::one();
    (Host::start(&config::ws_echo(&port, options)), port.first())
}

#[test]
fn messages_of_every_size_class_come_back_as_they_were() {
    let (host, port) = echo("");
    let mut socket = WebSocket::connect(port);
    let mut random = Random::new(1);
    for octets in [0, 1, 125, 126, 127, 65_535, 65_536, 1 << 20] {
        socket.expect_echo(opcode::BINARY, random.octets(octets));
        socket.expect_echo(opcode::TEXT, "é".repeat(octets / 2));
    }
    socket.send(opcode::PING, "there?");
    assert_eq!(socket.recv().opcode, opcode::PONG);
    socket.close(3000);
    until("the connection is closed", || host.connections() == 0);
}

#[test]
fn many_messages_in_one_go_come_back_in_order() {
    let (_host, port) = echo("");
    let mut socket = WebSocket::connect(port);
    let messages: Vec<String> = (0..10_000).map(|number| format!("message {number}")).collect();
    let octets: Vec<u8> = messages.iter().flat_map(|message| frame(0x80 | opcode::TEXT, message)).collect();
    let mut writer = socket.client().share();
    std::thread::scope(|scope| {
        scope.spawn(|| writer.send(&octets));
        for message in &messages {
            assert_eq!(socket.recv().payload, message.as_bytes());
        }
    });
}

#[test]
fn what_is_no_handshake_is_told_what_was_expected() {
    let (_host, port) = echo("");
    let mut client = HttpClient::connect(port);
    let found = client.ask("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!(
        (found.head.status, &*found.text()),
        (400, "expected connection: upgrade and upgrade: websocket\n")
    );
    let found = client.ask(handshake("/", "").replace("version: 13", "version: 8"));
    assert_eq!((found.head.status, found.head.field("sec-websocket-version")), (426, Some("13")));
}

#[test]
fn a_client_that_breaks_a_rule_is_told_so_and_left() {
    let (host, port) = echo("limits: {message-bytes: 1000}");
    for (octets, code) in [
        (vec![0x82, 0], 1002),
        (frame(0x81, b"\xff"), 1007),
        (frame(0x82, [0; 1001]), 1009),
        (frame(0x88, 1006_u16.to_be_bytes()), 1002),
    ] {
        let mut socket = WebSocket::connect(port);
        socket.client().send(octets);
        socket.expect_closed(code);
    }
    until("the connections are closed", || host.connections() == 0);
}
