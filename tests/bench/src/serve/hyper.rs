//! An HTTP/1.1 echo as one writes it on hyper.

use crate::Failure;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use tokio::net::TcpListener;

pub(super) fn serve(port: u16) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        loop {
            let (socket, _) = listener.accept().await?;
            socket.set_nodelay(true)?;
            let served = http1::Builder::new().serve_connection(TokioIo::new(socket), service_fn(echo));
            // A client that leaves ends its connection, not the server.
            tokio::spawn(async { drop(served.await) });
        }
    })
}

async fn echo(request: Request<Incoming>) -> Result<Response<Incoming>, Infallible> {
    Ok(Response::new(request.into_body()))
}
