//! A server that asks its clients who they are, and tells what they have shown.

use super::pki::{Identity, Pki};
use rustls::pki_types::CertificateDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{HandshakeKind, ServerConfig, ServerConnection, StreamOwned};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// How long a client may take to come, and to speak.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server, which sends back what it gets.
pub(crate) struct Asking {
    port: u16,
    seen: Receiver<Seen>,
}

/// What a client has shown.
pub(crate) struct Seen {
    pub(crate) certificate: CertificateDer<'static>,
    /// Whether its session was resumed.
    pub(crate) kind: HandshakeKind,
}

impl Asking {
    /// Listens on 127.0.0.1, and asks for certificates that a CA has issued.
    pub(crate) fn start(pki: &Pki, identity: Identity) -> Self {
        let verifier = WebPkiClientVerifier::builder(Arc::new(pki.roots())).build().unwrap();
        let mut config = ServerConfig::builder()
            .with_client_cert_verifier(verifier)
            .with_single_cert(identity.chain, identity.key)
            .unwrap();
        config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (config, (sender, seen)) = (Arc::new(config), channel());
        std::thread::spawn(move || {
            while let Ok((socket, _)) = listener.accept() {
                let (config, sender) = (Arc::clone(&config), sender.clone());
                std::thread::spawn(move || serve(socket, config, &sender));
            }
        });
        Self { port, seen }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// What the next client has shown that has sent something.
    #[track_caller]
    pub(crate) fn next(&self) -> Seen {
        self.seen.recv_timeout(PATIENCE).expect("a client has come")
    }
}

/// Tells of a client, then sends back what it sends, to its end.
fn serve(socket: TcpStream, config: Arc<ServerConfig>, seen: &Sender<Seen>) -> Option<()> {
    socket.set_read_timeout(Some(PATIENCE)).ok()?;
    let mut stream = StreamOwned::new(ServerConnection::new(config).ok()?, socket);
    let mut octets = [0; 4096];
    let mut is_told = false;
    loop {
        let count = stream.read(&mut octets).ok().filter(|count| *count > 0)?;
        if !std::mem::replace(&mut is_told, true) {
            let certificate = stream.conn.peer_certificates()?.first()?.clone().into_owned();
            seen.send(Seen { certificate, kind: stream.conn.handshake_kind()? }).ok()?;
        }
        stream.write_all(&octets[..count]).ok()?;
        stream.flush().ok()?;
    }
}
