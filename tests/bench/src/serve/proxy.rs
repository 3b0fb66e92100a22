//! A TCP proxy as one writes it on tokio, and on tokio-rustls with TLS in front.

use crate::Failure;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional_with_sizes};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// Octets read at once: as many as the gateway reads.
const BUFFER_OCTETS: usize = 64 << 10;

/// `identity` is a file with a key and its certificate.
pub(super) fn serve(port: u16, upstream: u16, identity: Option<&Path>) -> Result<ExitCode, Failure> {
    let acceptor = identity.map(acceptor).transpose()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        loop {
            let (socket, _) = listener.accept().await?;
            socket.set_nodelay(true)?;
            let acceptor = acceptor.clone();
            // A client that leaves ends its connection, not the server.
            tokio::spawn(async move {
                drop(match acceptor {
                    Some(acceptor) => secure(socket, upstream, &acceptor).await,
                    None => proxy(socket, upstream).await,
                });
            });
        }
    })
}

fn acceptor(identity: &Path) -> Result<TlsAcceptor, Failure> {
    let certificates = CertificateDer::pem_file_iter(identity)?.collect::<Result<_, _>>()?;
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth();
    let mut config = config.with_single_cert(certificates, PrivateKeyDer::from_pem_file(identity)?)?;
    config.ticketer = aws_lc_rs::Ticketer::new()?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn secure(socket: TcpStream, upstream: u16, acceptor: &TlsAcceptor) -> io::Result<()> {
    proxy(acceptor.accept(socket).await?, upstream).await
}

async fn proxy(mut client: impl AsyncRead + AsyncWrite + Unpin, upstream: u16) -> io::Result<()> {
    let mut upstream = TcpStream::connect((Ipv4Addr::LOCALHOST, upstream)).await?;
    upstream.set_nodelay(true)?;
    copy_bidirectional_with_sizes(&mut client, &mut upstream, BUFFER_OCTETS, BUFFER_OCTETS).await?;
    Ok(())
}
