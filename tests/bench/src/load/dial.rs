//! How a server is reached: as it is, or through TLS.

use crate::keys::NAME;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use std::io::{self, Read, Write};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Where a server listens, and how it is spoken to.
#[derive(Clone, Debug)]
pub(crate) struct Dial {
    pub(crate) port: u16,
    pub(crate) tls: Option<Arc<ClientConfig>>,
}

/// A connection that does not care what is below.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

/// The same for one that blocks.
pub(crate) trait Blocking: Read + Write {}

impl<T: Read + Write> Blocking for T {}

impl Dial {
    pub(crate) async fn connect(&self) -> io::Result<Box<dyn Duplex>> {
        let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await?;
        socket.set_nodelay(true)?;
        Ok(match &self.tls {
            Some(config) => Box::new(secure(config, socket).await?),
            None => Box::new(socket),
        })
    }

    /// A connection that blocks, for as long as `limit` when it reads, and its socket.
    pub(crate) fn connect_blocking(
        &self,
        limit: Duration,
    ) -> io::Result<(Box<dyn Blocking>, std::net::TcpStream)> {
        let socket = std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(limit))?;
        let same = socket.try_clone()?;
        Ok(match &self.tls {
            Some(config) => {
                let session = ClientConnection::new(Arc::clone(config), name()?).map_err(io::Error::other)?;
                (Box::new(StreamOwned::new(session, socket)), same)
            }
            None => (Box::new(socket), same),
        })
    }
}

/// Shakes hands.
pub(crate) async fn secure(
    config: &Arc<ClientConfig>,
    socket: TcpStream,
) -> io::Result<TlsStream<TcpStream>> {
    TlsConnector::from(Arc::clone(config)).connect(name()?, socket).await
}

fn name() -> io::Result<ServerName<'static>> {
    ServerName::try_from(NAME).map_err(io::Error::other)
}
