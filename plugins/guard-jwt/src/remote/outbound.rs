//! The way to the server: bindings for its URL, and the requests on them.

use super::{ANSWER_MS, Answer, Fetch, Remote};
use crate::url::Url;
use crate::{Jwt, Source};
use serde_json::{Value, json};
use zilla_sdk::prelude::*;

/// The timer of the next fetch, of the guard itself.
const NEXT: u32 = 1;
/// The timer of an answer, of its stream.
const ANSWER: u32 = 2;

/// Media types that are asked for (RFC 7517, section 8.5).
const ACCEPT: &str = "application/jwk-set+json, application/json";

/// Bindings to a server, as `zilla.yaml` would have them. A connection is kept for no longer than one answer.
pub(super) fn bindings(url: &Url, vault: Option<&str>, trust: Option<&[String]>) -> Outbound {
    let limits = json!({"connections": 1, "idle-connections": 0, "waiting-requests": 1});
    let exit = if url.is_secure { "tls" } else { "tcp" };
    let http = json!({"type": "http", "kind": "client", "options": {"limits": limits}, "exit": exit});
    let tcp = json!({"type": "tcp", "kind": "client", "options": {"host": url.host, "port": url.port}});
    let mut bindings = json!({"http": http, "tcp": tcp});
    if url.is_secure {
        let mut options = json!({"sni": [url.host]});
        if let Some(trust) = trust {
            options["trust"] = json!(trust);
        }
        let mut tls = json!({"type": "tls", "kind": "client", "options": options, "exit": "tcp"});
        if let Some(vault) = vault {
            tls["vault"] = Value::from(vault);
        }
        bindings["tls"] = tls;
    }
    Outbound { bindings, exit: "http".to_owned() }
}

/// What a stream that was ended by the other side says of its server.
fn ended(code: CloseCode) -> &'static str {
    match code {
        CloseCode::Unreachable => "the server cannot be reached, or has no certificate that is trusted",
        CloseCode::Timeout => "the server does not answer in time",
        CloseCode::Refused => "the server refuses",
        CloseCode::Violation => "the answer is cut off, or breaks the rules of its protocol",
        CloseCode::Limit => "a limit on the way is met",
        CloseCode::Crashed => "a plugin on the way has crashed",
        CloseCode::Drained => "what leads to the server is replaced",
        CloseCode::NoRoute | CloseCode::Unauthorized | CloseCode::Forbidden => "no way leads to the server",
        CloseCode::Unspecified | CloseCode::Cancelled => "the answer is cut off",
    }
}

impl Remote {
    /// Begins a fetch if it is time, else asks to be called when it is.
    fn turn(&mut self, cx: &mut Context<'_>) {
        if self.fetch.is_some() || cx.drain_deadline_ms().is_some() {
            return;
        }
        let (now_ms, due_ms) = (cx.now().monotonic_ms, self.due_ms());
        if due_ms > now_ms {
            if std::mem::replace(&mut self.timer_ms, due_ms) != due_ms {
                cx.timer(NEXT, due_ms);
            }
            return;
        }
        self.began_ms = Some(now_ms);
        let url = &self.url;
        let opened = cx.open(|head| {
            head.push(":method", "GET");
            head.push(":scheme", url.scheme());
            head.push(":authority", &url.authority);
            head.push(":path", &url.path);
            head.push("accept", ACCEPT);
            head.push("accept-encoding", "identity");
        });
        match opened {
            Ok(stream) => {
                cx.to(stream).end();
                cx.timer_on(stream, ANSWER, now_ms.saturating_add(ANSWER_MS));
                self.fetch = Some(Fetch { stream, answer: Answer::default() });
            }
            Err(error) => {
                self.fail(&format!("no stream can be opened: {error:?}"), now_ms);
                self.turn(cx);
            }
        }
    }

