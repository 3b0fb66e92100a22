//! Keys that are fetched: when, from where, and what becomes of those that there are.
//!
//! ```text
//!            refresh is over, an unknown key is asked for
//!   resting ─────────────────────────────────────────────▶ fetching ── a document with keys ──▶ resting, those keys
//!      ▲                                                      │
//!      └──────── later, and later each time, the old keys ◀───┴── anything else, or no answer in time
//! ```

mod answer;
mod outbound;

use crate::keys::{Fetched, Keys};
use crate::options::RemoteKeys;
use crate::token::Token;
use crate::url::Url;
use answer::Answer;
use zilla_sdk::host::{self, Level};
use zilla_sdk::{ConfigError, Outbound, Refused, StreamId, config_error};

/// Octets of a document; a longer one is refused. That of the largest issuers is a few thousand.
pub(crate) const DOCUMENT_OCTETS_MAX: usize = 256 * 1024;

/// From the request to the end of its answer, in ms; then it has failed.
pub(crate) const ANSWER_MS: u64 = 10_000;

/// Between the begins of two fetches, in ms, of which the later one is for a key that is not known: whoever makes up names
/// of keys causes no more than this.
pub(crate) const UNKNOWN_KEY_MS: u64 = 5_000;

/// After a fetch has failed, in ms: the first time, and the longest. It doubles each time.
pub(crate) const RETRY_MS_MIN: u64 = 1_000;
/// See [`RETRY_MS_MIN`].
pub(crate) const RETRY_MS_MAX: u64 = 60_000;

/// Where the issuer's keys are unless the file says so.
const WELL_KNOWN: &str = "/.well-known/jwks.json";

/// Keys of a server.
#[derive(Debug)]
pub(crate) struct Remote {
    url: Url,
    vault: Option<String>,
    trust: Option<Vec<String>>,
    refresh_ms: u64,
    keys: Option<Known>,
    /// The fetch under way.
    fetch: Option<Fetch>,
    /// When the next one begins, in ms.
    next_ms: u64,
    /// When a signal is asked for, in ms.
    timer_ms: u64,
    /// When the last one began, in ms.
    began_ms: Option<u64>,
    failures: u32,
    /// What went wrong last: told once, not each time.
    failure: String,
    is_key_missing: bool,
    is_absence_told: bool,
}

/// Keys, with the document that they are from: what a successor is given.
#[derive(Debug)]
struct Known {
    keys: Keys,
    document: Vec<u8>,
}

#[derive(Debug)]
struct Fetch {
    stream: StreamId,
    answer: Answer,
}

impl Remote {
    /// Keys as the file says; `at` is where it says the URL.
    pub(crate) fn new(keys: &RemoteKeys, issuer: &str, at: &str) -> Result<Self, ConfigError> {
        let (text, expected) = match &keys.url {
            Some(url) => (url.clone(), "a list of keys, or a URL as https://host/path"),
            None => (
                format!("{}{WELL_KNOWN}", issuer.trim_end_matches('/')),
                "`keys`, as the issuer is no URL of a server",
            ),
        };
        let at = if keys.url.is_some() { at } else { "/options/keys" };
        let url = Url::read(&text).map_err(|found| config_error(at, expected, found))?;
        let has_trust = keys.vault.is_some() || keys.trust.is_some();
        if has_trust && !url.is_secure {
            return Err(config_error(at, "https, as there is somebody to trust", url.scheme()));
        }
        if keys.vault.is_some() != keys.trust.is_some() {
            let found = if keys.vault.is_some() { "`vault` alone" } else { "`trust` alone" };
            return Err(config_error("/options/keys", "both of `vault` and `trust`, or neither", found));
        }
        if !(1..=86_400).contains(&keys.refresh) {
            let found = keys.refresh.to_string();
            return Err(config_error("/options/keys/refresh", "1 to 86,400 seconds", found));
        }
        Ok(Self {
            url,
            vault: keys.vault.clone(),
            trust: keys.trust.clone(),
            refresh_ms: keys.refresh * 1_000,
            keys: None,
            fetch: None,
            next_ms: 0,
            timer_ms: 0,
            began_ms: None,
            failures: 0,
            failure: String::new(),
            is_key_missing: false,
            is_absence_told: false,
        })
    }

