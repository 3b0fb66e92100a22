//! Whom streams are open for: what they may carry, and what becomes of them when a session is over.

use super::Engine;
use crate::authorizations::{Authorizations, Unknown};
use crate::frame::{CloseCode, Frame, FrameKind};
use crate::stream::Side;
use crate::violation::Rule;

impl Engine {
    /// The sessions that streams of its bindings may carry: guards put them in.
    pub fn authorizations(&mut self) -> &mut Authorizations {
        &mut self.authorizations
    }

    /// Closes the streams whose sessions are over by this time, in unix ms, and asks for new credentials where a
    /// session is to be renewed. The time may jump: what is over stays over.
    pub fn expire(&mut self, unix_ms: u64) {
        while let Some(streams) = self.authorizations.pop_expired(unix_ms) {
            for key in streams {
                self.close(key, CloseCode::Unauthorized);
            }
        }
        while let Some(streams) = self.authorizations.pop_challenging(unix_ms) {
            for key in streams {
                self.ask(key, Side::Opener, Frame::new(0, FrameKind::Challenge));
            }
        }
        self.move_runs();
    }

    /// What a stream carries that is opened with this number, on behalf of one that carries `lent`. The error is the
    /// code to refuse it with, and the rule that was broken, if one was.
    pub(super) fn authorization(
        &mut self,
        from: crate::route::BindingIndex,
        own: u64,
        lent: u64,
    ) -> Result<u64, (CloseCode, Option<Rule>)> {
        self.authorizations.join(own, lent).map_err(|unknown| match unknown {
            Unknown::Over => (CloseCode::Unauthorized, None),
            Unknown::Forged => (CloseCode::Unauthorized, Some(Rule::Authorization)),
            Unknown::NoRoom => {
                self.note_limit(from, super::AUTHORIZATIONS);
                (CloseCode::Limit, None)
            }
        })
    }
}
