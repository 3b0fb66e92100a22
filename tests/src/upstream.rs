//! What the host connects to: sockets of the loopback that answer, refuse, or say nothing.

use crate::{Client, PATIENCE};
use socket2::{Domain, SockAddr, Socket, Type};
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Instant;

/// A server whose connections are the test's to use.
#[derive(Debug)]
pub struct Upstream {
    listener: TcpListener,
}

impl Upstream {
    /// At a free port of 127.0.0.1.
    pub fn new() -> Self {
        Self::at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
    }

    /// At an address, of which port 0 is any that is free.
    ///
    /// # Panics
    /// If it cannot listen there.
    #[track_caller]
    pub fn at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).unwrap_or_else(|error| panic!("{address}: {error}"));
        Self { listener }
    }

    /// One that sends back what it gets, connection by connection, for as long as the test runs. Its port.
    pub fn echo() -> u16 {
        Self::new().into_echo(|_| {})
    }

    /// The same; `greet` is called with each connection first.
    pub fn into_echo(self, greet: impl Fn(&mut TcpStream) + Clone + Send + 'static) -> u16 {
        let port = self.port();
        std::thread::spawn(move || {
            for socket in self.listener.incoming().map_while(Result::ok) {
                let greet = greet.clone();
                std::thread::spawn(move || echo(socket, greet));
            }
        });
        port
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.listener.local_addr().map(|address| address.port()).unwrap_or_default()
    }

    /// The next connection.
    ///
    /// # Panics
    /// If none comes within [`PATIENCE`].
    #[track_caller]
    pub fn accept(&self) -> Client {
        let start = Instant::now();
        loop {
            if let Some(client) = self.try_accept() {
                return client;
            }
            assert!(start.elapsed() < PATIENCE, "nobody has connected within {PATIENCE:?}");
            std::thread::sleep(crate::GLANCE);
        }
    }

    /// The next connection, if there is one.
    pub fn try_accept(&self) -> Option<Client> {
        let accepted = self.listener.set_nonblocking(true).and_then(|()| self.listener.accept());
        let socket = accepted.ok()?.0;
        socket.set_nonblocking(false).ok()?;
        Client::own(socket).ok()
    }
}

impl Default for Upstream {
    fn default() -> Self {
        Self::new()
    }
}

fn echo(mut socket: TcpStream, greet: impl Fn(&mut TcpStream)) {
    greet(&mut socket);
    let mut octets = vec![0; 256 << 10];
    loop {
        match socket.read(&mut octets) {
            Ok(0) => break,
            Ok(some) if socket.write_all(&octets[..some]).is_ok() => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(_) | Err(_) => return,
        }
    }
    // Whoever has gone needs no end.
    let _ = socket.shutdown(Shutdown::Write);
}

/// A port at which connections are refused, and stay refused: a socket has it that never listens.
#[derive(Debug)]
pub struct Refusing(Socket);

/// A port at which connections are never made: its listener has as many waiting as it keeps.
#[derive(Debug)]
pub struct Silent {
    listener: Socket,
    _waiting: Vec<Socket>,
}

impl Refusing {
    /// At a free port of 127.0.0.1.
    pub fn new() -> Self {
        Self(bound(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))))
    }

    /// The port.
    pub fn port(&self) -> u16 {
        port_of(&self.0)
    }
}

impl Default for Refusing {
    fn default() -> Self {
        Self::new()
    }
}

impl Silent {
    /// At a free port of 127.0.0.1.
    pub fn new() -> Self {
        Self::at(Ipv4Addr::LOCALHOST.into(), 0)
    }

    /// At a port of an address.
    ///
    /// # Panics
    /// If it cannot listen there.
    #[track_caller]
    pub fn at(address: IpAddr, port: u16) -> Self {
        let listener = bound(SocketAddr::new(address, port));
        listener.listen(1).expect("a bound socket can listen");
        let address: SockAddr = listener.local_addr().expect("a bound socket has an address");
        let waiting = (0..8).map(|_| {
            let socket =
                Socket::new(Domain::for_address(address.as_socket().expect("of IP")), Type::STREAM, None)
                    .expect("a socket");
            socket.set_nonblocking(true).expect("a socket that does not block");
            // It is under way, or waits for ever: both fill the queue.
            let _ = socket.connect(&address);
            socket
        });
        let _waiting = waiting.collect();
        Self { listener, _waiting }
    }

    /// The port.
    pub fn port(&self) -> u16 {
        port_of(&self.listener)
    }
}

impl Default for Silent {
    fn default() -> Self {
        Self::new()
    }
}

fn bound(address: SocketAddr) -> Socket {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).expect("a socket");
    socket.bind(&address.into()).unwrap_or_else(|error| panic!("{address}: {error}"));
    socket
}

fn port_of(socket: &Socket) -> u16 {
    socket.local_addr().ok().and_then(|address| address.as_socket()).map_or(0, |address| address.port())
}
