//! Sessions against peers that send anything: nothing panics, and nothing is held that has no end.

use super::super::session::{Ciphertext, Plaintext, Session, Task};
use super::Issued;
use crate::native::provider::provider;
use rustls::pki_types::ServerName;
use rustls::server::UnbufferedServerConnection;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig};
use std::io::Write as _;
use std::sync::Arc;

/// A session of a server, what it has kept, and what it has brought.
struct Server {
    session: Session,
    kept: Vec<u8>,
    plaintext: Vec<u8>,
    sent: Ciphertext,
    has_failed: bool,
}

impl Server {
    fn new(config: &Arc<ServerConfig>) -> Self {
        Self {
            session: Session::server(UnbufferedServerConnection::new(Arc::clone(config)).unwrap()),
            kept: Vec::new(),
            plaintext: Vec::new(),
            sent: Ciphertext::default(),
            has_failed: false,
        }
    }

    /// Gives it octets, and takes what it sends.
    fn give(&mut self, octets: &[u8], task: Task<'_>) -> Vec<u8> {
        if self.has_failed {
            return Vec::new();
        }
        self.kept.extend_from_slice(octets);
        self.sent.clear();
        let mut plaintext = Plaintext { place: &mut [], filled: 0, overflow: &mut self.plaintext };
        match self.session.drive(&mut self.kept, task, &mut plaintext, &mut self.sent) {
            Ok(progress) => drop(self.kept.drain(..progress.consumed)),
            Err(_) => self.has_failed = true,
        }
        self.sent.octets().to_vec()
    }
}

fn configs() -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let Issued { chain, key } = Issued::self_signed(&["a.test"]);
    let mut roots = RootCertStore::empty();
    roots.add(chain[0].clone()).unwrap();
    let server = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let client = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (Arc::new(server), Arc::new(client))
}

fn client(config: &Arc<ClientConfig>) -> ClientConnection {
    ClientConnection::new(Arc::clone(config), ServerName::try_from("a.test").unwrap()).unwrap()
}

fn sent_by(client: &mut ClientConnection) -> Vec<u8> {
    let mut octets = Vec::new();
    while client.wants_write() {
        client.write_tls(&mut octets).unwrap();
    }
    octets
}

/// Shakes hands, with `change` between the client and the server.
fn talk(
    configs: &(Arc<ServerConfig>, Arc<ClientConfig>),
    mut change: impl FnMut(Vec<u8>) -> Vec<Vec<u8>>,
) -> Server {
    let (mut server, mut client) = (Server::new(&configs.0), client(&configs.1));
    let mut has_spoken = false;
    for _ in 0..4 {
        let octets = sent_by(&mut client);
        let mut answer = Vec::new();
        for piece in change(octets) {
            answer.extend(server.give(&piece, Task::Read));
        }
        let mut answer = answer.as_slice();
        while !answer.is_empty() && client.read_tls(&mut answer).is_ok_and(|octets| octets > 0) {
            if client.process_new_packets().is_err() {
                return server;
            }
        }
        if !client.is_handshaking() && !std::mem::replace(&mut has_spoken, true) {
            client.writer().write_all(b"hello").unwrap();
            client.refresh_traffic_keys().ok();
            client.writer().write_all(b" again").unwrap();
            client.send_close_notify();
        }
    }
    server
}

#[test]
fn a_conversation_in_any_pieces_is_the_same() {
    let configs = configs();
    for pieces in [1, 2, 3, 7, 100, 5_000] {
        let cut = |octets: Vec<u8>| octets.chunks(pieces).map(<[u8]>::to_vec).collect();
        let server = talk(&configs, cut);
        assert_eq!(server.plaintext, b"hello again", "in pieces of {pieces}");
        assert!(server.session.has_peer_ended() && server.kept.is_empty());
    }
}

#[test]
fn damaged_conversations_fail_and_panic_nowhere() {
    let configs = configs();
    let mut failures = 0;
    for at in 0..900 {
        for mask in [0x01, 0x80, 0xff] {
            let mut passed = 0;
            let server = talk(&configs, |mut octets| {
                if let Some(octet) = octets.get_mut(usize::wrapping_sub(at, passed)) {
                    *octet ^= mask;
                }
                passed += octets.len();
                vec![octets]
            });
            failures += usize::from(server.has_failed);
            assert!(server.kept.len() <= 1 << 16, "{} octets are kept", server.kept.len());
        }
    }
    assert!(failures > 500, "{failures} of 2700 were noticed");
}

#[test]
fn what_a_client_puts_behind_its_hello_is_refused_once() {
    // Each of these made rustls look at what it had refused for a second time, once.
    let configs = configs();
    for behind in
        [&b"GET / HTTP/1.1"[..], &[21, 3, 3, 0, 2, 2, 40], &[23, 3, 3, 0, 1, 0], &[22, 3, 3, 0xff, 0xff]]
    {
        let server = talk(&configs, |octets| vec![[&octets, behind].concat()]);
        assert!(server.has_failed, "{behind:?}");
        let server = talk(&configs, |_| vec![behind.to_vec()]);
        assert!(server.has_failed, "{behind:?} alone");
    }
}

#[test]
fn a_peer_may_write_before_it_reads() {
    let configs = configs();
    let mut server = talk(&configs, |octets| vec![octets]);
    assert!(!server.has_failed);
    // After its end the peer still gets what is written.
    let sent = server.give(&[], Task::Encrypt(&[7; 100_000]));
    assert!(sent.len() > 100_000, "{}", sent.len());
    assert!(!server.give(&[], Task::Close).is_empty());
}
