//! Sockets that the reactor has news of, for the worker of this thread.
//!
//! A worker polls thousands of sockets from one future. Each has its own waker, which notes its token here, so
//! that the future looks at those sockets only. The reactor runs on the worker's thread, so the list is the
//! thread's own: no lock, no atomic.

use std::cell::RefCell;
use std::sync::Arc;
use std::task::{Wake, Waker};

/// A socket of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Token {
    /// Index of the pipeline that it belongs to, among those of the worker.
    pub(crate) pipeline: u32,
    /// Index of the native binding in it.
    pub(crate) binding: u32,
    /// Which of its sockets.
    pub(crate) socket: Socket,
}

/// A socket of a native binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Socket {
    /// Index of a listener.
    Listener(u32),
    /// Index of a connection, which may have several sockets while it is being made.
    Connection(u32),
}

#[derive(Default)]
struct Woken {
    tokens: Vec<Token>,
    worker: Option<Waker>,
}

thread_local! {
    static WOKEN: RefCell<Woken> = RefCell::default();
}

struct TokenWaker(Token);

impl Wake for TokenWaker {
    fn wake(self: Arc<Self>) {
        push(self.0);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        push(self.0);
    }
}

/// The waker of a socket.
pub(crate) fn waker(token: Token) -> Waker {
    Arc::new(TokenWaker(token)).into()
}

/// Notes that a socket is to be looked at, and wakes the worker of this thread.
pub(crate) fn push(token: Token) {
    WOKEN.with_borrow_mut(|woken| {
        woken.tokens.push(token);
        if woken.tokens.len() == 1
            && let Some(worker) = &woken.worker
        {
            worker.wake_by_ref();
        }
    });
}

/// Moves the noted sockets to `tokens`, which is empty.
pub(crate) fn take(tokens: &mut Vec<Token>) {
    WOKEN.with_borrow_mut(|woken| std::mem::swap(&mut woken.tokens, tokens));
}

/// Whether a socket is noted; else `worker` is woken when one is.
pub(crate) fn poll(worker: &Waker) -> bool {
    WOKEN.with_borrow_mut(|woken| {
        if !woken.worker.as_ref().is_some_and(|known| known.will_wake(worker)) {
            woken.worker = Some(worker.clone());
        }
        !woken.tokens.is_empty()
    })
}
