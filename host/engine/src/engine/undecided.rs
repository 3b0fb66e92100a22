//! Streams whose routes wait for matchers.
//!
//! ```text
//!   open ──▶ a route needs a verdict ──▶ undecided ── questions, answer ──▶ connected, or refused
//!                                            │ what the opener sends meanwhile waits in the inbox of nobody
//! ```
//!
//! Nobody is a binding of the engine's own, behind all others, that accepts what is undecided. With the verdicts, an
//! end of it becomes that of the acceptor, and what waited follows in order.

use super::Engine;
use super::open::{Destination, Opening, Unrouted};
use crate::frame::{CloseCode, Frame, FrameKind};
use crate::inbox::Queued;
use crate::matched::{Question, Use, Verdict, Verdicts};
use crate::route::BindingIndex;
use crate::stream::{End, Phase, Side, StreamKey};

/// A stream that is open to nobody yet.
#[derive(Debug)]
pub(super) struct Undecided {
    key: StreamKey,
    opening: Opening,
    attributes: Vec<u8>,
    /// What the matchers look at, if a route has set something already.
    arriving: Option<Vec<u8>>,
    asked: Vec<Use>,
    verdicts: Verdicts,
}

impl Engine {
    /// Whether new streams wait for matchers.
    pub fn has_questions(&self) -> bool {
        !self.undecided.is_empty()
    }

    /// All that matchers are asked now: one call of each can answer it.
    pub fn questions(&self) -> impl Iterator<Item = Question<'_>> {
        self.undecided.iter().flat_map(|undecided| {
            let attributes = undecided.arriving.as_deref().unwrap_or(&undecided.attributes);
            let sessions = self.authorizations.sessions(undecided.opening.authorization);
            let identity = sessions.first().map(|session| session.identity.as_str());
            undecided.asked.iter().map(move |of| Question { of: *of, attributes, identity })
        })
    }

    /// Goes on with what was asked, by one verdict for each of the questions, in their order; a missing one is none.
    /// There may be more questions then: an acceptor that routes what arrives has routes of its own.
    pub fn answer_questions(&mut self, verdicts: impl IntoIterator<Item = Verdict>) {
        let mut verdicts = verdicts.into_iter();
        let mut rest = Vec::new();
        for mut undecided in std::mem::take(&mut self.undecided) {
            for of in std::mem::take(&mut undecided.asked) {
                undecided.verdicts.add(of, verdicts.next().flatten());
            }
            rest.extend(self.decide(undecided));
        }
        self.undecided = rest;
        self.deliver_waiting();
        self.move_runs();
    }

    /// A stream is opened to nobody, until it is known where it goes.
    pub(super) fn wait_for_verdicts(
        &mut self,
        opening: Opening,
        attributes: &[u8],
        asked: Vec<Use>,
        arriving: Option<Vec<u8>>,
    ) {
        let to = Destination { acceptor: self.nobody(), route: None, attributes: None };
        let Some(key) = self.connect(opening, &to) else { return };
        let (attributes, verdicts) = (attributes.to_vec(), Verdicts::default());
        self.undecided.push(Undecided { key, opening, attributes, arriving, asked, verdicts });
    }

    /// The binding of the engine's own; the last one.
    pub(super) fn nobody(&self) -> BindingIndex {
        BindingIndex(self.bindings.len() as u32 - 1)
    }

    /// Goes on with one stream. It is given back if more is to be asked.
    fn decide(&mut self, undecided: Undecided) -> Option<Undecided> {
        let Undecided { key, opening, attributes, verdicts, .. } = undecided;
        let stream = self.streams.get(key)?;
        if stream.initial.phase == Phase::Over && stream.reply.phase == Phase::Over {
            self.abandon(key, Side::Acceptor, CloseCode::Unspecified);
            return None;
        }
        let to = match self.destination(&opening, &attributes, &verdicts) {
            Ok(to) if to.is_longer_than(self.limits.attributes_octets) => Err(CloseCode::Limit),
            Ok(to) => Ok(to),
            Err(Unrouted::Refused(code)) => Err(code),
            Err(Unrouted::Asks { uses, arriving }) => {
                return Some(Undecided { key, opening, attributes, arriving, asked: uses, verdicts });
            }
        };
        let moved = to.and_then(|to| {
            self.admit(opening.from, to.acceptor)?;
            self.hand_to(key, opening, &to, &attributes);
            Ok(())
        });
        if let Err(code) = moved {
            self.abandon(key, Side::Acceptor, code);
        }
        None
    }

    /// Gives nobody's end of a stream to its acceptor.
    fn hand_to(&mut self, key: StreamKey, opening: Opening, to: &Destination, attributes: &[u8]) {
        let nobody = self.nobody();
        let target = &mut self.bindings[to.acceptor.0 as usize];
        let id = target.ids.accept();
        target.accepted.add(opening.from);
        target.ids.bind(id, key);
        let Some(stream) = self.streams.get(key) else { return };
        let end = End { binding: to.acceptor, id, timers: Vec::new(), released: false };
        let earlier = std::mem::replace(&mut stream.acceptor, end);
        stream.route = to.route;
        let state = &mut self.bindings[nobody.0 as usize];
        state.ids.release(earlier.id);
        state.accepted.remove(opening.from);
        self.begin(key, opening.authorization, to, attributes);
    }

    /// Hands on what waited for streams that are decided. What is of those that are not goes on waiting.
    fn deliver_waiting(&mut self) {
        let nobody = self.nobody();
        let state = &mut self.bindings[nobody.0 as usize];
        state.ids.reuse_rested();
        for parcel in state.inbox.empty() {
            for queued in &parcel.queued {
                let Queued { frame, to: Some((key, side)), .. } = *queued else { continue };
                let Some(stream) = self.streams.get(key).filter(|stream| !stream.end(side).released) else {
                    continue;
                };
                if frame.kind.is_with_the_data() {
                    stream.received_by(side).queued -= 1;
                }
                let cut = frame.cut(&parcel.buffer[..parcel.filled]);
                let (attributes, payload) = cut.unwrap_or_default();
                match frame.kind {
                    FrameKind::End | FrameKind::Abort | FrameKind::Reset => {
                        self.send(key, side, frame, attributes, payload);
                    }
                    FrameKind::Begin
                    | FrameKind::Data
                    | FrameKind::Flush
                    | FrameKind::Window
                    | FrameKind::Challenge
                    | FrameKind::Timer
                    | FrameKind::Signal
                    | FrameKind::Drain
                    | FrameKind::Forward => self.pass(key, side, frame, attributes, payload),
                }
            }
            self.spare.put(parcel);
        }
    }

    /// The acceptor gets the first frame of a stream.
    pub(super) fn begin(&mut self, key: StreamKey, authorization: u64, to: &Destination, attributes: &[u8]) {
        let attributes = to.attributes.as_deref().unwrap_or(attributes);
        let route = to.route.unwrap_or_default() as u32;
        let begin = Frame { link: route, ..Self::frame(FrameKind::Begin, authorization) };
        self.send(key, Side::Acceptor, begin, attributes, &[]);
    }
}
