//! A connection that is being set up, and the requests that wait for it.

use super::deadline::TIMER;
use super::request::Request;
use super::{Client, failure};
use crate::options::HttpVersion;
use zilla_sdk::host::{self, Level};
use zilla_sdk::{Attributes, CloseCode, Context, Payload, StreamId};

/// A connection that may be of HTTP/2, and whose exit has not answered: nothing is sent before.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) stream: StreamId,
    may_be_http1: bool,
    /// Most requests that wait for it.
    room: usize,
    /// In the order in which they came.
    pub(super) requests: Vec<Request>,
    has_timer: bool,
    pub(super) is_over: bool,
}

impl Opening {
    pub(super) fn new(
        stream: StreamId,
        may_be_http1: bool,
        room: usize,
        client: &Client,
        cx: &mut Context<'_>,
    ) -> Self {
        let response_ms = client.options().timeouts.response_ms;
        let due_ms = (response_ms > 0).then(|| cx.now().monotonic_ms.saturating_add(response_ms));
        if let Some(due_ms) = due_ms {
            cx.timer_on(stream, TIMER, due_ms);
        }
        Self { stream, may_be_http1, room, requests: Vec::new(), has_timer: due_ms.is_some(), is_over: false }
    }

    pub(super) fn has_room(&self) -> bool {
        self.requests.len() < self.room
    }

    pub(super) fn serves(&self, opener: StreamId) -> bool {
        self.requests.iter().any(|request| request.stream == opener)
    }

    fn request(&mut self, opener: StreamId) -> Option<&mut Request> {
        self.requests.iter_mut().find(|request| request.stream == opener)
    }

    /// An opener sends content, which waits.
    pub(super) fn send(&mut self, payload: Payload<'_>, cx: &Context<'_>) {
        if let Some(request) = self.request(cx.stream()) {
            request.held.push(&payload);
        }
    }

    /// An opener ends its request.
    pub(super) fn send_end(&mut self, trailers: Attributes<'_>, cx: &Context<'_>) {
        if let Some(request) = self.request(cx.stream()) {
            request.end = Some(trailers.block().to_vec());
        }
    }

    /// An opener gives up its request.
    pub(super) fn forget(&mut self, cx: &mut Context<'_>) {
        let opener = cx.stream();
        self.requests.retain(|request| request.stream != opener);
        cx.close_stream(opener, CloseCode::Cancelled);
    }

    /// It is set up: the requests that wait for it.
    pub(super) fn take(&mut self, cx: &mut Context<'_>) -> Vec<Request> {
        if self.has_timer {
            cx.cancel_timer_on(self.stream, TIMER);
        }
        std::mem::take(&mut self.requests)
    }

    /// The version that is spoken, by what TLS has agreed on, if it has. None if that is not served.
    pub(super) fn version(&self, alpn: Option<&[u8]>) -> Option<HttpVersion> {
        match alpn {
            Some(b"h2") => Some(HttpVersion::H2),
            Some(b"http/1.1" | b"http/1.0") => self.may_be_http1.then_some(HttpVersion::Http11),
            Some(_) => None,
            None if self.may_be_http1 => Some(HttpVersion::Http11),
            None => Some(HttpVersion::H2),
        }
    }

    /// There will be no connection, for what came instead of an answer.
    pub(super) fn refused(&mut self, code: CloseCode, cx: &mut Context<'_>) {
        self.fail(failure(code), cx);
    }

    /// All that wait for it are told so.
    pub(super) fn fail(&mut self, told: CloseCode, cx: &mut Context<'_>) {
        for request in self.requests.drain(..) {
            cx.close_stream(request.stream, told);
        }
        cx.close_stream(self.stream, CloseCode::Cancelled);
        self.is_over = true;
    }

    /// The exit does not answer in time.
    pub(super) fn wake(&mut self, cx: &mut Context<'_>) {
        host::log(Level::Info, "the origin cannot be connected to in time");
        self.fail(CloseCode::Timeout, cx);
    }
}
