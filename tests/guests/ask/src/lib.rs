//! Asks guards, and opens streams with what they grant, as lines of its peer say; and tells what comes of it, in lines.
//!
//! ```text
//! ask GUARD CREDENTIALS    → granted, or why not: the authorization is put into what is opened from now on
//! show GUARD               → shown TEXT, or why not: what the guard has to show for that authorization
//! forge NUMBER             → forged: this authorization is
//! open [NAME=VALUE …]      → opened NAME=VALUE …, with the attributes of the answer, or closed CODE
//! say TEXT                 → said TEXT, when the last stream that was opened has answered it
//!                          → challenge, closed CODE: what comes on it by itself
//! ```
//!
//! A route's `when` is attributes that have a value, and its `with` attributes to set.

use std::collections::BTreeMap;
use zilla_sdk::host;
use zilla_sdk::prelude::*;

/// `options` of the binding in `zilla.yaml`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AskOptions {
    /// Guards whose credentials it may show.
    shows: Vec<GuardName>,
}

/// One item of a route's `when`: attributes and their values, where `{name}` stands for a parameter.
#[derive(Deserialize, JsonSchema)]
pub struct AskWhen(BTreeMap<String, String>);

/// A route's `with`: attributes to set.
#[derive(Default, Deserialize, JsonSchema)]
pub struct AskWith(BTreeMap<String, String>);

/// `type: ask`, `kind: server`.
pub struct Ask;

/// One peer.
#[derive(Default)]
pub struct Asking {
    authorization: u64,
    opened: Option<StreamId>,
    received: String,
    told: Vec<u8>,
}

impl Binding for Ask {
    const TYPE: &'static str = "ask";
    const KINDS: &'static [Kind] = &[Kind::Server];
    type Options = AskOptions;
    type Stream = Asking;

    fn attach(_config: BindingConfig<AskOptions>) -> Result<Self, ConfigError> {
        Ok(Self)
    }

    fn routes(_kind: Kind) -> RouteSchema {
        RouteSchema::exits(Routing::Opened).when::<AskWhen>().with::<AskWith>()
    }

    fn route(&self, route: &RouteConfig<'_>) -> Result<Route, ConfigError> {
        let mut compiled = Route::default();
        for AskWhen(attributes) in route.when::<AskWhen>()? {
            let all = attributes.iter().map(|(name, value)| Predicate::pattern(name, value));
            compiled = compiled.condition(vec![all.collect()]);
        }
        let AskWith(set) = route.with()?;
        Ok(set.into_iter().fold(compiled, |route, (name, value)| route.set(name, value)))
    }

    fn accept(&mut self, _begin: Begin<'_>, cx: &mut Context<'_>) -> Result<Asking, Reset> {
        cx.reply().begin();
        Ok(Asking::default())
    }
}

impl Asking {
    fn obey(&mut self, line: &str, cx: &mut Context<'_>) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "ask" => {
                let (guard, credentials) = rest.split_once(' ').unwrap_or((rest, ""));
                let answer = host::authorize(guard, credentials.as_bytes());
                self.authorization = answer.unwrap_or_default();
                self.tell(answer.map_or_else(why_not, |_| "granted"), cx);
            }
            "show" => match host::credentials(rest, self.authorization) {
                Ok(shown) => self.tell(format!("shown {}", String::from_utf8_lossy(&shown)), cx),
                Err(refusal) => self.tell(why_not(refusal), cx),
            },
            "forge" => {
                self.authorization = rest.parse().unwrap_or_default();
                self.tell("forged", cx);
            }
            "open" => {
                let opened = cx.open_authorized(self.authorization, |attributes| {
                    for (name, value) in rest.split(' ').filter_map(|word| word.split_once('=')) {
                        attributes.push(name, value);
                    }
                });
                self.opened = opened.ok();
            }
            "say" => {
                if let Some(opened) = self.opened {
                    cx.to(opened).data_slice(rest.as_bytes());
                }
            }
            _ => self.tell("what?", cx),
        }
    }

    fn tell(&mut self, line: impl AsRef<str>, cx: &mut Context<'_>) {
        self.told.extend_from_slice(line.as_ref().as_bytes());
        self.told.push(b'\n');
        cx.reply().data(&mut self.told);
    }

    fn is_own(cx: &Context<'_>) -> bool {
        cx.stream() == cx.accepted()
    }
}

fn why_not(refusal: host::Refusal) -> &'static str {
    match refusal {
        host::Refusal::UnknownGuard => "unknown guard",
        host::Refusal::Rejected => "rejected",
        host::Refusal::Unavailable => "unavailable",
    }
}

impl Stream for Asking {
    fn on_begin(&mut self, begin: Begin<'_>, cx: &mut Context<'_>) {
        let text = |(name, value): (&[u8], &[u8])| {
            format!(" {}={}", String::from_utf8_lossy(name), String::from_utf8_lossy(value))
        };
        let attributes: String = begin.attributes.iter().map(text).collect();
        self.tell(format!("opened{attributes}"), cx);
    }

    fn on_data(&mut self, data: Data<'_>, cx: &mut Context<'_>) {
        let text = String::from_utf8_lossy(&data.payload);
        if !Self::is_own(cx) {
            let said = format!("said {text}");
            cx.from(cx.stream()).window(data.payload.len() as u64);
            return self.tell(said, cx);
        }
        self.received += &text;
        cx.request().window(data.payload.len() as u64);
        while let Some((line, rest)) = self.received.split_once('\n') {
            let (line, rest) = (line.to_owned(), rest.to_owned());
            self.received = rest;
            self.obey(&line, cx);
        }
    }

    fn on_window(&mut self, _octets: u64, cx: &mut Context<'_>) {
        if Self::is_own(cx) {
            cx.reply().data(&mut self.told);
        }
    }

    fn on_end(&mut self, _attributes: Attributes<'_>, cx: &mut Context<'_>) {
        if Self::is_own(cx) {
            cx.close(CloseCode::Cancelled);
        }
    }

    fn on_abort(&mut self, _code: CloseCode, _attributes: Attributes<'_>, cx: &mut Context<'_>) {
        if Self::is_own(cx) {
            cx.close(CloseCode::Cancelled);
        }
    }

    fn on_reset(&mut self, code: CloseCode, _attributes: Attributes<'_>, cx: &mut Context<'_>) {
        match Self::is_own(cx) {
            true => cx.close(CloseCode::Cancelled),
            false => self.tell(format!("closed {code:?}").replace("CloseCode::", ""), cx),
        }
    }

    fn on_challenge(&mut self, _attributes: Attributes<'_>, cx: &mut Context<'_>) {
        self.tell("challenge", cx);
    }
}

zilla_sdk::export!(Ask);
