//! An HTTP echo as one writes it on hyper, with a body of 1 MiB for who asks for that.

use crate::Failure;
use crate::rows::{MEBIBYTE_PATH, Version};
use http_body_util::{Either, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use tokio::net::TcpListener;

static MEBIBYTE: [u8; 1 << 20] = [b'x'; 1 << 20];

pub(super) fn serve(port: u16, version: Version) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        loop {
            let (socket, _) = listener.accept().await?;
            socket.set_nodelay(true)?;
            let socket = TokioIo::new(socket);
            // A client that leaves ends its connection, not the server.
            tokio::spawn(async move {
                drop(match version {
                    Version::Http1 => {
                        http1::Builder::new().serve_connection(socket, service_fn(answer)).await
                    }
                    Version::Http2 => {
                        let builder = http2::Builder::new(TokioExecutor::new());
                        builder.serve_connection(socket, service_fn(answer)).await
                    }
                });
            });
        }
    })
}

async fn answer(request: Request<Incoming>) -> Result<Response<Either<Incoming, Full<Bytes>>>, Infallible> {
    Ok(Response::new(match request.uri().path() {
        MEBIBYTE_PATH => Either::Right(Full::new(Bytes::from_static(&MEBIBYTE))),
        _ => Either::Left(request.into_body()),
    }))
}
