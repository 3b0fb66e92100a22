//! Streams of another protocol (RFC 8441, extended CONNECT): once the exit agrees, what `DATA` carry is octets as they
//! are, and each direction has its own end.

use super::Connection;
use crate::h2::frame::Code;
use crate::h2::streams::{Place, Tunnel};
use zilla_sdk::Context;

impl Connection {
    /// The exit answers a request for another protocol. It has seen nothing of the client's octets so far.
    pub(super) fn answer_tunnel(&mut self, place: Place, status: u16, cx: &mut Context<'_>) {
        let Some(stream) = self.streams.get(place).filter(|stream| stream.tunnel == Tunnel::Asked) else {
            return;
        };
        if (200..300).contains(&status) {
            stream.tunnel = Tunnel::Open;
            return self.deliver_inbox(place, cx);
        }
        // The answer is a response as any other, to a request without content.
        stream.tunnel = Tunnel::No;
        stream.is_taken = false;
        cx.to(stream.exit).end();
        self.drop_inbox(place, cx);
    }

    /// Ends a tunnel where one direction of it has failed, for nobody could tell that from its end (RFC 8441, 5).
    pub(super) fn break_tunnel(&mut self, place: Place, cx: &mut Context<'_>) -> bool {
        let is_open = self.streams.get(place).is_some_and(|stream| stream.tunnel == Tunnel::Open);
        if is_open {
            self.reset_stream(place, Code::Cancel, cx);
        }
        is_open
    }
}
