//! A client that others have written: the `h2` crate, over a pipe in memory.

use binding_http::Http;
use bytes::Bytes;
use h2::client::{self, SendRequest};
use http::{HeaderMap, Request, Response};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use zilla_sdk::testing::*;

/// What goes to the binding and what comes from it.
#[derive(Default)]
struct Octets {
    sent: Vec<u8>,
    received: VecDeque<u8>,
}

/// The client's end of the pipe. Nothing waits: who polls finds what is there.
struct Pipe(Rc<RefCell<Octets>>);

impl AsyncRead for Pipe {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let received = &mut self.0.borrow_mut().received;
        if received.is_empty() {
            return Poll::Pending;
        }
        let octets = received.len().min(into.remaining());
        into.put_slice(&received.drain(..octets).collect::<Vec<_>>());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, octets: &[u8]) -> Poll<std::io::Result<usize>> {
        self.0.borrow_mut().sent.extend_from_slice(octets);
        Poll::Ready(Ok(octets.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The binding with its exits at one end, the client at the other.
struct Wire {
    harness: Harness<Http>,
    peer: Peer,
    octets: Rc<RefCell<Octets>>,
    /// Each exit with what it got and did not send back, for want of its end or of credit.
    exits: Vec<(Peer, VecDeque<Frame>)>,
    connection: Pin<Box<dyn Future<Output = Result<(), h2::Error>>>>,
}

impl Wire {
    fn connect(options: &str) -> (Self, SendRequest<Bytes>) {
        let harness = crate::script::h2(options);
        let mut peer = harness.open(begin());
        peer.recv(begun());
        peer.auto_window();
        let octets = Rc::new(RefCell::new(Octets::default()));
        let handshake =
            client::Builder::new().initial_window_size(20_000).handshake(Pipe(Rc::clone(&octets)));
        let mut handshake = pin!(handshake);
        let Poll::Ready(connected) = handshake.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
            panic!("the handshake waits for nothing");
        };
        let (sender, connection) = connected.unwrap();
        let connection = Box::pin(connection);
        (Self { harness, peer, octets, exits: Vec::new(), connection }, sender)
    }

    /// Moves everything by one step. The exits send back what they get as they get it, trailers too.
    fn step(&mut self) {
        let _ = self.connection.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        let mut sent = std::mem::take(&mut self.octets.borrow_mut().sent);
        let octets = sent.len().min(self.peer.credit() as usize);
        let later = sent.split_off(octets);
        if octets > 0 {
            self.peer.send(data(sent));
        }
        self.octets.borrow_mut().sent = later;
        self.exits.extend(std::iter::from_fn(|| self.harness.opened()).map(|exit| (exit, VecDeque::new())));
        for (exit, frames) in &mut self.exits {
            exit.auto_window();
            frames.extend(exit.recv_all());
            while let Some(frame) = frames.pop_front() {
                if !exit.can_send() {
                    continue;
                }
                let credit = exit.credit() as usize;
                if frame.kind == FrameKind::Data && frame.payload.len() > credit {
                    let (now, later) = frame.payload.split_at(credit);
                    frames.push_front(data(later));
                    exit.send(data(now));
                    break;
                }
                exit.send(frame);
            }
        }
        self.octets.borrow_mut().received.extend(self.peer.recv_data_all());
    }

    /// Drives a future of the client until it is done.
    fn run<F: Future>(&mut self, future: F) -> F::Output {
        let mut future = pin!(future);
        for _ in 0..100_000 {
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                return output;
            }
            self.step();
        }
        panic!("nothing goes on any more:\n{}", self.harness.transcript());
    }
}

/// Sends a request with content and trailers, and reads all of the response.
async fn exchange(
    mut sender: SendRequest<Bytes>,
    path: String,
    content: Vec<u8>,
    trailers: HeaderMap,
) -> (Response<()>, Vec<u8>, Option<HeaderMap>) {
    let request =
        Request::post(format!("http://example.com{path}")).header("x-path", &path).body(()).unwrap();
    poll_fn(|cx| sender.poll_ready(cx)).await.unwrap();
    let (response, mut stream) = sender.send_request(request, false).unwrap();
    let send = async move {
        let mut rest = &content[..];
        while !rest.is_empty() {
            stream.reserve_capacity(rest.len());
            let octets = poll_fn(|cx| stream.poll_capacity(cx)).await.unwrap().unwrap();
            let (now, later) = rest.split_at(octets.min(rest.len()));
            stream.send_data(Bytes::copy_from_slice(now), false).unwrap();
            rest = later;
        }
        stream.send_trailers(trailers).unwrap();
    };
    let receive = async move {
        let (head, mut body) = response.await.unwrap().into_parts();
        let mut found = Vec::new();
        while let Some(piece) = body.data().await {
            let piece = piece.unwrap();
            body.flow_control().release_capacity(piece.len()).unwrap();
            found.extend_from_slice(&piece);
        }
        (Response::from_parts(head, ()), found, body.trailers().await.unwrap())
    };
    tokio::join!(send, receive).1
}

#[test]
fn another_implementation_is_answered() {
    let (mut wire, sender) = Wire::connect("");
    for round in 0..20 {
        let content = vec![round as u8; round * 1_000];
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", round.to_string().parse().unwrap());
        let exchange = exchange(sender.clone(), format!("/{round}"), content.clone(), trailers.clone());
        let (response, found, found_trailers) = wire.run(exchange);
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["x-path"], format!("/{round}"));
        assert_eq!((found, found_trailers), (content, Some(trailers)));
    }
}

#[test]
fn another_implementation_sends_and_takes_much_at_a_time() {
    let (mut wire, sender) = Wire::connect("limits: {h2: {stream-window-bytes: 70000, table-bytes: 100}}");
    let all = (0..60_usize).map(|index| {
        let content: Vec<u8> = (0..=255).cycle().skip(index).take(150_000).collect();
        let exchange = exchange(sender.clone(), format!("/{index}"), content.clone(), HeaderMap::new());
        Box::pin(async move {
            let (response, found, _) = exchange.await;
            assert_eq!(response.headers()["x-path"], format!("/{index}"));
            assert!(found == content, "{index}: {} octets", found.len());
        })
    });
    let mut all: Vec<Pin<Box<dyn Future<Output = ()>>>> = all.map(|future| future as _).collect();
    wire.run(poll_fn(|cx| {
        all.retain_mut(|future| future.as_mut().poll(cx).is_pending());
        if all.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    }));
    assert!(wire.exits.iter().all(|(exit, _)| exit.is_over()));
}

#[test]
fn another_implementation_is_refused_and_drained() {
    let (mut wire, mut sender) = Wire::connect("");
    let request = Request::get("https://example.com/").body(()).unwrap();
    let (response, _) = sender.send_request(request, true).unwrap();
    assert_eq!(wire.run(response).unwrap().status(), 421);
    wire.harness.drain();
    for _ in 0..5 {
        wire.step();
    }
    let Poll::Ready(ended) = wire.connection.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("the client was told to leave");
    };
    ended.unwrap();
}
