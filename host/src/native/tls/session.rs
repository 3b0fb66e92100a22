//! One TLS session without input and output: ciphertext goes in and out as slices.
//!
//! rustls's unbuffered interface decrypts in place, within what a worker has read for whichever connection, so that
//! a connection holds nothing but what is incomplete.

use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus, WriteTraffic};
use rustls::{CommonState, Error};

/// A session of either side.
pub(super) struct Session {
    side: Side,
    has_peer_ended: bool,
}

enum Side {
    Server(UnbufferedServerConnection),
    Client(UnbufferedClientConnection),
}

/// What is to be done as soon as the session allows it.
#[derive(Clone, Copy)]
pub(super) enum Task<'a> {
    /// Only what came is to be decrypted.
    Read,
    /// These octets are to be encrypted.
    Encrypt(&'a [u8]),
    /// The peer is to be told that nothing more comes.
    Close,
}

/// What has become of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Progress {
    /// Octets at the front of the ciphertext that are not needed any more.
    pub(super) consumed: usize,
    /// Whether nothing more can be made of the rest before more comes.
    pub(super) is_starved: bool,
}

/// Where plaintext goes: to a place, and what does not fit in there behind it.
pub(super) struct Plaintext<'a> {
    pub(super) place: &'a mut [u8],
    pub(super) filled: usize,
    pub(super) overflow: &'a mut Vec<u8>,
}

impl Plaintext<'_> {
    fn push(&mut self, octets: &[u8]) {
        let room = &mut self.place[self.filled..];
        let (fitting, rest) = octets.split_at(octets.len().min(room.len()));
        room[..fitting.len()].copy_from_slice(fitting);
        self.filled += fitting.len();
        self.overflow.extend_from_slice(rest);
    }

    /// Whether to stop: so that what is not asked for stays encrypted, with the sender waiting.
    fn is_full(&self) -> bool {
        self.filled == self.place.len() && !self.place.is_empty()
    }
}

/// Ciphertext on its way out. Its buffer keeps its length, so that it is not cleared for each use.
#[derive(Default)]
pub(super) struct Ciphertext {
    buffer: Vec<u8>,
    filled: usize,
}

impl Ciphertext {
    pub(super) fn octets(&self) -> &[u8] {
        &self.buffer[..self.filled]
    }

    pub(super) fn clear(&mut self) {
        self.filled = 0;
    }

    fn room(&mut self) -> &mut [u8] {
        &mut self.buffer[self.filled..]
    }

    fn reserve(&mut self, octets: usize) {
        self.buffer.resize(self.buffer.len().max(self.filled + octets), 0);
    }
}

/// What one step of rustls says to do next.
enum Step {
    Again,
    PeerEnded,
    Starved,
    Full,
    Failed(Error),
}

impl Session {
    pub(super) fn server(session: UnbufferedServerConnection) -> Self {
        Self { side: Side::Server(session), has_peer_ended: false }
    }

    pub(super) fn client(session: UnbufferedClientConnection) -> Self {
        Self { side: Side::Client(session), has_peer_ended: false }
    }

    /// What is known of it.
    pub(super) fn state(&self) -> &CommonState {
        self.side.state()
    }

    /// Whether the peer has said that nothing more comes.
    pub(super) fn has_peer_ended(&self) -> bool {
        self.has_peer_ended
    }

    /// Works through ciphertext that has come, and does a task once that is allowed. What was not consumed is to be
    /// given again as it is left here, in front of what comes next. `sent` gets what the peer is to be sent, also
    /// when there is an error.
    pub(super) fn drive(
        &mut self,
        received: &mut [u8],
        task: Task<'_>,
        plaintext: &mut Plaintext<'_>,
        sent: &mut Ciphertext,
    ) -> Result<Progress, Error> {
        let mut consumed = 0;
        loop {
            let (discard, step) = self.side.step(&mut received[consumed..], task, plaintext, sent);
            consumed += discard;
            match step {
                Step::Again => {}
                Step::PeerEnded => self.has_peer_ended = true,
                Step::Starved => return Ok(Progress { consumed, is_starved: true }),
                Step::Full => return Ok(Progress { consumed, is_starved: consumed == received.len() }),
                Step::Failed(error) => {
                    self.side.take_alert(&mut received[consumed..], sent);
                    return Err(error);
                }
            }
        }
    }
}

