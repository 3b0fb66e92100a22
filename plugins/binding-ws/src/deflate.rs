//! Compressed messages: `permessage-deflate` (RFC 7692).
//!
//! A coder takes far more memory than a socket: up to 75 KiB to inflate and 270 KiB to deflate. So it is taken out of a
//! pool when a compressed message begins. It goes back when the message is over, unless the two sides have agreed to
//! keep what it knows for the next one (context takeover).

pub(crate) mod offer;

use crate::close::{self, Fault};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use offer::Agreed;
use schemars::JsonSchema;
use serde::Deserialize;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use zilla_sdk::{ConfigError, config_error};

/// Compression of messages.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct WsDeflate {
    /// Whether each message may refer to those before it: smaller messages, for a coder of its own each way and
    /// socket.
    pub context_takeover: bool,
    /// Window of what is sent, as the power of two of its octets; less memory for larger messages.
    #[schemars(range(min = 9, max = 15))]
    pub window_bits: u8,
    /// From 1, the fastest, to 9, the smallest.
    #[schemars(range(min = 1, max = 9))]
    pub level: u8,
    /// Messages whose first piece is shorter, in octets, are sent as they are.
    pub threshold_bytes: u32,
    /// Most coders that inflate at a time, on each worker: one more message is refused with 1013.
    #[schemars(range(min = 1))]
    pub inflaters: u32,
    /// Most coders that deflate at a time, on each worker: past it, messages are sent as they are.
    #[schemars(range(min = 1))]
    pub deflaters: u32,
}

impl Default for WsDeflate {
    fn default() -> Self {
        Self {
            context_takeover: false,
            window_bits: 15,
            level: 1,
            threshold_bytes: 64,
            inflaters: 384,
            deflaters: 64,
        }
    }
}

impl WsDeflate {
    /// Checks what the types cannot say, where the schema was not.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let numbers = [
            ("window-bits", u32::from(self.window_bits), 9, 15),
            ("level", u32::from(self.level), 1, 9),
            ("inflaters", self.inflaters, 1, u32::MAX),
            ("deflaters", self.deflaters, 1, u32::MAX),
        ];
        for (name, value, min, max) in numbers {
            if !(min..=max).contains(&value) {
                let pointer = format!("/options/permessage-deflate/{name}");
                return Err(config_error(
                    &pointer,
                    format!("a number from {min} to {max}"),
                    value.to_string(),
                ));
            }
        }
        Ok(())
    }
}

/// What a message ends with once it is whole again (RFC 7692, 7.2.2), and what is cut off where it is sent.
pub(crate) const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// Coders that wait for the next message, of each sort.
const KEPT_CODERS: usize = 4;

/// What the coders of a binding share.
pub(crate) struct Coders {
    options: WsDeflate,
    inflaters: Pool<Inflating>,
    deflaters: Pool<Compress>,
    /// Room for one deflated piece.
    scratch: RefCell<Vec<u8>>,
}

impl std::fmt::Debug for Coders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Coders").field("options", &self.options).finish_non_exhaustive()
    }
}

/// Coders of one sort, each with its window.
struct Pool<C> {
    idle: RefCell<Vec<(u8, C)>>,
    in_use: Cell<u32>,
}

impl<C> Pool<C> {
    fn new() -> Self {
        Self { idle: RefCell::default(), in_use: Cell::new(0) }
    }

    /// A coder, unless too many are in use.
    fn take(&self, window_bits: u8, max: u32, make: impl FnOnce() -> C) -> Option<C> {
        if self.in_use.get() >= max {
            return None;
        }
        self.in_use.update(|in_use| in_use + 1);
        let mut idle = self.idle.borrow_mut();
        let fits = idle.iter().position(|(bits, _)| *bits == window_bits);
        Some(fits.map_or_else(make, |index| idle.swap_remove(index).1))
    }

    /// Takes a coder back that has forgotten all.
    fn give(&self, window_bits: u8, coder: C) {
        self.in_use.update(|in_use| in_use - 1);
        let mut idle = self.idle.borrow_mut();
        if idle.len() < KEPT_CODERS {
            idle.push((window_bits, coder));
        }
    }
}

impl Coders {
    pub(crate) fn new(options: WsDeflate) -> Self {
        Self { options, inflaters: Pool::new(), deflaters: Pool::new(), scratch: RefCell::default() }
    }

    pub(crate) fn options(&self) -> &WsDeflate {
        &self.options
    }
}

/// A coder that inflates, and what it would forget.
struct Inflating {
    coder: Decompress,
    /// The last octets written, at most a window of them: what comes next may refer to them.
    history: VecDeque<u8>,
    window_octets: usize,
}

impl Inflating {
    fn new(window_bits: u8) -> Self {
        let coder = Decompress::new_with_window_bits(false, window_bits);
        Self { coder, history: VecDeque::new(), window_octets: 1 << window_bits }
    }

    /// Octets taken and octets written.
    fn inflate(&mut self, input: &[u8], out: &mut [u8]) -> Result<(usize, usize), Fault> {
        let (read, written) = (self.coder.total_in(), self.coder.total_out());
        let status = self.coder.decompress(input, out, FlushDecompress::Sync);
        let read = (self.coder.total_in() - read) as usize;
        let written = (self.coder.total_out() - written) as usize;
        self.keep(&out[..written]);
        let wrong = Fault { code: close::INVALID, reason: "octets that cannot be inflated" };
        match status {
            // A block may say that it is the last (RFC 7692, 7.2.3.5), which is the end for a coder, but not of the
            // window: the next block goes on with what was before.
            Ok(Status::StreamEnd) => {
                self.coder.reset(false);
                self.coder.set_dictionary(self.history.make_contiguous()).map_err(|_| wrong)?;
            }
            Ok(Status::Ok | Status::BufError) => {}
            Err(_) => return Err(wrong),
        }
        Ok((read, written))
    }

