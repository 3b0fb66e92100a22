//! A crowd as one writes it on tokio, with its channel for broadcasts: what one member says, all get.

use crate::Failure;
use crate::rows::Carrier;
use futures_util::{SinkExt as _, StreamExt as _};
use std::error::Error;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast::{Receiver, Sender, channel};
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::Message;

/// Octets read at once.
const BUFFER_OCTETS: usize = 4 << 10;

/// Lines that a member may be behind; more are its end.
const LINES_BEHIND_MAX: usize = 1_024;

pub(super) fn serve(carrier: Carrier, port: u16) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        match carrier {
            Carrier::Tcp => accept(listener, octets).await,
            Carrier::WebSocket => accept(listener, messages).await,
        }
    })
}

/// Lets members in for ever.
async fn accept<T, F>(
    listener: TcpListener,
    member: impl Fn(TcpStream, Sender<T>, Receiver<T>) -> F,
) -> Result<ExitCode, Failure>
where
    T: Clone,
    F: Future<Output = Result<(), Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let (crowd, _) = channel(LINES_BEHIND_MAX);
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        let member = member(socket, crowd.clone(), crowd.subscribe());
        // A client that leaves ends its connection, not the server.
        tokio::spawn(async { drop(member.await) });
    }
}

type Line = Arc<[u8]>;

async fn octets(
    socket: TcpStream,
    crowd: Sender<Line>,
    mut said: Receiver<Line>,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut buffer = vec![0; BUFFER_OCTETS];
    loop {
        tokio::select! {
            octets = crate::load::read(&socket, &mut buffer) => match octets? {
                0 => return Ok(()),
                octets => drop(crowd.send(buffer.get(..octets).unwrap_or_default().into())),
            },
            line = said.recv() => crate::load::write_all(&socket, &line?).await?,
        }
    }
}

async fn messages(
    socket: TcpStream,
    crowd: Sender<Message>,
    mut said: Receiver<Message>,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut socket = accept_async(socket).await?;
    loop {
        tokio::select! {
            message = socket.next() => match message.transpose()? {
                None => return Ok(()),
                Some(message) if message.is_text() || message.is_binary() => drop(crowd.send(message)),
                Some(_) => {}
            },
            message = said.recv() => socket.send(message?).await?,
        }
    }
}
