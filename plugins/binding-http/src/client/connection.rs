//! A connection to an origin, in whichever version it is spoken.

use super::Client;
use super::http2::Http2;
use super::opening::Opening;
use super::request::Request;
use super::upstream::Upstream;
use zilla_sdk::{Attributes, CloseCode, Context, Payload, StreamId};

/// A connection to an origin.
#[derive(Debug)]
pub(super) enum Connection {
    /// It is being set up.
    Opening(Opening),
    /// One request at a time.
    Http1(Box<Upstream>),
    /// Many requests at a time.
    Http2(Box<Http2>),
}

impl Connection {
    pub(super) fn stream(&self) -> StreamId {
        match self {
            Self::Opening(opening) => opening.stream,
            Self::Http1(upstream) => upstream.stream,
            Self::Http2(http2) => http2.stream,
        }
    }

    /// Whether it is used for the request that came on that stream.
    pub(super) fn serves(&self, opener: StreamId) -> bool {
        match self {
            Self::Opening(opening) => opening.serves(opener),
            Self::Http1(upstream) => upstream.serves(opener),
            Self::Http2(http2) => http2.serves(opener),
        }
    }

    /// Whether it can take that request now.
    pub(super) fn has_room(&self, request: &Request) -> bool {
        let has_room = match self {
            Self::Opening(opening) => opening.has_room(),
            Self::Http1(upstream) => upstream.is_idle(),
            Self::Http2(http2) => http2.has_room(),
        };
        has_room && !self.is_unfit(request)
    }

    /// Whether it will never take that request.
    pub(super) fn is_unfit(&self, request: &Request) -> bool {
        match self {
            // What a stale connection gave back is not for another that may be stale as well.
            Self::Http1(upstream) => request.is_repeated && upstream.is_used,
            Self::Opening(_) | Self::Http2(_) => request.only_http1,
        }
    }

    /// Whether nothing is asked of it.
    pub(super) fn is_idle(&self) -> bool {
        match self {
            Self::Opening(_) => false,
            Self::Http1(upstream) => upstream.is_idle(),
            Self::Http2(http2) => http2.is_idle(),
        }
    }

    /// Whether it takes no more requests, and ends with those that it has.
    pub(super) fn is_leaving(&self) -> bool {
        matches!(self, Self::Http2(http2) if http2.is_leaving())
    }

    /// Whether it cannot be used any more, and its stream is over.
    pub(super) fn is_over(&self) -> bool {
        match self {
            Self::Opening(opening) => opening.is_over,
            Self::Http1(upstream) => upstream.is_over,
            Self::Http2(http2) => http2.is_over,
        }
    }

    /// Requests that are to be sent once more, elsewhere.
    pub(super) fn take_back(&mut self) -> Vec<Request> {
        match self {
            Self::Opening(_) => Vec::new(),
            Self::Http1(upstream) => upstream.stale.take().into_iter().collect(),
            Self::Http2(http2) => std::mem::take(&mut http2.given_back),
        }
    }

    /// Takes a request. There is room for it. With the last one, a connection of HTTP/1.1 says that it ends.
    pub(super) fn begin(&mut self, request: Request, is_last: bool, cx: &mut Context<'_>) {
        match self {
            Self::Opening(opening) => opening.requests.push(request),
            Self::Http1(upstream) => upstream.begin(request, is_last, cx),
            Self::Http2(http2) => http2.begin(request, cx),
        }
    }

    /// Ends it in order. It is idle.
    pub(super) fn close(&mut self, cx: &mut Context<'_>) {
        match self {
            Self::Opening(_) => {}
            Self::Http1(upstream) => upstream.close(cx),
            Self::Http2(http2) => http2.close(cx),
        }
    }

    /// Sets the host's timer, if none is set that comes early enough.
    pub(super) fn arm(&mut self, client: &Client, cx: &mut Context<'_>) {
        match self {
            Self::Opening(_) => {}
            Self::Http1(upstream) => upstream.arm(client, cx),
            Self::Http2(http2) => http2.arm(cx),
        }
    }
}

