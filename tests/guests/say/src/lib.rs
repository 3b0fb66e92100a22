//! A guard that believes what it is told: credentials are a name, and words that say what is known of it.
//!
//! ```text
//! alice roles=read,write expires=500 challenge=200 mail=a@b     times in ms from now, any other word is an attribute
//! nobody                                                        is not accepted
//! panic, spin, wait                                             a trap, a call that never ends, one that takes 30 ms
//! shows=TEXT                                                    what is shown to others on their behalf
//! roles=N                                                       a session of N roles, which may be more than is kept
//! ```
//!
//! Certificates are those of `peer`, whose attribute `certificates` says how many they are. The attribute `calls` is how often this instance was asked.

use zilla_sdk::prelude::*;

/// `options` of the guard in `zilla.yaml`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SayOptions {
    /// Who is not accepted either, but for `attach`, with which the configuration is refused.
    #[serde(default)]
    unknown: Vec<String>,
    /// What it has to show to others itself: `panic` and `spin` are as above.
    #[serde(default)]
    own: Option<String>,
}

/// `type: say`.
pub struct Say {
    options: SayOptions,
    calls: u64,
}

impl Guard for Say {
    const TYPE: &'static str = "say";
    type Options = SayOptions;

    fn attach(config: GuardConfig<SayOptions>) -> Result<Self, ConfigError> {
        match config.options.unknown.iter().position(|name| name == "attach") {
            Some(index) => Err(config_error(&format!("/options/unknown/{index}"), "another name", "attach")),
            None => Ok(Self { options: config.options, calls: 0 }),
        }
    }

    fn authorize(&mut self, credentials: Credentials<'_>, now: Instant) -> Result<Session, Refused> {
        self.calls += 1;
        let text = credentials.as_str().ok_or("no text")?;
        if text.starts_with("-----BEGIN CERTIFICATE-----") {
            let count = text.matches("-----BEGIN CERTIFICATE-----").count();
            return Ok(Session::of("peer").role("proved").attribute("certificates", count.to_string()));
        }
        let mut words = text.split(' ');
        let name = words.next().unwrap_or_default();
        match name {
            "panic" => panic!("the credentials said so"),
            "spin" => loop {
                std::hint::spin_loop();
            },
            "nobody" => return Err("nobody".into()),
            unknown if self.options.unknown.iter().any(|name| name == unknown) => {
                return Err("unknown".into());
            }
            _ => {}
        }
        let mut session = Session::of(name).attribute("calls", self.calls.to_string());
        for word in words {
            let (key, value) = word.split_once('=').ok_or("a word without a value")?;
            let number = || value.parse::<u64>().map_err(|_| "no number");
            session = match key {
                "roles" if value.bytes().all(|octet| octet.is_ascii_digit()) => {
                    session.roles((0..number()?).map(|role| role.to_string()))
                }
                "roles" => session.roles(value.split(',')),
                "expires" => session.expires(now.unix_ms + number()?),
                "challenge" => session.challenge(now.unix_ms + number()?),
                "shows" => session.credentials(value),
                other => session.attribute(other, value),
            };
        }
        Ok(session)
    }

    fn own(&mut self, now: Instant) -> Option<Session> {
        self.calls += 1;
        match self.options.own.as_deref()? {
            "panic" => panic!("the options said so"),
            "spin" => loop {
                std::hint::spin_loop();
            },
            shows => Some(
                Session::of("own")
                    .credentials(format!("{shows}{}", self.calls))
                    .expires(now.unix_ms + 600_000),
            ),
        }
    }
}

zilla_sdk::export!(Say: Guard);
