//! A TCP echo as one writes it on tokio.

use crate::Failure;
use std::io;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use tokio::net::{TcpListener, TcpStream};

/// Octets read at once: as many as the gateway reads.
const BUFFER_OCTETS: usize = 64 << 10;

pub(super) fn serve(port: u16) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        loop {
            let (socket, _) = listener.accept().await?;
            socket.set_nodelay(true)?;
            // A client that leaves ends its connection, not the server.
            tokio::spawn(async { drop(echo(socket).await) });
        }
    })
}

async fn echo(socket: TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER_OCTETS];
    loop {
        let octets = crate::load::read(&socket, &mut buffer).await?;
        if octets == 0 {
            return Ok(());
        }
        crate::load::write_all(&socket, buffer.get(..octets).unwrap_or_default()).await?;
    }
}
