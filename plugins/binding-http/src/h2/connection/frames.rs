//! From octets to frames, in whatever pieces they come, and from field blocks to requests and trailers.

use super::{Connection, Leaving, OUTBOX_OCTETS_MAX};
use crate::h2::frame::{Code, Wrong};
use crate::h2::reader::{Block, Found};
use zilla_sdk::{Context, Payload};

impl Connection {
    /// Takes octets of the client.
    pub(super) fn take(&mut self, payload: Payload<'_>, cx: &mut Context<'_>) {
        let mut rest = payload;
        while !self.is_closing() {
            let waited = self.reader.waits_for_rest();
            let (taken, found) = match self.reader.next(rest.as_slice()) {
                Ok(next) => next,
                Err(wrong) => {
                    self.fail(wrong, cx);
                    break;
                }
            };
            if !waited && self.reader.waits_for_rest() {
                self.clock.frame_began(&self.shared.options.timeouts, cx.now().monotonic_ms);
            }
            let (now, later) = rest.split_at(taken);
            let handled = match found {
                Found::Nothing => break,
                Found::Part => Ok(()),
                Found::Block(block) => self.on_block(&block, cx),
                Found::Frame(head, payload) => self.on_frame(head, &payload, cx),
                Found::Data(head) => self.on_data(head, cx),
                Found::Content(id) => {
                    self.on_content(id, now, cx);
                    Ok(())
                }
                Found::Padding(id) => {
                    self.give_back(id, taken, cx);
                    Ok(())
                }
                Found::DataEnd(id, ends) => self.on_data_end(id, ends, cx),
            };
            if let Err(wrong) = handled {
                self.fail(wrong, cx);
            }
            rest = later;
        }
        self.unpaid += payload.len() as u64;
        self.pay(cx);
    }

    /// Gives back credit, unless too much waits for the client.
    pub(super) fn pay(&mut self, cx: &mut Context<'_>) {
        if self.outbox.len() <= OUTBOX_OCTETS_MAX && !self.is_closing() {
            cx.request().consume(std::mem::take(&mut self.unpaid));
        }
    }

    /// A whole field block: of a new request, of trailers, or of neither. It is decoded in any case.
    fn on_block(&mut self, block: &Block<'_>, cx: &mut Context<'_>) -> Result<(), Wrong> {
        let Block { stream: id, ends, depends_on_itself, ref octets } = *block;
        if id.is_multiple_of(2) {
            let because = "HEADERS are on a stream that a client cannot open";
            return Err(Wrong::Connection(Code::ProtocolError, because));
        }
        let is_new = id > self.last;
        let place = self.streams.find(id);
        let shared = std::rc::Rc::clone(&self.shared);
        let mut fields = shared.h2_fields.borrow_mut();
        fields.clear(!is_new);
        let decoded = self.decoder.decode(octets, |name, value| fields.push(name, value, &shared.limits));
        if decoded.is_err() {
            return Err(Wrong::Connection(Code::CompressionError, "a field block cannot be decoded"));
        }
        match place {
            _ if is_new && matches!(self.leaving, Leaving::Told | Leaving::Closing) => Ok(()),
            _ if depends_on_itself => {
                self.last = self.last.max(id);
                Err(Wrong::Stream(id, Code::ProtocolError))
            }
            None if is_new => self.on_request(id, ends, &fields, cx),
            Some(place) => self.on_trailers(place, ends, &fields, cx),
            None if self.streams.was_reset(id) => Ok(()),
            None => Err(Wrong::Connection(Code::StreamClosed, "HEADERS are on a closed stream")),
        }
    }
}