    /// Notes what was written.
    fn keep(&mut self, written: &[u8]) {
        let last = &written[written.len().saturating_sub(self.window_octets)..];
        let excess = (self.history.len() + last.len()).saturating_sub(self.window_octets);
        self.history.drain(..excess);
        self.history.extend(last);
    }

    /// Begins anew.
    fn forget(&mut self) {
        self.coder.reset(false);
        self.history.clear();
    }
}

/// Inflates the messages of one peer.
pub(crate) struct Inflater {
    coders: Rc<Coders>,
    keeps_context: bool,
    window_bits: u8,
    coder: Option<Inflating>,
}

impl Inflater {
    pub(crate) fn new(coders: &Rc<Coders>, agreed: &Agreed) -> Self {
        let (keeps_context, window_bits) = (agreed.keeps_peer_context, agreed.peer_window_bits);
        Self { coders: Rc::clone(coders), keeps_context, window_bits, coder: None }
    }

    /// Inflates some of a message: octets taken and octets written. Neither if there is nothing left to write.
    pub(crate) fn inflate(&mut self, input: &[u8], out: &mut [u8]) -> Result<(usize, usize), Fault> {
        if self.coder.is_none() {
            let bits = self.window_bits;
            let make = || Inflating::new(bits);
            self.coder = self.coders.inflaters.take(bits, self.coders.options.inflaters, make);
        }
        let Some(coder) = &mut self.coder else {
            return Err(Fault { code: close::LATER, reason: "too many compressed messages at a time" });
        };
        coder.inflate(input, out)
    }

    /// The message is over.
    pub(crate) fn end(&mut self) {
        if !self.keeps_context {
            self.release();
        }
    }

    fn release(&mut self) {
        if let Some(mut coder) = self.coder.take() {
            coder.forget();
            self.coders.inflaters.give(self.window_bits, coder);
        }
    }
}

impl Drop for Inflater {
    fn drop(&mut self) {
        self.release();
    }
}

impl std::fmt::Debug for Inflater {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inflater").field("keeps_context", &self.keeps_context).finish_non_exhaustive()
    }
}

/// Deflates the messages to one peer.
pub(crate) struct Deflater {
    coders: Rc<Coders>,
    keeps_context: bool,
    /// None if the peer asks for a window that is too small for the coder.
    window_bits: Option<u8>,
    coder: Option<Compress>,
}

impl Deflater {
    pub(crate) fn new(coders: &Rc<Coders>, agreed: &Agreed) -> Self {
        let (keeps_context, window_bits) = (agreed.keeps_own_context, agreed.own_window_bits);
        Self { coders: Rc::clone(coders), keeps_context, window_bits, coder: None }
    }

    /// Whether a message that begins with so many octets is to be deflated.
    pub(crate) fn begin(&mut self, octets: usize, is_whole: bool) -> bool {
        let options = self.coders.options;
        let Some(bits) = self.window_bits else { return false };
        if is_whole && octets < options.threshold_bytes as usize {
            return false;
        }
        if self.coder.is_none() {
            let make =
                || Compress::new_with_window_bits(Compression::new(u32::from(options.level)), false, bits);
            self.coder = self.coders.deflaters.take(bits, options.deflaters, make);
        }
        self.coder.is_some()
    }

    /// Deflates a piece of a message, and hands the result to `send`.
    pub(crate) fn deflate(&mut self, piece: &[u8], is_last: bool, send: impl FnOnce(&[u8])) {
        let mut out = self.coders.scratch.borrow_mut();
        out.clear();
        if let Some(coder) = &mut self.coder {
            let mut rest = piece;
            loop {
                out.reserve(rest.len() + SLACK_OCTETS);
                let before = coder.total_in();
                // A coder without room and input says so, and that is no error.
                let status = coder.compress_vec(rest, &mut out, FlushCompress::Sync);
                rest = &rest[(coder.total_in() - before) as usize..];
                if status.is_err() || rest.is_empty() && out.len() < out.capacity() {
                    break;
                }
            }
        }
        if is_last {
            let length = out.strip_suffix(&TAIL).map_or(out.len(), <[u8]>::len);
            out.truncate(length);
            if out.is_empty() {
                // An empty block, whose end is cut off (RFC 7692, 7.2.3.6).
                out.push(0);
            }
        }
        send(&out);
        if out.capacity() > KEPT_SCRATCH_OCTETS {
            *out = Vec::new();
        }
        drop(out);
        if is_last && !self.keeps_context {
            self.release();
        }
    }

    fn release(&mut self) {
        if let (Some(mut coder), Some(bits)) = (self.coder.take(), self.window_bits) {
            coder.reset();
            self.coders.deflaters.give(bits, coder);
        }
    }
}

impl Drop for Deflater {
    fn drop(&mut self) {
        self.release();
    }
}

impl std::fmt::Debug for Deflater {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deflater").field("keeps_context", &self.keeps_context).finish_non_exhaustive()
    }
}

/// Octets that a deflated piece may be longer than the piece, mostly.
const SLACK_OCTETS: usize = 64;

/// Capacity in octets that is kept for the next piece.
const KEPT_SCRATCH_OCTETS: usize = 128 * 1024;