/// What comes from the origin.
impl Connection {
    pub(super) fn receive(&mut self, payload: Payload<'_>, client: &Client, cx: &mut Context<'_>) {
        match self {
            Self::Opening(_) => {}
            Self::Http1(upstream) => upstream.receive(payload, client, cx),
            Self::Http2(http2) => http2.receive(payload, cx),
        }
    }

    /// The origin ends its direction.
    pub(super) fn ended(&mut self, cx: &mut Context<'_>) {
        match self {
            Self::Opening(opening) => opening.refused(CloseCode::Unreachable, cx),
            Self::Http1(upstream) => upstream.ended(cx),
            Self::Http2(http2) => http2.ended(cx),
        }
    }

    /// The connection failed.
    pub(super) fn aborted(&mut self, code: CloseCode, cx: &mut Context<'_>) {
        match self {
            Self::Opening(opening) => opening.refused(code, cx),
            Self::Http1(upstream) => upstream.aborted(code, cx),
            Self::Http2(http2) => http2.aborted(code, cx),
        }
    }

    /// The origin takes no more.
    pub(super) fn refused(&mut self, code: CloseCode, cx: &mut Context<'_>) {
        match self {
            Self::Opening(opening) => opening.refused(code, cx),
            Self::Http1(upstream) => upstream.refused(cx),
            Self::Http2(http2) => http2.aborted(code, cx),
        }
    }

    /// The origin gives credit.
    pub(super) fn go_on_sending(&mut self, cx: &mut Context<'_>) {
        match self {
            Self::Opening(_) => {}
            Self::Http1(upstream) => upstream.go_on_sending(cx),
            Self::Http2(http2) => http2.go_on_sending(cx),
        }
    }

    /// The timer came.
    pub(super) fn wake(&mut self, client: &Client, cx: &mut Context<'_>) {
        match self {
            Self::Opening(opening) => opening.wake(cx),
            Self::Http1(upstream) => upstream.wake(client, cx),
            Self::Http2(http2) => http2.wake(cx),
        }
    }

    /// The host has moved content of the response, but for `missing` octets.
    pub(super) fn read_by_host(&mut self, missing: u64, client: &Client, cx: &mut Context<'_>) {
        if let Self::Http1(upstream) = self {
            upstream.read_by_host(missing, client, cx);
        }
    }
}

/// What comes from the opener of a request; the event says of which.
impl Connection {
    pub(super) fn send(&mut self, payload: Payload<'_>, cx: &mut Context<'_>) {
        match self {
            _ if payload.is_empty() => {}
            Self::Opening(opening) => opening.send(payload, cx),
            Self::Http1(upstream) => upstream.send(payload, cx),
            Self::Http2(http2) => http2.send(payload, cx),
        }
    }

    pub(super) fn send_end(&mut self, trailers: Attributes<'_>, cx: &mut Context<'_>) {
        match self {
            Self::Opening(opening) => opening.send_end(trailers, cx),
            Self::Http1(upstream) => upstream.send_end(trailers, cx),
            Self::Http2(http2) => http2.send_end(trailers, cx),
        }
    }

    /// The opener gives up its request, and maybe not the response.
    pub(super) fn abandoned(&mut self, cx: &mut Context<'_>) {
        match self {
            Self::Opening(opening) => opening.forget(cx),
            Self::Http1(upstream) => upstream.abandoned(cx),
            Self::Http2(http2) => http2.abandoned(cx),
        }
    }

    /// The opener takes no response.
    pub(super) fn left(&mut self, cx: &mut Context<'_>) {
        match self {
            Self::Opening(opening) => opening.forget(cx),
            Self::Http1(upstream) => upstream.fail(CloseCode::Cancelled, cx),
            Self::Http2(http2) => http2.left(cx),
        }
    }

    /// The opener gives credit.
    pub(super) fn go_on_reading(&mut self, client: &Client, cx: &mut Context<'_>) {
        match self {
            Self::Opening(_) => {}
            Self::Http1(upstream) => upstream.go_on_reading(client, cx),
            Self::Http2(http2) => http2.go_on_reading(cx),
        }
    }

    /// The host has moved content of the request, but for `missing` octets.
    pub(super) fn sent_by_host(&mut self, missing: u64, cx: &mut Context<'_>) {
        if let Self::Http1(upstream) = self {
            upstream.sent_by_host(missing, cx);
        }
    }
}
