//! A server that publishes keys, and does not always do it well.
#![expect(clippy::unwrap_used, reason = "a server that cannot start fails its test")]

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use zilla_tests::Folder;

/// What it answers with, octets on the wire, and what it does then.
#[derive(Clone)]
pub(crate) enum Says {
    /// A document.
    Document(String),
    /// These octets, and the end of the connection.
    Octets(Vec<u8>),
    /// Nothing, and the connection stays.
    Nothing,
    /// Spaces for ever, as fast as they are taken.
    Flood,
}

/// The server, at a free port of 127.0.0.1 for as long as the test runs.
pub(crate) struct Publisher {
    pub(crate) port: u16,
    shared: Arc<Shared>,
    /// With `ca.pem`, if it has a certificate.
    folder: Folder,
}

struct Shared {
    says: Mutex<Says>,
    requests: AtomicUsize,
    tls: Option<Arc<ServerConfig>>,
}

impl Publisher {
    /// One over plain http.
    pub(crate) fn new(says: Says) -> Self {
        Self::at(bind(), says, None, Folder::new())
    }

    /// One with a certificate for that name, of a CA of its own.
    pub(crate) fn secure(says: Says, name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "CA of keys");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = Folder::new();
        folder.write("ca.pem", ca.pem());
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().unwrap();
        let chain = vec![params.signed_by(&key, &ca).unwrap().der().clone()];
        let builder = ServerConfig::builder().with_no_client_auth();
        let mut config = builder.with_single_cert(chain, key.serialize_der().try_into().unwrap()).unwrap();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self::at(bind(), says, Some(Arc::new(config)), folder)
    }

    /// One that was away so far, at a port that was held for it.
    pub(crate) fn at(
        listener: TcpListener,
        says: Says,
        tls: Option<Arc<ServerConfig>>,
        folder: Folder,
    ) -> Self {
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared { says: Mutex::new(says), requests: AtomicUsize::new(0), tls });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&serving);
                std::thread::spawn(move || match &shared.tls {
                    Some(config) => {
                        let session = ServerConnection::new(Arc::clone(config)).unwrap();
                        shared.serve(StreamOwned::new(session, socket));
                    }
                    None => shared.serve(socket),
                });
            }
        });
        Self { port, shared, folder }
    }

    /// From now on, it says something else.
    pub(crate) fn say(&self, says: Says) {
        *self.shared.says.lock().unwrap() = says;
    }

    /// How many requests have come.
    pub(crate) fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::SeqCst)
    }

    /// A vault in which it is trusted as `ca`.
    pub(crate) fn vault(&self) -> String {
        let trust =
            format!("trust: {{type: pem, entries: {{ca: {}}}}}", self.folder.join("ca.pem").display());
        format!("vaults: {{own: {{type: filesystem, options: {{{trust}}}}}}}")
    }
}

impl Shared {
    /// Answers requests of one connection. Whoever has gone is not missed.
    fn serve(&self, mut stream: impl Read + Write) {
        while read_head(&mut stream) {
            self.requests.fetch_add(1, Ordering::SeqCst);
            let says = self.says.lock().unwrap().clone();
            match says {
                Says::Document(document) => {
                    let length = document.len();
                    let head = format!(
                        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
                    );
                    let written = stream.write_all(head.as_bytes());
                    if written.and_then(|()| stream.write_all(document.as_bytes())).is_err() {
                        return;
                    }
                    let _ = stream.flush();
                }
                Says::Octets(octets) => {
                    let _ = stream.write_all(&octets).and_then(|()| stream.flush());
                    return;
                }
                Says::Nothing => {
                    let _ = stream.read(&mut [0]);
                    return;
                }
                Says::Flood => {
                    let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n";
                    let mut written = stream.write_all(head);
                    while written.is_ok() {
                        written = stream.write_all(&[b' '; 4096]);
                    }
                    return;
                }
            }
        }
    }
}

/// Reads a request without a body. False at the end of the connection.
fn read_head(stream: &mut impl Read) -> bool {
    let (mut head, mut octet) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut octet) {
            Ok(1) => head.extend(octet),
            Ok(_) | Err(_) => return false,
        }
    }
    true
}

/// A free port that nobody else gets.
fn bind() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}
