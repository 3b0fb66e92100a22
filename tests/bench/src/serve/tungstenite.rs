//! An echo of WebSockets as one writes it on tokio-tungstenite.

use crate::Failure;
use futures_util::{SinkExt as _, StreamExt as _};
use std::net::Ipv4Addr;
use std::process::ExitCode;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::Error;

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

async fn echo(socket: TcpStream) -> Result<(), Error> {
    let mut socket = accept_async(socket).await?;
    while let Some(message) = socket.next().await {
        let message = message?;
        if message.is_text() || message.is_binary() {
            socket.send(message).await?;
        }
    }
    Ok(())
}