    /// Goes on with the fetch that a stream is for.
    fn go_on(&mut self, cx: &mut Context<'_>, step: impl FnOnce(&mut Answer) -> Result<(), String>) {
        let Some(fetch) = self.fetch.as_mut().filter(|fetch| fetch.stream == cx.stream()) else { return };
        if let Err(reason) = step(&mut fetch.answer) {
            self.end(cx, &reason);
        }
    }

    /// Ends the fetch that a stream is for: it came to nothing.
    fn end(&mut self, cx: &mut Context<'_>, reason: &str) {
        let stream = cx.stream();
        if self.fetch.take_if(|fetch| fetch.stream == stream).is_some() {
            cx.close_stream(stream, CloseCode::Cancelled);
            self.fail(reason, cx.now().monotonic_ms);
        }
    }

    /// The answer is whole.
    fn finish(&mut self, cx: &mut Context<'_>) {
        let stream = cx.stream();
        let Some(fetch) = self.fetch.take_if(|fetch| fetch.stream == stream) else { return };
        cx.close_stream(stream, CloseCode::Cancelled);
        let now_ms = cx.now().monotonic_ms;
        match fetch.answer.whole() {
            Ok(document) => self.take(document, now_ms),
            Err(reason) => self.fail(&reason, now_ms),
        }
    }
}

impl Jwt {
    fn with_remote(&mut self, with: impl FnOnce(&mut Remote)) {
        if let Source::Remote(remote) = &mut self.source {
            with(remote);
        }
    }
}

impl OutboundGuard for Jwt {
    fn outbound(&self) -> Option<Outbound> {
        match &self.source {
            Source::Inline(_) => None,
            Source::Remote(remote) => Some(remote.outbound()),
        }
    }

    fn on_turn(&mut self, cx: &mut Context<'_>) {
        self.with_remote(|remote| remote.turn(cx));
    }
}

impl Stream for Jwt {
    fn on_begin(&mut self, begin: Begin<'_>, cx: &mut Context<'_>) {
        self.with_remote(|remote| remote.go_on(cx, |answer| answer.head(begin.attributes)));
    }

    fn on_flush(&mut self, attributes: Attributes<'_>, cx: &mut Context<'_>) {
        let is_head = attributes.get(":status").is_some();
        self.with_remote(|remote| {
            remote.go_on(cx, |answer| if is_head { answer.head(attributes) } else { Ok(()) });
        });
    }

    fn on_data(&mut self, data: Data<'_>, cx: &mut Context<'_>) {
        let from = cx.stream();
        cx.from(from).consume(data.payload.len() as u64);
        self.with_remote(|remote| remote.go_on(cx, |answer| answer.piece(&data.payload)));
    }

    fn on_end(&mut self, _: Attributes<'_>, cx: &mut Context<'_>) {
        self.with_remote(|remote| remote.finish(cx));
    }

    fn on_abort(&mut self, code: CloseCode, _: Attributes<'_>, cx: &mut Context<'_>) {
        self.with_remote(|remote| remote.end(cx, ended(code)));
    }

    fn on_reset(&mut self, code: CloseCode, _: Attributes<'_>, cx: &mut Context<'_>) {
        self.with_remote(|remote| remote.end(cx, ended(code)));
    }

    fn on_signal(&mut self, token: u32, cx: &mut Context<'_>) {
        if token == ANSWER {
            self.with_remote(|remote| remote.end(cx, &format!("no whole answer within {ANSWER_MS} ms")));
        }
    }

    fn on_drain(&mut self, cx: &mut Context<'_>) {
        self.with_remote(|remote| remote.fetch = None);
        cx.close(CloseCode::Drained);
    }
}

impl State for Jwt {
    fn save(&self) -> Vec<u8> {
        match &self.source {
            Source::Inline(_) => Vec::new(),
            Source::Remote(remote) => remote.save(),
        }
    }

    fn restore(&mut self, _version: &str, state: &[u8]) -> Result<(), String> {
        match &mut self.source {
            Source::Inline(_) => Ok(()),
            Source::Remote(remote) => remote.restore(state),
        }
    }
}
