//! What a binding keeps for a stream, by its kind.

use crate::accepted::Accepted;
use crate::client::Origin;
use zilla_sdk::{Attributes, Begin, CloseCode, Context, Data, Reset, Stream};

/// A connection of a client, or an origin and the requests to it.
pub enum HttpStream {
    /// Of `kind: server`.
    Accepted(Accepted),
    /// Of `kind: client`.
    Origin(Origin),
}

/// Hands an event to whichever it is.
macro_rules! hand {
    ($self:ident, $stream:ident => $event:expr) => {
        match $self {
            Self::Accepted($stream) => $event,
            Self::Origin($stream) => $event,
        }
    };
}

impl Stream for HttpStream {
    fn on_join(&mut self, begin: Begin<'_>, cx: &mut Context<'_>) -> Result<(), Reset> {
        hand!(self, stream => stream.on_join(begin, cx))
    }

    fn on_begin(&mut self, begin: Begin<'_>, cx: &mut Context<'_>) {
        hand!(self, stream => stream.on_begin(begin, cx));
    }

    fn on_data(&mut self, data: Data<'_>, cx: &mut Context<'_>) {
        hand!(self, stream => stream.on_data(data, cx));
    }

    fn on_flush(&mut self, attributes: Attributes<'_>, cx: &mut Context<'_>) {
        hand!(self, stream => stream.on_flush(attributes, cx));
    }

    fn on_end(&mut self, attributes: Attributes<'_>, cx: &mut Context<'_>) {
        hand!(self, stream => stream.on_end(attributes, cx));
    }

    fn on_abort(&mut self, code: CloseCode, attributes: Attributes<'_>, cx: &mut Context<'_>) {
        hand!(self, stream => stream.on_abort(code, attributes, cx));
    }

    fn on_window(&mut self, octets: u64, cx: &mut Context<'_>) {
        hand!(self, stream => stream.on_window(octets, cx));
    }

    fn on_reset(&mut self, code: CloseCode, attributes: Attributes<'_>, cx: &mut Context<'_>) {
        hand!(self, stream => stream.on_reset(code, attributes, cx));
    }

    fn on_challenge(&mut self, attributes: Attributes<'_>, cx: &mut Context<'_>) {
        hand!(self, stream => stream.on_challenge(attributes, cx));
    }

    fn on_signal(&mut self, token: u32, cx: &mut Context<'_>) {
        hand!(self, stream => stream.on_signal(token, cx));
    }

    fn on_forwarded(&mut self, missing: u64, cx: &mut Context<'_>) {
        hand!(self, stream => stream.on_forwarded(missing, cx));
    }

    fn on_later(&mut self, cx: &mut Context<'_>) {
        hand!(self, stream => stream.on_later(cx));
    }

    fn on_drain(&mut self, cx: &mut Context<'_>) {
        hand!(self, stream => stream.on_drain(cx));
    }
}
