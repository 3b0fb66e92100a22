//! A client of rustls on a blocking socket.

use super::pki::{Identity, Pki};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, StreamOwned, SupportedProtocolVersion};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::sync::Arc;
use zilla_tests::Client;

/// What a peer offers.
pub(crate) struct Offer {
    config: ClientConfig,
    name: String,
}

/// A connection that has shaken hands.
pub(crate) struct Peer(pub(crate) StreamOwned<ClientConnection, Client>);

impl Offer {
    /// Both versions, no protocol, trust in a CA.
    pub(crate) fn new(pki: &Pki, name: &str) -> Self {
        Self::of(pki, name, rustls::ALL_VERSIONS)
    }

    /// One version.
    pub(crate) fn of(pki: &Pki, name: &str, versions: &[&'static SupportedProtocolVersion]) -> Self {
        let config = ClientConfig::builder_with_protocol_versions(versions)
            .with_root_certificates(pki.roots())
            .with_no_client_auth();
        Self { config, name: name.to_owned() }
    }

    /// With a certificate of its own.
    pub(crate) fn with_identity(pki: &Pki, name: &str, identity: Identity) -> Self {
        let config = ClientConfig::builder()
            .with_root_certificates(pki.roots())
            .with_client_auth_cert(identity.chain, identity.key)
            .unwrap();
        Self { config, name: name.to_owned() }
    }

    /// With protocols.
    pub(crate) fn offering(mut self, protocols: &[&str]) -> Self {
        self.config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        self
    }

    /// Without a name.
    pub(crate) fn nameless(mut self) -> Self {
        self.config.enable_sni = false;
        self
    }

    /// A session that was not begun.
    pub(crate) fn session(&self) -> ClientConnection {
        let name = ServerName::try_from(self.name.clone()).unwrap();
        ClientConnection::new(Arc::new(self.config.clone()), name).unwrap()
    }

    /// Connects to a port of 127.0.0.1, and shakes hands.
    pub(crate) fn try_connect(&self, port: u16) -> io::Result<Peer> {
        Peer::shake_hands(self.session(), Client::connect(port))
    }

    /// The same, and nothing goes wrong.
    #[track_caller]
    pub(crate) fn connect(&self, port: u16) -> Peer {
        self.try_connect(port).unwrap_or_else(|error| panic!("no handshake: {error}"))
    }

    /// Expects that a handshake fails, for a reason that has these words in it: at once, or, as a client of TLS 1.3
    /// is done before its server, with the first octet.
    #[track_caller]
    pub(crate) fn expect_failure(&self, port: u16, reason: &str) {
        let error = match self.try_connect(port).and_then(|mut peer| peer.0.read(&mut [0])) {
            Ok(_) => panic!("it did not fail: {reason}"),
            Err(error) => error.to_string(),
        };
        assert!(error.contains(reason), "failed for {error}, not for {reason}");
    }
}

impl Peer {
    pub(crate) fn shake_hands(session: ClientConnection, client: Client) -> io::Result<Self> {
        let mut stream = StreamOwned::new(session, client);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Self(stream))
    }

    /// Expects that octets come back as they are sent.
    #[track_caller]
    pub(crate) fn echo(&mut self, octets: &[u8]) {
        self.0.write_all(octets).unwrap();
        self.0.flush().unwrap();
        let mut received = vec![0; octets.len()];
        self.0.read_exact(&mut received).unwrap();
        assert!(received == octets, "other octets came back: {}", received.escape_ascii());
    }

    /// The protocol that was chosen.
    pub(crate) fn protocol(&self) -> Option<String> {
        self.0.conn.alpn_protocol().map(|protocol| String::from_utf8_lossy(protocol).into_owned())
    }

    /// The certificate of the host.
    pub(crate) fn certificate(&self) -> CertificateDer<'static> {
        self.0.conn.peer_certificates().unwrap()[0].clone().into_owned()
    }

    /// Whether it was resumed.
    pub(crate) fn kind(&self) -> Option<HandshakeKind> {
        self.0.conn.handshake_kind()
    }

    /// Tells the host that nothing more comes.
    pub(crate) fn end(&mut self) {
        self.0.conn.send_close_notify();
        self.0.conn.complete_io(&mut self.0.sock).unwrap();
    }

    /// Receives until the host has ended, and says whether it did so in order.
    pub(crate) fn recv_to_end(&mut self) -> (Vec<u8>, bool) {
        let mut received = Vec::new();
        match self.0.read_to_end(&mut received) {
            Ok(_) => (received, true),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => (received, false),
            Err(error) if zilla_tests::client::is_reset(&error) => (received, false),
            Err(error) => panic!("after {} octets: {error}", received.len()),
        }
    }
}
