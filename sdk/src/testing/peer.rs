//! The other side of one stream, played by a script.

use super::frame::{Frame, abort, data, reset, window};
use super::stage::Stage;
use super::track::{Phase, Track};
use crate::bindings::zilla::plugin::types::{CloseCode, FrameKind, StreamId};
use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

/// The other side of one stream: sends what the script says, and receives what the binding sends.
///
/// Frames that the binding sends wait here in order until a `recv…` takes them. `window` frames do not:
/// they add to [`Peer::credit`]. Adjacent pieces of payload are one, so a test does not depend on how the
/// binding cuts it.
pub struct Peer {
    pub(super) stage: Rc<RefCell<Stage>>,
    pub(super) key: usize,
}

impl Peer {
    /// Sends a frame: one call of the binding, unless in [`super::Harness::batch`]. A frame that the
    /// stream's state has made moot (after the binding's reset, say) is dropped, as the host would.
    ///
    /// # Panics
    /// If the peer may not send it: no credit, no `begin`, after its own end.
    #[track_caller]
    pub fn send(&mut self, frame: Frame) {
        let sent = self.stage.borrow_mut().send(self.key, frame);
        self.hold(sent);
    }

    /// Sends several frames in one call, as hosts do under load.
    #[track_caller]
    pub fn send_all(&mut self, frames: impl IntoIterator<Item = Frame>) {
        let outer = std::mem::replace(&mut self.stage.borrow_mut().batching, true);
        for frame in frames {
            self.send(frame);
        }
        let mut stage = self.stage.borrow_mut();
        stage.batching = outer;
        let settled = stage.settle();
        drop(stage);
        self.hold(settled);
    }

    /// Sends payload of any length in pieces, as the binding grants credit.
    ///
    /// # Panics
    /// If the binding stops granting before all is sent.
    #[track_caller]
    pub fn send_payload(&mut self, payload: impl AsRef<[u8]>) {
        let mut rest = payload.as_ref();
        while !rest.is_empty() {
            let credit = usize::try_from(self.credit()).unwrap_or(usize::MAX);
            if credit == 0 {
                self.fail(&format!("the binding grants no credit for the last {} octets", rest.len()));
            }
            let (piece, later) = rest.split_at(credit.min(rest.len()));
            self.send(data(piece));
            rest = later;
        }
    }

    /// Refuses a stream that the binding opened, as a host does: `reset`, then `abort`.
    #[track_caller]
    pub fn refuse(&mut self, code: CloseCode) {
        self.send_all([reset(code), abort(code)]);
    }

    /// Grants a credit that no test spends.
    #[track_caller]
    pub fn grant_all(&mut self) {
        self.send(window(1 << 40));
    }

    /// From now on, gives back each octet received as credit, in a call of its own. Off at first: then a
    /// binding has the initial credit and what the script grants.
    pub fn auto_window(&mut self) {
        self.stage.borrow_mut().tracks[self.key].auto_window = true;
    }

    /// Receives the next frame and expects it to be this one. For `data`, expects the next payload to
    /// begin with it; what is left waits for the next `recv`, so a test may cut as it likes.
    #[track_caller]
    pub fn recv(&mut self, expected: Frame) {
        let found = self.with(|track| track.take(expected.kind, expected.payload.len()));
        if found.as_ref() != Some(&expected) {
            let found = found.map_or_else(|| "nothing".to_owned(), |frame| format!("{frame:?}"));
            self.fail(&format!("expected {expected:?}\n   found {found}"));
        }
    }

    /// Receives the next frame, whatever it is.
    #[track_caller]
    pub fn recv_any(&mut self) -> Frame {
        match self.with(|track| track.queue.pop_front()) {
            Some(frame) => frame,
            None => self.fail("expected a frame\n   found nothing"),
        }
    }

    /// Receives the `begin` of the binding, with whatever attributes.
    #[track_caller]
    pub fn recv_begin(&mut self) -> Frame {
        self.recv_kind(FrameKind::Begin)
    }

    /// Receives the next frame and expects this kind.
    #[track_caller]
    pub fn recv_kind(&mut self, kind: FrameKind) -> Frame {
        let frame = self.recv_any();
        if frame.kind != kind {
            self.fail(&format!("expected {:?}\n   found {frame:?}", Frame::new(kind)));
        }
        frame
    }

    /// Receives all payload up to the next other frame; empty if there is none.
    pub fn recv_data_all(&mut self) -> Vec<u8> {
        self.with(|track| {
            let mut octets = Vec::new();
            while let Some(piece) = track.queue.pop_front_if(|front| front.kind == FrameKind::Data) {
                octets.extend(piece.payload);
            }
            octets
        })
    }

    /// [`Peer::recv_data_all`] as text.
    pub fn recv_text(&mut self) -> String {
        String::from_utf8_lossy(&self.recv_data_all()).into_owned()
    }

    /// Expects that the binding has sent nothing more.
    #[track_caller]
    pub fn recv_nothing(&mut self) {
        if let Some(frame) = self.front() {
            self.fail(&format!("expected nothing\n   found {frame:?}"));
        }
    }

    /// Receives and drops everything that waits.
    pub fn recv_all(&mut self) -> Vec<Frame> {
        self.with(|track| track.queue.drain(..).collect())
    }

    /// Octets that this peer may send: what the binding granted and was not used; 0 when it may send none.
    pub fn credit(&self) -> u64 {
        self.with(|track| if track.inward.phase == Phase::Open { track.inward.credit } else { 0 })
    }

    /// Octets that the binding may send to this peer.
    pub fn granted(&self) -> u64 {
        self.with(|track| track.outward.credit)
    }

    /// Octets of payload that the binding has sent so far, those received included.
    pub fn sent_octets(&self) -> u64 {
        self.with(|track| track.sent_octets)
    }

    /// The first attribute of that name in the `begin` that the binding sent, received or not.
    pub fn attribute(&self, name: impl AsRef<[u8]>) -> Option<String> {
        self.with(|track| track.begun.as_ref().and_then(|begun| begun.attribute(name)))
    }

    /// The binding's name of the stream.
    pub fn id(&self) -> StreamId {
        self.with(|track| track.id)
    }

    /// The stream on whose behalf the binding opened this one.
    pub fn link(&self) -> Option<StreamId> {
        self.with(|track| Some(track.link).filter(|link| *link != 0))
    }

    /// Whether this peer may still send.
    pub fn can_send(&self) -> bool {
        self.with(|track| track.inward.phase != Phase::Over)
    }

    /// Whether both directions are over, and the binding knows.
    pub fn is_over(&self) -> bool {
        self.with(|track| track.is_released())
    }

    fn front(&self) -> Option<Frame> {
        self.with(|track| track.queue.front().cloned())
    }

    fn with<R>(&self, read: impl FnOnce(&mut Track) -> R) -> R {
        read(&mut self.stage.borrow_mut().tracks[self.key])
    }

    #[track_caller]
    fn hold(&self, result: Result<(), String>) {
        if let Err(broken) = result {
            self.fail(&broken);
        }
    }

    #[track_caller]
    fn fail(&self, why: &str) -> ! {
        let on = format!("on stream {}", self.id());
        super::fail(&self.stage, &format!("{on}: {why}"))
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with(|track| {
            f.debug_struct("Peer").field("id", &track.id).field("waiting", &track.queue).finish()
        })
    }
}
