//! The requests of a connection, each with its stream, and how they are found.

use crate::buffer::Buffer;
use crate::client::request::{Body, Request};
use crate::h2::flow::{ReceiveWindow, SendWindow};
use std::collections::VecDeque;
use zilla_sdk::StreamId;

/// Places that are kept when the last request is over; more are given back, so that an idle connection is small.
const KEPT_PLACES_MAX: usize = 8;

/// Where an exchange is in [`Exchanges`].
pub(super) type Place = usize;

/// The request's direction to the origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sending {
    /// More is to come.
    Open,
    /// All is sent.
    Over,
    /// The origin wants no more of it, or the opener has given it up.
    Refused,
}

/// What comes next of the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// Its head.
    Head,
    /// Content: so many octets, if that is known.
    Content(Option<u64>),
    /// Its end, without content.
    Nothing,
    /// Another protocol.
    Tunnel,
    /// The origin has ended it.
    Over,
}

/// One request and its response.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) id: u32,
    pub(super) request: Request,
    pub(super) sending: Sending,
    pub(super) send_window: SendWindow,
    /// Content was sent, of which nothing is kept.
    pub(super) has_sent: bool,
    /// It is in the queue of those that have something to send.
    pub(super) is_queued: bool,
    pub(super) reading: Reading,
    pub(super) receive_window: ReceiveWindow,
    /// Content that the opener has no credit for. The window bounds it.
    pub(super) inbox: Buffer,
    /// Trailers of the response, if its end waits behind the inbox.
    pub(super) inbox_end: Option<Vec<u8>>,
    /// Interim responses that came. The first was the `begin`, so the final one is an advisory.
    pub(super) interim: u8,
    /// When the response last came further, or began to be waited for.
    pub(super) moved_ms: u64,
    /// When content of the request was last sent, or first was held.
    pub(super) sent_ms: u64,
}

impl Exchange {
    pub(super) fn new(id: u32, request: Request, window_octets: u32, now_ms: u64) -> Self {
        Self {
            id,
            sending: if request.is_whole() { Sending::Over } else { Sending::Open },
            request,
            send_window: SendWindow::new(window_octets),
            has_sent: false,
            is_queued: false,
            reading: Reading::Head,
            receive_window: ReceiveWindow::new(0),
            inbox: Buffer::default(),
            inbox_end: None,
            interim: 0,
            moved_ms: now_ms,
            sent_ms: now_ms,
        }
    }

    /// Nothing was answered, and nothing of the request is lost: it can be sent once more where it had no effect.
    pub(super) fn is_untouched(&self) -> bool {
        self.reading == Reading::Head && self.interim == 0 && !self.has_sent && !self.request.is_repeated
    }

    /// Content may be sent. Of a tunnel, once the origin has agreed to it.
    pub(super) fn may_send(&self) -> bool {
        self.sending == Sending::Open && !matches!(self.request.body, Body::Undecided | Body::Empty)
    }
}

/// All requests of a connection that are not over.
///
/// There are few, and places are used again from the first on, so that a look along the names of the occupied
/// ones is faster than hashing.
#[derive(Debug, Default)]
pub(super) struct Exchanges {
    places: Vec<Option<Exchange>>,
    /// The stream of the exchange at each place, 0 for none.
    ids: Vec<u32>,
    /// The opener of the exchange at each place, 0 for none.
    openers: Vec<StreamId>,
    free: Vec<Place>,
}

impl Exchanges {
    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    pub(super) fn insert(&mut self, exchange: Exchange) -> Place {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.ids.push(0);
            self.openers.push(0);
            self.places.len() - 1
        });
        self.ids[place] = exchange.id;
        self.openers[place] = exchange.request.stream;
        self.places[place] = Some(exchange);
        place
    }

    fn remove(&mut self, place: Place) -> Option<Exchange> {
        let exchange = self.places.get_mut(place)?.take()?;
        self.ids[place] = 0;
        self.openers[place] = 0;
        self.free.push(place);
        if self.free.len() == self.places.len() && self.places.len() > KEPT_PLACES_MAX {
            *self = Self::default();
        }
        Some(exchange)
    }

    /// Forgets an exchange, in the queue as well.
    pub(super) fn take(&mut self, place: Place, queue: &mut VecDeque<Place>) -> Option<Exchange> {
        let exchange = self.remove(place)?;
        if exchange.is_queued {
            queue.retain(|queued| *queued != place);
        }
        Some(exchange)
    }

    pub(super) fn get(&mut self, place: Place) -> Option<&mut Exchange> {
        self.places.get_mut(place)?.as_mut()
    }

    pub(super) fn find(&self, id: u32) -> Option<Place> {
        self.ids.iter().position(|other| *other == id).filter(|_| id != 0)
    }

    pub(super) fn find_opener(&self, opener: StreamId) -> Option<Place> {
        self.openers.iter().position(|other| *other == opener).filter(|_| opener != 0)
    }

    /// All exchanges with their places.
    pub(super) fn iter(&mut self) -> impl Iterator<Item = (Place, &mut Exchange)> {
        self.places.iter_mut().enumerate().filter_map(|(place, exchange)| Some((place, exchange.as_mut()?)))
    }

    /// The places of all exchanges, for what may remove some.
    pub(super) fn all(&mut self) -> Vec<Place> {
        self.iter().map(|(place, _)| place).collect()
    }
}
