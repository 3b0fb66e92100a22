//! Writes its payload to the log, and reflects it. `many` is a thousand lines, `long` is a long one, and
//! `debug` a detail.

use zilla_sdk::host::{Level, log};
use zilla_sdk::prelude::*;

/// `type: shout`, `kind: server`.
pub struct Shout;

/// One reflected stream.
pub struct Reflection;

/// Lines of `many`.
const LINES: usize = 1_000;

/// Letters of `long`, of two octets each.
const LETTERS: usize = 100_000;

impl Binding for Shout {
    const TYPE: &'static str = "shout";
    const KINDS: &'static [Kind] = &[Kind::Server];
    type Options = NoOptions;
    type Stream = Reflection;

    fn attach(_config: BindingConfig<NoOptions>) -> Result<Self, ConfigError> {
        Ok(Self)
    }

    fn accept(&mut self, _begin: Begin<'_>, cx: &mut Context<'_>) -> Result<Reflection, Reset> {
        cx.reply().begin();
        Ok(Reflection)
    }
}

impl Stream for Reflection {
    fn on_data(&mut self, data: Data<'_>, cx: &mut Context<'_>) {
        match data.payload.as_slice() {
            b"many" => (0..LINES).for_each(|line| log(Level::Info, &format!("line {line}"))),
            b"long" => log(Level::Info, &"é".repeat(LETTERS)),
            b"debug" => log(Level::Debug, "a detail"),
            payload => log(Level::Warn, &String::from_utf8_lossy(payload)),
        }
        cx.reply().pass(&data);
    }
}

zilla_sdk::export!(Shout);