impl Side {
    fn step(
        &mut self,
        received: &mut [u8],
        task: Task<'_>,
        plaintext: &mut Plaintext<'_>,
        sent: &mut Ciphertext,
    ) -> (usize, Step) {
        match self {
            Self::Server(session) => take_step(session.process_tls_records(received), task, plaintext, sent),
            Self::Client(session) => take_step(session.process_tls_records(received), task, plaintext, sent),
        }
    }

    /// After an error: what is queued for the peer, the last of which tells it why. Not one step more is taken, since
    /// it would look at what was refused once more.
    fn take_alert(&mut self, rest: &mut [u8], sent: &mut Ciphertext) {
        let mut nothing = Vec::new();
        let mut plaintext = Plaintext { place: &mut [], filled: 0, overflow: &mut nothing };
        while self.state().wants_write() {
            let (_, step) = self.step(rest, Task::Read, &mut plaintext, sent);
            if !matches!(step, Step::Again) {
                return;
            }
        }
    }

    fn state(&self) -> &CommonState {
        match self {
            Self::Server(session) => session,
            Self::Client(session) => session,
        }
    }
}

/// Octets that encryption adds to a record at most: its head, a nonce, a tag, and the type of its content.
const RECORD_OVERHEAD: usize = 5 + 8 + 16 + 1;

/// Octets of plaintext in a record (RFC 8446, 5.1).
const RECORD_OCTETS: usize = 1 << 14;

fn take_step<S>(
    status: UnbufferedStatus<'_, '_, S>,
    task: Task<'_>,
    plaintext: &mut Plaintext<'_>,
    sent: &mut Ciphertext,
) -> (usize, Step) {
    let UnbufferedStatus { mut discard, state } = status;
    let state = match state {
        Ok(state) => state,
        Err(error) => return (discard, Step::Failed(error)),
    };
    let step = match state {
        ConnectionState::ReadTraffic(mut traffic) => {
            while let Some(record) = traffic.next_record() {
                match record {
                    Ok(record) => {
                        plaintext.push(record.payload);
                        discard += record.discard;
                    }
                    Err(error) => return (discard, Step::Failed(error)),
                }
            }
            if plaintext.is_full() { Step::Full } else { Step::Again }
        }
        ConnectionState::EncodeTlsData(mut data) => {
            loop {
                match data.encode(sent.room()) {
                    Ok(octets) => sent.filled += octets,
                    Err(EncodeError::InsufficientSize(error)) => {
                        sent.reserve(error.required_size);
                        continue;
                    }
                    Err(EncodeError::AlreadyEncoded) => {}
                }
                break;
            }
            Step::Again
        }
        ConnectionState::TransmitTlsData(data) => {
            data.done();
            Step::Again
        }
        ConnectionState::WriteTraffic(mut traffic) => {
            if let Task::Encrypt(octets) = task {
                sent.reserve(octets.len() + octets.len().div_ceil(RECORD_OCTETS) * RECORD_OVERHEAD);
            }
            let mut done = write(&mut traffic, task, sent);
            if let Err(EncryptError::InsufficientSize(error)) = done {
                sent.reserve(error.required_size);
                done = write(&mut traffic, task, sent);
            }
            if done.is_ok() { Step::Starved } else { Step::Failed(Error::EncryptError) }
        }
        ConnectionState::PeerClosed => Step::PeerEnded,
        ConnectionState::Closed | ConnectionState::BlockedHandshake => match task {
            Task::Read | Task::Close => Step::Starved,
            Task::Encrypt(_) => Step::Failed(Error::HandshakeNotComplete),
        },
        // Early data is not accepted, so none comes.
        _ => Step::Failed(Error::General("an unknown state of a session".into())),
    };
    (discard, step)
}

fn write<S>(
    traffic: &mut WriteTraffic<'_, S>,
    task: Task<'_>,
    sent: &mut Ciphertext,
) -> Result<(), EncryptError> {
    let octets = match task {
        Task::Read => return Ok(()),
        Task::Encrypt(octets) => traffic.encrypt(octets, sent.room())?,
        Task::Close => traffic.queue_close_notify(sent.room())?,
    };
    sent.filled += octets;
    Ok(())
}
