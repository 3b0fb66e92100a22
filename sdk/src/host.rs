//! What a plugin may ask of the host. Natively, in tests, the log goes to standard error and random
//! octets come from a fixed seed, so that a test gives the same frames each time.

#[cfg(target_family = "wasm")]
use crate::bindings::zilla::plugin::host as import;

pub use crate::bindings::zilla::plugin::host::Refusal;

/// How loud a line of the log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Per-frame detail.
    Trace,
    /// What helps an author.
    Debug,
    /// Worth a line on a good day.
    Info,
    /// Worth waking for.
    Warn,
    /// Something is lost.
    Error,
}

/// Writes one line to the host's log, under the binding's name.
pub fn log(level: Level, message: &str) {
    #[cfg(target_family = "wasm")]
    import::log(
        match level {
            Level::Trace => import::Level::Trace,
            Level::Debug => import::Level::Debug,
            Level::Info => import::Level::Info,
            Level::Warn => import::Level::Warn,
            Level::Error => import::Level::Error,
        },
        message,
    );
    #[cfg(not(target_family = "wasm"))]
    eprintln!("{level:?} {message}");
}

/// Octets from the host's cryptographic generator, at most 4,096.
pub fn random(octets: u32) -> Vec<u8> {
    #[cfg(target_family = "wasm")]
    return import::random(octets);
    #[cfg(not(target_family = "wasm"))]
    native::random(octets)
}

/// Has the guard named in `zilla.yaml` check credentials, and answers with the authorization to put into `begin`.
/// It is valid on this worker until its session expires; the host then ends what carries it.
///
/// Natively, in tests, the guards are those of [`crate::testing::guards`].
pub fn authorize(guard: &str, credentials: &[u8]) -> Result<u64, Refusal> {
    #[cfg(target_family = "wasm")]
    return import::authorize(guard, credentials);
    #[cfg(not(target_family = "wasm"))]
    crate::testing::ask_guards(guard, credentials)
}

/// What a guard has to show to others: the credentials of its session among those that `authorization` stands for,
/// which is what a stream [arrived](crate::Begin::authorization) with, or else its own; `Rejected` where there are none.
/// The binding's configuration has to name the guard, as a [`GuardName`](crate::GuardName) or in a
/// [`ByGuard`](crate::ByGuard). They are a secret: they belong into what is sent, and nowhere else.
///
/// Natively, in tests, they are those of [`crate::testing::credentials`].
pub fn credentials(guard: &str, authorization: u64) -> Result<Vec<u8>, Refusal> {
    #[cfg(target_family = "wasm")]
    return import::credentials(guard, authorization);
    #[cfg(not(target_family = "wasm"))]
    crate::testing::ask_credentials(guard, authorization)
}

/// Adds to a counter of this binding.
pub fn count(name: &str, add: u64) {
    #[cfg(target_family = "wasm")]
    import::count(name, add);
    #[cfg(not(target_family = "wasm"))]
    let _ = (name, add);
}

#[cfg(not(target_family = "wasm"))]
mod native {
    use std::cell::Cell;

    thread_local! {
        static STATE: Cell<u64> = const { Cell::new(0x9e37_79b9_7f4a_7c15) };
    }

    /// xorshift64*: repeatable, and good enough for a test.
    pub(super) fn random(octets: u32) -> Vec<u8> {
        (0..octets)
            .map(|_| {
                let mut x = STATE.get();
                x ^= x >> 12;
                x ^= x << 25;
                x ^= x >> 27;
                STATE.set(x);
                (x.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 56) as u8
            })
            .collect()
    }
}
