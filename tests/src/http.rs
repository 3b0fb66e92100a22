//! Reads HTTP/1.1 responses: as much as tests need, and strictly.

use crate::Client;
use std::io::{self, Read as _};

/// A connection on which requests are sent and responses read.
#[derive(Debug)]
pub struct HttpClient {
    client: Client,
    received: Vec<u8>,
    /// Where `received` is read from.
    start: usize,
}

/// The start of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The status code.
    pub status: u16,
    /// Names in lower case, and values.
    pub fields: Vec<(String, String)>,
}

/// A whole response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Its start.
    pub head: Head,
    /// Its content.
    pub body: Vec<u8>,
    /// Fields after a chunked body.
    pub trailers: Vec<(String, String)>,
}

impl Head {
    /// The value of a field, if it is there once.
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut values = self.fields.iter().filter(|(found, _)| found == name);
        values.next().map(|(_, value)| value.as_str()).filter(|_| values.next().is_none())
    }

    /// Octets of the body, if they are known.
    pub fn length(&self) -> Option<u64> {
        self.field("content-length").and_then(|length| length.parse().ok())
    }

    /// Whether the body comes in chunks.
    pub fn is_chunked(&self) -> bool {
        self.field("transfer-encoding") == Some("chunked")
    }
}

impl Response {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl HttpClient {
    /// Connects to a port of 127.0.0.1.
    #[track_caller]
    pub fn connect(port: u16) -> Self {
        Self::new(Client::connect(port))
    }

    /// Takes a connection over.
    pub fn new(client: Client) -> Self {
        Self { client, received: Vec::new(), start: 0 }
    }

    /// The connection: to send on, mostly.
    pub fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    /// The connection, for another protocol.
    ///
    /// # Panics
    /// If more was received than was read.
    #[track_caller]
    pub fn into_client(self) -> Client {
        assert_eq!(self.received.len(), self.start, "there are octets that were not read");
        self.client
    }

    /// Sends octets.
    #[track_caller]
    pub fn send(&mut self, octets: impl AsRef<[u8]>) {
        self.client.send(octets);
    }

    /// Sends a request and reads its response.
    #[track_caller]
    pub fn ask(&mut self, request: impl AsRef<[u8]>) -> Response {
        self.send(request);
        self.response()
    }

    /// Reads the response to a request that is not HEAD.
    ///
    /// # Panics
    /// If what comes is no response, or none comes.
    #[track_caller]
    pub fn response(&mut self) -> Response {
        let head = self.head();
        let mut body = Vec::new();
        let trailers = self.read_body(&head, |piece| body.extend_from_slice(piece));
        Response { head, body, trailers }
    }

    /// Reads the start of a response.
    ///
    /// # Panics
    /// If what comes is no response, or none comes.
    #[track_caller]
    pub fn head(&mut self) -> Head {
        let line = self.line();
        let status = line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status line: {line:?}"));
        Head { status, fields: self.fields() }
    }

    /// Reads a body piece by piece; the answer is its trailers.
    ///
    /// # Panics
    /// If it ends before it is whole.
    #[track_caller]
    pub fn read_body(&mut self, head: &Head, mut take: impl FnMut(&[u8])) -> Vec<(String, String)> {
        if matches!(head.status, 100..=199 | 204 | 304) {
            return Vec::new();
        }
        if head.is_chunked() {
            loop {
                let line = self.line();
                let size = u64::from_str_radix(&line, 16);
                let size = size.unwrap_or_else(|error| panic!("no size of a chunk, {error}: {line:?}"));
                if size == 0 {
                    return self.fields();
                }
                self.read_length(size, &mut take);
                assert_eq!(self.line(), "", "a chunk has no line end");
            }
        }
        match head.length() {
            Some(length) => self.read_length(length, &mut take),
            None => self.read_to_end(&mut take),
        }
        Vec::new()
    }

    /// Expects that the connection ends in order and that nothing more comes.
    #[track_caller]
    pub fn expect_end(&mut self) {
        let mut rest = self.received.split_off(self.start);
        let (more, _) = self.client.recv_to_end();
        rest.extend(more);
        assert_eq!(rest.escape_ascii().to_string(), "", "more than a response");
    }

    #[track_caller]
    fn read_length(&mut self, mut length: u64, take: &mut impl FnMut(&[u8])) {
        while length > 0 {
            if self.start == self.received.len() {
                self.fill();
            }
            let piece = &self.received[self.start..];
            let piece = &piece[..piece.len().min(usize::try_from(length).unwrap_or(usize::MAX))];
            take(piece);
            self.start += piece.len();
            length -= piece.len() as u64;
        }
    }

    #[track_caller]
    fn read_to_end(&mut self, take: &mut impl FnMut(&[u8])) {
        take(&self.received[self.start..]);
        self.start = self.received.len();
        let (rest, end) = self.client.recv_to_end();
        assert_eq!(end, crate::client::End::InOrder, "a body that ends with its connection is broken off");
        take(&rest);
    }

    /// Reads a line without its end.
    #[track_caller]
    fn line(&mut self) -> String {
        loop {
            let rest = &self.received[self.start..];
            if let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
                let line = String::from_utf8_lossy(&rest[..end]).into_owned();
                self.start += end + 2;
                return line;
            }
            self.fill();
        }
    }

    #[track_caller]
    fn fields(&mut self) -> Vec<(String, String)> {
        let mut fields = Vec::new();
        loop {
            let line = self.line();
            if line.is_empty() {
                return fields;
            }
            let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("no field: {line:?}"));
            fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    #[track_caller]
    fn fill(&mut self) {
        const READ_OCTETS: usize = 256 << 10;
        self.received.drain(..self.start);
        self.start = 0;
        let kept = self.received.len();
        self.received.resize(kept + READ_OCTETS, 0);
        let read = loop {
            match self.client.read(&mut self.received[kept..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) => panic!("the connection ended after {:?}", shown(&self.received[..kept])),
                Ok(read) => break read,
                Err(error) => panic!("{error}, after {:?}", shown(&self.received[..kept])),
            }
        };
        self.received.truncate(kept + read);
    }
}

fn shown(octets: &[u8]) -> String {
    octets[..octets.len().min(1_000)].escape_ascii().to_string()
}
