//! Peers that others have written: `ws` of Node.js, and `aiohttp` and `websockets` of Python. Each is a client of the
//! gateway's server, and a server behind the gateway's client.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use zilla_tests::config::{chain, loopback, ws_echo};
use zilla_tests::websocket::{WebSocket, opcode};
use zilla_tests::{Host, Ports, Server, command, files, until};

/// Options of both sides of the gateway: messages of 2 MiB, the largest that clients have echoed and none above.
const OPTIONS: &str = "permessage-deflate: {context-takeover: true}, limits: {message-bytes: 2097152}";

/// What runs a script of `peers/`.
struct Peer {
    program: PathBuf,
    script: &'static str,
    /// Whether a text has its server send a message in fragments.
    sends_fragments: bool,
    /// Whether a text has its server say which extensions are agreed on.
    says_extensions: bool,
}

impl Peer {
    /// The package `ws` of Node.js, as Debian has it.
    #[track_caller]
    fn ws() -> Self {
        let peer = Self {
            program: "node".into(),
            script: "node_ws.js",
            sends_fragments: true,
            says_extensions: true,
        };
        assert!(peer.runs(&["-e", "require('ws')"]), "the package ws is missing: apt-get install node-ws");
        peer
    }

    /// aiohttp, in the environment of Python that the tests have.
    #[track_caller]
    fn aiohttp() -> Self {
        let program = files::root().join("target/venv/bin/python");
        let peer = Self { program, script: "aiohttp_ws.py", sends_fragments: false, says_extensions: true };
        let install = "python3 -m venv target/venv && target/venv/bin/pip install aiohttp";
        assert!(peer.runs(&["-c", "import aiohttp"]), "aiohttp is missing; to install it: {install}");
        peer
    }

    /// The package `websockets` of the first Python of the path, or of Debian's.
    #[track_caller]
    fn websockets() -> Self {
        let pythons = ["python3", "/usr/bin/python3"].map(|program| Self {
            program: program.into(),
            script: "websockets_ws.py",
            sends_fragments: true,
            says_extensions: false,
        });
        pythons.into_iter().find(|peer| peer.runs(&["-c", "import websockets"])).unwrap_or_else(|| {
            panic!("the Python package websockets is missing: apt-get install python3-websockets")
        })
    }

    fn runs(&self, arguments: &[&str]) -> bool {
        let mut command = self.command();
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        // Where Debian has packages of Node.js; another Node.js does not look there.
        command.env("NODE_PATH", "/usr/share/nodejs");
        command
    }

    fn script(&self, role: &str) -> Command {
        let mut command = self.command();
        command.arg(files::root().join("tests/tests/end_to_end/ws/peers").join(self.script)).arg(role);
        command
    }

    /// Has its client send messages of every size class, as text and binary, whole and in fragments, compressed and not,
    /// and pings, subprotocols and close codes.
    #[track_caller]
    fn expect_well(&self, port: u16) {
        let output = command::run(self.script("client").arg(format!("ws://127.0.0.1:{port}/")));
        assert_eq!((output.code, output.stdout.trim()), (Some(0), "well"), "{}", output.stderr);
    }

    /// Its client against an echo.
    #[track_caller]
    fn expect_to_agree_with_the_server(&self) {
        let port = Ports::one();
        let host = Host::start(&ws_echo(&port, OPTIONS));
        self.expect_well(port.first());
        until("the connections are closed", || host.connections() == 0);
    }

    /// Its server behind a proxy, and the port of that.
    #[track_caller]
    fn behind_a_proxy(&self) -> (Server, Host, u16) {
        let (server, port) = (Server::script(self.script("server")), Ports::one());
        let host = Host::start(&chain(&[
            ("north", "tcp", "server", &loopback(&port)),
            ("web", "http", "server", "upgrade: [websocket]"),
            ("sockets", "ws", "server", OPTIONS),
            ("south", "ws", "client", &format!("{OPTIONS}, headers: [cookie, origin, 'x-*']")),
            ("origins", "http", "client", "upgrade: [websocket], limits: {connections: 100}"),
            ("out", "tcp", "client", &loopback(server.port())),
        ]));
        (server, host, port.first())
    }

    /// Its server behind a proxy, which its own client and one of the tests use.
    #[track_caller]
    fn expect_to_agree_with_the_client(&self) {
        let (_server, host, port) = self.behind_a_proxy();
        self.expect_well(port);
        let mut socket = WebSocket::connect(port);
        let mut ask = |text: &str| {
            socket.send(opcode::TEXT, text);
            String::from_utf8(socket.recv().payload).expect("text")
        };
        assert_eq!(ask("ping hello"), "pong hello");
        if self.says_extensions {
            assert!(ask("extensions").contains("permessage-deflate"), "messages are not compressed");
        }
        if self.sends_fragments {
            assert_eq!(ask("pieces in  frag ments"), "infragments");
        }
        socket.send(opcode::TEXT, "close 4001 bye");
        socket.expect_closed(4001);
        until("the connections are closed", || host.connections() == 0);
    }
}

#[test]
fn ws_of_node_js_agrees_as_a_client() {
    Peer::ws().expect_to_agree_with_the_server();
}

#[test]
fn ws_of_node_js_agrees_as_a_server() {
    Peer::ws().expect_to_agree_with_the_client();
}

#[test]
fn a_server_is_told_the_fields_of_the_client_that_are_named() {
    let (_server, _host, port) = Peer::ws().behind_a_proxy();
    let lines = "cookie: a=b\r\ncookie: c=d\r\norigin: http://x\r\nuser-agent: me\r\nx-one: 1\r\n\
                 connection: x-two\r\nx-two: 2\r\nsec-websocket-protocol: echo\r\n";
    let (mut socket, _) = WebSocket::connect_with(port, "/", lines);
    for (name, value) in [
        ("cookie", "a=b; c=d"),
        ("origin", "http://x"),
        ("x-one", "1"),
        ("x-two", "undefined"),
        ("user-agent", "undefined"),
        ("sec-websocket-protocol", "echo"),
        ("connection", "upgrade"),
    ] {
        socket.send(opcode::TEXT, format!("field {name}"));
        assert_eq!(socket.recv().payload.escape_ascii().to_string(), value, "{name}");
    }
}

#[test]
fn aiohttp_agrees_as_a_client() {
    Peer::aiohttp().expect_to_agree_with_the_server();
}

#[test]
fn aiohttp_agrees_as_a_server() {
    Peer::aiohttp().expect_to_agree_with_the_client();
}

#[test]
fn the_python_package_websockets_agrees_as_a_client() {
    Peer::websockets().expect_to_agree_with_the_server();
}

#[test]
fn the_python_package_websockets_agrees_as_a_server() {
    Peer::websockets().expect_to_agree_with_the_client();
}
