//! How a connection ends: with a refusal, in order, or abnormally.

use super::{Connection, Receiving, Reply, Request};
use crate::response;
use crate::status::Refusal;
use zilla_sdk::{CloseCode, Context};

impl Connection {
    /// Answers with an error and ends the connection; if the response has begun, it is aborted instead, for
    /// it must not look complete.
    pub(super) fn refuse(&mut self, refusal: Refusal, cx: &mut Context<'_>) {
        let is_head = match &self.exchange {
            Some(exchange) if exchange.reply != Reply::Awaited => {
                return self.abort(CloseCode::Cancelled, cx);
            }
            Some(exchange) => exchange.asked.is_head,
            None => false,
        };
        self.leave_exit(cx);
        let date = self.shared.date.as_ref().map(|date| *date.borrow_mut().at(cx.now().unix_ms));
        let date = date.as_ref().map(|line| line.as_slice());
        cx.reply().write(&mut self.outbox, |out| response::write_refusal(out, refusal, is_head, date));
        self.close(cx);
    }

    /// Ends the connection in order, once what is encoded is sent.
    pub(super) fn close(&mut self, cx: &mut Context<'_>) {
        self.leave_exit(cx);
        self.receiving = Receiving::Over;
        self.inbox.clear();
        self.end_if_sent(cx);
    }

    /// Nothing more is read. The connection ends once the response is complete.
    pub(super) fn read_no_more(&mut self, cx: &mut Context<'_>) {
        self.receiving = Receiving::Over;
        self.inbox.clear();
        self.settle(cx);
    }

    /// Whether nothing is left but to send what is encoded.
    pub(super) fn is_closing(&self) -> bool {
        self.exchange.is_none() && matches!(self.receiving, Receiving::Over)
    }

    pub(super) fn end_if_sent(&mut self, cx: &mut Context<'_>) {
        if self.outbox.is_empty() {
            cx.reply().end();
            cx.request().reset(CloseCode::Cancelled);
        }
    }

    /// Ends everything at once: what the client got must not look complete.
    pub(super) fn abort(&mut self, code: CloseCode, cx: &mut Context<'_>) {
        self.exchange = None;
        self.receiving = Receiving::Over;
        self.inbox.clear();
        self.held.clear();
        self.outbox = Vec::new();
        cx.close(code);
    }

    /// Ends what is open of the exchange.
    fn leave_exit(&mut self, cx: &mut Context<'_>) {
        self.held.clear();
        self.held_end = None;
        let Some(exchange) = self.exchange.take() else { return };
        if exchange.request == Request::Open {
            cx.to(exchange.exit).abort(CloseCode::Cancelled);
        }
        if exchange.reply != Reply::Over {
            cx.from(exchange.exit).reset(CloseCode::Cancelled);
        }
    }
}
