//! How requests and the connection end other than with a response.

use super::exchanges::{Exchange, Place, Reading, Sending};
use super::{Http2, Leaving};
use crate::client::failure;
use crate::client::request::{Body, Request};
use crate::h2::frame::{self, Code, Wrong};
use crate::options::HttpVersion;
use zilla_sdk::host::{self, Level};
use zilla_sdk::{CloseCode, Context};

impl Http2 {
    /// The opener gives up its request. After the head of the response it may have given up on that alone.
    pub(in crate::client) fn abandoned(&mut self, cx: &mut Context<'_>) {
        let Some(place) = self.current(cx) else { return self.left(cx) };
        let Some(exchange) = self.exchanges.get(place) else { return };
        if exchange.reading == Reading::Head || exchange.request.body == Body::Raw {
            return self.left(cx);
        }
        if exchange.sending == Sending::Open {
            exchange.sending = Sending::Refused;
        }
        exchange.request.held.clear();
    }

    /// The opener takes no response.
    pub(in crate::client) fn left(&mut self, cx: &mut Context<'_>) {
        let opener = cx.stream();
        if let Some(place) = self.current(cx) {
            self.fail(place, Code::Cancel, CloseCode::Cancelled, cx);
        } else if let Some(at) = self.tunnel(opener) {
            self.tunnels.remove(at);
            cx.close_stream(opener, CloseCode::Cancelled);
        }
    }

    /// What the opener sent or the origin answered breaks the rules.
    pub(super) fn break_off(&mut self, place: Place, code: Code, because: &str, cx: &mut Context<'_>) {
        host::log(Level::Warn, because);
        self.fail(place, code, CloseCode::Violation, cx);
    }

    /// Ends one request at once: nothing that the opener got may look complete.
    pub(super) fn fail(&mut self, place: Place, code: Code, told: CloseCode, cx: &mut Context<'_>) {
        let Some(exchange) = self.exchanges.get(place) else { return };
        let (id, opener) = (exchange.id, exchange.request.stream);
        self.write(cx, |out, _| frame::write_rst_stream(out, id, code));
        cx.close_stream(opener, told);
        self.remove(place, cx);
    }

    /// Forgets a request that is over. With the last one, the connection is idle, or ends.
    pub(super) fn remove(&mut self, place: Place, cx: &mut Context<'_>) -> Option<Exchange> {
        let exchange = self.exchanges.take(place, &mut self.queue)?;
        self.give_back(0, exchange.inbox.as_slice().len(), cx);
        self.rest(cx);
        Some(exchange)
    }

    /// Without a request, the connection is idle, or ends.
    fn rest(&mut self, cx: &mut Context<'_>) {
        if self.len() == 0 {
            match self.leaving {
                Leaving::No => self.clock.idle(&self.client.options().timeouts, cx.now().monotonic_ms),
                Leaving::Told => self.close(cx),
                Leaving::Closing => {}
            }
        }
    }

    /// The request has more fields than the origin takes. It is not sent: its opener gets what such an origin answers.
    pub(super) fn refuse_fields(&mut self, request: &Request, cx: &mut Context<'_>) {
        host::log(Level::Info, "the request has more fields than the origin takes");
        let mut opener = cx.to(request.stream);
        opener.begin_with(|attributes| {
            attributes.push(":status", "431");
            attributes.push("content-length", "0");
        });
        opener.end();
        cx.from(request.stream).reset(CloseCode::Cancelled);
        self.rest(cx);
    }

    /// Leaves a request to be sent once more, elsewhere.
    pub(super) fn repeat(&mut self, request: Request) {
        self.given_back.push(request.repeated());
    }

    /// The origin takes no request for another protocol: HTTP/1.1 may.
    pub(super) fn cannot(&mut self, request: Request, cx: &mut Context<'_>) {
        self.rest(cx);
        if self.client.speaks(HttpVersion::Http11) {
            self.given_back.push(request.over_http1());
            return;
        }
        host::log(
            Level::Warn,
            "the origin has no extended CONNECT, and `versions` has no http/1.1 to ask for an upgrade",
        );
        cx.close_stream(request.stream, CloseCode::Violation);
    }

