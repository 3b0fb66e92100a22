//! A guard that is told by a server whom to accept, over a stream that it opens.
//!
//! ```text
//! +alice      from now on, alice is accepted
//! -alice      no longer
//! panic       a trap, spin: a call that never ends
//! ```
//!
//! Where its stream is over, it opens another one when it is asked next. The attribute `streams` is how many it has opened,
//! `calls` how often this instance was asked. Credentials are a name, or `panic`. Its state are the names.

use std::collections::BTreeSet;
use zilla_sdk::prelude::*;

/// `options` of the guard in `zilla.yaml`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InquireOptions {
    /// Its own bindings, as JSON text.
    #[serde(default)]
    bindings: Option<String>,
    /// The one that it opens streams to.
    #[serde(default = "exit")]
    exit: String,
}

fn exit() -> String {
    "tcp".to_owned()
}

/// `type: inquire`.
pub struct Inquire {
    options: InquireOptions,
    accepted: BTreeSet<String>,
    /// What came of a line that is not whole.
    line: String,
    is_wanted: bool,
    streams: u64,
    calls: u64,
}

impl Guard for Inquire {
    const TYPE: &'static str = "inquire";
    type Options = InquireOptions;

    fn attach(config: GuardConfig<InquireOptions>) -> Result<Self, ConfigError> {
        let options = config.options;
        let (accepted, line) = (BTreeSet::new(), String::new());
        Ok(Self { options, accepted, line, is_wanted: true, streams: 0, calls: 0 })
    }

    fn authorize(&mut self, credentials: Credentials<'_>, _now: Instant) -> Result<Session, Refused> {
        self.calls += 1;
        self.is_wanted = true;
        let name = credentials.as_str().ok_or("no text")?;
        assert!(name != "panic", "the credentials said so");
        match self.accepted.contains(name) {
            true => Ok(Session::of(name)
                .attribute("streams", self.streams.to_string())
                .attribute("calls", self.calls.to_string())),
            false => Err("unknown".into()),
        }
    }
}

impl OutboundGuard for Inquire {
    fn outbound(&self) -> Option<Outbound> {
        let text = self.options.bindings.as_ref()?;
        // What is no JSON is told to the host as it is, for it to refuse.
        let bindings = serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into());
        Some(Outbound { bindings, exit: self.options.exit.clone() })
    }

    fn on_turn(&mut self, cx: &mut Context<'_>) {
        let is_draining = cx.drain_deadline_ms().is_some();
        if self.is_wanted && cx.opened().is_empty() && !is_draining && cx.open(|_| {}).is_ok() {
            self.streams += 1;
            self.line.clear();
        }
        self.is_wanted = false;
    }
}

impl Stream for Inquire {
    fn on_data(&mut self, data: Data<'_>, cx: &mut Context<'_>) {
        let from = cx.stream();
        cx.from(from).consume(data.payload.len() as u64);
        self.line.push_str(&String::from_utf8_lossy(&data.payload));
        while let Some((line, rest)) = self.line.split_once('\n') {
            let (line, rest) = (line.to_owned(), rest.to_owned());
            self.line = rest;
            match line.split_at_checked(1) {
                Some(("+", name)) => drop(self.accepted.insert(name.to_owned())),
                Some(("-", name)) => drop(self.accepted.remove(name)),
                Some(_) | None => {
                    assert!(line != "panic", "the server said so");
                    if line == "spin" {
                        loop {
                            std::hint::spin_loop();
                        }
                    }
                }
            }
        }
    }

    fn on_drain(&mut self, cx: &mut Context<'_>) {
        cx.close(CloseCode::Drained);
    }
}

impl State for Inquire {
    fn save(&self) -> Vec<u8> {
        self.accepted.iter().map(|name| format!("{name}\n")).collect::<String>().into_bytes()
    }

    fn restore(&mut self, _version: &str, state: &[u8]) -> Result<(), String> {
        let text = std::str::from_utf8(state).map_err(|error| error.to_string())?;
        self.accepted = text.lines().map(str::to_owned).collect();
        Ok(())
    }
}

zilla_sdk::export!(Inquire: Guard + Outbound + State);
