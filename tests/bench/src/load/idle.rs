//! Connections that have had one answer and do nothing more.

use super::dial::Dial;
use crate::Failure;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;
use zilla_tests::websocket::{frame, handshake, opcode};

/// How long an answer may take.
pub(super) const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// Octets of a head that is read at most; a longer one is a failure.
pub(super) const HEAD_OCTETS_MAX: usize = 4_096;

/// Opens connections and has one request answered on each. They stay open until they are dropped.
pub(crate) fn open(port: u16, connections: usize) -> Result<Vec<TcpStream>, Failure> {
    (0..connections).map(|_| open_one(port)).collect()
}

/// Opens connections to an echo and has one word come back on each. Of one through TLS only the socket is kept, so that
/// the session is not ended.
pub(crate) fn open_echo(dial: &Dial, connections: usize) -> Result<Vec<TcpStream>, Failure> {
    let open_one = |_| {
        let (mut connection, socket) = dial.connect_blocking(ANSWER_LIMIT)?;
        let mut word = *b"echo";
        connection.write_all(&word)?;
        connection.read_exact(&mut word)?;
        Ok(socket)
    };
    (0..connections).map(open_one).collect()
}

/// Opens WebSockets and has one message come back on each. They stay open until they are dropped.
pub(crate) fn open_websockets(port: u16, connections: usize) -> Result<Vec<TcpStream>, Failure> {
    let open_one = |_| {
        let mut socket = ask(port, &handshake("/", ""), "HTTP/1.1 101")?;
        socket.write_all(&frame(0x80 | opcode::BINARY, "echo"))?;
        let mut message = [0; 6];
        socket.read_exact(&mut message)?;
        match &message {
            b"\x82\x04echo" => Ok(socket),
            _ => Err(format!("expected the message, found {}", message.escape_ascii()).into()),
        }
    };
    (0..connections).map(open_one).collect()
}

fn open_one(port: u16) -> Result<TcpStream, Failure> {
    ask(port, &format!("GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n"), "HTTP/1.1 200")
}

/// A connection on which one request was answered as expected.
fn ask(port: u16, request: &str, expected: &str) -> Result<TcpStream, Failure> {
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    socket.set_read_timeout(Some(ANSWER_LIMIT))?;
    socket.write_all(request.as_bytes())?;
    let (mut head, mut filled) = ([0; HEAD_OCTETS_MAX], 0);
    loop {
        let octets = socket.read(head.get_mut(filled..).unwrap_or_default())?;
        filled += octets;
        let answer = head.get(..filled).unwrap_or_default();
        match (octets, answer.windows(4).any(|end| end == b"\r\n\r\n")) {
            (_, true) if answer.starts_with(expected.as_bytes()) => return Ok(socket),
            (_, true) | (0, false) => {
                return Err(format!("expected {expected}, found {}", String::from_utf8_lossy(answer)).into());
            }
            (_, false) => {}
        }
    }
}
