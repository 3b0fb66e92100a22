//! Connecting to one of several addresses: Happy Eyeballs, RFC 8305.
//!
//! ```text
//!   addresses, families in turn ──▶ an attempt ── 250 ms, or it failed ──▶ one more beside it ──▶ …
//!                                       └── the first to connect wins, the others are dropped
//! ```

use super::socket::SocketOptions;
use crate::worker::reactor::watch;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::task::{Context, Poll};
use tokio::io::unix::AsyncFd;
use zilla_engine::CloseCode;

/// How long an attempt is alone before the next one begins (RFC 8305, 5: the recommended value).
pub(super) const ATTEMPT_DELAY_MS: u64 = 250;

/// A connection that was made.
pub(super) struct Connected {
    pub(super) socket: AsyncFd<TcpStream>,
    pub(super) local: SocketAddr,
    pub(super) peer: SocketAddr,
}

/// Attempts to connect to any of some addresses.
pub(super) struct Race {
    /// Yet to be tried, in order.
    addresses: VecDeque<SocketAddr>,
    attempts: Vec<(SocketAddr, AsyncFd<TcpStream>)>,
    /// When the next one begins, although those that there are have not failed.
    next_attempt_ms: u64,
    /// What says most of the failures so far.
    failure: CloseCode,
}

impl Race {
    /// Begins with no attempt. `addresses` are tried in this order.
    pub(super) fn new(addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        Self {
            addresses: addresses.into_iter().collect(),
            attempts: Vec::new(),
            next_attempt_ms: 0,
            failure: CloseCode::Unreachable,
        }
    }

    /// Looks at the attempts, and begins those that are due. The waker is told when one has ended. The error says
    /// why none can.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        now_ms: u64,
        options: &SocketOptions,
    ) -> Poll<Result<Connected, CloseCode>> {
        loop {
            if let Some(connected) = self.poll_attempts(cx) {
                return Poll::Ready(Ok(connected));
            }
            if !self.attempts.is_empty() && now_ms < self.next_attempt_ms {
                return Poll::Pending;
            }
            let Some(address) = self.addresses.pop_front() else {
                return match self.attempts.is_empty() {
                    true => Poll::Ready(Err(self.failure)),
                    false => Poll::Pending,
                };
            };
            match begin(address, options) {
                Ok(socket) => {
                    self.attempts.push((address, socket));
                    self.next_attempt_ms = now_ms + ATTEMPT_DELAY_MS;
                }
                Err(error) => self.note(address, &error),
            }
        }
    }

    /// When it is to be polled although nothing has ended, in ms.
    pub(super) fn next_deadline(&self) -> Option<u64> {
        (!self.addresses.is_empty()).then_some(self.next_attempt_ms)
    }

    fn poll_attempts(&mut self, cx: &mut Context<'_>) -> Option<Connected> {
        let mut index = 0;
        while let Some((address, socket)) = self.attempts.get(index) {
            match poll_connected(socket, *address, cx) {
                Poll::Pending => index += 1,
                Poll::Ready(Ok(local)) => {
                    let (peer, socket) = self.attempts.swap_remove(index);
                    return Some(Connected { socket, local, peer });
                }
                Poll::Ready(Err(error)) => {
                    let (address, _) = self.attempts.remove(index);
                    self.note(address, &error);
                }
            }
        }
        None
    }

    fn note(&mut self, address: SocketAddr, error: &io::Error) {
        tracing::debug!(%address, %error, "an attempt to connect failed");
        let code = code_of(error);
        if weight(code) > weight(self.failure) {
            self.failure = code;
        }
    }
}

/// Asks for a connection. Whether there is one is known when the socket can be written to.
fn begin(address: SocketAddr, options: &SocketOptions) -> io::Result<AsyncFd<TcpStream>> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    options.apply(&SockRef::from(&socket))?;
    match socket.connect(&address.into()) {
        Ok(()) => {}
        Err(error) if is_under_way(&error) => {}
        Err(error) => return Err(error),
    }
    // Not before: the reactor reports a socket that does not connect yet as one that has hung up.
    watch(socket.into())
}

/// The local address, once there is a connection.
fn poll_connected(
    socket: &AsyncFd<TcpStream>,
    address: SocketAddr,
    cx: &mut Context<'_>,
) -> Poll<io::Result<SocketAddr>> {
    loop {
        let Poll::Ready(ready) = socket.poll_write_ready(cx) else { return Poll::Pending };
        let mut ready = ready?;
        if let Some(error) = socket.get_ref().take_error()? {
            return Poll::Ready(Err(error));
        }
        match socket.get_ref().peer_addr() {
            Ok(_) => break,
            Err(error) if error.kind() == io::ErrorKind::NotConnected => ready.clear_ready(),
            Err(error) => return Poll::Ready(Err(error)),
        }
    }
    let local = socket.get_ref().local_addr()?;
    // The kernel may choose the port that is asked for as that of the asker, who then talks to itself.
    match local == address {
        true => Poll::Ready(Err(io::ErrorKind::ConnectionRefused.into())),
        false => Poll::Ready(Ok(local)),
    }
}

fn is_under_way(error: &io::Error) -> bool {
    const EINPROGRESS: i32 = 115;
    error.kind() == io::ErrorKind::WouldBlock || error.raw_os_error() == Some(EINPROGRESS)
}

