//! A WebSocket client: as much as tests need, and strictly (RFC 6455).

use crate::Client;
use crate::http::{Head, HttpClient};

/// What a frame is.
pub mod opcode {
    /// A further piece of a message.
    pub const CONTINUATION: u8 = 0;
    /// Text.
    pub const TEXT: u8 = 1;
    /// Octets.
    pub const BINARY: u8 = 2;
    /// The last frame of its side.
    pub const CLOSE: u8 = 8;
    /// Asks for a pong.
    pub const PING: u8 = 9;
    /// Answers a ping.
    pub const PONG: u8 = 10;
}

/// A message or a control frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// See [`opcode`].
    pub opcode: u8,
    /// The payload, of all fragments.
    pub payload: Vec<u8>,
}

/// The client's side of a WebSocket.
#[derive(Debug)]
pub struct WebSocket {
    client: Client,
    /// Pieces of a message under way, between which control frames may come.
    message: Option<Message>,
}

/// The key of all handshakes here, and the answer to it (RFC 6455, 1.3).
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// The masking key of all frames here. That it is one keeps tests repeatable.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A request for a WebSocket, with more lines.
pub fn handshake(path: &str, lines: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: {KEY}\r\n{lines}\r\n"
    )
}

impl WebSocket {
    /// Opens one at a port of 127.0.0.1.
    ///
    /// # Panics
    /// If the handshake fails.
    #[track_caller]
    pub fn connect(port: u16) -> Self {
        Self::connect_with(port, "/", "").0
    }

    /// The same at a path and with more lines in the request. Answers with the response as well.
    #[track_caller]
    pub fn connect_with(port: u16, path: &str, lines: &str) -> (Self, Head) {
        let mut client = HttpClient::connect(port);
        client.send(handshake(path, lines));
        let head = client.head();
        assert_eq!(head.status, 101, "{head:?}");
        assert_eq!(head.field("sec-websocket-accept"), Some(ACCEPT), "{head:?}");
        (Self { client: client.into_client(), message: None }, head)
    }

    /// The connection below.
    pub fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    /// Sends a whole message or a control frame.
    #[track_caller]
    pub fn send(&mut self, opcode: u8, payload: impl AsRef<[u8]>) {
        self.client.send(frame(0x80 | opcode, payload));
    }

    /// Receives the next message or control frame.
    ///
    /// # Panics
    /// If none comes, or none that a server may send.
    #[track_caller]
    pub fn recv(&mut self) -> Message {
        loop {
            let head = self.client.recv(2);
            let (fin, opcode, length) = (head[0] & 0x80 != 0, head[0] & 0x0f, head[1]);
            assert!(head[0] & 0x70 == 0 && length < 0x80, "a reserved bit or a mask: {head:x?}");
            let length = match length {
                126 => usize::from(u16::from_be_bytes(self.recv_array())),
                127 => u64::from_be_bytes(self.recv_array()) as usize,
                short => usize::from(short),
            };
            let payload = self.client.recv(length);
            if opcode >= opcode::CLOSE {
                assert!(fin && length < 126, "a control frame of {length} octets");
                return Message { opcode, payload };
            }
            match &mut self.message {
                Some(message) if opcode == opcode::CONTINUATION => message.payload.extend(payload),
                none @ None if opcode != opcode::CONTINUATION => *none = Some(Message { opcode, payload }),
                message => panic!("a frame {opcode} amid {message:?}"),
            }
            if let Some(message) = self.message.take_if(|_| fin) {
                return message;
            }
        }
    }

    /// Expects back what is sent.
    #[track_caller]
    pub fn expect_echo(&mut self, opcode: u8, payload: impl AsRef<[u8]>) {
        self.send(opcode, &payload);
        let found = self.recv();
        assert!(
            found.opcode == opcode && found.payload == payload.as_ref(),
            "{} octets came back as {} of a frame {}",
            payload.as_ref().len(),
            found.payload.len(),
            found.opcode
        );
    }

    /// Closes with that code, and expects it back, and the end of the connection.
    #[track_caller]
    pub fn close(mut self, code: u16) {
        self.send(opcode::CLOSE, code.to_be_bytes());
        self.expect_closed(code);
    }

    /// Expects a close frame with that code, and that the server ends the connection once it is answered.
    #[track_caller]
    pub fn expect_closed(&mut self, code: u16) {
        let found = self.recv();
        assert_eq!(found.opcode, opcode::CLOSE, "{found:?}");
        assert_eq!(found.payload.get(..2), Some(&code.to_be_bytes()[..]), "{found:?}");
        self.client.try_send(frame(0x80 | opcode::CLOSE, code.to_be_bytes()));
        assert!(self.client.recv_to_end().0.is_empty());
    }

    #[track_caller]
    fn recv_array<const N: usize>(&mut self) -> [u8; N] {
        self.client.recv(N).try_into().expect("as many octets as were asked for")
    }
}

/// The octets of a frame of a client, whatever its first octet.
pub fn frame(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut octets = vec![first];
    match payload.len() {
        0..126 => octets.push(0x80 | payload.len() as u8),
        126..65_536 => {
            octets.push(0x80 | 126);
            octets.extend((payload.len() as u16).to_be_bytes());
        }
        _ => {
            octets.push(0x80 | 127);
            octets.extend((payload.len() as u64).to_be_bytes());
        }
    }
    octets.extend(MASK);
    octets.extend(payload.iter().zip(MASK.iter().cycle()).map(|(octet, key)| octet ^ key));
    octets
}