    /// Checks the signature of a token. Where its key is not known, keys are to be fetched.
    pub(crate) fn verify(&mut self, token: &Token<'_>) -> Result<(), Refused> {
        let Some(Known { keys, .. }) = &self.keys else {
            if !std::mem::replace(&mut self.is_absence_told, true) {
                let text = format!("no keys yet from {}: all tokens are refused", self.url);
                host::log(Level::Warn, &text);
            }
            return Err("there are no keys yet".into());
        };
        self.is_key_missing |= !keys.has_name(token);
        keys.verify(token)
    }

    /// Bindings to the server.
    pub(crate) fn outbound(&self) -> Outbound {
        outbound::bindings(&self.url, self.vault.as_deref(), self.trust.as_deref())
    }

    /// What a successor needs: from where and by whose word the keys are, in one line, and their document.
    pub(crate) fn save(&self) -> Vec<u8> {
        let Some(known) = &self.keys else { return Vec::new() };
        [self.origin().as_bytes(), b"\n", &known.document].concat()
    }

    /// Takes the keys of a predecessor, if they are from the same place. They are fetched again all the same.
    pub(crate) fn restore(&mut self, state: &[u8]) -> Result<(), String> {
        if state.is_empty() {
            return Ok(());
        }
        let end = state.iter().position(|octet| *octet == b'\n').ok_or("expected a line, found none")?;
        let (origin, document) = (&state[..end], &state[end + 1..]);
        if origin != self.origin().as_bytes() {
            return Err("the keys are of another place".to_owned());
        }
        let Fetched { keys, .. } = Keys::fetched(document)?;
        self.keys = Some(Known { keys, document: document.to_vec() });
        Ok(())
    }

    fn origin(&self) -> String {
        format!("1 {} {:?} {:?}", self.url, self.vault, self.trust)
    }

    /// Takes a whole document.
    fn take(&mut self, document: Vec<u8>, now_ms: u64) {
        let Fetched { keys, unused } = match Keys::fetched(&document) {
            Ok(fetched) => fetched,
            Err(reason) => return self.fail(&format!("the document has {reason}"), now_ms),
        };
        self.is_key_missing = false;
        let is_new = self.keys.as_ref().is_none_or(|known| known.document != document);
        if is_new || self.failures > 0 {
            let count = keys.count();
            host::log(Level::Info, &format!("{count} keys from {}", self.url));
        }
        if is_new && !unused.is_empty() {
            host::log(
                Level::Warn,
                &format!("of {}, some keys are of no use: {}", self.url, unused.join("; ")),
            );
        }
        self.keys = Some(Known { keys, document });
        self.failures = 0;
        self.failure.clear();
        self.is_absence_told = false;
        self.next_ms = now_ms.saturating_add(spread(self.refresh_ms));
    }

    /// Notes that a fetch has come to nothing. The keys that there are stay.
    fn fail(&mut self, reason: &str, now_ms: u64) {
        let doubled = RETRY_MS_MIN.checked_shl(self.failures).unwrap_or(RETRY_MS_MAX).min(RETRY_MS_MAX);
        self.failures = self.failures.saturating_add(1).min(63);
        self.next_ms = now_ms.saturating_add(spread(doubled));
        let kept = if self.keys.is_some() { "the old ones are kept" } else { "all tokens are refused" };
        if self.failure != reason {
            reason.clone_into(&mut self.failure);
            host::log(Level::Warn, &format!("no keys from {}: {reason}; {kept}", self.url));
        } else {
            host::log(Level::Debug, &format!("no keys from {}: {reason}; {kept}", self.url));
        }
    }

    /// When a fetch is to begin, in ms, as things are.
    fn due_ms(&self) -> u64 {
        match self.began_ms {
            // Of a server that does not answer well, more is asked no sooner for it.
            Some(began_ms) if self.is_key_missing && self.failures == 0 => {
                self.next_ms.min(began_ms.saturating_add(UNKNOWN_KEY_MS))
            }
            Some(_) | None => self.next_ms,
        }
    }
}

/// A time, give or take a tenth: workers, and gateways that were started together, come one after another.
fn spread(ms: u64) -> u64 {
    let octets = host::random(2);
    let random = octets.iter().fold(0, |sum, octet| sum << 8 | u64::from(*octet));
    let width = ms / 5;
    ms - width / 2 + width * random / 65_535
}
