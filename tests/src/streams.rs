//! Many streams that stay open.

use crate::{Client, limits::raise_descriptors};
use std::io::{Read as _, Write as _};

/// Connections to an echo.
pub struct Streams {
    clients: Vec<Client>,
    rounds: usize,
}

impl Streams {
    /// Opens them, and sees that each is served.
    #[track_caller]
    pub fn open(port: u16, count: usize) -> Self {
        let mut streams = Self { clients: (0..count).map(|_| Client::connect(port)).collect(), rounds: 0 };
        assert_eq!(streams.dropped(), 0);
        streams
    }

    /// How many fail to echo once more.
    pub fn dropped(&mut self) -> usize {
        self.rounds += 1;
        let word = |index: usize, round: usize| format!("{index:06}.{round:06}");
        let mut is_sent: Vec<bool> = Vec::with_capacity(self.clients.len());
        for (index, client) in self.clients.iter_mut().enumerate() {
            is_sent.push(client.write_all(word(index, self.rounds).as_bytes()).is_ok());
        }
        let mut dropped = 0;
        for (index, (client, is_sent)) in self.clients.iter_mut().zip(is_sent).enumerate() {
            let mut octets = [0; 13];
            let is_echo = is_sent
                && client.read_exact(&mut octets).is_ok()
                && octets[..] == *word(index, self.rounds).as_bytes();
            dropped += usize::from(!is_echo);
        }
        dropped
    }
}

/// Makes room for so many connections in this process and in hosts that it starts.
#[track_caller]
pub fn make_room(connections: usize) {
    let room = raise_descriptors();
    assert!(room > connections + 500, "this machine lets a process have {room} file descriptors only");
}
