//! A blocking socket of the loopback on which nothing takes longer than [`PATIENCE`].

use crate::PATIENCE;
use socket2::{Domain, SockRef, Socket, Type};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// More than any number of octets that can be on the way when nobody reads: buffers of the kernel grow to 6 MiB for
/// each direction and end of a connection, the host adds its credit.
const ON_THE_WAY_OCTETS_MAX: usize = 64 << 20;

/// How long a peer takes nothing before it is held to read no more.
const BLOCKED: Duration = Duration::from_millis(500);

/// One connection to the host.
#[derive(Debug)]
pub struct Client {
    socket: TcpStream,
}

/// How a connection ended, as its client sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With FIN.
    InOrder,
    /// With RST.
    Reset,
}

impl Client {
    /// Connects to a port of 127.0.0.1.
    ///
    /// # Panics
    /// If nobody listens there.
    #[track_caller]
    pub fn connect(port: u16) -> Self {
        Self::connect_to(Ipv4Addr::LOCALHOST.into(), port)
    }

    /// Connects to a port of an address.
    #[track_caller]
    pub fn connect_to(address: IpAddr, port: u16) -> Self {
        match Self::try_connect_to(address, port) {
            Ok(client) => client,
            Err(error) => panic!("cannot connect to {address} port {port}: {error}"),
        }
    }

    /// Connects to a port of 127.0.0.1, or says why not.
    pub fn try_connect(port: u16) -> io::Result<Self> {
        Self::try_connect_to(Ipv4Addr::LOCALHOST.into(), port)
    }

    fn try_connect_to(address: IpAddr, port: u16) -> io::Result<Self> {
        Self::own(TcpStream::connect_timeout(&SocketAddr::new(address, port), PATIENCE)?)
    }

    /// Expects that a new connection to a port of an address is broken with RST: at once, which may be before it
    /// is known here that there is one.
    #[track_caller]
    pub fn expect_reset_at(address: IpAddr, port: u16) {
        match Self::try_connect_to(address, port) {
            Ok(mut client) => client.expect_reset(),
            Err(error) => assert!(is_reset(&error), "cannot connect to {address} port {port}: {error}"),
        }
    }

    /// Connects with small buffers in the kernel, so that little is on its way between the two ends.
    ///
    /// # Panics
    /// If nobody listens there.
    #[track_caller]
    pub fn connect_narrow(port: u16) -> Self {
        const BUFFER_OCTETS: usize = 16 << 10;
        let connect = || {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
            socket.set_recv_buffer_size(BUFFER_OCTETS)?;
            socket.set_send_buffer_size(BUFFER_OCTETS)?;
            let address = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port);
            socket.connect_timeout(&address.into(), PATIENCE)?;
            Self::own(socket.into())
        };
        match connect() {
            Ok(client) => client,
            Err(error) => panic!("cannot connect to port {port}: {error}"),
        }
    }

    pub(crate) fn own(socket: TcpStream) -> io::Result<Self> {
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        socket.set_nodelay(true)?;
        Ok(Self { socket })
    }

    /// The same connection once more, for another thread.
    ///
    /// # Panics
    /// If the process has no more file descriptors.
    pub fn share(&self) -> Self {
        Self { socket: self.socket.try_clone().expect("a file descriptor") }
    }

    /// Sends octets.
    ///
    /// # Panics
    /// If the connection does not take them.
    #[track_caller]
    pub fn send(&mut self, octets: impl AsRef<[u8]>) {
        let octets = octets.as_ref();
        if let Err(error) = self.socket.write_all(octets) {
            panic!("{} octets were not sent: {error}", octets.len());
        }
    }

    /// Sends octets, and says whether the connection took them: for a peer that may have gone.
    pub fn try_send(&mut self, octets: impl AsRef<[u8]>) -> bool {
        self.socket.write_all(octets.as_ref()).is_ok()
    }

    /// Receives that many octets.
    ///
    /// # Panics
    /// If fewer come.
    #[track_caller]
    pub fn recv(&mut self, octets: usize) -> Vec<u8> {
        let mut received = vec![0; octets];
        if let Err(error) = self.socket.read_exact(&mut received) {
            panic!("expected {octets} octets: {error}");
        }
        received
    }

    /// Receives what there is, at least one octet; nothing at the end.
    pub fn recv_some(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.socket.read(octets) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }

    /// Receives until the connection ends, and says how it did.
    ///
    /// # Panics
    /// If it does not end within [`PATIENCE`] of silence.
    #[track_caller]
    pub fn recv_to_end(&mut self) -> (Vec<u8>, End) {
        let mut received = Vec::new();
        let mut octets = vec![0; 64 << 10];
        loop {
            match self.recv_some(&mut octets) {
                Ok(0) => return (received, End::InOrder),
                Ok(some) => received.extend_from_slice(&octets[..some]),
                Err(error) if is_reset(&error) => return (received, End::Reset),
                Err(error) => panic!("the connection did not end after {} octets: {error}", received.len()),
            }
        }
    }

    /// Expects that octets come back as they are sent.
    #[track_caller]
    pub fn echo(&mut self, octets: impl AsRef<[u8]>) {
        let octets = octets.as_ref();
        self.send(octets);
        let received = self.recv(octets.len());
        assert!(received == octets, "other octets came back: {}", received.escape_ascii());
    }

    /// Expects that the connection is broken with RST, and that nothing comes before.
    #[track_caller]
    pub fn expect_reset(&mut self) {
        assert_eq!(self.recv_to_end(), (Vec::new(), End::Reset));
    }

    /// Expects that the connection ends, in whichever way, and that nothing comes before.
    #[track_caller]
    pub fn expect_end(&mut self) {
        let (received, _) = self.recv_to_end();
        assert_eq!(received.escape_ascii().to_string(), "");
    }

    /// Sends FIN.
    pub fn end(&mut self) {
        // The peer may have gone, in which case it needs none.
        let _ = self.socket.shutdown(Shutdown::Write);
    }

    /// Breaks the connection: RST instead of FIN.
    pub fn reset(self) {
        // Without the option the peer sees FIN, and the test that wanted RST says so.
        let _ = SockRef::from(&self.socket).set_linger(Some(Duration::ZERO));
    }

    /// Lets a read block for that long.
    ///
    /// # Panics
    /// For no time at all.
    pub fn set_read_patience(&mut self, patience: Duration) {
        self.socket.set_read_timeout(Some(patience)).expect("a time that is not zero");
    }

    /// Lets a write block for that long.
    ///
    /// # Panics
    /// For no time at all.
    pub fn set_write_patience(&mut self, patience: Duration) {
        self.socket.set_write_timeout(Some(patience)).expect("a time that is not zero");
    }

    /// Writes as much as the connection takes at once.
    pub fn write_some(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.socket.write(octets)
    }

    /// Writes the same octets again and again until that blocks, as it does when the other side does not read, and
    /// says how many were taken.
    #[track_caller]
    pub fn fill(&mut self, octets: &[u8]) -> usize {
        self.set_write_patience(BLOCKED);
        let mut taken = 0;
        loop {
            assert!(taken < ON_THE_WAY_OCTETS_MAX, "{taken} octets were taken for a peer that reads none");
            match self.write_some(&octets[taken % octets.len()..]) {
                Ok(some) => taken += some,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return taken;
                }
                Err(error) => panic!("after {taken} octets: {error}"),
            }
        }
    }
}

impl Read for Client {
    fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        self.socket.read(octets)
    }
}

impl Write for Client {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.socket.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

/// Whether an error says that the peer has broken the connection.
pub fn is_reset(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}