    /// Something is wrong with what the origin sent.
    pub(super) fn wrong(&mut self, wrong: Wrong, cx: &mut Context<'_>) {
        match wrong {
            Wrong::Connection(code, because) => self.goaway(code, because, cx),
            Wrong::Stream(id, code) => match self.exchanges.find(id) {
                Some(place) => self.break_off(place, code, "a frame of the origin is malformed", cx),
                None => self.write(cx, |out, _| frame::write_rst_stream(out, id, code)),
            },
        }
    }

    /// Ends the connection for what the origin did.
    pub(super) fn goaway(&mut self, code: Code, because: &'static str, cx: &mut Context<'_>) {
        if self.is_closing() {
            return;
        }
        host::log(Level::Warn, because);
        let told = if code == Code::SettingsTimeout { CloseCode::Timeout } else { CloseCode::Violation };
        self.fail_all(told, cx);
        self.write(cx, |out, _| frame::write_goaway(out, 0, code, because));
        self.end_if_sent(cx);
    }

    /// Ends the connection in order.
    pub(in crate::client) fn close(&mut self, cx: &mut Context<'_>) {
        self.leaving = Leaving::Closing;
        self.write(cx, |out, _| frame::write_goaway(out, 0, Code::NoError, ""));
        self.end_if_sent(cx);
    }

    /// Takes no more requests, and ends with the last.
    pub(super) fn leave(&mut self, cx: &mut Context<'_>) {
        self.leaving = Leaving::Told;
        for request in std::mem::take(&mut self.tunnels) {
            self.repeat(request);
        }
        if self.len() == 0 {
            self.close(cx);
        }
    }

    /// The connection ends once what is encoded is sent.
    pub(super) fn end_if_sent(&mut self, cx: &mut Context<'_>) {
        if self.outbox.is_empty() && !self.is_over {
            cx.to(self.stream).end();
            cx.from(self.stream).reset(CloseCode::Cancelled);
            self.is_over = true;
        }
    }

    /// Ends everything at once.
    pub(super) fn abort(&mut self, code: CloseCode, cx: &mut Context<'_>) {
        self.fail_all(code, cx);
        cx.close_stream(self.stream, CloseCode::Cancelled);
        self.is_over = true;
    }

    fn fail_all(&mut self, told: CloseCode, cx: &mut Context<'_>) {
        // So that nothing is written while they go.
        self.leaving = Leaving::Closing;
        for place in self.exchanges.all() {
            if let Some(exchange) = self.exchanges.take(place, &mut self.queue) {
                cx.close_stream(exchange.request.stream, told);
            }
        }
        for request in std::mem::take(&mut self.tunnels) {
            cx.close_stream(request.stream, told);
        }
    }

    /// The origin ends its direction.
    pub(in crate::client) fn ended(&mut self, cx: &mut Context<'_>) {
        if self.len() > 0 {
            host::log(Level::Warn, "the origin ends the connection before its responses");
        }
        self.failed(CloseCode::Violation, CloseCode::Violation, cx);
    }

    /// The connection failed.
    pub(in crate::client) fn aborted(&mut self, code: CloseCode, cx: &mut Context<'_>) {
        self.failed(failure(code), code, cx);
    }

    /// Requests that may have found the connection closed are sent once more; the others fail.
    fn failed(&mut self, before_head: CloseCode, after_head: CloseCode, cx: &mut Context<'_>) {
        for place in self.exchanges.all() {
            let Some(exchange) = self.exchanges.take(place, &mut self.queue) else { continue };
            let may_repeat = self.is_used && exchange.is_untouched() && exchange.request.is_repeatable;
            let told = if exchange.reading == Reading::Head { before_head } else { after_head };
            match may_repeat {
                true => self.repeat(exchange.request),
                false => cx.close_stream(exchange.request.stream, told),
            }
        }
        self.abort(before_head, cx);
    }
}
