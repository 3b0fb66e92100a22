//! The answer to a request that is no handshake.

use super::request::Refusal;
use crate::handshake::VERSION;
use zilla_sdk::Context;

/// A response on its way.
#[derive(Debug)]
pub(crate) struct Answer {
    outbox: Vec<u8>,
}

impl Answer {
    /// Begins the response: one line that says what was expected.
    pub(crate) fn new(refusal: &Refusal, cx: &mut Context<'_>) -> Self {
        let body = format!("{}\n", refusal.reason).into_bytes();
        cx.reply().begin_with(|response| {
            response.push(":status", refusal.status.to_string());
            response.push("content-type", "text/plain; charset=utf-8");
            response.push("content-length", body.len().to_string());
            if refusal.status == 426 {
                response.push("upgrade", "websocket");
                response.push("sec-websocket-version", VERSION);
            }
        });
        Self { outbox: body }
    }

    /// Goes on with the response.
    pub(crate) fn flush(&mut self, cx: &mut Context<'_>) {
        cx.reply().data(&mut self.outbox);
        if self.outbox.is_empty() {
            cx.reply().end();
        }
    }
}