/// Why an attempt failed, as the opener of the stream is told.
fn code_of(error: &io::Error) -> CloseCode {
    // EMFILE, ENFILE, ENOBUFS, ENOMEM and EAGAIN: more of something is needed here.
    const OWN_LIMITS: [i32; 5] = [24, 23, 105, 12, 11];
    match error.kind() {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => CloseCode::Refused,
        io::ErrorKind::TimedOut => CloseCode::Timeout,
        _ if error.raw_os_error().is_some_and(|code| OWN_LIMITS.contains(&code)) => CloseCode::Limit,
        _ => CloseCode::Unreachable,
    }
}

/// Of several failures, the one that says most is told.
fn weight(code: CloseCode) -> u8 {
    match code {
        CloseCode::Limit => 3,
        CloseCode::Refused => 2,
        CloseCode::Timeout => 1,
        _ => 0,
    }
}

/// The order in which addresses are tried (RFC 8305, 4): families in turn, beginning with that of the first. Within
/// a family, `turn` says which one is first, so that connections are spread over all of them.
pub(super) fn in_turn(addresses: &[SocketAddr], turn: usize) -> Vec<SocketAddr> {
    let Some(first) = addresses.first() else { return Vec::new() };
    let (mut one, mut other): (VecDeque<SocketAddr>, VecDeque<SocketAddr>) =
        addresses.iter().copied().partition(|address| address.is_ipv4() == first.is_ipv4());
    for family in [&mut one, &mut other] {
        let count = family.len().max(1);
        family.rotate_left(turn % count);
    }
    let mut ordered = Vec::with_capacity(addresses.len());
    while !(one.is_empty() && other.is_empty()) {
        ordered.extend(one.pop_front());
        ordered.extend(other.pop_front());
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::net::TcpListener;
    use std::time::{Duration, Instant};

    fn options() -> SocketOptions {
        SocketOptions::read(&json!({})).unwrap()
    }

    /// Connects with a clock of its own, which says how late it was at the end.
    fn connect(addresses: &[SocketAddr], patience_ms: u64) -> (Result<SocketAddr, CloseCode>, u64) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut race = Race::new(addresses.iter().copied());
            let (start, options) = (Instant::now(), options());
            let now_ms = || start.elapsed().as_millis() as u64;
            loop {
                let wait_ms = race.next_deadline().map_or(1, |ms| ms.saturating_sub(now_ms()).max(1));
                let polled = std::future::poll_fn(|cx| race.poll(cx, now_ms(), &options));
                match tokio::time::timeout(Duration::from_millis(wait_ms), polled).await {
                    Ok(Ok(connected)) => return (Ok(connected.peer), now_ms()),
                    Ok(Err(code)) => return (Err(code), now_ms()),
                    Err(_) if now_ms() > patience_ms => return (Err(CloseCode::Timeout), now_ms()),
                    Err(_) => {}
                }
            }
        })
    }

    fn listening() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    /// An address at which nobody listens: a socket holds it that never will.
    fn dead() -> (Socket, SocketAddr) {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        (socket, address)
    }

    /// An address that does not answer: its listener has as many connections waiting as it keeps.
    fn silent() -> (Vec<Socket>, SocketAddr) {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        listener.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut held = vec![listener];
        for _ in 0..8 {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.set_nonblocking(true).unwrap();
            let _ = socket.connect(&address);
            held.push(socket);
        }
        (held, address.as_socket().unwrap())
    }

    #[test]
    fn the_first_address_that_connects_is_taken() {
        let (_listener, address) = listening();
        assert_eq!(connect(&[address], 5_000).0, Ok(address));
    }

    #[test]
    fn an_address_that_refuses_costs_no_time() {
        let ((_one, dead), (_listener, address)) = (dead(), listening());
        let (found, ms) = connect(&[dead, dead, address], 5_000);
        assert_eq!(found, Ok(address));
        assert!(ms < ATTEMPT_DELAY_MS, "{ms} ms");
    }

    #[test]
    fn an_address_that_does_not_answer_costs_the_delay_of_an_attempt() {
        let ((_held, silent), (_listener, address)) = (silent(), listening());
        let (found, ms) = connect(&[silent, address], 5_000);
        assert_eq!(found, Ok(address));
        assert!((ATTEMPT_DELAY_MS..5_000).contains(&ms), "{ms} ms");
    }

    #[test]
    fn an_address_that_refuses_says_more_than_one_that_cannot_be_reached() {
        let (_one, dead) = dead();
        assert_eq!(connect(&[dead], 5_000).0, Err(CloseCode::Refused));
        assert_eq!(connect(&[], 5_000).0, Err(CloseCode::Unreachable));
        let broadcast = "255.255.255.255:9".parse().unwrap();
        assert_eq!(connect(&[broadcast], 5_000).0, Err(CloseCode::Unreachable));
        assert_eq!(connect(&[broadcast, dead], 5_000).0, Err(CloseCode::Refused));
    }

    #[test]
    fn families_take_turns_and_so_do_the_addresses_of_a_family() {
        let addresses: Vec<SocketAddr> = ["[::1]:1", "[::2]:1", "192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1"]
            .map(|a| a.parse().unwrap())
            .into();
        let ordered = |turn| {
            in_turn(&addresses, turn)
                .iter()
                .map(|address| address.ip().to_string())
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(ordered(0), "::1 192.0.2.1 ::2 192.0.2.2 192.0.2.3");
        assert_eq!(ordered(1), "::2 192.0.2.2 ::1 192.0.2.3 192.0.2.1");
        assert_eq!(ordered(2), "::1 192.0.2.3 ::2 192.0.2.1 192.0.2.2");
        assert_eq!(in_turn(&[], 7), []);
    }
}
