//! The streams of a connection, and how they are found.

use super::flow::{ReceiveWindow, SendWindow};
use crate::access::Grant;
use crate::authorization::Standing;
use crate::buffer::Buffer;
use crate::request::Expects;
use zilla_sdk::StreamId;

/// Places that are kept when the last stream is over; more are given back, so that an idle connection is small.
const KEPT_PLACES_MAX: usize = 8;
/// Identifiers of streams that this end has reset and that are remembered, for their frames may still be
/// under way. Frames of those before are answered as those of any closed stream.
const RESETS_REMEMBERED: usize = 64;

/// Where a stream is in [`Streams`].
pub(super) type Place = usize;

/// The client's direction (RFC 9113, 5.1: half-closed or not).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// The client sends.
    Open,
    /// The client has ended.
    Ended,
}

/// The response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// The exit has not answered.
    Awaited,
    /// The head is sent. There is no content, whatever the exit sends.
    Empty,
    /// The head is sent, and so many octets are to come, if that is known.
    Body(Option<u64>),
    /// The response is complete.
    Over,
}

/// Whether a stream is one of another protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tunnel {
    No,
    /// The client asks for one. What it sends waits in the inbox.
    Asked,
    /// The exit agrees.
    Open,
}

/// One stream: a request and its response.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) id: u32,
    /// The stream that the request went to, 0 if there is none.
    pub(super) exit: StreamId,
    pub(super) is_head: bool,
    pub(super) expects: Expects,
    pub(super) tunnel: Tunnel,
    /// What web pages may do with the response.
    pub(super) access: Option<Box<Grant>>,
    pub(super) standing: Standing,
    pub(super) request: Request,
    /// The exit takes the request's content.
    pub(super) is_taken: bool,
    /// Octets of content that are to come, if the request says how many.
    pub(super) length_left: Option<u64>,
    /// Octets of content that may come.
    pub(super) body_left: u64,
    pub(super) receive_window: ReceiveWindow,
    /// Content that the exit has no credit for. The window bounds it.
    pub(super) inbox: Buffer,
    /// Trailers of the request, if its end waits behind the inbox, or for the exit to agree.
    pub(super) inbox_end: Option<Vec<u8>>,
    pub(super) reply: Reply,
    pub(super) send_window: SendWindow,
    /// Content of the response that is not sent. The exit's credit bounds it.
    pub(super) held: Buffer,
    /// Trailers of the response, if its end waits behind what is held.
    pub(super) held_end: Option<Vec<u8>>,
    /// It is in the queue of those that have something to send.
    pub(super) is_queued: bool,
    /// When the request last came further.
    pub(super) moved_ms: u64,
    /// When content of the response was last sent, or first was held.
    pub(super) sent_ms: u64,
}

/// All streams of a connection that are not over.
///
/// There are few, and places are used again from the first on, so that a look along the names of the
/// occupied ones is faster than hashing.
#[derive(Debug, Default)]
pub(super) struct Streams {
    places: Vec<Option<Stream>>,
    /// The identifier of the stream at each place, 0 for none.
    ids: Vec<u32>,
    /// The exit of the stream at each place, 0 for none.
    exits: Vec<StreamId>,
    free: Vec<Place>,
    /// Those that this end has reset lately.
    resets: Vec<u32>,
    next_reset: usize,
}

impl Streams {
    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    pub(super) fn insert(&mut self, stream: Stream) -> Place {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.ids.push(0);
            self.exits.push(0);
            self.places.len() - 1
        });
        self.ids[place] = stream.id;
        self.exits[place] = stream.exit;
        self.places[place] = Some(stream);
        place
    }

    /// Forgets a stream. Its exit has no stream any more.
    pub(super) fn remove(&mut self, place: Place) -> Option<Stream> {
        let stream = self.places.get_mut(place)?.take()?;
        self.ids[place] = 0;
        self.exits[place] = 0;
        self.free.push(place);
        if self.free.len() == self.places.len() && self.places.len() > KEPT_PLACES_MAX {
            (self.places, self.ids, self.exits, self.free) = Default::default();
        }
        Some(stream)
    }

    /// The exit of a stream is over.
    pub(super) fn forget_exit(&mut self, place: Place) {
        if let Some(stream) = self.get(place) {
            stream.exit = 0;
            self.exits[place] = 0;
        }
    }

    pub(super) fn get(&mut self, place: Place) -> Option<&mut Stream> {
        self.places.get_mut(place)?.as_mut()
    }

    pub(super) fn find(&self, id: u32) -> Option<Place> {
        self.ids.iter().position(|other| *other == id)
    }

    pub(super) fn find_stream(&mut self, id: u32) -> Option<&mut Stream> {
        self.get(self.find(id)?)
    }

    pub(super) fn find_exit(&self, exit: StreamId) -> Option<Place> {
        self.exits.iter().position(|other| *other == exit)
    }

    /// All streams with their places.
    pub(super) fn iter(&mut self) -> impl Iterator<Item = (Place, &mut Stream)> {
        self.places.iter_mut().enumerate().filter_map(|(place, stream)| Some((place, stream.as_mut()?)))
    }

    /// Remembers that this end has reset a stream.
    pub(super) fn note_reset(&mut self, id: u32) {
        if self.resets.len() < RESETS_REMEMBERED {
            self.resets.push(id);
        } else {
            self.resets[self.next_reset] = id;
            self.next_reset = (self.next_reset + 1) % RESETS_REMEMBERED;
        }
    }

    /// Whether this end has reset a stream lately.
    pub(super) fn was_reset(&self, id: u32) -> bool {
        self.resets.contains(&id)
    }
}
